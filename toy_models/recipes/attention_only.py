"""Train the attention-only toys of chapter 3: attn_0l, attn_1l and attn_2l.

1. Draw a text with known statistics (`toy_models.synthetic_text`).
2. Initialise the weights at a scale that suits a model without norms (`initialize`).
3. Train; save; measure against the text's statistics.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention_only import ATTENTION_ONLY
from solutions.ch02_transformer.pretrained import load_pretrained, save_model
from solutions.ch02_transformer.train import TrainConfig, train
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread
from toy_models.synthetic_text import WORDS, Text, draw_text

TRAINING_SEED, HELD_OUT_SEED = 1_000, 2_000
"""Seeds of the texts; a model's own seed decides its initial weights and its batches."""


@dataclass(frozen=True)
class Recipe:
    """Settings in which the attention-only toys differ."""

    sizes: TransformerConfig
    """Sizes of the model."""
    training: TrainConfig
    """Steps, batches, learning rate."""
    skips: bool = False
    """Whether the text has skip-trigrams."""
    repeats: bool = False
    """Whether the text has repeated segments."""
    std_embed: float = 0.5
    """Standard deviation of the initial token embeddings."""

    def text(self, n: int, seed: int) -> Text:
        """Draw a text of this toy's kind."""
        return draw_text(n, seed, skips=self.skips, repeats=self.repeats)


def sizes(n_layers: int, n_heads: int = 1, d_head: int = 1) -> TransformerConfig:
    """Make the sizes of an attention-only model for the 64 words: d_model 64, 64 positions."""
    return TransformerConfig(
        n_layers=n_layers,
        d_model=64,
        n_heads=n_heads,
        d_head=d_head,
        d_mlp=0,
        d_vocab=len(WORDS),
        n_ctx=64,
    )


@torch.no_grad()
def initialize(model: HookedTransformer, seed: int, std_embed: float) -> None:
    """Initialise the weights so that scores and logits start at a size that can be trained.

    Without norms nothing scales the residual stream to size one, so GPT-2's .02 would leave the
    scores near zero for hundreds of steps. Positions start small: the token should matter before
    its position. Biases stay at zero, as in the paper, so that products of matrices are the whole
    model.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        kind = name.rpartition(".")[2]
        fixed = {"W_E": std_embed, "W_pos": 0.1}
        if kind.startswith("W_"):
            std = fixed.get(kind, weight.shape[-2] ** -0.5)
            std *= 0.3 if kind in ("W_O", "W_U") else 1.0
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)
        else:
            weight.requires_grad_(False)


def train_toy(recipe: Recipe, folder: Path, seed: int) -> HookedTransformer:
    """Train one model, save it rounded to float16, and return what was saved.

    An interrupted run goes on from its last checkpoint.
    """
    checkpoint = folder / "run.safetensors"
    model = HookedTransformer(recipe.sizes, ATTENTION_ONLY, seed=seed)
    initialize(model, seed, recipe.std_embed)
    text, held_out = recipe.text(2_000_000, TRAINING_SEED), recipe.text(200_000, HELD_OUT_SEED)
    config = replace(recipe.training, seed=seed)
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for record in train(model, text.tokens, held_out.tokens, config, checkpoint):
            bar.update(record.step - bar.n)
            if record.eval_loss is not None:
                bar.set_postfix_str(f"held-out loss {record.eval_loss:.3f}")
    save_model(model.half(), folder)
    checkpoint.unlink(missing_ok=True)
    return load_pretrained(folder)[0]


def run(
    name: str, recipe: Recipe, report: Callable[[HookedTransformer], object], arguments: list[str]
) -> None:
    """Read the command line, train one model, and print its measurements."""
    parser = recipe_parser(name)
    parser.set_defaults(n_heads=recipe.sizes.n_heads)
    chosen = parser.parse_args(arguments)
    use_one_thread()
    finished = start_run(chosen)
    model = load_pretrained(chosen.out)[0] if finished else None
    print(report(model or train_toy(recipe, chosen.out, chosen.seed)))
    print(f"saved in {chosen.out}")
