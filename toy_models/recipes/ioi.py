"""Train the toys of chapter 7: ioi_pointer and ioi_shortcut.

1. Sentences of chapter 7's templates, one token per word, with 0 to 8 extra words. Extra words in
   the sentence decouple positions from roles. Extra names before it, the answer among them, prevent
   a head from counting names without attending to S2.
2. In a share of the sentences the giver is a new third name, and the answer is the giver: so the
   model has to detect whether S2's name occurred before.
3. Loss on the answer and, with `others`, on the other words as well.
4. Three seeds; after an interruption, finished seeds are not trained again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import (
    HookedTransformer,
    Parts,
    TransformerConfig,
    load_pretrained,
    save_model,
)
from solutions.ch02_transformer.fit import fit
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch07_ioi.sentences import FRAMES, NAMES, OBJECTS, PLACES
from toy_models.cache import write_then_rename
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread

N_NAMES = 32
LENGTH = 14
"""Words of a sentence."""
MAX_EXTRA = 8
"""Largest number of extra words."""
NAME_SHARE = 0.4
"""Share of names among the extra words before the sentence."""
SEEDS = (0, 1, 2)
SLOTS = ("{A}", "{B}", "{S}", "{place}", "{object}")


def split(text: str) -> list[str]:
    """Split a sentence into words and punctuation, as the toys' tokenizer does."""
    return text.replace(",", " ,").replace(".", " .").split()


SENTENCES = [words for frame in FRAMES if len(words := split(frame)) == LENGTH]
"""Templates of one length, as words and slots."""
TEMPLATE_WORDS = sorted({word for words in SENTENCES for word in words} - set(SLOTS))
WORDS = (*NAMES[:N_NAMES], *PLACES, *OBJECTS, *TEMPLATE_WORDS)
"""A word's index here is its token; names come first, as the pointer needs them."""
TOKEN = {word: token for token, word in enumerate(WORDS)}


def tokenizer() -> Tokenizer:
    """Build the word-level tokenizer; an unknown word becomes `?`, which is in no sentence."""
    word_level = Tokenizer(models.WordLevel(TOKEN | {"?": len(WORDS)}, unk_token="?"))
    word_level.pre_tokenizer = pre_tokenizers.Whitespace()
    return word_level


@dataclass(frozen=True)
class Recipe:
    """Settings in which the toys of chapter 7 differ."""

    parts: Parts
    """Components of the model."""
    sizes: TransformerConfig
    """Sizes of the model."""
    training: TrainConfig
    """Steps, batches, learning rate; each model has its own seed."""
    third: float
    """Share of sentences in which the giver is a new third name, and the answer."""
    others: float
    """Weight of the loss on words other than the answer."""
    prepare: Callable[[HookedTransformer], None]
    """Called before training and after every step, to reset weights that are not trained."""


class Drawn(NamedTuple):
    """A batch of sentences."""

    tokens: Int[Tensor, "batch pos"]
    """The sentences up to the answer."""
    answer: Int[Tensor, " batch"]
    """The next token, a name."""


def draw(batch: int, generator: torch.Generator, third: float, extra: int) -> Drawn:
    """Draw sentences with `extra` words in and before them; half ABBA, half BABA on average."""

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
    # extra words lie anywhere before the last word; extra names before the sentence only
    where = torch.rand(batch, extra, generator=generator) * (LENGTH + 5) - 6
    words = choose(len(WORDS) - N_NAMES, batch, extra) + N_NAMES
    people = torch.stack([names[:, 3], names[:, 4], other], dim=1)
    extra_names = people.gather(1, choose(3, batch, extra))
    is_name = (where < 0) & (torch.rand(batch, extra, generator=generator) < NAME_SHARE)
    words = torch.where(is_name, extra_names, words)
    order = torch.cat([torch.arange(LENGTH).expand(batch, -1), where], dim=1).argsort(dim=1)
    mixed = torch.cat([tokens, words], dim=1).gather(1, order)
    return Drawn(mixed, torch.where(is_new, names[:, 2], other))


@torch.no_grad()
def initialize(model: HookedTransformer, seed: int) -> None:
    """Initialise the weights so that each component's output has the size of its input.

    Queries and keys read the normalised residual stream, so GPT-2's .02 would leave all scores near
    zero for long.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        kind = name.rpartition(".")[2]
        std = {"W_E": 0.3, "W_pos": 0.3}.get(kind, 0.7 * 64**-0.5)
        if kind.startswith("W_"):
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)


def train_seed(recipe: Recipe, seed: int) -> HookedTransformer:
    """Train one model; the sentences of a step depend on the seed and the step only."""
    model = HookedTransformer(recipe.sizes, recipe.parts, seed=seed)
    initialize(model, seed)
    recipe.prepare(model)
    config = replace(recipe.training, seed=seed)

    def loss_fn(step: int, generator: torch.Generator) -> Float[Tensor, ""]:
        drawn = draw(config.batch_size, generator, recipe.third, extra=step % (MAX_EXTRA + 1))
        logits = model(drawn.tokens)
        loss = F.cross_entropy(logits[:, -1], drawn.answer)
        if recipe.others:
            others = F.cross_entropy(logits[:, :-1].flatten(0, 1), drawn.tokens[:, 1:].flatten())
            loss = loss + recipe.others * others
        return loss

    bar = tqdm(total=config.steps, desc=f"seed {seed}", disable=None)
    for step, loss in fit(model, loss_fn, config):
        recipe.prepare(model)
        bar.update()
        if step % 100 == 1:
            bar.set_postfix_str(f"loss {loss:.3f}")
    bar.close()
    return model


def run(name: str, recipe: Recipe, arguments: list[str] | None) -> None:
    """Read the command line and train all seeds; finished ones are not trained again."""
    chosen = recipe_parser(name, seed=None).parse_args(arguments)
    start_run(chosen)
    use_one_thread()
    for seed in SEEDS:
        folder = chosen.out / f"seed_{seed}"
        if not is_finished(recipe, folder):
            with write_then_rename(folder) as scratch:
                save_model(train_seed(recipe, seed).half(), scratch, parts_name="pointer")
                tokenizer().save(str(scratch / "tokenizer.json"))
    print(f"saved in {chosen.out}; seed_0 is the toy itself")


def is_finished(recipe: Recipe, folder: Path) -> bool:
    """Check whether a folder holds a whole model of the recipe, with its tokenizer."""
    try:
        model, words = load_pretrained(folder, parts=recipe.parts)
    except ValueError:
        return False
    return model.config == recipe.sizes and words is not None
