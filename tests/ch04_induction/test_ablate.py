"""Graders of ablate.py: heads taken out, with what follows recomputed, or with patterns held."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal
from tests.grading.tiny_models import TOKENS, shared

HEADS = [[(1, 2)], [(0, 1)], [(0, 3), (0, 5)], [(2, 0), (0, 4), (2, 5), (1, 1)]]


@torch.no_grad()
def by_hand(model, tokens, gone, patterns=None):
    """Logits with z of these heads zero, and those patterns; all patterns as they come."""
    resid, found = model.embed_tokens(tokens), []
    for layer, block in enumerate(model.blocks):
        attn, x = block.attn, block.ln1(resid)
        placed = x + block.W_pos[: x.shape[1]] if hasattr(block, "W_pos") else x
        n, group = attn.W_Q.shape[0], attn.W_Q.shape[0] // attn.W_K.shape[0]
        wrote = attn.b_O.expand_as(x).clone()
        W_K, W_V = shared(attn.W_K, n), shared(attn.W_V, n)
        rows = []
        for head in range(n):
            q = placed @ attn.W_Q[head] + attn.b_Q[head]
            k = placed @ W_K[head] + attn.b_K[head // group]
            score = q @ k.mT / q.shape[-1] ** 0.5
            seen = torch.ones(score.shape[-2:], dtype=torch.bool).tril()
            own = score.masked_fill(~seen, -torch.inf).softmax(-1)
            rows.append(own)
            pattern = own if patterns is None else patterns[layer][head]
            if (layer, head) not in gone:
                v = x @ W_V[head] + attn.b_V[head // group]
                wrote = wrote + pattern @ v @ attn.W_O[head]
        found.append(rows)
        resid = resid + wrote
        if hasattr(block, "mlp"):
            resid = resid + block.mlp(block.ln2(resid))
    return model.unembed_resid(resid), found


def forced(model, tokens, heads, layers):
    """Logits without the heads, and with the whole model's patterns in some layers only."""
    whole = by_hand(model, tokens, [])[1]

    def hold(rows):
        return lambda pattern, _: torch.stack(rows, 1).to(pattern)

    def silence(numbers):
        def hook(z, _):
            z[:, :, numbers] = 0.0

        return hook

    hooks = {f"blocks.{i}.attn.hook_pattern": hold(whole[layers[i]]) for i in layers}
    for layer in {layer for layer, _ in heads}:
        numbers = [head for other, head in heads if other == layer]
        hooks[f"blocks.{layer}.attn.hook_z"] = silence(numbers)
    return model.run_with_hooks(tokens, hooks=hooks)


def after(hook, z, point):
    """What goes on after a hook, which gets a copy."""
    copy = z.clone()
    came = hook(copy, point)
    return copy if came is None else came


def hook_mistakes(z, numbers):
    """Words -> what the usual mistakes of a hook give."""
    right = z.clone()
    right[:, :, numbers] = 0.0

    def at(*index):
        out = z.clone()
        out[index] = 0.0
        return out

    everything, heads = slice(None), z.shape[2]
    others = [head for head in range(heads) if head not in numbers]
    mean = z.clone()
    mean[:, :, numbers] = z.mean((0, 1))[numbers]
    scaled = z.clone()
    scaled[:, :, numbers] *= 0.5
    return {
        "Nothing is changed: edit z in place, or return the new tensor.": z,
        "All heads of the layer are gone: only those numbers are meant.": torch.zeros_like(z),
        "The heads that are to go stay, and the others are gone.": at(
            everything, everything, others
        ),
        "Only the first of the heads is gone.": at(everything, everything, numbers[0]),
        "Only the last of the heads is gone.": at(everything, everything, numbers[-1]),
        "All heads from the first to the last of them are gone.": (
            at(everything, everything, slice(min(numbers), max(numbers) + 1))
        ),
        "The numbers pick positions: heads are axis 2 of [batch, pos, head, d_head].": (
            at(everything, numbers)
        ),
        "The numbers pick texts: heads are axis 2 of [batch, pos, head, d_head].": at(numbers),
        "The numbers pick entries of d_head: heads are axis 2.": at(..., numbers),
        "Only the last position is changed: a head is gone at all of them.": (
            at(everything, -1, numbers)
        ),
        "Only the first position is changed: a head is gone at all of them.": (
            at(everything, 0, numbers)
        ),
        "Only the first text is changed.": at(0, everything, numbers),
        "The mean stands where zero is asked for.": mean,
    }


def full_mistakes(model, heads):
    """Words -> what the usual mistakes about a full ablation give."""
    layers, numbers = {layer for layer, _ in heads}, {head for _, head in heads}
    return {
        "Nothing is changed: these are the whole model's logits.": by_hand(model, TOKENS, [])[0],
        "All heads of the layers are gone.": by_hand(
            model, TOKENS, [(layer, head) for layer in layers for head in range(6)]
        )[0],
        "Heads are gone in layers where they are not meant: does each hook keep its own numbers?": (
            by_hand(model, TOKENS, [(layer, head) for layer in layers for head in numbers])[0]
        ),
        "Patterns are held here: they are recomputed in a full ablation.": (
            forced(model, TOKENS, heads, {i: i for i in range(len(model.blocks))})
        ),
    }


@exercise("4.10")
@pytest.mark.parametrize("numbers", [[1], [3, 0], [4, 1, 2]])
def test_the_hook_sets_these_heads_to_zero_and_leaves_the_rest(ablate, build, numbers):
    z = normal(6, 7, 6, 8, seed=len(numbers))
    model = build("gpt2")
    hooks = ablate.zero_ablation_hooks(model, [(1, head) for head in numbers])
    right = z.clone()
    for head in numbers:
        right[:, :, head] = 0.0
    claim = f"z after the hook that takes out the heads {sorted(numbers)} of 6 is wrong."
    came = after(hooks["blocks.1.attn.hook_z"], z, model.blocks[1].attn.hook_z)
    assert_close(came, right, claim, hook_mistakes(z, sorted(numbers)))


@exercise("4.10")
@pytest.mark.parametrize("family", ["gpt2", "attention-only"])
@pytest.mark.parametrize("heads", HEADS)
def test_everything_after_the_heads_is_recomputed(ablate, build, family, heads):
    model = build(family, n_layers=3)
    came, right = ablate.full_ablation(model, TOKENS, heads), by_hand(model, TOKENS, heads)[0]
    claim = f"Logits of the {family} model without the heads {heads} are wrong."
    assert_close(came, right, claim, {} if is_close(came, right) else full_mistakes(model, heads))


@exercise("4.10")
def test_a_model_with_a_hook_taken_off_is_whole_again(ablate, build):
    model = build("attention-only")
    before = model(TOKENS)
    ablate.full_ablation(model, TOKENS, [(0, 1)])
    claim = "After an ablation the model must be as it was."
    assert_close(model(TOKENS), before, f"{claim} Are weights changed, or hooks left on?")


@torch.no_grad()
def spread(model, heads):
    """Logits with these heads' patterns spread evenly, nothing taken out, all others held."""
    patterns = by_hand(model, TOKENS, [])[1]
    for layer, head in heads:
        seen = torch.ones_like(patterns[layer][head]).tril()
        patterns[layer][head] = seen / seen.sum(-1, keepdim=True)
    return by_hand(model, TOKENS, [], patterns)[0]


def held_mistakes(model, heads):
    """Words -> what the usual mistakes about held patterns give, over three layers."""
    whole, patterns = by_hand(model, TOKENS, [])
    own, every = {layer for layer, _ in heads}, range(len(model.blocks))
    last = every[-1]
    taken = {
        "The patterns are not held: those of the ablated model are at work, as in a full "
        "ablation. Are they recorded without the heads, or never forced?": {},
        "Only the patterns of the heads' own layers are held: all are meant.": {i: i for i in own},
        "Only the patterns of the last layer are held: all are meant.": {last: last},
        "All layers have the LAST one's patterns: does each hook keep its own name?": {
            i: last for i in every
        },
        "All layers have the FIRST one's patterns: does each hook keep its own name?": {
            i: 0 for i in every
        },
    }
    wrong = {words: forced(model, TOKENS, heads, layers) for words, layers in taken.items()}
    all_gone = [(layer, head) for layer in own for head in range(6)]
    others = [(i, head) for i in every for head in range(6) if (i, head) not in heads]
    return wrong | {
        "The heads are not taken out: these are the whole model's logits.": whole,
        "All heads of the layers are gone.": by_hand(model, TOKENS, all_gone, patterns)[0],
        "The heads' PATTERNS are ablated, spread evenly: what they write is to go.": (
            spread(model, heads)
        ),
        "The heads alone are left: they are to go.": by_hand(model, TOKENS, others, patterns)[0],
    }


def compare_held(model, heads, came, right, claim):
    """Mistakes are worked out only when there is one."""
    if not is_close(came, right):
        wrong = held_mistakes(model, heads)
        assert_close(
            came,
            right,
            claim,
            {w: value for w, value in wrong.items() if not is_close(value, right)},
        )


@exercise("4.11")
@pytest.mark.parametrize("family", ["gpt2", "attention-only"])
@pytest.mark.parametrize("heads", HEADS)
def test_all_patterns_are_those_of_the_whole_model(ablate, build, family, heads):
    model = build(family, n_layers=3)
    right = by_hand(model, TOKENS, heads, by_hand(model, TOKENS, [])[1])[0]
    came = ablate.pattern_preserving_ablation(model, TOKENS, heads)
    claim = f"Heads {heads} of the {family} model out, all patterns held."
    compare_held(model, heads, came, right, claim)


@exercise("4.11")
def test_heads_of_the_last_layer_give_what_a_full_ablation_gives(ablate, build):
    model = build("gpt2", n_layers=3)
    heads = [(2, 1), (2, 4)]
    came = ablate.pattern_preserving_ablation(model, TOKENS, heads)
    claim = "Nothing looks after the last layer: both ablations must give the same logits there."
    compare_held(model, heads, came, by_hand(model, TOKENS, heads)[0], claim)


@exercise("4.11")
def test_with_no_head_out_the_model_says_what_it_always_says(ablate, build):
    model = build("attention-only")
    came = ablate.pattern_preserving_ablation(model, TOKENS, [])
    assert_close(
        came, model(TOKENS), "With no head out and its own patterns held nothing must change."
    )


@exercise("4.11")
@torch.no_grad()
def test_the_model_and_its_hooks_are_left_as_they_were(ablate, build):
    model = build("attention-only")
    before = model(TOKENS)
    ablate.pattern_preserving_ablation(model, TOKENS, [(0, 1), (1, 2)])
    claim = "After an ablation the model must be as it was."
    assert_close(model(TOKENS), before, f"{claim} Are hooks left on, or weights changed?")
    heard = [name for name, point in model.hook_points().items() if point.has_hooks]
    assert not heard, f"Hooks or observers are left on {', '.join(heard)}."
