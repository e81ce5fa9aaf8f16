"""Graders of ablate.py: full (4.10) and pattern-preserving ablation (4.11)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.tiny_models import TOKENS, shared

from . import planted

HEADS = [[(1, 2)], [(0, 1)], [(0, 3), (0, 5)], [(2, 0), (0, 4), (2, 5), (1, 1)]]
FAMILIES = ["gpt2", "attention-only"]


@torch.no_grad()
def by_hand(model, tokens, ablated, patterns=None):
    """Logits with the z of these heads zero, and the patterns; patterns may be given."""
    resid, found = model.embed_tokens(tokens), []
    for layer, block in enumerate(model.blocks):
        attn, x = block.attn, block.ln1(resid)
        placed = x + block.W_pos[: x.shape[1]] if hasattr(block, "W_pos") else x
        n, group = attn.W_Q.shape[0], attn.W_Q.shape[0] // attn.W_K.shape[0]
        written = attn.b_O.expand_as(x).clone()
        W_K, W_V = shared(attn.W_K, n), shared(attn.W_V, n)
        rows = []
        for head in range(n):
            q = placed @ attn.W_Q[head] + attn.b_Q[head]
            k = placed @ W_K[head] + attn.b_K[head // group]
            score = q @ k.mT / q.shape[-1] ** 0.5
            visible = torch.ones(score.shape[-2:], dtype=torch.bool).tril()
            own = score.masked_fill(~visible, -torch.inf).softmax(-1)
            rows.append(own)
            pattern = own if patterns is None else patterns[layer][head]
            if (layer, head) not in ablated:
                v = x @ W_V[head] + attn.b_V[head // group]
                written = written + pattern @ v @ attn.W_O[head]
        found.append(rows)
        resid = resid + written
        if hasattr(block, "mlp"):
            resid = resid + block.mlp(block.ln2(resid))
    return model.unembed_resid(resid), found


@exercise("4.10")
@pytest.mark.parametrize(("batch", "heads"), [(1, [1]), (6, [3, 0]), (6, [4, 1, 2])])
def test_hook_sets_the_sites_heads_to_zero(ablate, build, batch, heads):
    z, model = normal(batch, 7, 6, 8, seed=len(heads)), build("gpt2")
    z[:, :, 5, 0] *= 1e-9
    z[:, :, 5, 1] = torch.nan
    hook = ablate.zero_ablation_hooks(model, [(1, head) for head in heads])["blocks.1.attn.hook_z"]
    copy = z.clone()
    returned = hook(copy, model.blocks[1].attn.hook_z)
    expected = z.clone()
    for head in heads:
        expected[:, :, head] = 0.0
    claim = f"z after the hook that ablates the heads {sorted(heads)} of 6 is wrong."
    assert_close(copy if returned is None else returned, expected, claim)


@exercise("4.10")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("heads", HEADS)
def test_full_ablation_recomputes_what_follows(ablate, build, family, heads):
    model = build(family, n_layers=3)
    before = model(TOKENS)
    actual = ablate.full_ablation(model, TOKENS, heads)
    claim = f"Logits of the {family} model without the heads {heads} are wrong."
    assert_close(actual, by_hand(model, TOKENS, heads)[0], claim)
    assert_close(model(TOKENS), before, "After an ablation the model must be as before.")


@exercise("4.11")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("heads", [*HEADS, [(2, 1), (2, 4)], []])
@torch.no_grad()
def test_patterns_are_those_of_the_intact_model(ablate, build, family, heads):
    model = build(family, n_layers=3)
    before = model(TOKENS)
    expected = by_hand(model, TOKENS, heads, by_hand(model, TOKENS, [])[1])[0]
    actual = ablate.pattern_preserving_ablation(model, TOKENS, heads)
    claim = f"Logits of the {family} model without the heads {heads}, patterns held, are wrong."
    assert_close(actual, expected, claim)
    left = [name for name, point in model.hook_points().items() if point.has_hooks]
    assert not left, f"Hooks or observers are left on {', '.join(left)}."
    assert_close(model(TOKENS), before, "After an ablation the model must be as before.")


def share_found(logits):
    """How many of the repeated tokens are the most likely ones."""
    return (logits[:, 6:-1].argmax(-1) == planted.TOKENS[:, 7:]).double().mean().item()


@exercise("4.10")
def test_full_ablation_breaks_a_planted_circuit(ablate, impl):
    model = planted.induction(impl)
    assert share_found(model(planted.TOKENS)) == 1.0, "The planted model should find every token."
    found = share_found(ablate.full_ablation(model, planted.TOKENS, [(0, 0)]))
    assert found < 0.5, (
        "In a planted circuit, the keys of head 1.0 read what head 0.0 writes. Without 0.0 few "
        f"tokens should be found, but {found:.0%} still are."
    )


@exercise("4.11")
def test_held_patterns_keep_a_planted_circuit(ablate, impl):
    model = planted.induction(impl)
    actual = ablate.pattern_preserving_ablation(model, planted.TOKENS, [(0, 0)])
    claim = "Only keys read head 0.0 of a planted circuit: with patterns held nothing changes."
    assert_close(actual, model(planted.TOKENS), claim)
    found = share_found(ablate.pattern_preserving_ablation(model, planted.TOKENS, [(1, 0)]))
    assert found == 0.0, "Without head 1.0 of a planted circuit no repeated token can be found."


@pytest.mark.project
def test_planted_heads_have_the_scores_of_their_kind(ablate, scores, impl):
    model = planted.induction(impl)
    seen = scores.head_scores(model, planted.TOKENS, period=5, n_bos=1)
    assert seen.previous[0, 0] > 0.999 and seen.previous.flatten()[1:].max() < 0.2
    assert seen.prefix[1, 0] > 0.999 and seen.prefix.flatten()[[0, 1, 3]].max() < 0.25
    assert seen.duplicate[1, 0] < 0.001
    with model.hooks(ablate.zero_ablation_hooks(model, [(0, 0)])):
        after = scores.head_scores(model, planted.TOKENS, period=5, n_bos=1)
    assert seen.prefix[1, 0] - after.prefix[1, 0] > 0.5
