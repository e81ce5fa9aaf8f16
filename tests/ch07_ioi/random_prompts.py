"""Make a tokenizer of whole words, prompts from texts, and prompts of random tokens."""

import re
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

EXTRA_WORDS = ("Mary", "John", "Anna", "Paul", "Tom", ",", ".")
"""Words that the sentences of the tests need."""
FEW = ["Mary", "John", "Tom", "Anna", "Paul", "Mark"]
"""So few names that a prompt that may draw any name does draw its own, or one twice."""


def word_tokenizer(sentences: Any) -> Tokenizer:
    """Make a tokenizer with one token per word, comma or full stop of the chapter's sentences."""
    text = " ".join(re.sub(r"\{\w+\}", " ", frame) for frame in sentences.FRAMES)
    known = {*re.findall(r"\w+|[^\w\s]", text), *EXTRA_WORDS}
    known |= {*sentences.NAMES, *sentences.PLACES, *sentences.OBJECTS}
    vocabulary = {word: number for number, word in enumerate(["?", *sorted(known)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def amount(marks: torch.Tensor) -> str:
    """How many of the prompts are marked, in a word."""
    return "All" if marks.all() else "Some" if marks.any() else "No"


def prompts_of_texts(
    prompts: Any, tokenizer: Tokenizer, texts: list[str], pairs: list[tuple]
) -> Any:
    """Make prompts of texts; pairs holds the names (IO, S) of each."""
    ids = [tokenizer.encode(text).ids for text in texts]
    io, s = torch.tensor([[tokenizer.token_to_id(name) for name in pair] for pair in pairs]).T
    tokens = torch.tensor(ids)
    abba = torch.tensor([row.index(a) < row.index(b) for row, a, b in zip(ids, io, s, strict=True)])
    template = torch.arange(len(ids)) * 2 + (~abba).long()
    positions = prompts.RolePositions(*positions_by_loop(tokens, io, s).T)
    return prompts.IOIPrompts(tokens, positions, io, s, template, abba)


def positions_by_loop(tokens: torch.Tensor, io: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """Find IO, S1, S1+1, S2 and END of each prompt, one token at a time: [batch, role]."""
    rows = []
    for row, once, twice in zip(tokens.tolist(), io.tolist(), s.tolist(), strict=True):
        first, second = [place for place, token in enumerate(row) if token == twice]
        rows.append([row.index(once), first, first + 1, second, len(row) - 1])
    return torch.tensor(rows)


def random_prompts(prompts: Any, batch: int, n_pos: int, d_vocab: int, seed: int) -> Any:
    """Draw prompts of random tokens with IO once and S twice, at random places, in 4 templates."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(batch, d_vocab, generator=generator).argsort(dim=1)
    io, s, others = order[:, 0], order[:, 1], order[:, 2:]
    picks = torch.randint(d_vocab - 2, (batch, n_pos), generator=generator)
    tokens = others.gather(1, picks)
    places = torch.rand(batch, n_pos - 1, generator=generator).argsort(dim=1)[:, :3]
    tokens = tokens.scatter(1, places, torch.stack([io, s, s], dim=1))
    template = torch.randint(4, (batch,), generator=generator)
    positions = prompts.RolePositions(*positions_by_loop(tokens, io, s).T)
    return prompts.IOIPrompts(tokens, positions, io, s, template, positions.io < positions.s1)
