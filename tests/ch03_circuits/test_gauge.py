"""No result depends on the gauge: (W_Q R, W_K R^-T) and (W_V S, S^-1 W_O) give the same."""

import pytest
import torch

from tests.grading.assertions import assert_close
from tests.grading.tiny_models import TOKENS, build, regauge

from .spectra import assert_same_spectrum

pytestmark = pytest.mark.project
CLAIM = "The same products in other factors: {} must not change."


@pytest.fixture(params=["gpt2", "attention-only"])
def pair(impl, request):
    """A model, and the same one with other factors of its circuits."""
    return build(impl, request.param), regauge(build(impl, request.param), seed=77)


def test_the_weights_differ(pair):
    for name in ("W_Q", "W_K", "W_V", "W_O"):
        before, after = (getattr(model.blocks[1].attn, name) for model in pair)
        assert (before - after).abs().min() > 0


@torch.no_grad()
def test_patterns_and_logits_do_not_change(pair):
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in (0, 1)]
    (before, seen), (after, now) = (model.run_with_cache(TOKENS, names=names) for model in pair)
    assert_close(after, before, CLAIM.format("logits"), None, 1e-8)
    for name in names:
        assert_close(now[name], seen[name], CLAIM.format("patterns"), None, 1e-8)


def test_circuits_spectra_and_copying_do_not_change(pair, circuits):
    for kind in ("ov_circuit", "qk_circuit", "full_ov", "full_qk"):
        before, after = (getattr(circuits, kind)(model, 1) for model in pair)
        assert_close(after.product(), before.product(), CLAIM.format(kind), None, 1e-8)
        assert_close(after.norm(), before.norm(), CLAIM.format("norms"), None, 1e-8)
        assert_close(after.svd()[1], before.svd()[1], CLAIM.format("singular values"), None, 1e-8)
        values, same = after.eigenvalues(), before.eigenvalues()
        assert_same_spectrum(values, same, CLAIM.format("eigenvalues"), 1e-7)
        before, after = circuits.copying_score(same), circuits.copying_score(values)
        assert_close(after, before, CLAIM.format("copying scores"), None, 1e-7)


def test_compositions_do_not_change(pair, composition):
    before, after = (composition.all_composition_scores(model, 0, 1) for model in pair)
    for side in "qkv":
        words = CLAIM.format(f"{side}-composition")
        assert_close(getattr(after, side), getattr(before, side), words, None, 1e-8)


@torch.no_grad()
def test_contributions_do_not_change(pair, decompose):
    before, after = (decompose.direct_logit_attribution(model, TOKENS, TOKENS) for model in pair)
    assert_close(
        after.contributions, before.contributions, CLAIM.format("contributions"), None, 1e-8
    )
