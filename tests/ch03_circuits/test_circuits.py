"""Graders of circuits.py: OV and QK circuits (3.10) and copying scores (3.11)."""

import math

import pytest
import torch

from tests.ch02_transformer.transformer_reference import rotate
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.tiny_models import SIZES, TOKENS, shared, without_query_and_key_biases

MODELS = {
    "gpt2": ("gpt2", {}),
    "llama": ("llama", {}),
    "llama, half of each head rotated": ("llama", {"rotary_dims": 2}),
    "attention-only": ("attention-only", {"n_kv_heads": 6}),
    "gpt2, one head": ("gpt2", {"n_heads": 1, "n_kv_heads": 1}),
}
D_HEAD = SIZES["d_head"]
each_model = pytest.mark.parametrize("name", MODELS)


def check_circuit(circuit, expected, kind):
    """Compare the product of a layer's circuits, and the size of its inner axis."""
    assert_close(circuit.A @ circuit.B, expected, f"The {kind} circuit is wrong.")
    inner = circuit.A.shape[-1]
    assert inner == D_HEAD, f"Expected factors of rank d_head = {D_HEAD}, got rank {inner}."


@exercise("3.10")
@each_model
@torch.no_grad()
def test_ov_is_the_groups_W_V_times_the_heads_W_O(circuits, build, name):
    family, sizes = MODELS[name]
    model = build(family, **sizes)
    for layer, block in enumerate(model.blocks):
        expected = shared(block.attn.W_V, len(block.attn.W_O)) @ block.attn.W_O
        check_circuit(circuits.ov_circuit(model, layer), expected, "OV")


@torch.no_grad()
def qk_by_hand(model, attn, distance: int):
    """W_Q W_K^T with the queries rotated by the distance, row by row."""
    rotary = type(attn.rotate).__name__ == "Rotary"
    dims, base = model.config.rotating if rotary else 0, model.config.rotary_base
    rows = [rotate(row, distance, dims, base) for row in attn.W_Q.flatten(0, 1)]
    return torch.stack(rows).view_as(attn.W_Q) @ shared(attn.W_K, len(attn.W_Q)).mT


@exercise("3.10")
@each_model
@pytest.mark.parametrize("distance", [0, 3, -2])
def test_qk_has_rotated_queries_on_the_left(circuits, build, name, distance):
    family, sizes = MODELS[name]
    model = build(family, **sizes)
    expected = qk_by_hand(model, model.blocks[1].attn, distance)
    check_circuit(circuits.qk_circuit(model, 1, distance), expected, f"QK (distance {distance})")


@exercise("3.10")
@each_model
@torch.no_grad()
def test_circuits_of_a_folded_model_match_its_pass(circuits, build, fold, name):
    family, sizes = MODELS[name]
    model = without_query_and_key_biases(fold.fold(build(family, **sizes)))
    points = ["ln1.hook_normalized", "attn.hook_attn_scores", "attn.hook_pattern", "attn.hook_z"]
    names = [f"blocks.1.{point}" for point in points]
    _, cache = model.run_with_cache(TOKENS, names=names)
    read, scores, pattern, z = (cache[name] for name in names)
    ov = circuits.ov_circuit(model, 1)
    actual = pattern @ (read[:, None] @ (ov.A @ ov.B))
    claim = "pattern @ x @ OV must be the output of each head of a folded model."
    assert_close(actual, z.transpose(1, 2) @ model.blocks[1].attn.W_O, claim)
    pos = read.shape[1]
    placed = (read + getattr(model.blocks[1], "W_pos", torch.zeros(17, 10))[:pos])[:, None]
    for distance in range(pos):
        qk = circuits.qk_circuit(model, 1, distance)
        # [batch, head, query, key]; only pairs at this distance are compared
        actual = (placed @ qk.A @ qk.B @ placed.mT).diagonal(-distance, 2, 3)
        expected = scores.diagonal(-distance, 2, 3) * D_HEAD**0.5
        claim = f"x_query @ QK @ x_key, {distance} apart, must be the score times sqrt(d_head)."
        assert_close(actual, expected, claim)


def score_by_loop(values):
    rows = values.flatten(0, -2).tolist()
    found = [math.fsum(x.real for x in row) / math.fsum(abs(x) for x in row) for row in rows]
    return torch.tensor(found, dtype=torch.float64).reshape(values.shape[:-1])


def conjugate_pairs(*lead):
    half = torch.complex(normal(*lead, 2, seed=1) + 0.4, normal(*lead, 2, seed=2))
    return torch.cat([half, half.conj()], dim=-1)


HAND = [
    ([2.0, 1.0], 1.0, "2 and 1"),
    ([-2.0, -1.0], -1.0, "-2 and -1"),
    ([3.0, -1.0], 0.5, "3 and -1"),
    ([0.03, -0.01], 0.5, "a hundredth of 3 and -1"),
    ([1 + 1j, 1 - 1j], 1 / math.sqrt(2), "1 + i and 1 - i"),
    ([5j, -5j], 0.0, "5i and -5i"),
]


@exercise("3.11")
@pytest.mark.parametrize("values, expected, words", HAND, ids=[words for *_, words in HAND])
def test_copying_score_worked_by_hand(circuits, values, expected, words):
    values = torch.tensor(values, dtype=torch.complex128)
    claim = f"The eigenvalues {words} give {expected:.3g}."
    check(circuits.copying_score, values, expected=expected, claim=claim)


@exercise("3.11")
@pytest.mark.parametrize("lead", [(4,), (4, 4), (2, 3), (300,), (1, 1)])
def test_copying_score_divides_by_the_sum_of_sizes(circuits, lead):
    values = conjugate_pairs(*lead)
    expected = score_by_loop(values)
    claim = f"Copying scores of {list(lead)} heads are wrong."
    check(circuits.copying_score, values, expected=expected, claim=claim)
    # conjugate views and strided memory occur in spectra
    check(circuits.copying_score, values.conj(), expected=expected, claim=claim)
    check(circuits.copying_score, 1e-12 * values, expected=expected, claim=claim)


@exercise("3.11")
def test_copying_scores_of_a_copier_and_its_opposite(circuits, factored_matrix):
    W_E = torch.linalg.qr(normal(9, 9, seed=3)).Q[:, :5]
    W_V = normal(5, 3, seed=4)
    for sign in (1, -1):
        full = factored_matrix.FactoredMatrix(W_E @ W_V, sign * W_V.mT @ W_E.mT)
        claim = f"W_E (W_V W_V^T) W_E^T times {sign} scores {sign}."
        assert_close(circuits.copying_score(full.eigenvalues()), sign, claim)
