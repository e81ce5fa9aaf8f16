"""Graders of apply_heads_to_paths in paths.py: each path through each head, patterns fixed."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

SHAPES = [(2, 3, 6, 5, 8, 4), (4, 2, 4, 3, 5, 5), (3, 3, 3, 3, 3, 2)]


def drawn(factored_matrix, sizes, seed=1):
    """Values along paths, a pattern whose rows sum to nothing special and that is not causal."""
    path, batch, head, pos, d_model, d_head = sizes
    values = normal(path, batch, pos, d_model, seed=seed)
    pattern = normal(batch, head, pos, pos, seed=seed + 10)
    A, B = normal(head, d_model, d_head, seed=seed + 20), normal(head, d_head, d_model, seed=seed)
    return values, pattern, factored_matrix.FactoredMatrix(A, B)


def by_loop(values, pattern, ov):
    """One path, one head, one example, one query at a time."""
    out = torch.zeros(len(values), pattern.shape[1], *values.shape[1:], dtype=torch.float64)
    for p in range(len(values)):
        for h in range(pattern.shape[1]):
            for b in range(len(pattern)):
                moved = values[p, b] @ ov.A[h] @ ov.B[h]
                for query in range(values.shape[2]):
                    out[p, h, b, query] = sum(
                        weight * row
                        for weight, row in zip(pattern[b, h, query], moved, strict=True)
                    )
    return out


def mistakes(values, pattern, ov):
    """Words -> what the usual mistakes give; those of another shape never match."""
    moved = torch.einsum("pbkm,hmn->phbkn", values, ov.A @ ov.B)
    seen = torch.einsum("bhqk,pbkm->phbqm", pattern, values)
    return {
        "The OV circuit is transposed: rows multiply from the left, values @ ov.A @ ov.B.": (
            torch.einsum("phbqm,hnm->phbqn", seen, ov.A @ ov.B)
        ),
        "The pattern is left out.": moved,
        "The OV circuit is left out.": seen,
        "What went past the head is added: each result is what the head makes of a path.": (
            torch.einsum("bhqk,phbkn->phbqn", pattern, moved) + values[:, None]
        ),
        **mixed_up(pattern, moved),
        **of_the_pattern(pattern, moved),
    }


def of_the_pattern(pattern, moved):
    """Mistakes about how the pattern takes values from keys to queries."""
    sums = pattern.sum(-1).movedim(1, 0)[None, ..., None]
    swapped = pattern.flatten(0, 1).unflatten(0, pattern.shape[:2][::-1]).transpose(0, 1)

    def taken(weights):
        return torch.einsum("bhqk,phbkn->phbqn", weights.expand_as(pattern), moved)

    return {
        "The pattern is transposed: its axes are [batch, head, query, key], and the sum runs over "
        "keys.": taken(pattern.mT),
        "Future keys are masked: hold the pattern as it was given.": taken(pattern.tril()),
        "A softmax is taken: the pattern has been through it.": taken(pattern.softmax(-1)),
        "The pattern's rows are divided by their sum; hold it as it was given.": (
            taken(pattern) / sums
        ),
        "The value at the QUERY is moved; a head moves what stands at its keys.": sums * moved,
        "Every head uses the first one's pattern.": taken(pattern[:, :1]),
        "Every example uses the first one's pattern.": taken(pattern[:1]),
        "Batch and head of the pattern are mixed up.": taken(swapped),
    }


def mixed_up(pattern, moved):
    """Mistakes about the axes path and head."""
    right = torch.einsum("bhqk,phbkn->phbqn", pattern, moved)
    found = {
        "All heads are added up: each path goes through each head.": (
            right.sum(1, keepdim=True).expand_as(right)
        ),
        "All paths are added up: each stays a path of its own.": (
            right.sum(0, keepdim=True).expand_as(right)
        ),
        "The axes come in another order: [path, head, ...] is asked for, this is [head, path, "
        "...].": right.transpose(0, 1),
    }
    if len(right) == right.shape[1]:
        own = right.diagonal(dim1=0, dim2=1).movedim(-1, 0)[:, None].expand_as(right)
        found["Each path goes through its namesake alone: every path goes through all."] = own
    return found


@exercise("3.14")
@pytest.mark.parametrize("shape", SHAPES)
def test_values_at_the_keys_go_through_ov_and_the_pattern_takes_them_to_queries(
    paths, factored_matrix, shape
):
    values, pattern, ov = drawn(factored_matrix, shape)
    with assert_no_side_effects(values=values, pattern=pattern, A=ov.A, B=ov.B):
        came = paths.apply_heads_to_paths(values, pattern, ov)
    claim = "What each head makes of each path is wrong."
    assert_close(came, by_loop(values, pattern, ov), claim, mistakes(values, pattern, ov))


@exercise("3.14")
def test_with_the_pattern_held_fixed_heads_are_linear(paths, factored_matrix):
    x, pattern, ov = drawn(factored_matrix, SHAPES[0], seed=3)
    y = normal(*x.shape, seed=4)

    def f(values):
        return paths.apply_heads_to_paths(values, pattern, ov)

    assert_close(f(2 * x - 3 * y), 2 * f(x) - 3 * f(y), "f(2 x - 3 y) must be 2 f(x) - 3 f(y).")


@exercise("3.14")
def test_two_heads_in_a_row_are_one_virtual_head(paths, factored_matrix):
    """Its pattern is the product of both, and so is its OV circuit."""
    x, first, ov_1 = drawn(factored_matrix, (1, 2, 3, 5, 8, 4), seed=5)
    _, second, ov_2 = drawn(factored_matrix, (1, 2, 3, 5, 8, 4), seed=6)
    went = paths.apply_heads_to_paths(x, first, ov_1)
    twice = paths.apply_heads_to_paths(went.flatten(0, 1), second, ov_2)
    product = (ov_1.A @ ov_1.B)[:, None] @ ov_2.A @ ov_2.B
    attends = second[:, None] @ first[:, :, None]
    right = torch.einsum("bghqk,bkm,ghmn->ghbqn", attends, x[0], product)
    assert_close(twice, right, "A_2 A_1 x OV_1 OV_2 is expected of head 1, then head 2.")


@exercise("3.14")
@torch.no_grad()
def test_paths_past_and_through_the_heads_of_a_layer_make_its_output(paths, circuits, build):
    """Biases apart, which `extend` adds."""
    model = build("attention-only")
    for block in model.blocks:
        block.attn.b_V.zero_()
    pattern_name, written = "blocks.0.attn.hook_pattern", "blocks.0.hook_attn_out"
    tokens = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 12]])
    _, cache = model.run_with_cache(tokens, names=[pattern_name, written])
    x = model.embed_tokens(tokens)[None]
    came = paths.apply_heads_to_paths(x, cache[pattern_name], circuits.ov_circuit(model, 0))
    right = cache[written] - model.blocks[0].attn.b_O
    assert_close(came.sum((0, 1)), right, "The heads of a real layer must sum to what it wrote.")
