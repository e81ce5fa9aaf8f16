"""Attention for graders: a layer with all sizes different, its inputs, and a pattern by loops."""

import math
from itertools import product

from tests.grading.assertions import normal

SIZES = dict(n_layers=1, d_model=9, n_heads=6, d_head=4, d_mlp=11, d_vocab=13, n_ctx=17)


def build(attention, config, d_head: int = 4, **parts):
    """Build attention whose sizes all differ, d_model / n_heads and d_head too."""
    return attention.Attention(config.TransformerConfig(**SIZES | {"d_head": d_head}), **parts)


def queries_and_keys(queries: int, keys: int, seed: int, batch: int = 2, d_head: int = 4):
    q = normal(batch, queries, 6, d_head, seed=seed)
    return q, normal(batch, keys, 6, d_head, seed=seed + 100)


def by_loop(q, k, sees=None, softcap=lambda score: score):
    """The pattern, one query and one head at a time; `sees` is the causal rule unless given."""
    late = k.shape[1] - q.shape[1]
    sees = sees or (lambda query, key: key <= query + late)
    batch, queries, heads, d_head = q.shape
    pattern = q.new_zeros(batch, heads, queries, k.shape[1])
    for b, h, query in product(range(batch), range(heads), range(queries)):
        seen = [key for key in range(k.shape[1]) if sees(query, key)]
        dots = [math.fsum((q[b, query, h] * k[b, key, h]).tolist()) for key in seen]
        scores = [softcap(dot / d_head**0.5) for dot in dots]
        weights = [math.exp(score - max(scores)) for score in scores]
        for key, weight in zip(seen, weights, strict=True):
            pattern[b, h, query, key] = weight / math.fsum(weights)
    return pattern


def edit(point, new):
    """Replace the activation at a hook point by a tensor."""
    point.hooks.append(lambda x, point: new)


def record(point, copied: bool = False) -> list:
    """Collect the activations at a hook point: the tensors themselves, or copies of them."""
    seen = []
    point.observers.append(lambda x, point: seen.append(x.clone() if copied else x))
    return seen
