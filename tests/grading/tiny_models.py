"""Tiny models with random weights, biases and gains, and their writes to the residual stream."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.grading.assertions import normal, randomise

SIZES = dict(
    n_layers=2, d_model=10, n_heads=6, n_kv_heads=2, d_head=4, d_mlp=7, d_vocab=13, n_ctx=17
)
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 12], [0, 7, 8, 11, 10]])
GROUP = SIZES["n_heads"] // SIZES["n_kv_heads"]


@torch.no_grad()
def build(impl, family: str, seed: int = 1, **sizes: Any) -> Any:
    """Build a model of a family in float64, from the package that is graded.

    Weights are small enough that no pattern is all on one key.
    """
    whole, only = impl("ch02_transformer.model"), impl("ch02_transformer.attention_only")
    unembed = impl("ch02_transformer.layers").Unembed
    families = {
        "gpt2": whole.GPT2,
        "parallel": replace(whole.GPT2, block=whole.ParallelBlock, unembed=unembed),
        "llama": whole.LLAMA,
        "attention-only": only.ATTENTION_ONLY,
    }
    config = impl("ch02_transformer.config").TransformerConfig(**SIZES | sizes)
    model = randomise(whole.HookedTransformer(config, families[family], seed=0), seed)
    for parameter in model.parameters():
        parameter.mul_(0.5)
    return model


def shared(W: Tensor, n_heads: int) -> Tensor:
    """Repeat the slices for the query heads: 0, 0, 0, 1, 1, 1 with 6 of them and 2 key heads."""
    group = n_heads // len(W)
    return torch.stack([W[head // group] for head in range(n_heads)])


@torch.no_grad()
def authors(model: Any, tokens: Tensor) -> dict[str, Tensor]:
    """Everything written to the residual stream, by name, in the order of computation."""
    _, cache = model.run_with_cache(tokens)
    written = {"embed": cache["hook_embed"], "pos_embed": cache["hook_pos_embed"]}
    for layer, block in enumerate(model.blocks):
        z = cache[f"blocks.{layer}.attn.hook_z"]
        for head, W_O in enumerate(block.attn.W_O):
            written[f"head {layer}.{head}"] = torch.stack([row @ W_O for row in z[:, :, head]])
        written[f"bias {layer}"] = block.attn.b_O.repeat(*tokens.shape, 1)
        if f"blocks.{layer}.hook_mlp_out" in cache:
            written[f"mlp {layer}"] = cache[f"blocks.{layer}.hook_mlp_out"]
    return written


@torch.no_grad()
def without_query_and_key_biases(model: Any) -> Any:
    """Set b_Q and b_K to 0: scores are then a product of two projections alone."""
    for block in model.blocks:
        block.attn.b_Q.zero_()
        block.attn.b_K.zero_()
    return model


@torch.no_grad()
def regauge(model: Any, seed: int) -> Any:
    """Change W_Q, W_K, W_V, W_O in place without changing the model's function (no rotary).

    (W_Q, W_K) -> (W_Q R, W_K R^-T) and (W_V, W_O) -> (W_V S, S^-1 W_O), another R and S for every
    key head, shared by its group of query heads.
    """
    for layer, block in enumerate(model.blocks):
        attn = block.attn
        heads, (kv_heads, _, width) = len(attn.W_Q), attn.W_K.shape
        R, S = (normal(kv_heads, width, width, seed=seed + 2 * layer + i) for i in range(2))
        turn, back = shared(R, heads), shared(torch.linalg.inv(S), heads)
        attn.W_Q.copy_(attn.W_Q @ turn)
        attn.b_Q.copy_((attn.b_Q[:, None] @ turn)[:, 0])
        attn.W_K.copy_(attn.W_K @ torch.linalg.inv(R).mT)
        attn.b_K.copy_((attn.b_K[:, None] @ torch.linalg.inv(R).mT)[:, 0])
        attn.W_V.copy_(attn.W_V @ S)
        attn.b_V.copy_((attn.b_V[:, None] @ S)[:, 0])
        attn.W_O.copy_(back @ attn.W_O)
    return model
