"""The chapter's measures on a circuit whose every weight is known."""

import pytest

from tests.grading import exercise
from tests.grading.assertions import assert_close

from .planted import TOKENS, induction


def found(logits):
    """How many of the tokens that are said again are the most likely ones."""
    return (logits[:, 6:-1].argmax(-1) == TOKENS[:, 7:]).double().mean().item()


@exercise("4.10")
def test_without_its_previous_token_head_an_induction_head_says_something_else(ablate, impl):
    model = induction(impl)
    whole, came = model(TOKENS), ablate.full_ablation(model, TOKENS, [(0, 0)])
    assert found(whole) == 1.0, "The planted model should find every repeated token."
    assert found(came) < 0.5, (
        "In a model with a planted circuit head 1.0 looks where the notes of head 0.0 tell it to. "
        f"Without 0.0 it should find little; {found(came):.0%} of what is repeated is still right."
    )


@exercise("4.11")
def test_what_a_previous_token_head_writes_matters_for_patterns_alone(ablate, impl):
    model = induction(impl)
    came = ablate.pattern_preserving_ablation(model, TOKENS, [(0, 0)])
    claim = (
        "In a model with a planted circuit, head 0.0 writes what only the KEYS of layer 1 read. "
        "With all patterns held nothing must change without it."
    )
    assert_close(came, model(TOKENS), f"{claim} Is everything recomputed, as in a full ablation?")


@exercise("4.11")
def test_what_an_induction_head_moves_is_lost_all_the_same(ablate, impl):
    model = induction(impl)
    came = ablate.pattern_preserving_ablation(model, TOKENS, [(1, 0)])
    assert found(came) == 0.0, (
        "Without head 1.0 each token should speak for itself alone, which is never the next one. "
        "Are the heads taken out too, besides holding the patterns?"
    )


@pytest.mark.project
def test_planted_heads_have_the_scores_of_their_kind(scores, impl):
    seen = scores.head_scores(induction(impl), TOKENS, period=5, n_bos=1)
    assert seen.previous[0, 0] > 0.999 and seen.previous.flatten()[1:].max() < 0.2
    assert seen.prefix[1, 0] > 0.999 and seen.prefix.flatten()[[0, 1, 3]].max() < 0.25
    assert seen.duplicate[1, 0] < 0.001


@pytest.mark.project
def test_without_the_previous_token_head_prefix_matching_is_lost(ablate, scores, impl):
    model = induction(impl)
    before = scores.head_scores(model, TOKENS, period=5, n_bos=1).prefix[1, 0]
    with model.hooks(ablate.zero_ablation_hooks(model, [(0, 0)])):
        after = scores.head_scores(model, TOKENS, period=5, n_bos=1).prefix[1, 0]
    assert before - after > 0.5, f"from {before:.3f} to {after:.3f}"
