"""Graders of the whole forward (2.14) by identities that hold for any weights."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, randomise

from .test_model import SIZES, TOKENS

families = pytest.mark.parametrize("family, seed", [("GPT2", 1), ("LLAMA", 2)])


def build(model, config, family: str, seed: int, **sizes):
    """A model of real parts with random weights, small enough that no softmax saturates."""
    settings = config.TransformerConfig(**(SIZES | sizes))
    whole = randomise(model.HookedTransformer(settings, getattr(model, family)), seed)
    with torch.no_grad():
        for weight in whole.parameters():
            weight.mul_(0.5)
    return whole


@exercise("2.14")
@families
def test_hooks_that_change_nothing_leave_the_logits(model, config, family, seed):
    """Not to the last bit: a hook's copy may be in another memory layout, and sums then round."""
    whole = build(model, config, family, seed)
    before = whole(TOKENS)
    visits = []

    def note(x, point):
        visits.append(point.name)

    names = [name for name in whole.hook_points() if not name.endswith("hook_result")]
    explicit = [name for name in names if "attn_scores" in name or "pattern" in name]
    actual = whole.run_with_hooks(
        TOKENS, hooks={name: note for name in names if name not in explicit}
    )
    claim = "Hooks that change nothing must leave the logits as they are."
    assert_close(actual, before, claim, tolerance=1e-12)
    whole.run_with_hooks(TOKENS, hooks={name: note for name in explicit})
    unseen = sorted(set(names) - set(visits))
    assert not unseen, f"A forward must call every hook point; it does not call {unseen[:3]}."
    twice = [name for name in names if visits.count(name) > 1]
    assert not twice, f"A forward calls each hook point once; {twice[:3]} are called again."


@exercise("2.14")
@families
def test_outputs_of_all_parts_sum_to_the_last_resid(model, config, family, seed):
    """The residual stream is the sum of the embedding and of the output of each part."""
    _, cache = build(model, config, family, seed).run_with_cache(TOKENS)
    written = [f"blocks.{layer}.hook_{out}_out" for layer in range(4) for out in ("attn", "mlp")]
    names = ["hook_embed", "hook_pos_embed", *written]
    missing = [name for name in names if name not in cache]
    assert not missing, f"A forward must call {missing[0]}; the cache does not have it."
    total = sum(cache[name] for name in names)
    claim = "hook_embed + hook_pos_embed + all attn_out + all mlp_out = the last resid_post."
    assert_close(cache["blocks.3.hook_resid_post"], total, claim)


@exercise("2.14")
@families
def test_forward_is_embed_then_blocks_then_unembed(model, config, family, seed):
    whole = build(model, config, family, seed)
    logits = whole(TOKENS)
    steps = whole.unembed_resid(whole.run_blocks(whole.embed_tokens(TOKENS)))
    assert_close(
        steps,
        logits,
        "unembed_resid(run_blocks(embed_tokens(tokens))) must be what forward returns.",
    )
    _, cache = whole.run_with_cache(TOKENS)
    for layer in (0, 2, 3):
        early = whole(TOKENS, stop_at_layer=layer + 1)
        claim = f"stop_at_layer={layer + 1} returns hook_resid_post of block {layer}."
        assert_close(early, cache[f"blocks.{layer}.hook_resid_post"], claim)
        late = whole.unembed_resid(whole.run_blocks(early, start=layer + 1))
        assert_close(
            late, logits, f"Stopping after block {layer} and continuing from there changes nothing."
        )


@exercise("2.14")
@families
def test_tokens_in_pieces_give_the_logits_of_all_at_once(model, config, family, seed):
    whole = build(model, config, family, seed)
    logits, past, pieces = whole(TOKENS), model.KVCache(4), []
    for start, end in [(0, 1), (1, 2), (2, 5)]:
        lengths = [layer.length for layer in past.layers]
        assert lengths == [start] * 4, f"Expected {start} tokens in each layer, got {lengths}."
        pieces.append(whole(TOKENS[:, start:end], past=past))
    claim = "With a KV cache, tokens in pieces of 1, 1 and 3 must give the logits of all at once."
    assert_close(torch.cat(pieces, dim=1), logits, claim)


@exercise("2.14")
@families
def test_a_later_token_changes_nothing_before_it(model, config, family, seed):
    whole = build(model, config, family, seed)
    other = TOKENS.clone()
    other[:, 3] = (other[:, 3] + 1) % 13
    before, after = whole(TOKENS), whole(other)
    claim = "The logits before a token must not depend on it; token 3 has changed."
    assert_close(after[:, :3], before[:, :3], claim)
    for p in (3, 4):
        change = (after[:, p] - before[:, p]).abs().amax(dim=-1).min().item()
        assert change > 1e-6, f"The logits at position {p} must change with token 3."


@exercise("2.14")
@families
def test_a_model_without_blocks_unembeds_the_embedding(model, config, family, seed):
    whole = build(model, config, family, seed, n_layers=0)
    expected = whole.unembed(whole.ln_final(whole.embed(TOKENS) + whole.pos_embed(TOKENS, 0)))
    assert_close(whole(TOKENS), expected, "Without blocks, the logits are those of the embedding.")


@exercise("2.14")
@families
def test_every_weight_gets_a_gradient(model, config, family, seed):
    whole = build(model, config, family, seed)
    loss = whole(TOKENS).log_softmax(dim=-1)[..., 0].sum()
    if loss.requires_grad:
        loss.backward()
    weights = dict(whole.named_parameters())
    still = [
        # Without rotation b_K adds the same to every key's score, which softmax ignores.
        name
        for name, weight in weights.items()
        if weight.grad is None or (not name.endswith("b_K") and not weight.grad.any())
    ]
    assert not still, f"Every weight must have a gradient; {', '.join(still[:3])} has none."


@pytest.mark.project
@families
@pytest.mark.parametrize("tokens, words", [([1, 2], "tokens[None]"), ([[0.5]], "whole numbers")])
def test_anything_but_a_batch_of_tokens_raises(impl, model, config, family, seed, tokens, words):
    whole = build(model, config, family, seed)
    with pytest.raises(ValueError, match=words.replace("[", r"\[")):
        impl("ch00_looking.checks").check_tokens(torch.tensor(tokens), 13)
    with pytest.raises(ValueError, match="expected at most n_ctx=17 tokens, got 18"):
        whole.embed_tokens(TOKENS, start=13)
    with pytest.raises(ValueError, match="got start=2, stop=1"):
        whole.run_blocks(whole.embed_tokens(TOKENS), start=2, stop=1)
