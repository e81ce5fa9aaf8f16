"""Graders of tracing.py (5.11): windows, restored runs, effects as differences."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.remember import remember
from tests.grading.tiny_models import TOKENS

ANSWERS = torch.tensor([5, 0, 9])
SETS = torch.tensor([[0, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 0, 0, 1], [0, 0, 0, 0, 1]]).bool()
SAMPLES = 2
RESID, MLP, ATTENTION = (f"hook_{name}" for name in ("resid_post", "mlp_out", "attn_out"))
CASES = [
    ("gpt2", [(1, RESID)]),
    ("gpt2", [(0, MLP)]),
    ("gpt2", [(0, ATTENTION), (1, ATTENTION)]),
    ("gpt2", [(2, MLP), (1, MLP)]),
    ("llama", [(0, ATTENTION)]),
]


def corrupted_resid(model, seed=3):
    """A corrupted residual stream per sample, with noise everywhere."""
    clean = model.embed_tokens(TOKENS).detach()
    return clean + 2 * normal(SAMPLES, *clean.shape, seed=seed)


def clean_states(model, where):
    """Clean states at these hooks: [(layer, hook)]."""
    names = [f"blocks.{layer}.{hook}" for layer, hook in where]
    return model.run_with_cache(TOKENS, names=names)[1]


@torch.no_grad()
def one_by_one(model, resid, clean, sets=SETS):
    """The probability of the answer, each set, sample and prompt in a forward of its own."""
    found = torch.zeros(len(sets), len(resid), len(TOKENS), dtype=torch.float64)
    for i, positions in enumerate(sets):
        for sample, prompts in enumerate(resid):
            for prompt, one in enumerate(prompts):

                def restore(x, point, prompt=prompt, positions=positions):
                    for position in positions.nonzero().flatten().tolist():
                        x[0, position] = clean[point.name][prompt, position]

                with model.hooks({name: restore for name in clean}):
                    logits = model.unembed_resid(model.run_blocks(one[None]))[0, -1]
                found[i, sample, prompt] = logits.softmax(-1)[ANSWERS[prompt]]
    return found.mean(dim=1)


@exercise("5.11")
@pytest.mark.parametrize(("family", "where"), CASES)
def test_states_are_restored_at_the_positions_of_each_set(tracing, build, family, where):
    model = build(family, n_layers=3)
    resid, clean = corrupted_resid(model), clean_states(model, where)
    case = (family, tuple(where))
    expected = remember(one_by_one, model, resid, clean, model=model, case=case)
    claim = f"Probabilities with {where} restored in the corrupted run of the {family} are wrong."
    arguments = model, resid, clean, SETS, ANSWERS
    check(tracing.run_with_restored, *arguments, expected=expected, claim=claim)
    left = [name for name, point in model.hook_points().items() if point.has_hooks]
    assert not left, f"expected no hooks after the run, got hooks on {', '.join(left)}"


@exercise("5.11")
def test_an_unlikely_answer_keeps_its_probability(tracing, build):
    model = build("gpt2")
    with torch.no_grad():
        model.unembed.W_U.mul_(40)
    resid, clean = corrupted_resid(model), clean_states(model, [(0, MLP)])
    expected = one_by_one(model, resid, clean)
    claim = f"Probabilities down to {expected.min():.1g} are wrong."
    arguments, near = (model, resid, clean, SETS, ANSWERS), {"tolerance": 1e-8, "scale": 0.0}
    check(tracing.run_with_restored, *arguments, expected=expected, claim=claim, **near)


@exercise("5.11")
def test_all_versions_run_in_one_batch(tracing, build):
    model, rows = build("gpt2"), []
    clean = clean_states(model, [(0, MLP)])
    # PyTorch's own hook: inside hooks of ours every version runs alone.
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    tracing.run_with_restored(model, corrupted_resid(model), clean, SETS, ANSWERS)
    expected = len(SETS) * SAMPLES * len(TOKENS)
    assert set(rows) == {expected}, (
        f"expected one forward of 4 sets x 2 samples x 3 prompts, {expected} rows; got forwards of "
        f"{sorted(set(rows))} rows. Is there a loop left?"
    )


@exercise("5.11")
@pytest.mark.parametrize("kind", ["resid", "mlp_out", "attn_out"])
def test_restoring_a_whole_layer_gives_the_total_effect(tracing, build, kind):
    model, options = build("gpt2", n_layers=3), {}
    options["position_sets"] = torch.tensor([[1] * 5, [0] * 5, [0, 0, 0, 0, 1]]).bool()
    resid = corrupted_resid(model)
    trace = tracing.causal_trace(model, TOKENS, ANSWERS, resid, kind=kind, **options)
    clean = model(TOKENS)[:, -1].softmax(-1)[range(3), ANSWERS]
    corrupted = one_by_one(model, resid, {}, SETS[1:2])[0]
    total, indirect = tracing.total_effect(trace), tracing.indirect_effect(trace)
    assert_close(total, clean - corrupted, "The total effect is clean minus corrupted.")
    assert_close(indirect[:, 1], torch.zeros(3, 3), "With nothing restored, nothing returns.")
    if kind == "resid":
        claim = "The whole residual stream restored after a layer gives the total effect."
        assert_close(indirect[:, 0], total.expand(3, 3), claim)


@exercise("5.11")
def test_effects_are_differences_of_probabilities(tracing):
    clean, corrupted = normal(3, seed=1).sigmoid(), normal(3, seed=2).sigmoid()
    restored = normal(2, 4, 3, seed=3).sigmoid()
    trace = tracing.Trace(clean, corrupted, restored)
    claim = "An indirect effect is the restored minus the corrupted probability."
    check(tracing.indirect_effect, trace, expected=restored - corrupted, claim=claim)
    claim = "The total effect is the clean minus the corrupted probability."
    check(tracing.total_effect, trace, expected=clean - corrupted, claim=claim)


WINDOWS = {
    (3, 1, 8): [3],
    (3, 4, 8): [1, 2, 3, 4],
    (3, 3, 8): [2, 3, 4],
    (0, 4, 8): [0, 1],
    (7, 4, 8): [5, 6, 7],
    (1, 5, 8): [0, 1, 2, 3],
    (2, 10, 6): [0, 1, 2, 3, 4, 5],
}


@exercise("5.11")
@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_a_window_is_centered_and_cut_at_the_ends(tracing, case):
    layer, width, n_layers = case
    actual, expected = list(tracing.window(*case)), WINDOWS[case]
    assert actual == expected, (
        f"expected {expected} for width {width} around layer {layer} of {n_layers}, got {actual}"
    )
