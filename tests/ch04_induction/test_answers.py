"""Graders of answers.toml (4.12): the named heads are ablated and the effect is measured."""

import functools
import re

import pytest
import torch

import toy_models
from tests.grading import exercise
from tests.grading.once import once

PERIOD, LAYERS, HEADS = 20, 2, 2
WHOLE, BROKEN, REAL = 0.5, 0.15, 0.3
"""Prefix matching: the least of an induction head of the toy, the most of another head, and the
least of an induction head of the real model, which also attends to the first token."""


HEAD = re.compile(r"(\d+)\.(\d+)")


def read_head(value):
    """Read "1.0", or the earlier form [1, 0], as (layer, head); None for anything else."""
    if isinstance(value, str) and (parts := HEAD.fullmatch(value.strip())):
        return int(parts[1]), int(parts[2])
    if isinstance(value, list) and len(value) == 2 and all(type(n) is int for n in value):
        return tuple(value)
    return None


@pytest.fixture
def heads_of(answers):
    """Read a list of heads from the table; anything else fails."""

    def read(key, layers=LAYERS, heads=HEADS):
        value = answers("ch04_induction", "4.12")[key]
        found = [read_head(one) for one in value] if isinstance(value, list) else [None]
        assert None not in found, (
            f'{key}: expected a list of heads, such as ["0.1", "1.0"], got {value!r}.'
        )
        assert found, f"{key}: expected at least one head, got none."
        found = sorted(set(found))
        for layer, head in found:
            assert 0 <= layer < layers and 0 <= head < heads, (
                f"{key}: expected layers 0..{layers - 1} and heads 0..{heads - 1}, got head "
                f"{layer}.{head}."
            )
        return found

    return read


@pytest.fixture
def model(impl):
    return impl("ch02_transformer").load_pretrained(toy_models.folder("induction_2l"))[0]


def repeats(d_vocab, period, times, batch=24):
    """Draw segments of distinct tokens, repeated."""
    generator = torch.Generator().manual_seed(5)
    order = torch.rand(batch, d_vocab, generator=generator).argsort(dim=1)
    return order[:, :period].repeat(1, times)


def zero_hooks(*heads):
    """Make hooks that set the z of these heads to zero."""

    def hook(z, point):
        out = z.clone()
        for layer, head in heads:
            if point.name == f"blocks.{layer}.attn.hook_z":
                out[:, :, head] = 0.0
        return out

    return {f"blocks.{layer}.attn.hook_z": hook for layer, _ in heads}


@torch.no_grad()
def matching(model, *ablated):
    """Score prefix matching of each head, with some ablated: {(layer, head): score}."""
    tokens = repeats(64, PERIOD, 3)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(LAYERS)]
    with model.hooks(zero_hooks(*ablated)):
        _, cache = model.run_with_cache(tokens, names=names)
    back = torch.arange(3 * PERIOD)[:, None] - torch.arange(3 * PERIOD) + 1
    target = ((back > 0) & (back % PERIOD == 0)).double()
    scores = {}
    for layer, name in enumerate(names):
        spent = (cache[name].double() * target).sum(-1)[:, :, PERIOD:].mean((0, 2))
        scores |= {(layer, head): score for head, score in enumerate(spent.tolist())}
    return scores


@torch.no_grad()
def late_loss(model, tokens, ablated):
    """Average the loss in the last repeat, with some heads ablated."""
    with model.hooks(zero_hooks(*ablated)):
        resid = model(tokens, stop_at_layer=len(model.blocks))[:, -PERIOD - 1 : -1]
        losses = -model.unembed_resid(resid).log_softmax(-1).gather(-1, tokens[:, -PERIOD:, None])
    return losses.double().mean().item()


@exercise("4.12")
def test_named_induction_heads_match_prefixes(heads_of, model):
    claim, scores = heads_of("induction_heads"), matching(model)
    for head, score in scores.items():
        name = f"{head[0]}.{head[1]}"
        if head in claim:
            assert score > WHOLE, (
                f"Head {name} is named as an induction head, but only {score:.2f} of its attention "
                "is on tokens after earlier copies. Are layer and head exchanged?"
            )
        else:
            assert score < WHOLE, (
                f"Head {name} is not named, but {score:.2f} of its attention is on tokens after "
                "earlier copies, so it is an induction head too."
            )


@exercise("4.12")
def test_without_induction_heads_repeats_cost_a_guess(heads_of, model):
    claim, tokens = heads_of("induction_heads"), repeats(64, PERIOD, 3)
    whole, cut = (late_loss(model, tokens, ablated) for ablated in ((), claim))
    chance = torch.tensor(64.0).log().item()
    assert cut > 0.9 * chance, (
        f"Without the named heads the third repeat costs {cut:.2f} nats per token (intact: "
        f"{whole:.2f}, guessing: {chance:.2f}), so other heads still predict it."
    )


@exercise("4.12")
def test_induction_needs_the_named_previous_token_heads(heads_of, model):
    claim, before = heads_of("previous_token_heads"), matching(model)
    induction = [head for head, score in before.items() if score > WHOLE]
    for layer, head in claim:
        assert (layer, head) not in induction, (
            f"Head {layer}.{head} is itself an induction head. Its input is written by an earlier "
            "layer."
        )
    after = matching(model, *claim)
    left = max(after[head] for head in induction)
    assert left < BROKEN, (
        f"Without the named heads, prefix matching is still {left:.2f} (intact: "
        f"{max(before.values()):.2f}). Another head provides the previous token as well: heads "
        "can back each other up."
    )
    for head in claim:
        rest = [other for other in claim if other != head]
        kept = max(matching(model, *rest)[one] for one in induction)
        assert kept > BROKEN, (
            f"Head {head[0]}.{head[1]} is named, but with it alone prefix matching is {kept:.2f}: "
            "it contributes nothing."
        )


@functools.cache
def random_sets(exclude):
    """Draw six sets of four other heads of the real model."""
    generator = torch.Generator().manual_seed(0)
    every = [(layer, head) for layer in range(30) for head in range(9)]
    others = [head for head in every if head not in exclude]
    picks = torch.rand(6, len(others), generator=generator).argsort(dim=1)[:, :4].tolist()
    return [[others[index] for index in pick] for pick in picks]


@torch.no_grad()
def real_matching(model, tokens, heads):
    """Score prefix matching of some heads of the real model: {(layer, head): score}."""
    names = {f"blocks.{layer}.attn.hook_pattern" for layer, _ in heads}
    stop = 1 + max(layer for layer, _ in heads)
    _, cache = model.run_with_cache(tokens, names=names, stop_at_layer=stop)
    back = torch.arange(tokens.shape[1])[:, None] - torch.arange(tokens.shape[1]) + 1
    target = (back > 0) & (back % PERIOD == 0)
    spent = {h: cache[f"blocks.{h[0]}.attn.hook_pattern"][:, h[1]] * target for h in heads}
    return {head: x.sum(-1)[:, PERIOD:].mean().item() for head, x in spent.items()}


@exercise("4.12")
@pytest.mark.weights
@pytest.mark.heavy
def test_named_heads_of_the_real_model_cost_most(heads_of, impl):
    claim = heads_of("smollm2_induction_heads", layers=30, heads=9)
    assert len(claim) == 4, f"smollm2_induction_heads: expected four heads, got {len(claim)}."
    load = impl("ch02_transformer").load_pretrained
    model, _ = once("smollm2-135m", lambda: load("smollm2-135m"))
    tokens = 1000 + repeats(20_000, PERIOD, 3, batch=1)
    for (layer, head), score in real_matching(model, tokens, claim).items():
        assert score > REAL, (
            f"Only {score:.2f} of the attention of head {layer}.{head} is on tokens after earlier "
            "copies, so it is not an induction head. (Previous-token heads cost much too, since "
            "induction needs them.)"
        )

    def loss(ablated):
        return once(("4.12", tuple(ablated)), lambda: late_loss(model, tokens, ablated))

    whole, cut = loss(()), loss(claim)
    chance = [loss(one) for one in random_sets(tuple(claim))]
    assert cut - whole > max(0.5, 2 * (max(chance) - whole)), (
        f"Without the named heads the third repeat costs {cut:.2f} nats per token (intact: "
        f"{whole:.2f}); without random sets of four it costs up to {max(chance):.2f}. Better heads "
        "cost clearly more than random ones."
    )
