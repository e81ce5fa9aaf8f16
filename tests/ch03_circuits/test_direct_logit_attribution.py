"""Graders of direct_logit_attribution: contributions to a logit, and to a difference of two."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.tiny_models import TOKENS, authors

FAMILIES = ["gpt2", "parallel", "llama", "attention-only"]
TOKEN = torch.tensor([[7, 0, 12, 3, 3], [1, 1, 2, 11, 5], [6, 4, 0, 9, 10]])
AGAINST = torch.tensor([[2, 5, 1, 3, 8], [0, 12, 2, 4, 4], [6, 7, 9, 10, 1]])


class Parts:
    """What the shares are made of, computed part by part."""

    @torch.no_grad()
    def __init__(self, model, against):
        self.names = [*authors(model, TOKENS), "norm bias", "unembed bias"]
        self.values = torch.stack(list(authors(model, TOKENS).values()))
        _, cache = model.run_with_cache(TOKENS, names="ln_final.hook_scale")
        self.norm, self.scale = model.ln_final, cache["ln_final.hook_scale"]
        self.gain, self.bias = self.norm.affine()
        W_U, b_U = model.unembed.W_U, model.unembed.b_U
        self.token, self.token_bias = W_U[:, TOKEN].movedim(0, -1), b_U[TOKEN]
        self.direction, self.b_U = self.token, self.token_bias
        logits = model(TOKENS)
        self.logit = logits.gather(-1, TOKEN[..., None])[..., 0]
        if against is not None:
            self.direction = self.token - W_U[:, against].movedim(0, -1)
            self.b_U = self.token_bias - b_U[against]
            self.logit = self.logit - logits.gather(-1, against[..., None])[..., 0]

    def frozen(self):
        """Every component as the final norm hands it on."""
        means = self.values.mean(-1, keepdim=True) * self.norm.centers
        return (self.values - means) * self.gain / self.scale

    def contributions(self, read=None, direction=None, norm_bias=None, b_U=None):
        """The shares, or what they would be with one part of them mistaken."""
        read = self.frozen() if read is None else read
        direction = self.direction if direction is None else direction
        if norm_bias is None:
            norm_bias = (direction * self.bias).sum(-1)
        b_U = self.b_U if b_U is None else b_U
        rows = [(value * direction).sum(-1) for value in read]
        return torch.stack([*rows, norm_bias, b_U])


@torch.no_grad()
def mistakes(parts):
    """Words -> what the usual mistakes give, where they give something else."""
    right, frozen, zero = parts.contributions(), parts.frozen(), torch.zeros_like(parts.b_U)
    own = parts.norm(parts.values)
    found = {
        "The final norm is left out: shares are dot products after it.": parts.contributions(
            parts.values
        ),
        "Each component is normalised by itself: the scale is this pass's own, held fixed.": (
            parts.contributions(own)
        ),
        "Each component is normalised by itself, without its bias.": (
            parts.contributions(own - parts.bias)
        ),
        "The norm's bias is given to every component.": parts.contributions(frozen + parts.bias),
        "The norm's bias is given to every component, and once more.": (
            parts.contributions(frozen + parts.bias, norm_bias=zero)
        ),
        "The norm's gain is forgotten, as if it were folded.": parts.contributions(
            frozen / parts.gain
        ),
        "The scale is forgotten.": parts.contributions(frozen * parts.scale),
        "The norm's bias is forgotten.": parts.contributions(norm_bias=zero),
        "The unembedding's bias b_U is forgotten.": parts.contributions(b_U=zero),
        "b_U of the token alone: the one of `against` is to be taken away.": (
            parts.contributions(b_U=parts.token_bias)
        ),
        "`against` is left out: a difference of two logits is asked for.": (
            parts.contributions(direction=parts.token, b_U=parts.token_bias)
        ),
        "The last two are exchanged: `norm bias` comes first, then `unembed bias`.": (
            torch.cat([right[:-2], right[-1:], right[-2:-1]])
        ),
        "The biases come first; they are the last two.": torch.cat([right[-2:], right[:-2]]),
        "Sizes are taken: a share may be negative.": right.abs(),
        "This is each share as a fraction of the logit; units are logits.": right / right.sum(0),
        "All positions use the last one's scale.": (
            parts.contributions(frozen * parts.scale / parts.scale[:, -1:])
        ),
    }
    return {words: value for words, value in found.items() if (value - right).abs().max() > 1e-3}


@exercise("3.3")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("against", [None, AGAINST], ids=["logit", "difference"])
def test_shares_are_dot_products_after_the_norm_and_sum_to_the_logit(
    decompose, build, family, against
):
    model = build(family)
    parts = Parts(model, against)
    came = decompose.direct_logit_attribution(model, TOKENS, TOKEN, against)
    of = "logit" if against is None else "difference of two logits"
    expected = f"{len(parts.names)} shares are expected, with `norm bias` and `unembed bias` last"
    assert list(came.names) == parts.names, f"{expected}; these came: {list(came.names)}."
    claim = f"Shares of a {of} of the {family} model are wrong."
    assert_close(came.contributions, parts.contributions(), claim, mistakes(parts))
    assert_close(came.contributions.sum(0), parts.logit, f"All shares must sum to the {of}.")
