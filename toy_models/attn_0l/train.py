"""Recipe of the attention-only toys, and trains the one without any layer, attn_0l.

1. Draw a text whose truth is known (`toy_models.synthetic_text`). 2. Start from weights that suit a model
without norms (`start`). 3. Train; save; measure against the truth.

`python -m toy_models train attn_0l` takes half a minute of one core; attn_1l and attn_2l come from
the same functions. `--seed` makes the other models, which lie in seed_1 and seed_2.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.attention_only import ATTENTION_ONLY
from solutions.ch02_transformer.pretrained import load_pretrained, save_model
from solutions.ch02_transformer.train import TrainConfig, train
from toy_models.cache import cache_folder
from toy_models.synthetic_text import WORDS, Text, bigrams, draw_text, stationary

TRAINING_SEED, HELD_OUT_SEED = 1_000, 2_000
"""Of the texts; a model's own seed decides its first weights and its batches."""


@dataclass(frozen=True)
class Recipe:
    """What differs between the attention-only toys."""

    sizes: TransformerConfig
    """Of the model."""
    training: TrainConfig
    """Steps, batches, learning rate."""
    skips: bool = False
    """Whether the text has skip-trigrams."""
    repeats: bool = False
    """Whether it has repeated segments."""
    std_embed: float = 0.5
    """Of the first token embeddings."""

    def text(self, n: int, seed: int) -> Text:
        """A text of this toy's kind."""
        return draw_text(n, seed, skips=self.skips, repeats=self.repeats)


def sizes(n_layers: int, n_heads: int = 1, d_head: int = 1) -> TransformerConfig:
    """An attention-only model of width 64 for the 64 words, which reads 64 tokens."""
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
def start(model: HookedTransformer, seed: int, std_embed: float) -> None:
    """Fill the weights so that scores and logits have a size that training can use.

    Without norms nothing brings the stream to size one, so GPT-2's .02 would leave the scores at
    zero for hundreds of steps. Positions start small: what a token is should count before where.
    Biases stay at zero, as in the paper, so that the products of matrices are all there is to read.
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


def make(recipe: Recipe, folder: Path, seed: int) -> HookedTransformer:
    """Train one model, save it rounded to float16, and return what was saved."""
    model = HookedTransformer(recipe.sizes, ATTENTION_ONLY, seed=seed)
    start(model, seed, recipe.std_embed)
    text, held_out = recipe.text(2_000_000, TRAINING_SEED), recipe.text(200_000, HELD_OUT_SEED)
    config = TrainConfig(**{**vars(recipe.training), "seed": seed})
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        for record in train(model, text.tokens, held_out.tokens, config):
            bar.update()
            if record.eval_loss is not None:
                bar.set_postfix_str(f"held-out loss {record.eval_loss:.3f}")
    save_model(model.half(), folder)
    return load_pretrained(folder)[0]


def run(name: str, recipe: Recipe, report: Callable[..., object], arguments: list[str]) -> None:
    """Read the command line, make one model, and print what it achieves."""
    parser = argparse.ArgumentParser(prog=f"python -m toy_models train {name}")
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of the first weights and of the batches")
    add("--out", type=Path, default=cache_folder() / f"trained/{name}", help="folder to write to")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)  # so that the numbers are the same on every run of one machine
    print(report(make(recipe, chosen.out, chosen.seed)))
    print(f"saved in {chosen.out}")


RECIPE = Recipe(
    sizes(n_layers=0),
    TrainConfig(
        steps=1_500,
        batch_size=256,
        window=64,
        lr=0.01,
        weight_decay=0.0,
        betas=(0.9, 0.999),
        eval_every=500,
    ),
)


def bigram_logits(model: HookedTransformer) -> Float[Tensor, "here next"]:
    """W_E W_U: the direct path, each row moved so that its mean is zero."""
    logits = (model.embed.W_E @ model.unembed.W_U).detach().double()
    return logits - logits.mean(dim=-1, keepdim=True)


def centred(P: Float[Tensor, "here next"]) -> Float[Tensor, "here next"]:
    """Log probabilities, each row moved so that its mean is zero."""
    return P.log() - P.log().mean(dim=-1, keepdim=True)


def report(model: HookedTransformer) -> dict[str, float]:
    """How near the model comes to the chain: KL in nats a token, and correlation of logits."""
    P, logits = bigrams(), bigram_logits(model)
    kl = (P * (P.log() - logits.log_softmax(dim=-1))).sum(dim=-1)
    both = torch.stack([logits.flatten(), centred(P).flatten()])
    return {"KL": (stationary(P) @ kl).item(), "correlation": torch.corrcoef(both)[0, 1].item()}


def main(arguments: list[str] | None = None) -> None:
    """Make one model."""
    run("attn_0l", RECIPE, report, arguments or [])


if __name__ == "__main__":
    main()
