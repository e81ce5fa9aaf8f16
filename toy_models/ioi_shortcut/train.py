"""Train ioi_shortcut: IOI sentences without third names, and an ordinary output.

The name that occurs twice is never the answer here, so a model need not find the other name: it can
lower the logit of the giver. `python -m toy_models train ioi_shortcut` writes to the cache, never
here.
"""

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention_only import ATTENTION_ONLY_NORMED
from solutions.ch02_transformer.train import TrainConfig
from toy_models.recipes.ioi import WORDS, Recipe, run


def hold_nothing(model: HookedTransformer) -> None:
    """Train every weight."""
    del model


RECIPE = Recipe(
    ATTENTION_ONLY_NORMED,
    TransformerConfig(
        n_layers=3, d_model=64, n_heads=4, d_head=16, d_mlp=0, d_vocab=len(WORDS) + 1, n_ctx=24
    ),
    TrainConfig(
        steps=1_500, batch_size=64, window=24, lr=2e-3, weight_decay=0.05, betas=(0.9, 0.98)
    ),
    third=0.0,
    others=0.5,
    prepare=hold_nothing,
)


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds."""
    run("ioi_shortcut", RECIPE, arguments)


if __name__ == "__main__":
    main()
