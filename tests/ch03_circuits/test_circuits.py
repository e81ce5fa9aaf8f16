"""Graders of circuits.py: what a head moves (OV), and where it looks (QK)."""

import pytest
import torch

from tests.ch02_transformer.slow import rotate
from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.tiny_models import SIZES, TOKENS, shared, without_query_and_key_biases

MODELS = {
    "gpt2": ("gpt2", {}),
    "llama": ("llama", {}),
    "llama, half of each head turned": ("llama", {"rotary_dims": 2}),
    "attention-only": ("attention-only", {"n_kv_heads": 6}),
}
HEADS, WIDTH, D_HEAD = SIZES["n_heads"], SIZES["d_model"], SIZES["d_head"]
each_model = pytest.mark.parametrize("name", MODELS)


def by_turns(W):
    """Key heads dealt out in turn, 0, 1, 0, 1, ...: not how groups are."""
    return torch.stack([W[head % len(W)] for head in range(HEADS)])


def check_circuit(circuit, right, kind, mistakes):
    """Compares the product of a layer's circuits, after its sizes."""
    product = circuit.A @ circuit.B
    sizes, expected = list(product.shape), [HEADS, WIDTH, WIDTH]
    words = f"A circuit for each head, {expected}, is expected; {sizes} came."
    if sizes[-2:] == [D_HEAD, D_HEAD]:
        words += (
            " This is d_head x d_head: W_O @ W_V is the paper's order, for columns. Our vectors "
            "are rows, x @ W_V @ W_O."
        )
    if sizes[0] == SIZES["n_kv_heads"] != HEADS:
        words += " There are fewer key heads than query heads: each query head has its group's."
    assert sizes == expected, words
    inner = circuit.A.shape[-1]
    assert inner == D_HEAD, (
        f"The factors meet in {inner} dimensions; the rank of a head is d_head, {D_HEAD}. Is the "
        "product multiplied out?"
    )
    assert_close(product, right, f"The {kind} circuit is wrong.", mistakes)


@torch.no_grad()
def ov_mistakes(model, block):
    """The right OV circuits, and words -> what the usual mistakes give."""
    attn = block.attn
    W_V = shared(attn.W_V, HEADS)
    gain, _ = block.ln1.affine()
    right = torch.stack([W_V[head] @ attn.W_O[head] for head in range(HEADS)])
    other = model.blocks[0] if block is model.blocks[1] else model.blocks[1]
    found = {
        "It is transposed: rows multiply from the left, x @ W_V @ W_O. This is the paper's order, "
        "which has columns.": right.mT,
        "Key and value heads are dealt out in turn; query heads in a row share one (0, 0, 0, 1, "
        "1, 1).": by_turns(attn.W_V) @ attn.W_O,
        "Every query head uses the first value head.": attn.W_V[0] @ attn.W_O,
        "Every head writes through the first one's W_O.": W_V @ attn.W_O[0],
        "All heads are added up: each has its own.": right.sum(0, keepdim=True).expand_as(right),
        "The norm's gain is worked in. Folding is done before: take the weights as they are.": (
            gain[:, None] * right
        ),
        "This is W_K's product with W_O; the head moves values.": shared(attn.W_K, HEADS)
        @ attn.W_O,
        "This is another layer's.": shared(other.attn.W_V, HEADS) @ other.attn.W_O,
        "It is divided by the root of d_head; that belongs to scores.": right / D_HEAD**0.5,
    }
    return right, {words: x for words, x in found.items() if not torch.allclose(x, right)}


@exercise("3.10")
@each_model
@pytest.mark.parametrize("layer", [0, 1])
def test_ov_reads_with_the_groups_values_and_writes_with_its_own_W_O(circuits, build, name, layer):
    family, sizes = MODELS[name]
    model = build(family, **sizes)
    right, mistakes = ov_mistakes(model, model.blocks[layer])
    check_circuit(circuits.ov_circuit(model, layer), right, "OV", mistakes)


@torch.no_grad()
def looked(model, W_Q, W_K, query: int, key: int):
    """W_Q W_K^T with both turned to a position by hand, for matching lists of heads."""
    turning = model.config.rotating if type(model.blocks[0].attn.rotate).__name__ == "Rotary" else 0

    def rotate_weights(W, position):
        rows = [rotate(row, position, turning, model.config.rotary_base) for row in W.flatten(0, 1)]
        return torch.stack(rows).reshape(W.shape)

    return rotate_weights(W_Q, query) @ rotate_weights(W_K, key).mT


@torch.no_grad()
def qk_mistakes(model, block, distance):
    """The right QK circuits, and words -> what the usual mistakes give."""
    attn = block.attn
    W_K = shared(attn.W_K, HEADS)
    gain, _ = block.ln1.affine()
    right = looked(model, attn.W_Q, W_K, distance, 0)
    found = {
        "It is transposed: queries stand on the left, W_Q @ W_K^T.": right.mT,
        "The distance has the wrong sign: the QUERY stands `distance` after the key.": (
            looked(model, attn.W_Q, W_K, 0, distance)
        ),
        "The distance does nothing: rotary models turn the query by it.": (
            looked(model, attn.W_Q, W_K, 0, 0)
        ),
        "The turn is by one position too many.": looked(model, attn.W_Q, W_K, distance + 1, 0),
        "Query and key are turned in opposite directions, by twice the distance in all.": (
            looked(model, attn.W_Q, W_K, 2 * distance, 0)
        ),
        "It is divided by the root of d_head already: the circuit is divided by nothing.": (
            right / D_HEAD**0.5
        ),
        "Key heads are dealt out in turn; query heads in a row share one (0, 0, 0, 1, 1, 1).": (
            looked(model, attn.W_Q, by_turns(attn.W_K), distance, 0)
        ),
        "Every query head uses the first key head.": (
            looked(model, attn.W_Q, attn.W_K[:1].expand_as(attn.W_Q), distance, 0)
        ),
        "The norm's gain is worked in. Folding is done before: take the weights as they are.": (
            gain[:, None] * right * gain
        ),
        "This is W_Q W_Q^T; the right side is the keys'.": (
            looked(model, attn.W_Q, attn.W_Q, distance, 0)
        ),
        "This is W_Q W_V^T; the right side is the keys'.": (
            looked(model, attn.W_Q, shared(attn.W_V, HEADS), distance, 0)
        ),
    }
    return right, {words: x for words, x in found.items() if not torch.allclose(x, right)}


@exercise("3.10")
@each_model
@pytest.mark.parametrize("distance", [0, 3, -2])
def test_qk_has_the_query_on_the_left_and_the_distance_on_it(circuits, build, name, distance):
    family, sizes = MODELS[name]
    model = build(family, **sizes)
    right, mistakes = qk_mistakes(model, model.blocks[1], distance)
    circuit = circuits.qk_circuit(model, 1, distance)
    check_circuit(circuit, right, f"QK (at distance {distance})", mistakes)


@exercise("3.10")
@each_model
@torch.no_grad()
def test_circuits_of_a_folded_model_are_what_it_computes(circuits, build, fold, name):
    """Scores and head outputs of a real pass, from the circuits and what the norm hands on."""
    family, sizes = MODELS[name]
    model = without_query_and_key_biases(fold.fold(build(family, **sizes)))
    points = ["ln1.hook_normalized", "attn.hook_attn_scores", "attn.hook_pattern", "attn.hook_z"]
    names = [f"blocks.1.{point}" for point in points]
    _, cache = model.run_with_cache(TOKENS, names=names)
    read, scores, pattern, z = (cache[name] for name in names)
    ov = circuits.ov_circuit(model, 1)
    moved = pattern @ (read[:, None] @ (ov.A @ ov.B))
    claim = "pattern @ x @ OV must be what each head of a folded model writes."
    assert_close(moved, z.transpose(1, 2) @ model.blocks[1].attn.W_O, claim)
    placed = read + getattr(model.blocks[1], "W_pos", torch.zeros(17, 10))[: read.shape[1]]
    for distance in range(read.shape[1]):
        qk = circuits.qk_circuit(model, 1, distance)
        for key in range(read.shape[1] - distance):
            halves = (
                placed[:, key + distance, None, None] @ qk.A @ qk.B,
                placed[:, key, None, :, None],
            )
            right = scores[:, :, key + distance, key] * D_HEAD**0.5
            claim = f"x_query @ QK @ x_key, {distance} apart, must be the score times sqrt(d_head)."
            assert_close((halves[0] @ halves[1])[..., 0, 0], right, claim)
