"""Models of heads alone: the parts that the chapters on circuits use."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal, randomise

pytestmark = pytest.mark.project
TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])
BLOCK_POINTS = ["hook_resid_pre", "hook_attn_out", "hook_resid_post"]


@pytest.fixture
def original(config, model, attention_only):
    """Two layers of six heads on three key heads, every weight and bias random."""
    sizes = config.TransformerConfig(
        n_layers=2, d_model=8, n_heads=6, d_head=4, d_mlp=0, d_vocab=11, n_ctx=7, n_kv_heads=3
    )
    return randomise(model.HookedTransformer(sizes, attention_only.ATTENTION_ONLY, seed=0), seed=5)


def test_there_is_no_mlp_to_hook(original):
    names = list(original.hook_points())
    found = [name for name in names if name.startswith("blocks.1.hook")]
    assert found == [f"blocks.1.{point}" for point in BLOCK_POINTS]
    assert not [name for name in names if "mlp" in name or "ln2" in name or "mid" in name]


def test_positions_reach_queries_and_keys_but_not_values(original):
    seen = ["hook_q", "hook_k", "hook_v"]
    names = [f"blocks.1.attn.{point}" for point in seen]
    resid = normal(2, 6, 8, seed=3)
    for place in (slice(0, 6), slice(2, 3)):
        before, after = {}, {}
        with original.observing(names, lambda x, point: before.update({point.name: x})):
            original.blocks[1](resid)
        with torch.no_grad():
            original.blocks[1].W_pos[place] += 1
        with original.observing(names, lambda x, point: after.update({point.name: x})):
            original.blocks[1](resid)
        for name in names[:2]:
            moved = (after[name] != before[name]).any(dim=-1).all(dim=-1).all(dim=0)
            expected = torch.zeros(6, dtype=torch.bool)
            expected[place] = True
            assert torch.equal(moved, expected), f"{name} moved at positions {moved.tolist()}"
        assert_close(after[names[2]], before[names[2]], "Values do not depend on positions.")


def test_a_layer_computes_the_formula_of_the_paper(original):
    block = original.blocks[0]
    attn, resid = block.attn, normal(2, 6, 8, seed=4)
    placed = resid + block.W_pos[:6]
    expected = resid + attn.b_O
    for head in range(6):
        q = placed @ attn.W_Q[head] + attn.b_Q[head]
        k = placed @ attn.W_K[head // 2] + attn.b_K[head // 2]
        scores = q @ k.mT / 2
        scores = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
        v = resid @ attn.W_V[head // 2] + attn.b_V[head // 2]
        expected = expected + scores.softmax(dim=-1) @ v @ attn.W_O[head]
    assert_close(block(resid), expected, "A layer adds the output of every head.")


def test_folding_changes_no_prediction(original, fold):
    before = original(TOKENS).log_softmax(dim=-1)
    folded = fold.fold(original)
    assert_close(
        folded(TOKENS).log_softmax(dim=-1), before, "Folding changes no prediction.", None, 1e-9
    )
    assert all(not block.attn.b_V.any() for block in folded.blocks)


@pytest.mark.parametrize("steps", [[1, 1, 1, 1, 1, 1], [2, 4], [5, 1]])
def test_a_cache_gives_the_logits_of_all_tokens_at_once(original, model, steps):
    whole, past = original(TOKENS), model.KVCache(2)
    parts = [original(piece, past=past) for piece in TOKENS.split(steps, dim=1)]
    assert_close(
        torch.cat(parts, dim=1), whole, "Tokens in pieces must give the logits of all at once."
    )


def test_the_scale_of_no_norm_can_be_replaced(original):
    point = "ln_final.hook_scale"
    _, cache = original.run_with_cache(TOKENS, names=point)
    assert_close(cache[point], torch.ones(2, 6, 1), "NoNorm divides by one.")
    double = {point: lambda scale, _: 2 * scale}
    halved = original.run_with_hooks(TOKENS, hooks=double) - original.unembed.b_U
    claim = "The residual stream is divided by what a hook returns at hook_scale."
    assert_close(2 * halved, original(TOKENS) - original.unembed.b_U, claim)


def test_a_model_without_layers_is_a_bigram_table(config, model, attention_only):
    sizes = config.TransformerConfig(
        n_layers=0, d_model=8, n_heads=2, d_head=4, d_mlp=0, d_vocab=11, n_ctx=7
    )
    none = randomise(model.HookedTransformer(sizes, attention_only.ATTENTION_ONLY, seed=0), seed=5)
    table = none.embed.W_E @ none.unembed.W_U + none.unembed.b_U
    assert_close(none(TOKENS), table[TOKENS], "Without layers the logits are rows of W_E @ W_U.")
