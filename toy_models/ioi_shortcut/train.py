"""Trains ioi_shortcut: the sentences of ioi_pointer without third names, and an ordinary output.

The name that is said twice is never the answer here, so a model need not find the other one: it can
lower the one that gives. `python -m toy_models train ioi_shortcut` writes to the cache, never here.
"""

from dataclasses import replace

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention_only import ATTENTION_ONLY_NORMED
from toy_models.ioi_pointer.train import RECIPE as POINTERS
from toy_models.ioi_pointer.train import WORDS, run


def hold_nothing(model: HookedTransformer) -> None:
    """Everything is learned."""
    del model


RECIPE = replace(
    POINTERS,
    parts=ATTENTION_ONLY_NORMED,
    sizes=TransformerConfig(
        n_layers=3, d_model=64, n_heads=4, d_head=16, d_mlp=0, d_vocab=len(WORDS) + 1, n_ctx=24
    ),
    training=replace(POINTERS.training, steps=1_500),
    third=0.0,
    others=0.5,
    prepare=hold_nothing,
)


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds."""
    run("ioi_shortcut", RECIPE, arguments)


if __name__ == "__main__":
    main()
