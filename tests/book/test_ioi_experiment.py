"""Test the code of chapter 7's main experiment: sweeps of circuits, and keys of cached steps."""

import json

import pytest
import torch

from docs._figures.ioi import circuit_tests, fingerprint
from docs._figures.ioi.circuit_sweep import CircuitSweep
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.figure_files import FIGURES, ROOT, code_hash
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.model import LLAMA
from solutions.ch05_patching import logit_diff_from_resid
from solutions.ch07_ioi import abc_corruption, search
from solutions.ch07_ioi.circuit import CircuitEvaluator, Node, abc_means
from solutions.ch07_ioi.counterfactuals import mirror_pairs

pytestmark = pytest.mark.project
NODES = fingerprint.NODES


@pytest.fixture(scope="module")
@torch.no_grad()
def evaluator():
    generator = torch.Generator().manual_seed(5)
    config = TransformerConfig(3, 12, 4, 6, 10, fingerprint.D_VOCAB, 16, n_kv_heads=2)
    model = HookedTransformer(config, LLAMA, seed=0).double()
    for parameter in model.parameters():
        parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    clean = fingerprint.draw(generator)
    corrupted = abc_corruption(clean, torch.arange(fingerprint.D_VOCAB), generator)
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    return CircuitEvaluator(model, clean, abc_means(model, corrupted, clean.template), metric)


@pytest.mark.parametrize("removed", [(), (2,), (1,), (0, 2), (0, 1, 2), (1, 3), (0, 1, 2, 3)])
def test_a_sweep_scores_what_the_evaluator_scores(evaluator, removed):
    removed = [NODES[i] for i in removed]
    left = [node for node in NODES if node not in removed]
    expected = evaluator.keep_only(left) if left else evaluator.ablate_all()
    actual = CircuitSweep(evaluator, NODES).without(removed)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    actual = CircuitSweep(evaluator, None).without(removed)
    torch.testing.assert_close(actual, evaluator.ablate(removed), rtol=0, atol=1e-12)
    whole = CircuitSweep(evaluator, NODES).without([])
    assert (
        not removed or (whole - CircuitSweep(evaluator, NODES).without(removed)).abs().max() > 1e-4
    )


def test_a_subset_has_whole_pairs(evaluator):
    chosen = circuit_tests.select_pairs(evaluator.prompts, 4)
    pair = mirror_pairs(evaluator.prompts)[chosen]
    assert len(chosen) == 4 and pair.unique(return_counts=True)[1].tolist() == [2, 2]


def test_intervals_resample_pairs(evaluator):
    """A preference that cancels within each pair leaves no uncertainty."""
    values = torch.tensor([3.0, -2.0, 7.0, -3.0, 2.0, -7.0])
    assert circuit_tests.pair_interval(values, evaluator.prompts) == [0, 0, 0]
    low, mean, high = circuit_tests.interval(values)
    assert low < -1 < mean == 0 < 1 < high


def test_random_nodes_are_outside_and_as_many_at_each_role(evaluator):
    generator = torch.Generator().manual_seed(0)
    outside = [Node(layer, head, "end") for layer in range(3) for head in range(3)]
    drawn = circuit_tests.draw_like(evaluator.model, NODES, generator, outside)
    assert sorted(n.position_role for n in drawn) == sorted(n.position_role for n in NODES)
    assert len(set(drawn)) == 4 and not set(drawn) & set(outside)


def test_keys_of_steps_follow_what_the_code_computes(monkeypatch):
    before = fingerprint.behaviour_hash()
    assert fingerprint.behaviour_hash() == before
    original = search.path_effects
    monkeypatch.setattr(search, "path_effects", lambda *given: original(*given))
    assert fingerprint.behaviour_hash() == before, "written in another way, it computes the same"
    monkeypatch.setattr(search, "path_effects", lambda *given: 1.001 * original(*given))
    assert fingerprint.behaviour_hash() != before


def test_committed_numbers_are_what_the_present_code_computes():
    """The code that measures computes the same numbers; the code that draws prompts is the same."""
    of = {
        name: json.loads((FIGURES / f"ch07_{name}.json").read_text(encoding="utf-8"))
        for name in ("circuit", "paths", "signals")
    }
    assert of["circuit"]["numbers"]["behaviour"] == fingerprint.behaviour_hash()
    sources = of["circuit"]["sources"]
    for name in ("prompts", "counterfactuals", "sentences"):
        source = f"solutions/ch07_ioi/{name}.py"
        assert sources[source] == code_hash(ROOT / source), source
    for name in ("paths", "signals"):
        shared = sources.keys() & of[name]["sources"].keys()
        assert len(shared) >= 9
        assert all(of[name]["sources"][source] == sources[source] for source in shared), name


def test_a_step_runs_again_only_for_other_inputs(tmp_path, monkeypatch):
    monkeypatch.setenv("MI_CACHE", str(tmp_path))
    ran = []

    def make():
        ran.append(1)
        return torch.ones(2)

    for given in ("a", "a", "b"):
        CachedSteps("test", 1, given, [])("step", make, given=[1])
    CachedSteps("test", 1, "a", [])("step", make, given=[2])
    assert len(ran) == 3
