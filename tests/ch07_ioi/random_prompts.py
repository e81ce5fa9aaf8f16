"""A tokenizer that knows whole words alone, and prompts written by hand for it."""

import re
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

MORE = ("Mary", "John", "Anna", "Paul", "Tom", ",", ".")
"""Words that the sentences of the tests need."""


def word_tokenizer(sentences: Any) -> Tokenizer:
    """One token a word, and one a comma or full stop; all else is unknown."""
    text = " ".join(re.sub(r"\{\w+\}", " ", frame) for frame in sentences.FRAMES)
    known = {*re.findall(r"\w+|[^\w\s]", text), *MORE}
    known |= {*sentences.NAMES, *sentences.PLACES, *sentences.OBJECTS}
    vocabulary = {word: number for number, word in enumerate(["?", *sorted(known)])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def written(prompts: Any, tokenizer: Tokenizer, texts: list[str], pairs: list[tuple]) -> Any:
    """Prompts of these texts; pairs holds the names (IO, S) of each. Positions come by a loop."""
    ids = [tokenizer.encode(text).ids for text in texts]
    io, s = torch.tensor([[tokenizer.token_to_id(name) for name in pair] for pair in pairs]).T
    tokens = torch.tensor(ids)
    abba = torch.tensor([row.index(a) < row.index(b) for row, a, b in zip(ids, io, s, strict=True)])
    group = torch.arange(len(ids)) * 2 + (~abba).long()
    where = prompts.RolePositions(*by_hand(tokens, io, s).T)
    return prompts.IOIPrompts(tokens, where, io, s, group, abba)


def by_hand(tokens: torch.Tensor, io: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """IO, S1, S1+1, S2, END of each prompt, found by looking at one token after the other."""
    rows = []
    for row, one, twice in zip(tokens.tolist(), io.tolist(), s.tolist(), strict=True):
        first, second = [place for place, token in enumerate(row) if token == twice]
        rows.append([row.index(one), first, first + 1, second, len(row) - 1])
    return torch.tensor(rows)


def random_prompts(prompts: Any, batch: int, n_pos: int, d_vocab: int, seed: int) -> Any:
    """Prompts of random tokens, the names at random places, IO once and S twice; four groups."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(batch, d_vocab, generator=generator).argsort(dim=1)
    io, s, filling = order[:, 0], order[:, 1], order[:, 2:]
    picks = torch.randint(d_vocab - 2, (batch, n_pos), generator=generator)
    tokens = filling.gather(1, picks)
    places = torch.rand(batch, n_pos - 1, generator=generator).argsort(dim=1)[:, :3]
    tokens = tokens.scatter(1, places, torch.stack([io, s, s], dim=1))
    group = torch.randint(4, (batch,), generator=generator)
    where = prompts.RolePositions(*by_hand(tokens, io, s).T)
    return prompts.IOIPrompts(tokens, where, io, s, group, where.io < where.s1)
