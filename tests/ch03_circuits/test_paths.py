"""Graders of paths.py: heads on paths (3.14), and scores by pairs of paths (3.15)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd
from tests.grading.tiny_models import TOKENS, authors, shared, without_query_and_key_biases

SHAPES = [(2, 3, 6, 5, 8, 4), (4, 2, 4, 3, 5, 5), (3, 3, 3, 3, 3, 2)]


@pytest.fixture
def apply(paths, factored_matrix):
    """apply_heads_to_paths as a function of tensors: values, pattern and the factors of OV."""

    def apply_heads_to_paths(values, pattern, A, B):
        return paths.apply_heads_to_paths(values, pattern, factored_matrix.FactoredMatrix(A, B))

    return apply_heads_to_paths


def drawn(path, batch, head, pos, d_model, d_head, seed=1):
    """Values, a pattern that is neither causal nor normalized, and the factors of OV circuits."""
    values = normal(path, batch, pos, d_model, seed=seed)
    pattern = normal(batch, head, pos, pos, seed=seed + 10)
    A, B = normal(head, d_model, d_head, seed=seed + 20), normal(head, d_head, d_model, seed=seed)
    return values, pattern, A, B


def heads_by_loop(values, pattern, A, B):
    """One path and one head at a time, the keys summed one by one."""
    rows = []
    for x in values:
        moved = [x @ a @ b for a, b in zip(A, B, strict=True)]  # each [batch, key, d_model]
        weights = [pattern[:, head, :, :, None] for head in range(len(A))]
        row = [
            sum(w[:, :, key] * m[:, None, key] for key in range(x.shape[1]))
            for w, m in zip(weights, moved, strict=True)
        ]
        rows.append(torch.stack(row))
    return torch.stack(rows)


@exercise("3.14")
@pytest.mark.parametrize("shape", SHAPES)
def test_each_head_is_applied_to_each_path(apply, shape):
    given = drawn(*shape)
    check(apply, *given, expected=heads_by_loop(*given), claim="Heads on paths are wrong.")


@exercise("3.14")
def test_heads_on_paths_on_odd_inputs(apply):
    sizes = dict(path=2, batch=3, head=6, pos=5, d_model=8, d_head=4)
    check_odd(apply, heads_by_loop, drawn, skip="head=300 path=300", **sizes)


@exercise("3.14")
def test_two_heads_in_a_row_are_a_virtual_head(apply):
    x, first, A_1, B_1 = drawn(1, 2, 3, 5, 8, 4, seed=5)
    _, second, A_2, B_2 = drawn(1, 2, 3, 5, 8, 4, seed=6)
    actual = apply(apply(x, first, A_1, B_1).flatten(0, 1), second, A_2, B_2)
    ov = (A_1 @ B_1)[:, None] @ A_2 @ B_2
    pattern = second[:, None] @ first[:, :, None]  # [batch, head 1, head 2, query, key]
    expected = torch.einsum("bghqk,bkm,ghmn->ghbqn", pattern, x[0], ov)
    assert_close(actual, expected, "Head 1, then head 2, must be A_2 A_1 x OV_1 OV_2.")


@exercise("3.14")
@torch.no_grad()
def test_paths_through_a_layer_sum_to_its_output(paths, circuits, build):
    model = build("attention-only")
    for block in model.blocks:
        block.attn.b_V.zero_()
    names = ["blocks.0.attn.hook_pattern", "blocks.0.hook_attn_out"]
    _, cache = model.run_with_cache(TOKENS, names=names)
    x, ov = model.embed_tokens(TOKENS)[None], circuits.ov_circuit(model, 0)
    actual = paths.apply_heads_to_paths(x, cache[names[0]], ov).sum((0, 1))
    expected = cache[names[1]] - model.blocks[0].attn.b_O
    assert_close(actual, expected, "The heads of a layer must sum to its output.")


@pytest.fixture
def model(build):
    """Two layers of six heads on two key heads, without query and key biases."""
    return without_query_and_key_biases(build("attention-only"))


@torch.no_grad()
def terms_by_loop(attn, values):
    """The query of each path times the key of each path: [head, path, path, batch, pos, pos]."""
    out = []
    for W_Q, W_K in zip(attn.W_Q, shared(attn.W_K, 6), strict=True):
        queries, keys = values @ W_Q, values @ W_K
        out.append(torch.stack([torch.stack([q @ k.mT for k in keys]) for q in queries]))
    return torch.stack(out) / attn.W_Q.shape[-1] ** 0.5


@exercise("3.15")
@pytest.mark.parametrize("layer, number", [(0, 1), (1, 3), (1, 4)])
def test_each_pair_of_paths_is_a_query_times_a_key(paths, model, layer, number):
    given = normal(number, 3, 5, 10, seed=1)
    positions = model.blocks[layer].W_pos.detach()[:5].repeat(1, 3, 1, 1)
    expected = terms_by_loop(model.blocks[layer].attn, torch.cat([given, positions]))
    inputs = paths.Paths([("embed", f"0.{i}") for i in range(number)], given)
    claim = f"Terms of {number} paths and the positions are wrong."
    check(paths.score_terms, model, inputs, layer, expected=expected, claim=claim)


@exercise("3.15")
@torch.no_grad()
def test_terms_sum_to_the_scores_of_a_pass(paths, model):
    name = "blocks.1.attn.hook_attn_scores"
    _, cache = model.run_with_cache(TOKENS, names=name)
    written = authors(model, TOKENS)
    written = {name: value for name, value in written.items() if name.split()[-1][0] != "1"}
    inputs = paths.Paths([(name,) for name in written], torch.stack(list(written.values())))
    actual = paths.score_terms(model, inputs, 1).sum((1, 2)).transpose(0, 1)
    visible = cache[name].isfinite()
    actual = actual.masked_fill(~visible, 0.0) if actual.shape == visible.shape else actual
    expected = cache[name].masked_fill(~visible, 0.0)
    assert_close(actual, expected, "All terms must sum to the scores.")
