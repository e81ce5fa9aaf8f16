"""Test the paper's numbers on GPT-2 small with this chapter's code, where its weights are present.

The weights are searched in the folder that $MI_GPT2 names, in `gpt2` next to the real model, and in
the hub's own cache (openai-community/gpt2); nothing is fetched. The same code also runs on random
weights of that shape.
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
    """Yield the folders that may hold GPT-2."""
    if os.environ.get("MI_GPT2"):
        yield Path(os.environ["MI_GPT2"]).expanduser()
    yield cache_folder() / "gpt2"
    hub = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    for name in ("models--openai-community--gpt2", "models--gpt2"):
        yield from sorted((Path(hub) / "hub" / name / "snapshots").glob("*"))


NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
FOUND = next((f for f in folders() if all((f / name).is_file() for name in NEEDED)), None)
needs_gpt2 = pytest.mark.skipif(FOUND is None, reason="needs GPT-2 small: MI_GPT2=its/folder")


class PaperChecks:
    """Measurements of this chapter's code on a model of GPT-2's shape, each computed on demand."""

    def __init__(self, impl, folder, n=N, few=FEW):
        self.impl, self.heads = impl, impl("ch07_ioi.heads")
        self.model, tokenizer = impl("ch02_transformer").load_pretrained(str(folder))
        self.tokenizer = tokenizer
        draw = functools.partial(impl("ch07_ioi.prompts").draw_prompts, tokenizer)
        corrupt = impl("ch07_ioi.counterfactuals").abc_corruption
        single_tokens = impl("ch07_ioi.prompts").single_tokens
        known = single_tokens(tokenizer, impl("ch07_ioi.sentences").NAMES)
        self.names, generator = torch.tensor(list(known.values())), torch.Generator().manual_seed(0)
        self.prompts = draw(n, generator)
        self.many = corrupt(draw(3 * n, generator), self.names, generator)
        self.few = self.prompts.select(slice(0, few))
        self.corrupted = corrupt(self.few, self.names, generator)

    def metric(self, prompts):
        """Make the logit difference of these prompts."""
        make = self.impl("ch05_patching.metrics").logit_diff_from_resid
        return make(self.model, prompts.io_token, prompts.s_token)

    @functools.cached_property
    def scores(self):
        """The model's logit difference on every prompt."""
        unpatched = self.impl("ch05_patching.metrics").unpatched
        return unpatched(self.model, self.prompts.tokens, self.metric(self.prompts))

    def ranked(self, into):
        """Rank heads by their effect along the paths from END, those that help most first."""
        senders = self.heads.senders(self.model, self.few.positions.end)
        effects = self.heads.path_effects(
            self.model, self.few, self.corrupted, senders, into, self.metric(self.few)
        )
        return [divmod(i, self.model.config.n_heads) for i in effects.mean(1).argsort().tolist()]

    def queries(self, movers):
        """List these heads' queries at END."""
        return self.heads.receivers(self.model, sorted(movers), "q", self.few.positions.end)

    def circuit(self, classes):
        """Compute F of the paper's heads for each prompt."""
        circuit, gpt2_small = self.impl("ch07_ioi.circuit"), self.impl("ch07_ioi.gpt2_small")
        known = torch.isin(self.prompts.template, self.many.template)
        prompts = self.prompts.select(known)
        means = circuit.abc_means(self.model, self.many, prompts.template)
        evaluator = circuit.CircuitEvaluator(self.model, prompts, means, self.metric(prompts))
        return evaluator.keep_only(gpt2_small.as_nodes(getattr(gpt2_small, classes)))

    def signals(self):
        """Measure the mean logit difference with S-inhibition heads of prompts with other signals.

        In the order of the paper's table: token kept, random, inverted; position kept, inverted.
        """
        patching, Site = self.impl("ch05_patching"), self.impl("ch02_transformer").Site
        corrupt = self.impl("ch07_ioi.counterfactuals").name_corruption
        generator = torch.Generator().manual_seed(0)
        sites = [Site("attn.hook_z", a, head=b, position=-1) for a, b in sorted(INHIBITION)]
        runs = {
            f"{token} {position}": patching.cache_sites(
                self.model,
                corrupt(self.few, token, position, self.names, generator).tokens,
                sites,
            )
            for token in ("original", "random", "inverted")
            for position in ("original", "inverted")
        }
        patches = [[patching.Intervention.patch(site, run) for site in sites] for run in runs]
        found = patching.patch_sweep(
            self.model, self.few.tokens, patches, self.metric(self.few), runs
        )
        return found.mean(dim=1).tolist()

    def attacked(self, repeated):
        """Measure the logit difference per prompt after one more mention of IO, or of S, or none.

        A sentence between the two clauses mentions the name once more, as in the paper.
        """
        rows = []
        for io, s in zip(self.few.io_token.tolist(), self.few.s_token.tolist(), strict=True):
            word = {"io": self.tokenizer.decode([io]), "s": self.tokenizer.decode([s])}  # " Mary"
            more = f"{word[repeated]} had a good day." if repeated else ""
            first = f"Then{word['io']} and{word['s']} went to the store."
            text = f"{first}{more}{word['s']} gave a book to"
            rows.append(self.tokenizer.encode(text, add_special_tokens=False).ids)
        with torch.no_grad():
            logits = self.model(torch.tensor(rows))[:, -1]
        logit_diff = self.impl("ch05_patching.metrics").logit_diff
        return logit_diff(logits, self.few.io_token, self.few.s_token)

    def copies(self, heads, sign=1.0):
        """Average the copy scores over prompts."""
        return self.heads.copy_score(self.model, self.prompts, heads, sign).mean(1).tolist()


@pytest.fixture(scope="module")
def paper(impl):
    return PaperChecks(impl, FOUND)


@pytest.mark.weights
@needs_gpt2
def test_the_logit_difference_is_the_papers(paper):
    mean, right = paper.scores.mean().item(), (paper.scores > 0).double().mean().item()
    assert 3.2 <= mean <= 3.9, f"expected about 3.56, as in the paper, got {mean:.2f}"
    assert right >= 0.98, f"expected IO above S in about 99.3 %, got {right:.1%}"


@pytest.mark.weights
@needs_gpt2
def test_name_movers_have_the_largest_direct_effects(paper):
    ranked = paper.ranked([])
    assert set(ranked[:2]) <= MOVERS, f"expected name movers first, got {ranked[:3]}"
    assert set(ranked[-2:]) == NEGATIVE, f"expected negative name movers last, got {ranked[-3:]}"


@pytest.mark.weights
@needs_gpt2
def test_s_inhibition_heads_change_the_name_movers_queries(paper):
    first = paper.ranked(paper.queries(MOVERS))[:4]
    assert set(first) == INHIBITION, f"expected 7.3, 7.9, 8.6 and 8.10, got {first}"


@pytest.mark.weights
@needs_gpt2
def test_the_papers_circuit_has_most_of_the_difference(paper):
    score = paper.circuit("HEADS").mean().item()
    assert 2.6 <= score <= 3.9, f"expected about 3.1 of 3.56 with 26 heads, got {score:.2f}"


@pytest.mark.weights
@needs_gpt2
def test_name_movers_copy_and_negative_ones_do_the_reverse(paper):
    copies = paper.copies(sorted(MOVERS))
    assert min(copies) > 0.9, f"expected over 95 % of names, as in the paper, got {copies}"
    reverse = paper.copies(sorted(NEGATIVE), sign=-1.0)
    assert min(reverse) > 0.9, f"expected 98 % of names, as in the paper, got {reverse}"


@pytest.mark.weights
@needs_gpt2
def test_signals_have_the_signs_of_the_papers_table(paper):
    """The paper's table: 3.55, -.99, 2.45, -1.96, 1.77, -3.16."""
    found = paper.signals()
    assert [value > 0 for value in found] == [True, False] * 3, found
    assert found[0] > found[2] > found[4] and found[1] > found[3] > found[5], found


@pytest.mark.weights
@needs_gpt2
def test_a_second_mention_of_io_lowers_the_difference(paper):
    """The paper: 1.23 and S preferred in 23.4 % with IO repeated; 3.64 and .4 % with S repeated."""
    plain, io, s = (paper.attacked(name) for name in (None, "io", "s"))
    assert io.mean() < 0.6 * plain.mean() and s.mean() > 0.8 * plain.mean()
    assert (io < 0).double().mean() > 0.1 > (s < 0).double().mean()


def test_the_same_code_runs_on_random_weights(impl, tokenizer, tmp_path):
    settings = tiny_checkpoints.GPT2 | {
        "vocab_size": tokenizer.get_vocab_size(),
        "n_embd": 24,
        "n_layer": 12,
        "n_head": 12,
    }
    folder = tiny_checkpoints.write(tmp_path, settings, tiny_checkpoints.gpt2_tensors(settings))
    (Path(folder) / "tokenizer.json").write_text(tokenizer.to_str(), "utf-8")
    found = PaperChecks(impl, folder, n=12, few=4)
    assert found.scores.isfinite().all() and len(found.scores) == 12
    every = {(layer, head) for layer in range(12) for head in range(12)}
    assert set(found.ranked([])) == every
    assert set(found.ranked(found.queries(MOVERS))) == every
    for classes in ("HEADS", "NAIVE"):
        assert found.circuit(classes).isfinite().all()
    for share in found.copies(sorted(MOVERS)) + found.copies(sorted(NEGATIVE), sign=-1.0):
        assert 0 <= share <= 1
    assert len(found.signals()) == 6 and all(torch.tensor(found.signals()).isfinite())


def test_the_table_lists_the_papers_26_heads_once_each(gpt2_small):
    nodes = gpt2_small.as_nodes(gpt2_small.HEADS)
    assert len(nodes) == len(set(nodes)) == 26
    assert set(gpt2_small.as_nodes(gpt2_small.NAIVE)) < set(nodes)
    assert {len(heads) for heads in gpt2_small.HEADS.values()} == {2, 3, 4, 8}
