"""Graders of qk.py: terms of a score (12.19), contrasts and predictions (12.20)."""

import math

import pytest
import torch

from tests.ch12_graphs.conftest import SIZES
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal

FAMILIES = ("GPT2", "LLAMA")
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [3, 7, 4, 1, 5]])
HEADS = ((2, 1), (2, 5), (1, 3), (0, 2))


def written(model, tokens, layer):
    """What is in the residual stream before a layer, by name."""
    _, cache = model.run_with_cache(tokens)
    parts = {"embed": cache["hook_embed"][0], "pos_embed": cache["hook_pos_embed"][0]}
    for early in range(layer):
        attn = model.blocks[early].attn
        z = cache[f"blocks.{early}.attn.hook_z"][0]
        for head in range(6):
            parts[f"head {early}.{head}"] = z[:, head] @ attn.W_O[head].detach()
        parts[f"bias {early}"] = attn.b_O.detach().expand(len(z), -1)
        parts[f"mlp {early}"] = cache[f"blocks.{early}.hook_mlp_out"][0]
    return parts, cache[f"blocks.{layer}.ln1.hook_scale"][0]


def projected(model, x, scale, head, side):
    """A vector per position through the frozen norm, the head's weights and the rotation."""
    layer, index = head
    norm, attn = model.blocks[layer].ln1, model.blocks[layer].attn
    W = attn.W_Q[index] if side == "query" else attn.W_K[index // (6 // len(attn.W_K))]
    centered = x - x.mean(dim=-1, keepdim=True) if norm.centers else x
    read = centered / scale * norm.affine().gain.detach() @ W.detach()
    return attn.rotate(read[None, :, None], 0)[0, :, 0]


def biases(model, head, side, length):
    """The norm's bias and the head's own bias, rotated at each position."""
    layer, index = head
    attn, bias = model.blocks[layer].attn, model.blocks[layer].ln1.affine().bias.detach()
    group = 6 // len(attn.W_K)
    W, b = (attn.W_Q, attn.b_Q) if side == "query" else (attn.W_K, attn.b_K)
    index = index if side == "query" else index // group
    rows = torch.stack([bias @ W[index].detach(), b[index].detach()])
    return attn.rotate(rows[:, None].expand(-1, length, -1)[:, :, None], 0)[:, :, 0]


@exercise("12.19")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["query", "key"])
def test_parts_of_queries_and_keys(qk, small, family, side):
    model = small(family)
    for head in HEADS:
        parts, scale = written(model, TOKENS[:1], head[0])
        made = qk.head_parts(model, TOKENS[:1], head, side)
        names = [*parts, "norm bias", "own bias"]
        assert made.names == names, f"Expected the parts {names}, got {made.names}."
        vectors = torch.stack([projected(model, x, scale, head, side) for x in parts.values()])
        assert_close(made.vectors[:-2], vectors, f"The {side} parts of head {head} are wrong.")
        expected = biases(model, head, side, 5)
        assert_close(made.vectors[-2:], expected, f"The biases of the {side} side are wrong.")
        hook = f"blocks.{head[0]}.attn.hook_rot_{side[0]}"
        whole = model.run_with_cache(TOKENS[:1], names=hook)[1][hook][0]
        index = head[1] if side == "query" else head[1] // (6 // whole.shape[1])
        claim = "The parts do not sum to the head's own vector."
        assert_close(made.total(), whole[:, index], claim, tolerance=1e-9)


@exercise("12.19")
@pytest.mark.parametrize("family", FAMILIES)
def test_terms_sum_to_the_score(qk, small, family):
    model = small(family, seed=2)
    for layer, head in HEADS:
        sides = [qk.head_parts(model, TOKENS[:1], (layer, head), side) for side in ("query", "key")]
        hook = f"blocks.{layer}.attn.hook_attn_scores"
        scores = model.run_with_cache(TOKENS[:1], names=hook)[1][hook][0, head]
        for query, key in ((4, 1), (3, 3), (2, 0)):
            terms = qk.score_terms(*sides, query, key)
            claim = f"The terms of the score from {query} to {key} do not sum to it."
            assert_close(terms.sum(), scores[query, key], claim, tolerance=1e-9)


@exercise("12.19")
@pytest.mark.parametrize("number", [1.5, torch.nan])
def test_one_head_of_one_number_has_a_weight_and_a_bias(qk, config, model, number):
    sizes = config.TransformerConfig(1, 3, n_heads=1, d_head=1, d_mlp=4, d_vocab=5, n_ctx=6)
    attn = model.HookedTransformer(sizes, model.GPT2, seed=0).blocks[0].attn
    attn.W_K.data[0, 1] = number
    found, expected = qk.linear_projection(attn, 0, "key"), [attn.W_K[0], attn.b_K[0]]
    assert_close(list(found), expected, "Weight and bias are not those of the head's keys.")


def parts_of(qk, seed, n_parts, d_head):
    """Random parts."""
    names = [f"part {n}" for n in range(n_parts)]
    return qk.HeadParts(names, normal(n_parts, 4, d_head, seed=seed))


@exercise("12.19")
def test_one_term_is_one_product(qk):
    queries, keys = parts_of(qk, 1, 3, 7), parts_of(qk, 2, 5, 7)
    expected = torch.tensor(
        [[sum(q * k) / math.sqrt(7) for k in keys.vectors[:, 0]] for q in queries.vectors[:, 3]]
    ).double()
    claim = "A term is not the product of a query part and a key part."
    check(qk.score_terms, queries, keys, 3, 0, expected=expected, claim=claim)


@exercise("12.20")
def test_contributions_to_a_difference(qk):
    queries, keys = parts_of(qk, 1, 3, 7), parts_of(qk, 2, 5, 7)
    where = qk.KeyContrast(query=3, key=0, than=2)
    key, than = (sum(part[pos] for part in keys.vectors) for pos in (0, 2))
    expected = torch.stack([sum(q * (key - than)) / math.sqrt(7) for q in queries.vectors[:, 3]])
    for size, scale in SIZES:
        claim = f"Contributions of {size} times a query to the difference of two scores are wrong."
        given, wanted = queries._replace(vectors=size * queries.vectors), size * expected
        check(qk.query_contributions, given, keys, where, expected=wanted, claim=claim, scale=scale)


@exercise("12.20")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size, scale_of_all", SIZES)
def test_predictions_hold_everything_else_fixed(qk, small, family, size, scale_of_all):
    """size: of the query weights, with which each source's change is multiplied."""
    model = small(family)
    for block in model.blocks:
        block.attn.W_Q.data *= size
    where = qk.KeyContrast(query=4, key=2, than=1)
    for head in ((2, 4), (1, 1)):
        (clean, scale), (other, _) = (written(model, t[None], head[0]) for t in TOKENS)
        hook = f"blocks.{head[0]}.attn.hook_rot_k"
        keys = model.run_with_cache(TOKENS[:1], names=hook)[1][hook][0]
        keys = keys[:, head[1] // (6 // keys.shape[1])]
        expected = {}
        for name in clean:
            change = projected(model, other[name] - clean[name], scale, head, "query")[4]
            expected[name] = (change @ (keys[2] - keys[1])).item() / math.sqrt(4)
        claim = "The predicted changes of the score difference are wrong."
        found = qk.predicted_changes(model, TOKENS, head, where)
        assert_close(found, expected, claim, tolerance=1e-9, scale=scale_of_all)


@pytest.mark.project
def test_measured_changes_patch_one_head(qk, small):
    model = small("LLAMA")
    where, sets = qk.KeyContrast(query=4, key=2, than=1), [[(0, 1)], [(1, 5), (0, 0)]]
    found = qk.measured_changes(model, TOKENS, (2, 3), where, sets)
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(2)]
    other = model.run_with_cache(TOKENS[1:], names=names)[1]
    score = "blocks.2.attn.hook_attn_scores"

    def difference(heads):
        def hook(z, point):
            for layer, head in heads:
                if point.name == names[layer]:
                    z[0, 4, head] = other[point.name][0, 4, head]

        with model.hooks(dict.fromkeys(names, hook)):
            scores = model.run_with_cache(TOKENS[:1], names=score)[1][score][0, 3, 4]
        return scores[2] - scores[1]

    for one, actual in zip(sets, found, strict=True):
        assert_close(actual, difference(one) - difference([]), "A patch is measured wrong.")


@pytest.mark.project
def test_a_batch_of_texts_raises(qk, small):
    with pytest.raises(ValueError, match=r"\[1, pos\]"):
        qk.head_parts(small("GPT2"), TOKENS, (0, 0), "query")
