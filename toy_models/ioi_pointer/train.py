"""Trains ioi_pointer, and holds the recipe of its sibling ioi_shortcut.

1. Sentences of chapter 7's frames, read word by word, with 0 to 8 more words. Words in between
   keep a position from standing for a role. Names before the sentence, the answer's own among them,
   keep a head from counting names without looking at S2.
2. In a share of the sentences the giver is a new third name, and the answer is the giver: so the
   model has to know whether S2's name stood there before.
3. Loss on the answer (and, where the model can say every word, half as much on the other words).
4. Three seeds; one that is done is not trained again after an interruption.

`python -m toy_models train ioi_pointer` writes to the cache, never here.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Int
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer, Parts, TransformerConfig, save_model
from solutions.ch02_transformer.pointer import POINTER
from solutions.ch02_transformer.train import TrainConfig, learning_rate, make_optimizer
from solutions.ch07_ioi.sentences import FRAMES, NAMES, OBJECTS, PLACES
from toy_models.cache import cache_folder, write_then_rename

N_NAMES, LENGTH, MOST_EXTRA, NAMED = 32, 14, 8, 0.4
"""Names, words of a sentence, extra words at most; share of names among those before it."""
SEEDS = (0, 1, 2)
SLOTS = ("{A}", "{B}", "{S}", "{place}", "{object}")


def split(text: str) -> list[str]:
    """Words and marks of a sentence, as the tokenizer of the toys parts them."""
    return text.replace(",", " ,").replace(".", " .").split()


SENTENCES = [words for frame in FRAMES if len(words := split(frame)) == LENGTH]
"""Frames of one length, as words and slots."""
SAID = sorted({word for words in SENTENCES for word in words} - set(SLOTS))
WORDS = (*NAMES[:N_NAMES], *PLACES, *OBJECTS, *SAID)
"""A word's place here is its token; the names come first, as the pointer needs them."""
TOKEN = {word: token for token, word in enumerate(WORDS)}


def tokenizer() -> Tokenizer:
    """Word by word; a word that is not in WORDS becomes `?`, which no sentence holds."""
    made = Tokenizer(models.WordLevel(TOKEN | {"?": len(WORDS)}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


@dataclass(frozen=True)
class Recipe:
    """What differs between the toys of chapter 7."""

    parts: Parts
    """What the model is made of."""
    sizes: TransformerConfig
    """Of the model."""
    training: TrainConfig
    """Steps, batches, learning rate; the seed is another for each model."""
    third: float
    """Share of sentences in which a new third name gives, and is the answer."""
    others: float
    """Weight of the loss on words other than the answer."""
    prepare: Callable[[HookedTransformer], None]
    """Called before training and after every step: holds what is not to be learned."""


class Drawn(NamedTuple):
    """Sentences to train on."""

    tokens: Int[Tensor, "batch pos"]
    """Without the answer."""
    answer: Int[Tensor, " batch"]
    """The name that comes next."""


def draw(batch: int, generator: torch.Generator, third: float, extra: int) -> Drawn:
    """Sentences with `extra` words in between and before; half ABBA, half BABA on average."""

    def choose(among: int, *shape: int) -> Int[Tensor, "..."]:
        return torch.randint(among, shape or (batch,), generator=generator)

    slots = {slot: -1 - i for i, slot in enumerate(SLOTS)}
    frames = torch.tensor([[(TOKEN | slots)[word] for word in words] for words in SENTENCES])
    names = torch.rand(batch, N_NAMES, generator=generator).argsort(dim=1)[:, :5]
    giver, row = choose(2), torch.arange(batch)
    is_new = torch.rand(batch, generator=generator) < third
    s = torch.where(is_new, names[:, 2], names[row, giver])
    other = names[row, 1 - giver]
    place, thing = choose(len(PLACES)) + TOKEN[PLACES[0]], choose(len(OBJECTS)) + TOKEN[OBJECTS[0]]
    filled = torch.stack([names[:, 0], names[:, 1], s, place, thing], dim=1)
    tokens = frames[choose(len(SENTENCES))]
    tokens = torch.where(tokens < 0, filled.gather(1, (-1 - tokens).clamp(min=0)), tokens)
    # extra words stand anywhere before the last one; extra names before the sentence only
    where = torch.rand(batch, extra, generator=generator) * (LENGTH + 5) - 6
    words = choose(len(WORDS) - N_NAMES, batch, extra) + N_NAMES
    people = torch.stack([names[:, 3], names[:, 4], other], dim=1)
    somebody = people.gather(1, choose(3, batch, extra))
    is_name = (where < 0) & (torch.rand(batch, extra, generator=generator) < NAMED)
    words = torch.where(is_name, somebody, words)
    order = torch.cat([torch.arange(LENGTH).expand(batch, -1), where], dim=1).argsort(dim=1)
    mixed = torch.cat([tokens, words], dim=1).gather(1, order)
    return Drawn(mixed, torch.where(is_new, names[:, 2], other))


@torch.no_grad()
def begin(model: HookedTransformer, seed: int) -> None:
    """Fill the weights so that what each part writes has the size of what it reads.

    Queries and keys read through a norm, so GPT-2's .02 would leave all scores near zero for long.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        kind = name.rpartition(".")[2]
        std = {"W_E": 0.3, "W_pos": 0.3}.get(kind, 0.7 * 64**-0.5)
        if kind.startswith("W_"):
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)


@torch.no_grad()
def hold_pointer(model: HookedTransformer) -> None:
    """Keep the layers out of the parts of the stream that copy: they read and write elsewhere."""
    n = 2 * model.config.d_head
    model.embed.W_E[:, :n] = torch.eye(model.config.d_vocab, n)
    model.embed.W_E[n // 2 :, : n // 2] = 0
    model.embed.W_E[:, n // 2 : n] = 0
    for block in model.blocks:
        block.W_pos[:, :n] = 0
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


def train_seed(recipe: Recipe, seed: int) -> HookedTransformer:
    """Train one model; the sentences of a step follow from the seed and the step."""
    model = HookedTransformer(recipe.sizes, recipe.parts, seed=seed)
    begin(model, seed)
    recipe.prepare(model)
    config = recipe.training
    optimizer = make_optimizer(model, config)
    bar = tqdm(range(config.steps), desc=f"seed {seed}", disable=None)
    for step in bar:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        extra = step % (MOST_EXTRA + 1)
        drawn = draw(config.batch_size, generator, recipe.third, extra)
        logits = model(drawn.tokens)
        loss = F.cross_entropy(logits[:, -1], drawn.answer)
        if recipe.others:
            said = logits[:, :-1].flatten(0, 1), drawn.tokens[:, 1:].flatten()
            loss = loss + recipe.others * F.cross_entropy(*said)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        recipe.prepare(model)
        if step % 100 == 0:
            bar.set_postfix_str(f"loss {loss.item():.3f}")
    return model


def run(name: str, recipe: Recipe, arguments: list[str] | None) -> None:
    """Read the command line and train all seeds; what is done is not done again."""
    parser = argparse.ArgumentParser(prog=f"python -m toy_models train {name}")
    default = cache_folder() / "trained" / name
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    parser.add_argument("--resume", action="store_true", help="as always: done seeds are kept")
    out = parser.parse_args(arguments).out
    torch.set_num_threads(1)  # so that the numbers are the same on every run of one machine
    for seed in SEEDS:
        folder = out / f"seed_{seed}"
        if not folder.is_dir():
            with write_then_rename(folder) as beside:
                save_model(train_seed(recipe, seed).half(), beside)
                tokenizer().save(str(beside / "tokenizer.json"))
    print(f"saved in {out}; seed_0 is the toy itself")


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds."""
    run("ioi_pointer", RECIPE, arguments)


if __name__ == "__main__":
    main()
