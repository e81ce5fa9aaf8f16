"""Indirect-object prompts, and corrupted partners of them.

    When Mary and John walked to the store, John handed a book to  ->  Mary

Mary is the indirect object (IO). John, the subject, stands twice (S1, S2); the token after S1 is
S1+1 and the last one END. 1. `draw_prompts` fills sentences of one length, as many with the IO
first (ABBA) as with S first (BABA). 2. `abc_corruption` and `name_corruption` exchange names and touch nothing else,
so that a difference between two runs is about who is named where.

Axes: batch, pos, n_names.
Source: Wang et al. 2022, "Interpretability in the Wild", section 2 and appendix A.
Differs: the sentences are our own; every prompt of a batch has the same length, without padding.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from tokenizers import Tokenizer
from torch import Tensor

from .sentences import FRAMES, NAMES, OBJECTS, PLACES


class RolePositions(NamedTuple):
    """Where the tokens stand that the circuit is about, one number a prompt."""

    io: Int[Tensor, " batch"]
    """The indirect object's name, which stands once."""
    s1: Int[Tensor, " batch"]
    """The subject's name, first time."""
    s1_next: Int[Tensor, " batch"]
    """The token after S1, where previous-token heads put what stood before."""
    s2: Int[Tensor, " batch"]
    """The subject's name, second time."""
    end: Int[Tensor, " batch"]
    """The last token, which predicts the answer."""


class IOIPrompts(NamedTuple):
    """Prompts of equal length, and what is known of each."""

    tokens: Int[Tensor, "batch pos"]
    """What the model reads; no token marks the start."""
    positions: RolePositions
    """Where the names stand. A corrupted partner keeps the positions of its source."""
    io_token: Int[Tensor, " batch"]
    """The right answer, a token. A corrupted partner keeps its source's, by which it is scored."""
    s_token: Int[Tensor, " batch"]
    """The subject, the wrong answer; of the source too."""
    template: Int[Tensor, " batch"]
    """Group: 2 x the frame's number, + 1 for BABA.

    A mean over prompts is taken within a group: in another frame, or in the other order, the same
    position holds another kind of token, and a mean over both stands for nothing. No two frames,
    and no two orders, share a group.
    """
    abba: Bool[Tensor, " batch"]
    """Whether the source names the IO before S."""

    def select(self, index: Int[Tensor, " chosen"] | Bool[Tensor, " batch"] | slice) -> "IOIPrompts":
        """The prompts at these places of the batch, with everything that belongs to them."""
        where = RolePositions(*(position[index] for position in self.positions))
        return IOIPrompts(self.tokens[index], where, *(field[index] for field in self[2:]))

    def texts(self, tokenizer: Tokenizer) -> list[str]:
        """The prompts as text."""
        return tokenizer.decode_batch(self.tokens.tolist())


def single_tokens(tokenizer: Tokenizer, words: tuple[str, ...] | list[str]) -> dict[str, int]:
    """Those of the words that are one token after a space, each with its token.

    A logit difference compares two tokens, so a name of two tokens has no place in it.
    """
    found = {word: tokenizer.encode(" " + word, add_special_tokens=False).ids for word in words}
    return {
        word: ids[0]
        for word, ids in found.items()
        if len(ids) == 1 and tokenizer.decode(ids).strip() == word
    }


def frames_of_equal_length(tokenizer: Tokenizer) -> list[int]:
    """Numbers of the frames that a tokenizer turns into equally many tokens: the largest group.

    Frames with words that the tokenizer cannot give back are left out.

    Raises: ValueError when none is left.
    """
    groups: dict[int, list[int]] = {}
    names = list(single_tokens(tokenizer, NAMES))[:2]
    things = list(single_tokens(tokenizer, PLACES))[:1], list(single_tokens(tokenizer, OBJECTS))[:1]
    if len(names) == 2 and all(things):
        for number, frame in enumerate(FRAMES):
            text = fill_frame(frame, names[0], names[1], things[0][0], things[1][0])
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            if "".join(tokenizer.decode(ids).split()) == "".join(text.split()):
                groups.setdefault(len(ids), []).append(number)
    if not groups:
        raise ValueError("the tokenizer knows the words of no frame: another vocabulary is needed")
    return max(groups.values(), key=len)


def fill_frame(frame: str, io: str, s: str, place: str, thing: str, abba: bool = True) -> str:
    """One sentence; ABBA names the IO first, BABA the subject."""
    first, second = (io, s) if abba else (s, io)
    return frame.format(A=first, B=second, S=s, place=place, object=thing)


def draw_prompts(
    tokenizer: Tokenizer,
    n: int,
    generator: torch.Generator,
    order: str = "mixed",
    names: list[str] | None = None,
) -> IOIPrompts:
    """Draw n prompts of one length: names, frame, place and object at random.

    order: "mixed" (as many ABBA as BABA), "ABBA" or "BABA". names: to draw from; otherwise those
    of NAMES that are single tokens. A new generator with another seed gives held-out prompts.

    Raises: ValueError for no tokenizer, n below 1 or odd where both orders are asked for, names of
        several tokens or fewer than 4, and prompts of unequal length.
    """
    if tokenizer is None:
        raise ValueError("prompts need a tokenizer, but this model came without one")
    check_draw(n, order)
    known = check_names(tokenizer, names)
    frames = frames_of_equal_length(tokenizer)
    places = list(single_tokens(tokenizer, PLACES))
    things = list(single_tokens(tokenizer, OBJECTS))

    def choose(among: int) -> list[int]:
        return torch.randint(among, (n,), generator=generator).tolist()

    pairs = torch.rand(n, len(known), generator=generator).argsort(dim=1)[:, :2].tolist()
    frame, place, thing = choose(len(frames)), choose(len(places)), choose(len(things))
    abba = [order == "ABBA" or (order == "mixed" and i % 2 == 0) for i in range(n)]
    words, tokens = list(known), torch.tensor(list(known.values()))
    texts = [
        fill_frame(FRAMES[frames[f]], words[io], words[s], places[p], things[o], first)
        for f, (io, s), p, o, first in zip(frame, pairs, place, thing, abba, strict=True)
    ]
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    io, s = tokens[torch.tensor(pairs)].unbind(dim=1)
    batch = stack_equal_lengths(ids)
    is_abba = torch.tensor(abba)
    group = 2 * torch.tensor(frames)[torch.tensor(frame)] + (~is_abba).long()
    return IOIPrompts(batch, find_positions(batch, io, s), io, s, group, is_abba)


def check_draw(n: int, order: str) -> None:
    """Refuse a number or an order that cannot be drawn."""
    if order not in ("mixed", "ABBA", "BABA"):
        raise ValueError(f'order is "mixed", "ABBA" or "BABA", but it is {order!r}')
    if n < 1 or (order == "mixed" and n % 2):
        raise ValueError(
            f"n is 1 or more, and even where half are ABBA and half BABA; {n} came with {order!r}"
        )


def check_names(tokenizer: Tokenizer, names: list[str] | None) -> dict[str, int]:
    """Names to draw from, with their tokens.

    Raises: ValueError naming those of the given names that are several tokens; for fewer than 4.
    """
    known = single_tokens(tokenizer, NAMES if names is None else names)
    if names is not None and len(known) < len(set(names)):
        several = [name for name in names if name not in known]
        raise ValueError(f"names must be one token with a space before; not so: {several}")
    if len(known) < 4:
        raise ValueError(f"expected 4 names or more that are one token; there are {list(known)}")
    return known


def stack_equal_lengths(ids: list[list[int]]) -> Int[Tensor, "batch pos"]:
    """Prompts as one tensor.

    Raises: ValueError when they differ in length: padding would move END and the positions.
    """
    lengths = sorted({len(one) for one in ids})
    if len(lengths) != 1 or not lengths[0]:
        raise ValueError(f"prompts must be equally long, but they have {lengths} tokens")
    return torch.tensor(ids)


def find_positions(
    tokens: Int[Tensor, "batch pos"], io: Int[Tensor, " batch"], s: Int[Tensor, " batch"]
) -> RolePositions:
    """Where the names of each prompt stand, from its tokens alone.

    A position off by one patches another token, and nothing says so.

    Raises: ValueError for a prompt in which IO does not stand once and S twice.
    """
    is_io, is_s = tokens == io[:, None], tokens == s[:, None]
    wrong = (is_io.sum(dim=1) != 1) | (is_s.sum(dim=1) != 2)
    if wrong.any():
        which = int(wrong.nonzero()[0])
        raise ValueError(
            f"in each prompt IO stands once and S twice; in prompt {which} they stand "
            f"{is_io[which].sum().item()} and {is_s[which].sum().item()} times"
        )
    # exercise 7.1
    index = torch.arange(tokens.shape[1], device=tokens.device)
    s1 = is_s.int().argmax(dim=1)
    return RolePositions(
        io=is_io.int().argmax(dim=1),
        s1=s1,
        s1_next=s1 + 1,
        s2=(is_s * index).amax(dim=1),
        end=torch.full_like(s1, tokens.shape[1] - 1),
    )
