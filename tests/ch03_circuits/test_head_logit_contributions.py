"""Graders of head_logit_contributions in decompose.py: one direction, and no head written out."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.peak_memory import largest_made
from tests.grading.side_effects import assert_no_side_effects


def mistakes(z, W_O, direction):
    """Words -> what the usual mistakes give; those of another shape never match."""
    heads, d_head, d_model = W_O.shape
    read = torch.einsum("bpm,hdm->bphd", direction, W_O)
    right = (z * read).sum(-1)
    square = d_head == d_model
    unit = direction / direction.norm(dim=-1, keepdim=True)
    return {
        "W_O is transposed: its axes are [head, d_head, d_model].": (
            (z * torch.einsum("bpd,hdm->bphm", direction, W_O)).sum(-1) if square else z
        ),
        "The mean over d_head stands where a sum is asked for.": right / d_head,
        "All heads share one number: each has its own.": (
            right.sum(-1, keepdim=True).expand_as(right)
        ),
        "Every position uses the first one's direction.": (
            (z * read[:, :1]).sum(-1) if len(z) else z
        ),
        "The direction is scaled to length 1: take it as it comes.": (
            (z * torch.einsum("bpm,hdm->bphd", unit, W_O)).sum(-1)
        ),
        "Every head goes through the first head's W_O.": (z * read[:, :, :1]).sum(-1),
        "The product over d_head is not summed as a dot product.": z.sum(-1) * read.sum(-1),
        "It is divided by the root of d_head. That belongs to attention scores.": (
            right / d_head**0.5
        ),
    }


def by_loop(z, W_O, direction):
    """The dot product of what a head writes with the direction, one at a time."""
    batch, pos, heads, _ = z.shape
    out = torch.zeros(batch, pos, heads, dtype=torch.float64)
    for b in range(batch):
        for p in range(pos):
            for h in range(heads):
                written = sum(z[b, p, h, i] * W_O[h, i] for i in range(W_O.shape[1]))
                out[b, p, h] = sum(written * direction[b, p])
    return out


@exercise("3.4")
@pytest.mark.parametrize("sizes", [(2, 5, 3, 4, 7), (3, 3, 3, 3, 3), (1, 2, 4, 3, 1)])
def test_a_share_is_the_dot_product_of_what_a_head_writes(decompose, sizes):
    batch, pos, heads, d_head, d_model = sizes
    z, W_O = normal(batch, pos, heads, d_head, seed=1), normal(heads, d_head, d_model, seed=2)
    direction = normal(batch, pos, d_model, seed=3)
    with assert_no_side_effects(z=z, W_O=W_O, direction=direction):
        came = decompose.head_logit_contributions(z, W_O, direction)
    claim = "A head's share is (z @ W_O) . direction."
    assert_close(came, by_loop(z, W_O, direction), claim, mistakes(z, W_O, direction))


@exercise("3.4")
def test_no_heads_output_is_written_out(decompose):
    batch, pos, heads, d_head, d_model = 7, 9, 6, 2, 50
    z, W_O = normal(batch, pos, heads, d_head, seed=1), normal(heads, d_head, d_model, seed=2)
    direction = normal(batch, pos, d_model, seed=3)
    most = largest_made(lambda: decompose.head_logit_contributions(z, W_O, direction))
    written_out = batch * pos * heads * d_model
    assert most < written_out / 2, (
        f"A tensor of {most} numbers is made on the way; [batch, pos, head, d_model] has "
        f"{written_out}. Read the direction back through W_O first: vectors of d_head are enough."
    )
