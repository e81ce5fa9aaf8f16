"""Graders of composition.py: scores of products (3.12), and of queries, keys, values (3.13)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.low_rank import WIDE
from tests.grading.peak_memory import largest_made
from tests.grading.tiny_models import shared


@pytest.fixture
def heads(factored_matrix):
    """Make random heads in factors: `heads(n, d_model, rank, seed)`."""

    def heads(n: int, d_model: int, rank: int, seed: int):
        A, B = normal(n, d_model, rank, seed=seed), normal(n, rank, d_model, seed=seed + 1)
        return factored_matrix.FactoredMatrix(A, B)

    return heads


def length(M):
    """Frobenius norm of every matrix."""
    return (M * M).sum((-2, -1)) ** 0.5


def scores_by_loop(F, S):
    """The score of every pair of plain matrices."""
    rows = [[length(f @ s) / (length(f) * length(s)) for s in S] for f in F]
    return torch.stack([torch.stack(row) for row in rows])


@exercise("3.12")
@pytest.mark.parametrize("n_earlier, n_later", [(3, 4), (3, 3), (1, 2), (2, 1)])
@pytest.mark.parametrize("size", [1.0, 1000.0, 1e-12])
def test_score_is_the_norm_of_the_product_over_the_norms(
    composition, heads, n_earlier, n_later, size
):
    first, second = heads(n_earlier, 8, 3, 1), heads(n_later, 8, 2, 10)
    first.A.mul_(size)
    before = [x.clone() for x in (first.A, first.B, second.A, second.B)]
    actual = composition.composition_score(first, second)
    expected = scores_by_loop(first.A @ first.B, second.A @ second.B)
    claim = f"Scores of {n_earlier} earlier with {n_later} later heads are wrong."
    assert_close(actual, expected, claim)
    after = [first.A, first.B, second.A, second.B]
    assert_close(after, before, "A factor was changed in place.", None, 0.0)


@exercise("3.12")
def test_score_is_one_if_all_is_read_and_zero_if_nothing(composition, factored_matrix):
    axes = torch.eye(4).double()[:, :, None]
    # two heads that write axes 2 and 3, and two that read axes 2 and 0
    first = factored_matrix.FactoredMatrix(axes[[0, 1]], axes[[2, 3]].mT)
    second = factored_matrix.FactoredMatrix(3 * axes[[2, 0]], axes[[1, 1]].mT)
    actual = composition.composition_score(first, second)
    claim = "Heads write axes 2 and 3 of the residual stream; the later ones read axes 2 and 0."
    assert_close(actual, torch.tensor([[1.0, 0.0], [0.0, 0.0]]), claim)
    second.A[1] += 3e-8 * axes[2]
    actual = composition.composition_score(first, second)[0, 1]
    claim = "Of what is written a hundred-millionth is read."
    assert_close(actual, 1e-8, claim, tolerance=1e-6, scale=0.0)


@exercise("3.12")
def test_score_builds_no_matrix_of_size_d_model(composition, heads):
    first, second = heads(1, WIDE, 2, 1), heads(3, WIDE, 2, 2)
    most = largest_made(lambda: composition.composition_score(first, second))
    assert most < WIDE**2 / 2, (
        f"Expected no tensor of d_model x d_model = {WIDE**2} numbers, got one of {most}. "
        "Multiply the products as FactoredMatrix does, in factors."
    )


def scores_by_hand(circuits, model, distance=0):
    """Scores of the heads of layer 0 with the queries, keys and values of layer 1."""
    first, last = model.blocks[0].attn, model.blocks[1].attn
    written, values = (shared(one.W_V, len(one.W_O)) @ one.W_O for one in (first, last))
    scores = circuits.qk_circuit(model, 1, distance).product()
    read = {"q": scores, "k": scores.mT, "v": values}
    return {side: scores_by_loop(written, matrix) for side, matrix in read.items()}


@exercise("3.13")
@pytest.mark.parametrize(
    "family, distance, heads",
    [("gpt2", 0, 6), ("llama", 0, 6), ("llama", 2, 6), ("attention-only", 0, 6), ("gpt2", 0, 1)],
)
@torch.no_grad()
def test_queries_keys_and_values_read_from_the_left(
    composition, circuits, build, family, distance, heads
):
    model = build(family, n_heads=heads, n_kv_heads=min(heads, 2))
    expected = scores_by_hand(circuits, model, distance)
    actual = composition.all_composition_scores(model, 0, 1, distance)._asdict()
    assert_close(actual, expected, f"Composition scores of the {family} model are wrong.")


@exercise("3.13")
@torch.no_grad()
def test_keys_that_read_nothing_have_no_k_composition(composition, circuits, build):
    model = build("attention-only", n_kv_heads=6)
    first, last = model.blocks[0].attn, model.blocks[1].attn
    writes, whole = torch.linalg.qr(first.W_O[2].mT).Q, last.W_K[4].clone()
    last.W_K[4] -= (1 - 1e-8) * writes @ writes.mT @ whole
    actual = composition.all_composition_scores(model, 0, 1).k[2, 4]
    claim = "The keys of head 1.4 read a hundred-millionth of what head 0.2 writes."
    expected = scores_by_hand(circuits, model)["k"][2, 4]
    assert_close(actual, expected, claim, tolerance=1e-5, scale=0.0)
    last.W_K[4] -= writes @ writes.mT @ last.W_K[4]
    scores = composition.all_composition_scores(model, 0, 1)._asdict()
    actual = {side: score[2, 4].abs().item() < 1e-7 for side, score in scores.items()}
    claim = "The keys of head 1.4 read nothing that head 0.2 writes: only K-composition is zero."
    assert_close(actual, {"q": False, "k": True, "v": False}, claim)
