"""Graders of score_terms in paths.py: attention scores by pairs of paths."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.tiny_models import TOKENS, authors, shared, without_query_and_key_biases

D_HEAD = 4


@pytest.fixture
def model(build):
    """Two layers of six heads on two key heads, without query and key biases."""
    return without_query_and_key_biases(build("attention-only"))


def random_paths(paths, number, seed=1):
    """As many paths of random values, for three sequences of five tokens."""
    names = [("embed", f"0.{i}") for i in range(number)]
    return paths.Paths(names, normal(number, 3, 5, 10, seed=seed))


@torch.no_grad()
def by_loop(model, layer, values):
    """Each pair of paths by itself: the query one makes, times the key the other makes."""
    attn = model.blocks[layer].attn
    out = []
    for W_Q, W_K in zip(attn.W_Q, shared(attn.W_K, 6), strict=True):
        queries, keys = values @ W_Q, values @ W_K
        out.append(torch.stack([torch.stack([q @ k.mT for k in keys]) for q in queries]))
    return torch.stack(out) / D_HEAD**0.5


@torch.no_grad()
def mistakes(model, layer, given, values):
    """Words -> what the usual mistakes give; those of another shape never match."""
    right = by_loop(model, layer, values)
    attn = model.blocks[layer].attn
    hidden = ~torch.ones(5, 5, dtype=torch.bool).tril()
    backwards = torch.einsum(
        "pbqm,hmd,hnd,rbkn->hprbqk", values, shared(attn.W_K, 6), attn.W_Q, values
    )
    pairs = right.diagonal(dim1=1, dim2=2).movedim(-1, 1)[:, :, None]
    return {
        "The root of d_head is missing: scores are divided by it.": right * D_HEAD**0.5,
        "It is divided by d_head; by its root is asked for.": right / D_HEAD**0.5,
        "It is divided by the root of d_model; the inner axis is d_head.": (
            right * (D_HEAD / 10) ** 0.5
        ),
        "The path axes are exchanged: [head, query_path, key_path, ...].": right.transpose(1, 2),
        "The last two axes are exchanged: [..., query, key].": right.mT,
        "Queries are read with the keys' weights: qk.A reads queries, qk.B keys.": (
            backwards / D_HEAD**0.5
        ),
        "The positions are forgotten: they are the last path, in `values`.": (
            by_loop(model, layer, given)
        ),
        "Future keys are masked: scores before the mask are asked for.": (
            right.masked_fill(hidden, -torch.inf)
        ),
        "Future keys are set to zero: scores before the mask are asked for.": (
            right.masked_fill(hidden, 0.0)
        ),
        "A softmax is taken: scores are asked for.": right.softmax(-1),
        "A path meets itself alone: every pair of paths is a term.": pairs.expand_as(right),
        "Query paths are added up: every pair of paths is a term.": (
            right.sum(1, keepdim=True).expand_as(right)
        ),
        "Key paths are added up: every pair of paths is a term.": (
            right.sum(2, keepdim=True).expand_as(right)
        ),
        "Another layer's circuit is used.": by_loop(model, 1 - layer, values),
        "Every head shows the first one's terms.": right[:1].expand_as(right),
    }


@exercise("3.15")
@pytest.mark.parametrize("layer, number", [(0, 1), (1, 3), (1, 4)])
def test_every_pair_of_paths_is_a_query_times_a_key(paths, model, layer, number):
    given = random_paths(paths, number)
    where = model.blocks[layer].W_pos.detach()[:5].repeat(1, 3, 1, 1)
    values = torch.cat([given.values, where])
    came = paths.score_terms(model, given, layer)
    sizes = {"head": 6, "query_path": number + 1, "key_path": number + 1}
    claim = f"Terms of {number} paths and the positions are wrong, of sizes {sizes}."
    wrong = mistakes(model, layer, given.values, values)
    assert_close(came, by_loop(model, layer, values), claim, wrong)


@exercise("3.15")
@torch.no_grad()
def test_all_terms_sum_to_the_scores_of_a_real_pass(paths, model):
    point = "blocks.1.attn.hook_attn_scores"
    _, cache = model.run_with_cache(TOKENS, names=point)
    written = authors(model, TOKENS)
    written = {name: value for name, value in written.items() if name.split()[-1][0] != "1"}
    arriving = paths.Paths([(name,) for name in written], torch.stack(list(written.values())))
    came = paths.score_terms(model, arriving, 1).sum((1, 2))
    seen = cache[point].isfinite()
    right = cache[point].transpose(0, 1)[seen.transpose(0, 1)]
    wrong = {"The root of d_head is missing.": right * D_HEAD**0.5}
    shown = came[seen.transpose(0, 1)] if came.shape == (6, 3, 5, 5) else came
    assert_close(shown, right, "All terms must sum to the scores, where a query may look.", wrong)
