"""Train ioi_pointer: an IOI model whose output can only copy names (`toy_models.recipes.ioi`).

`python -m toy_models train ioi_pointer` writes to the cache, never here.
"""

from typing import cast

import torch

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention_only import AttentionOnlyBlock
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch07_ioi.pointer import POINTER
from toy_models.recipes.ioi import N_NAMES, WORDS, Recipe, run


@torch.no_grad()
def hold_pointer(model: HookedTransformer) -> None:
    """Restrict the layers to their own part of the residual stream, away from the copying parts."""
    n = 2 * model.config.d_head
    model.embed.W_E[:, :n] = torch.eye(model.config.d_vocab, n)
    model.embed.W_E[n // 2 :, : n // 2] = 0
    model.embed.W_E[:, n // 2 : n] = 0
    for block in model.blocks:
        cast(AttentionOnlyBlock, block).W_pos[:, :n] = 0
        for weight in (block.attn.W_Q, block.attn.W_K, block.attn.W_V):
            if weight.requires_grad:
                weight[:, :n] = 0
        if block.attn.W_O.requires_grad:
            block.attn.W_O[..., :n] = 0
            block.attn.b_O[:n] = 0


RECIPE = Recipe(
    POINTER,
    TransformerConfig(
        n_layers=3,
        d_model=64 + 2 * N_NAMES,
        n_heads=4,
        d_head=N_NAMES,
        d_mlp=0,
        d_vocab=len(WORDS) + 1,
        n_ctx=24,
    ),
    TrainConfig(
        steps=2_000, batch_size=64, window=24, lr=2e-3, weight_decay=0.05, betas=(0.9, 0.98)
    ),
    third=0.4,
    others=0.0,
    prepare=hold_pointer,
)


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds."""
    run("ioi_pointer", RECIPE, arguments)


if __name__ == "__main__":
    main()
