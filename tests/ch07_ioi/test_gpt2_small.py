"""The paper's numbers, measured on GPT-2 small with this chapter's code, where its weights are.

They are looked for in the folder that $MI_GPT2 names, in `gpt2` beside the real model, and in the
hub's own cache (openai-community/gpt2); nothing is fetched. That the code runs is also shown on
random weights of that shape, which know nothing.
Source: Wang et al. 2022, "Interpretability in the Wild"; limits are wide, for sentences are ours.
"""

import functools
import os
from pathlib import Path

import pytest
import torch

from tests.ch02_transformer import tiny_checkpoints
from toy_models.cache import cache_folder

pytestmark = pytest.mark.project
N, FEW = 200, 40
"""Prompts for the metric and the circuit; for path patching."""
MOVERS, NEGATIVE = {(9, 9), (9, 6), (10, 0)}, {(10, 7), (11, 10)}
INHIBITION = {(7, 3), (7, 9), (8, 6), (8, 10)}


def folders():
    """Where GPT-2 may lie."""
    if os.environ.get("MI_GPT2"):
        yield Path(os.environ["MI_GPT2"]).expanduser()
    yield cache_folder() / "gpt2"
    hub = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    for name in ("models--openai-community--gpt2", "models--gpt2"):
        yield from sorted((Path(hub) / "hub" / name / "snapshots").glob("*"))


NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
FOUND = next((f for f in folders() if all((f / name).is_file() for name in NEEDED)), None)
needs_gpt2 = pytest.mark.skipif(FOUND is None, reason="needs GPT-2 small: MI_GPT2=its/folder")


class Measured:
    """What this chapter's code finds in a model of GPT-2's shape; numbers are made when asked."""

    def __init__(self, impl, folder, n=N, few=FEW):
        self.impl = impl
        self.model, self.tokenizer = impl("ch02_transformer").load_pretrained(str(folder))
        kinds, other = impl("ch07_ioi.prompts"), impl("ch07_ioi.counterfactuals")
        known = kinds.single_tokens(self.tokenizer, impl("ch07_ioi.sentences").NAMES)
        names, generator = torch.tensor(list(known.values())), torch.Generator().manual_seed(0)
        self.prompts = kinds.draw_prompts(self.tokenizer, n, generator)
        self.partners = other.abc_corruption(
            kinds.draw_prompts(self.tokenizer, 3 * n, generator), names, generator
        )
        self.few = self.prompts.select(slice(0, few))
        self.corrupted = other.abc_corruption(self.few, names, generator)

    def read(self, prompts):
        """The logit difference, from the last stream."""
        made = self.impl("ch05_patching.metrics").logit_diff_from_resid
        return made(self.model, prompts.io_token, prompts.s_token)

    @functools.cached_property
    def scores(self):
        """The model's logit difference on every prompt."""
        with torch.no_grad():
            last = len(self.model.blocks) - 1
            stream = self.model(self.prompts.tokens, stop_at_layer=last + 1)
            return self.read(self.prompts)(stream[None, :, -1])[0]

    def ranked(self, into):
        """Heads by their effect along the paths from END, those that help most first."""
        heads = self.impl("ch07_ioi.heads")
        end, read = self.few.positions.end, self.read(self.few)
        effects = heads.path_effects(self.model, self.few, self.corrupted, end, into, read).mean(1)
        return [divmod(i, self.model.config.n_heads) for i in effects.argsort().tolist()]

    def to_queries(self, movers):
        """Paths into these heads' queries at END."""
        end = self.few.positions.end
        return self.impl("ch07_ioi.heads").receivers(self.model, sorted(movers), "q", end)

    def circuit(self, classes):
        """F of the paper's heads, prompt by prompt."""
        circuit, gpt2_small = self.impl("ch07_ioi.circuit"), self.impl("ch07_ioi.gpt2_small")
        seen = torch.isin(self.prompts.template, self.partners.template)
        prompts = self.prompts.select(seen)
        means = circuit.abc_means(self.model, self.partners, prompts.template)
        evaluator = circuit.CircuitEvaluator(self.model, prompts, means, self.read(prompts))
        return evaluator.keep_only(gpt2_small.as_nodes(getattr(gpt2_small, classes)))

    def copies(self, heads, sign=1.0):
        """Copy scores, means over prompts."""
        found = self.impl("ch07_ioi.heads").copy_score(self.model, self.prompts, heads, sign)
        return found.mean(1).tolist()


@pytest.fixture(scope="module")
def paper(impl):
    return Measured(impl, FOUND)


@pytest.mark.weights
@needs_gpt2
def test_the_metric_is_the_papers(paper):
    mean, right = paper.scores.mean().item(), (paper.scores > 0).double().mean().item()
    assert 3.2 <= mean <= 3.9, f"the paper has 3.56 on average, {mean:.2f} came"
    assert right >= 0.98, f"IO is above S in 99.3 % in the paper, {right:.1%} came"


@pytest.mark.weights
@needs_gpt2
def test_name_movers_and_negative_ones_have_the_largest_direct_effects(paper):
    ranked = paper.ranked([])
    assert set(ranked[:2]) <= MOVERS, f"name movers first, {ranked[:3]} came"
    assert set(ranked[-2:]) == NEGATIVE, f"negative name movers last, {ranked[-3:]} came"


@pytest.mark.weights
@needs_gpt2
def test_s_inhibition_heads_steer_the_name_movers_queries(paper):
    first = paper.ranked(paper.to_queries(MOVERS))[:4]
    assert set(first) == INHIBITION, f"7.3, 7.9, 8.6 and 8.10 are expected, {first} came"


@pytest.mark.weights
@needs_gpt2
def test_the_papers_circuit_does_most_of_it(paper):
    whole = paper.circuit("HEADS").mean().item()
    assert 2.6 <= whole <= 3.9, f"the paper's 26 heads have 3.1 of 3.56, {whole:.2f} came"


@pytest.mark.weights
@needs_gpt2
def test_name_movers_copy_and_negative_ones_do_the_reverse(paper):
    copies = paper.copies(sorted(MOVERS))
    assert min(copies) > 0.9, f"over 95 % of names in the paper, {copies} came"
    reverse = paper.copies(sorted(NEGATIVE), sign=-1.0)
    assert min(reverse) > 0.9, f"98 % of names in the paper, {reverse} came"


def test_the_same_code_runs_on_random_weights_of_that_shape(impl, tokenizer, tmp_path):
    settings = tiny_checkpoints.GPT2 | {
        "vocab_size": tokenizer.get_vocab_size(),
        "n_embd": 24,
        "n_layer": 12,
        "n_head": 12,
    }
    folder = tiny_checkpoints.write(tmp_path, settings, tiny_checkpoints.gpt2_tensors(settings))
    (Path(folder) / "tokenizer.json").write_text(tokenizer.to_str(), "utf-8")
    found = Measured(impl, folder, n=12, few=4)
    assert found.scores.isfinite().all() and len(found.scores) == 12
    every = {(layer, head) for layer in range(12) for head in range(12)}
    assert set(found.ranked([])) == every
    assert set(found.ranked(found.to_queries(MOVERS))) == every
    for classes in ("HEADS", "NAIVE"):
        assert found.circuit(classes).isfinite().all()
    for share in found.copies(sorted(MOVERS)) + found.copies(sorted(NEGATIVE), sign=-1.0):
        assert 0 <= share <= 1


def test_the_table_holds_the_papers_26_heads_once_each(impl):
    gpt2_small = impl("ch07_ioi.gpt2_small")
    nodes = gpt2_small.as_nodes(gpt2_small.HEADS)
    assert len(nodes) == len(set(nodes)) == 26
    assert set(gpt2_small.as_nodes(gpt2_small.NAIVE)) < set(nodes)
    assert {len(heads) for heads in gpt2_small.HEADS.values()} == {2, 3, 4, 8}
