"""Graders of from_scratch.py (3.18), by claims alone."""

import itertools

import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

D_VOCAB, D_MODEL, D_HEAD, HEADS, N_CTX = 7, 10, 3, 2, 8


def draw(module, seed=1, heads=HEADS, batch=2, pos=5):
    """Random weights, and tokens."""
    shapes = {
        "W_E": (D_VOCAB, D_MODEL),
        "W_pos": (2, N_CTX, D_MODEL),
        "W_Q": (2, heads, D_MODEL, D_HEAD),
        "W_K": (2, heads, D_MODEL, D_HEAD),
        "W_V": (2, heads, D_MODEL, D_HEAD),
        "W_O": (2, heads, D_HEAD, D_MODEL),
        "W_U": (D_MODEL, D_VOCAB),
    }
    drawn = [0.5 * normal(*shape, seed=seed + i) for i, shape in enumerate(shapes.values())]
    generator = torch.Generator().manual_seed(seed)
    return module.TwoLayers(*drawn), torch.randint(D_VOCAB, (batch, pos), generator=generator)


def forward(weights, tokens):
    """Logits and patterns of the model, one query at a time."""
    resid, patterns = weights.W_E[tokens], {}
    for layer in range(2):
        read = resid + weights.W_pos[layer, : tokens.shape[1]]
        total = resid.clone()
        for head in range(weights.W_Q.shape[1]):
            q, k = read @ weights.W_Q[layer, head], read @ weights.W_K[layer, head]
            pattern = q.new_zeros(*tokens.shape, tokens.shape[1])
            for query in range(tokens.shape[1]):
                scores = (q[:, query, None] * k[:, : query + 1]).sum(-1) / D_HEAD**0.5
                pattern[:, query, : query + 1] = scores.softmax(-1)
            patterns[f"{layer}.{head}"] = pattern
            total += pattern @ resid @ weights.W_V[layer, head] @ weights.W_O[layer, head]
        resid = total
    return resid @ weights.W_U, patterns


def all_paths(heads):
    """Each path of a model with so many heads per layer."""
    names = [[f"{layer}.{head}" for head in range(heads)] for layer in range(2)]
    single = [(name,) for layer in names for name in layer]
    return {(), *single, *itertools.product(*names)}


@exercise("3.18")
def test_terms_sum_to_the_logits(from_scratch):
    for sizes in ({}, {"heads": 1}, {"heads": 3, "seed": 4}, {"batch": 1, "pos": 1}):
        weights, tokens = draw(from_scratch, **sizes)
        terms = from_scratch.expand_logits(weights, tokens)
        total = torch.stack(list(terms.values())).sum(dim=0)
        expected = forward(weights, tokens)[0]
        assert_close(total, expected, f"The terms do not sum to the logits ({sizes or 'usual'}).")


@exercise("3.18")
def test_there_is_one_term_for_each_path(from_scratch):
    for heads in (1, 2, 3):
        weights, tokens = draw(from_scratch, heads=heads)
        found, expected = set(from_scratch.expand_logits(weights, tokens)), all_paths(heads)
        assert found == expected, (
            f"With {heads} heads per layer expected the paths {sorted(expected)}, got "
            f"{sorted(found, key=str)}."
        )


@exercise("3.18")
def test_each_term_is_its_own_path(from_scratch):
    """The patterns and OV circuits along a path, applied to the embedding."""
    weights, tokens = draw(from_scratch, seed=7)
    terms, (_, patterns) = from_scratch.expand_logits(weights, tokens), forward(weights, tokens)
    for path in sorted(all_paths(HEADS)):
        value = weights.W_E[tokens]
        for name in path:
            layer, head = (int(part) for part in name.split("."))
            circuit = weights.W_V[layer, head] @ weights.W_O[layer, head]
            value = patterns[name] @ value @ circuit
        assert_close(terms[path], value @ weights.W_U, f"The term of {path} is wrong.")


@exercise("3.18")
def test_a_head_that_writes_nothing_is_on_no_path(from_scratch):
    weights, tokens = draw(from_scratch, seed=3)
    W_O = weights.W_O.clone()
    W_O[1, 0] = 0
    terms = from_scratch.expand_logits(weights._replace(W_O=W_O), tokens)
    left = [path for path, term in terms.items() if ("1.0" in path) == bool(term.abs().max() > 0)]
    assert not left, f"Head 1.0 writes zeros; the terms of {sorted(left)} do not fit that."
