"""Graders of composition.py: how much of what one head writes another one reads."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.low_rank import WIDE
from tests.grading.peak_memory import largest_made
from tests.grading.side_effects import assert_no_side_effects
from tests.grading.tiny_models import shared

PAIRS = [(3, 4), (3, 3), (1, 2)]


def heads(factored_matrix, n: int, d_model: int, rank: int, seed: int):
    """Random heads as thin products."""
    A, B = normal(n, d_model, rank, seed=seed), normal(n, rank, d_model, seed=seed + 1)
    return factored_matrix.FactoredMatrix(A, B)


def length(M):
    """Frobenius norm of every matrix."""
    return (M * M).sum((-2, -1)) ** 0.5


def dense(F, S):
    """The score of every pair of plain matrices, one by one."""
    return torch.stack(
        [torch.stack([length(f @ s) / (length(f) * length(s)) for s in S]) for f in F]
    )


def mistakes(F, S):
    """Words -> what the usual mistakes give; those of another shape never match."""
    right = dense(F, S)
    product = F[:, None] @ S
    below = length(F)[:, None] * length(S)
    spectral = torch.linalg.matrix_norm(product, 2)
    d_model, same = F.shape[-1], len(F) == len(S)
    return {
        "It is not divided by the norms.": length(product),
        "The first norms stand on the later heads' axis: first.norm()[:, None].": (
            length(product) / (length(F) * length(S)) if same else F
        ),
        "It is divided by the first norm alone.": length(product) / length(F)[:, None],
        "It is divided by the second norm alone.": length(product) / length(S),
        "The square root is missing, above and below the line: this is the square.": right**2,
        "This is the spectral norm, the largest singular value; Frobenius is asked for.": (
            spectral / (torch.linalg.matrix_norm(F, 2)[:, None] * torch.linalg.matrix_norm(S, 2))
        ),
        "The spectral norm stands above the line; Frobenius is asked for.": spectral / below,
        "The product is the wrong way round: the earlier head's output stands on the left.": (
            dense(S, F).mT
        ),
        "The first matrix is transposed: what it WRITES meets what the second reads.": (
            dense(F.mT, S)
        ),
        "The second matrix is transposed.": dense(F, S.mT),
        "The axes are exchanged: [earlier, later] is asked for.": right.mT,
        "Each earlier head meets its namesake alone: every pair has a score.": (
            right.diagonal()[:, None].expand_as(right) if same else F
        ),
        "Each head meets its namesake alone: every pair has a score.": (
            right.diagonal().expand_as(right) if same else F
        ),
        "The baseline is taken away already: the score itself is asked for.": (
            right - d_model**-0.5
        ),
        "It is divided by the baseline: the score itself is asked for.": right * d_model**0.5,
        "The trace of the product stands above the line; its norm is asked for.": (
            product.diagonal(dim1=-2, dim2=-1).sum(-1).abs() / below
        ),
    }


@exercise("3.12")
@pytest.mark.parametrize("n_earlier, n_later", PAIRS)
@pytest.mark.parametrize("seed", [1, 2])
def test_score_is_the_norm_of_the_product_over_the_norms(
    composition, factored_matrix, n_earlier, n_later, seed
):
    first, second = (
        heads(factored_matrix, n_earlier, 8, 3, seed),
        heads(factored_matrix, n_later, 8, 2, seed + 9),
    )
    with assert_no_side_effects(first=first.A, second=second.B):
        came = composition.composition_score(first, second)
    F, S = first.A @ first.B, second.A @ second.B
    claim = f"Scores of {n_earlier} earlier with {n_later} later heads are wrong."
    assert_close(came, dense(F, S), claim, mistakes(F, S))


@exercise("3.12")
def test_score_is_one_where_all_is_read_and_zero_where_nothing_is(composition, factored_matrix):
    axes = torch.eye(4).double()[:, :, None]
    first = factored_matrix.FactoredMatrix(axes[[0, 1]], axes[[2, 3]].mT)  # write axis 2, axis 3
    second = factored_matrix.FactoredMatrix(
        3 * axes[[2, 0]], axes[[1, 1]].mT
    )  # read axis 2, axis 0
    claim = "Heads write axes 2 and 3 of the stream; the later ones read axes 2 and 0."
    right = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    F, S = first.A @ first.B, second.A @ second.B
    assert_close(composition.composition_score(first, second), right, claim, mistakes(F, S))


@exercise("3.12")
def test_mean_square_of_random_heads_is_one_over_d_model(composition, factored_matrix):
    d_model = 64
    first, second = (
        heads(factored_matrix, 12, d_model, 8, 3),
        heads(factored_matrix, 12, d_model, 8, 5),
    )
    came = composition.composition_score(first, second).square().mean().sqrt().item()
    right = d_model**-0.5
    assert abs(came - right) < 0.1 * right, (
        f"Independent random heads score about 1 / sqrt(d_model) = {right:.4f}, so as root mean "
        f"square over 144 pairs; {came:.4f} came. Is a baseline taken away, or a norm left out?"
    )


@exercise("3.12")
def test_score_is_unchanged_by_what_passes_between_the_factors(composition, factored_matrix):
    first, second = heads(factored_matrix, 2, 7, 3, 7), heads(factored_matrix, 3, 7, 2, 8)
    before = composition.composition_score(first, second)
    R, T = normal(2, 3, 3, seed=9), normal(3, 2, 2, seed=10)
    first = factored_matrix.FactoredMatrix(first.A @ R, torch.linalg.inv(R) @ first.B)
    second = factored_matrix.FactoredMatrix(second.A @ T, torch.linalg.inv(T) @ second.B)
    claim = "The same products in other factors must score the same."
    assert_close(composition.composition_score(first, second), before, claim, None, 1e-9)


@exercise("3.12")
def test_no_matrix_of_the_streams_size_is_multiplied_out(composition, factored_matrix):
    first, second = heads(factored_matrix, 1, WIDE, 2, 1), heads(factored_matrix, 3, WIDE, 2, 2)
    most = largest_made(lambda: composition.composition_score(first, second))
    assert most < WIDE**2 / 2, (
        f"A tensor of {most} numbers is made on the way; d_model x d_model is {WIDE**2}. Multiply "
        "the products as FactoredMatrix does, in thin factors."
    )


MODELS = [("gpt2", 0), ("llama", 0), ("llama", 2), ("attention-only", 0)]


@torch.no_grad()
def circuits_of(circuits, model, distance):
    """OV of layer 0, OV and QK of layer 1, multiplied out."""
    first, last = model.blocks[0].attn, model.blocks[1].attn
    qk = circuits.qk_circuit(model, 1, distance)
    return (
        shared(first.W_V, 6) @ first.W_O,
        shared(last.W_V, 6) @ last.W_O,
        qk.A @ qk.B,
    )


@exercise("3.13")
@pytest.mark.parametrize("family, distance", MODELS)
@torch.no_grad()
def test_queries_keys_and_values_are_read_from_the_left(
    composition, circuits, build, family, distance
):
    model = build(family)
    wrote, moves, looks = circuits_of(circuits, model, distance)
    came = composition.all_composition_scores(model, 0, 1, distance)
    sides = {
        "q": ("queries", dense(wrote, looks)),
        "k": ("keys", dense(wrote, looks.mT)),
        "v": ("values", dense(wrote, moves)),
    }
    backwards = {"q": dense(looks, wrote).mT, "k": dense(looks.mT, wrote).mT}
    backwards["v"] = dense(moves, wrote).mT
    for side, (words, right) in sides.items():
        wrong = {
            f"This is what the later heads' {others} read.": value
            for other, (others, value) in sides.items()
            if other != side
        }
        wrong |= {
            "The circuit is transposed: values are read by W_V, on the left of W_V W_O.": (
                dense(wrote, moves.mT)
            ),
            "The product is the wrong way round: what is written stands on the left.": (
                backwards[side]
            ),
            "What the earlier head READS is used; what it writes is asked for.": (
                dense(wrote.mT, {"q": looks, "k": looks.mT, "v": moves}[side])
            ),
            "The axes are exchanged: [earlier, later] is asked for.": right.mT,
            "The baseline is taken away already; it is not yet to be subtracted.": (
                right - model.config.d_model**-0.5
            ),
        }
        claim = f"How much the later heads' {words} read of the {family} model is wrong (`{side}`)."
        assert_close(getattr(came, side), right, claim, wrong)


@exercise("3.13")
@torch.no_grad()
def test_a_head_whose_keys_see_nothing_composes_through_queries_and_values_alone(
    composition, build
):
    model = build("attention-only", n_kv_heads=6)
    first, last = model.blocks[0].attn, model.blocks[1].attn
    writes = torch.linalg.qr(first.W_O[2].mT).Q
    last.W_K[4] -= writes @ writes.mT @ last.W_K[4]
    came = composition.all_composition_scores(model, 0, 1)
    zero = {side: getattr(came, side)[2, 4].abs().item() < 1e-7 for side in "qkv"}
    assert zero == {"q": False, "k": True, "v": False}, (
        "Head 4 of layer 1 has keys that see nothing of what head 2 of layer 0 writes, so its "
        f"K-composition is zero, and no other; zero came for {[s for s in zero if zero[s]]}."
    )
