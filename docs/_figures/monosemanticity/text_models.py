"""The models of the experiment, the tokens that they read, and their MLP activations.

A and B are two training seeds of toy_models/text_1l. Their shuffled versions are the control: the
entries of each weight matrix are permuted, so their sizes stay and what was learned is lost.
"""

import functools
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch08_saes.activation_store import Moments
from toy_models import folder, real_text
from toy_models.real_text import Document, checksum, excerpt, full_text
from toy_models.text_4l import train as text_4l
from toy_models.text_4l.train import as_tokens, windows_of

HOOK = "blocks.0.mlp.hook_post"
N_NEURONS, WINDOW, BATCH = 512, 128, 256
KINDS = ("code", "prose", "verse")
SHUFFLED = "shuffled "
SEEDS = {"A": 0, "B": 1}
BUFFER = 128
"""Windows whose tokens are shuffled together."""

Tokens = Int[Tensor, "window pos"]


class Windows(NamedTuple):
    """Texts of 128 tokens."""

    tokens: Tokens
    """Tokens."""
    kind: Int[Tensor, " window"]
    """Index into KINDS."""


@functools.cache
def tokenizer() -> Tokenizer:
    """Load the vocabulary of all models."""
    return Tokenizer.from_file(str(folder("text_1l") / "tokenizer.json"))


@functools.cache
def model(name: str) -> HookedTransformer:
    """Load model A or B, or a shuffled one."""
    letter = name.removeprefix(SHUFFLED)
    loaded, _ = load_pretrained(folder("text_1l", SEEDS[letter]))
    loaded.requires_grad_(False)
    if name.startswith(SHUFFLED):
        shuffle_weights(loaded, seed=SEEDS[letter])
    return loaded


@torch.no_grad()
def shuffle_weights(model: HookedTransformer, seed: int) -> None:
    """Permute the entries of each weight matrix, in place. Biases and norms stay."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if name.rpartition(".")[2].startswith("W_"):
            order = torch.randperm(weight.numel(), generator=generator)
            weight.copy_(weight.flatten()[order].view_as(weight))


def of_kind(documents: list[Document], kind: str) -> Int[Tensor, " n"]:
    """Concatenate the tokens of the documents of a kind."""
    chosen = [document for document in documents if document.name.startswith(kind)]
    return as_tokens(tokenizer(), chosen)


@functools.cache
def training_text() -> dict[str, Int[Tensor, " n"]]:
    """Tokenize the full training text, by kind; the result is cached."""
    documents = full_text()
    sources = [str(real_text.__file__), str(text_4l.__file__)]
    steps = CachedSteps("ch08_text_tokens", 1, checksum(documents), sources)
    return steps("text", lambda: {kind: of_kind(documents, kind) for kind in KINDS})


def label_windows(per_kind: int = 256, seed: int = 0) -> Windows:
    """Draw windows of training text, as many of each kind; labels are found on them."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [draw(text, per_kind, generator) for text in training_text().values()]
    return Windows(torch.cat(drawn), torch.arange(len(KINDS)).repeat_interleave(per_kind))


def held_out_windows(per_kind: int = 128, seed: int = 0) -> Windows:
    """Draw windows of held-out documents, as many of each kind; everything is scored on them."""
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for kind in KINDS:
        windows = windows_of(of_kind(excerpt("held_out"), kind), WINDOW)
        chosen.append(windows[torch.randperm(len(windows), generator=generator)[:per_kind]])
    return Windows(torch.cat(chosen), torch.arange(len(KINDS)).repeat_interleave(per_kind))


def draw(text: Int[Tensor, " n"], n: int, generator: torch.Generator) -> Tokens:
    """Draw windows that start anywhere."""
    starts = torch.randint(len(text) - WINDOW + 1, (n, 1), generator=generator)
    return text[starts + torch.arange(WINDOW)]


@torch.no_grad()
def mlp_activations(model: HookedTransformer, tokens: Tokens) -> Float[Tensor, "window pos neuron"]:
    """Compute the activations of the MLP's neurons, after ReLU; nothing behind them is computed."""
    batches = [
        model.run_with_cache(batch, names=HOOK, stop_at_layer=1)[1][HOOK]
        for batch in tokens.split(32)
    ]
    return torch.cat(batches)


def moments(model: HookedTransformer) -> Moments:
    """Measure the mean and the scale of the activations on 256 windows; position 0 is left out."""
    text = torch.cat(list(training_text().values()))
    found = Moments(N_NEURONS)
    tokens = draw(text, 256, torch.Generator().manual_seed(7))
    found.add(mlp_activations(model, tokens)[:, 1:].flatten(0, 1))
    return found


class ActivationStream:
    """Batches of scaled activations, each a function of the step, for `train_saes`.

    The model is so small that its activations are computed when they are needed. Tokens are
    shuffled within BUFFER random windows; position 0 is left out.
    """

    def __init__(self, model: HookedTransformer, scale: float, seed: int) -> None:
        self.model, self.scale, self.seed = model, scale, seed
        self.text = torch.cat(list(training_text().values()))
        self.number, self.rows = -1, torch.empty(0)

    def batch(self, step: int) -> Float[Tensor, "batch neuron"]:
        """Return the batch of a step."""
        number, place = divmod(step, BUFFER * (WINDOW - 1) // BATCH)
        if number != self.number:
            self.number, self.rows = number, self.fill(number)
        return self.rows[place * BATCH : (place + 1) * BATCH]

    def fill(self, number: int) -> Float[Tensor, "row neuron"]:
        """Compute the activations of fresh windows, in random order."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        tokens = draw(self.text, BUFFER, generator)
        rows = mlp_activations(self.model, tokens)[:, 1:].flatten(0, 1)
        return rows[torch.randperm(len(rows), generator=generator)] * self.scale
