"""Draw indirect-object prompts and locate the positions that the circuit is about.

    When Mary and John walked to the store, John handed a book to  ->  Mary

Mary is the indirect object (IO).
John is the subject and occurs twice (S1, S2); S1+1 is the token after S1 and END the last token.
`draw_prompts` fills sentence frames of one token length, half of them with the IO first (ABBA) and
half with the subject first (BABA).
counterfactuals.py replaces names in them and nothing else, so that a difference between two runs
comes from the names alone.

Axes: batch, pos, n_names.
Source: Wang et al. 2022, "Interpretability in the Wild", section 2 and appendix A.
Differs: the sentences are our own; all prompts of a batch have one length, without padding.
"""

from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Int
from tokenizers import Tokenizer
from torch import Tensor

from .sentences import FRAMES, NAMES, OBJECTS, PLACES

Order = Literal["mixed", "ABBA", "BABA"]


class RolePositions(NamedTuple):
    """Positions of the tokens that have a role in the circuit, one per prompt."""

    io: Int[Tensor, " batch"]
    """The indirect object's name, which occurs once."""
    s1: Int[Tensor, " batch"]
    """The first occurrence of the subject's name."""
    s1_next: Int[Tensor, " batch"]
    """The token after S1, where previous-token heads write."""
    s2: Int[Tensor, " batch"]
    """The second occurrence of the subject's name."""
    end: Int[Tensor, " batch"]
    """The last token, at which the answer is predicted."""


class IOIPrompts(NamedTuple):
    """A batch of prompts of equal length with their positions and answers."""

    tokens: Int[Tensor, "batch pos"]
    """The model's input; a start token before the text only if `draw_prompts` was asked for it."""
    positions: RolePositions
    """Positions of the roles; a corrupted prompt keeps those of its source."""
    io_token: Int[Tensor, " batch"]
    """The right answer; a corrupted prompt keeps its source's and is scored by it."""
    s_token: Int[Tensor, " batch"]
    """The subject, which is the wrong answer; a corrupted prompt keeps its source's."""
    template: Int[Tensor, " batch"]
    """Index of the template: 2 x the frame's index, + 1 for BABA.

    Means over prompts are taken within a template, because in another frame or order the same
    position holds another kind of token.
    """
    abba: Bool[Tensor, " batch"]
    """Whether the source names the IO before the subject."""

    def select(
        self, index: Int[Tensor, " chosen"] | Bool[Tensor, " batch"] | slice
    ) -> "IOIPrompts":
        """Return the prompts at these batch indices with all their fields."""
        positions = RolePositions(*(position[index] for position in self.positions))
        return IOIPrompts(self.tokens[index], positions, *(field[index] for field in self[2:]))

    def texts(self, tokenizer: Tokenizer) -> list[str]:
        """Decode the prompts."""
        return tokenizer.decode_batch(self.tokens.tolist())


def encode_after_space(tokenizer: Tokenizer, word: str) -> list[int]:
    """Encode a word as it occurs in a text after a space.

    Some tokenizers put a space before every text (Llama 2), so " Mary" on its own would have two.
    """
    before, both = (
        tokenizer.encode(text, add_special_tokens=False).ids for text in ("to", f"to {word}")
    )
    return both[len(before) :] if both[: len(before)] == before else []


def single_tokens(tokenizer: Tokenizer, words: tuple[str, ...] | list[str]) -> dict[str, int]:
    """Map each word that is one token after a space to that token, and drop the other words.

    A logit difference compares two tokens, so a name of two tokens cannot be scored.
    """
    found = {word: encode_after_space(tokenizer, word) for word in words}
    return {
        word: ids[0]
        for word, ids in found.items()
        if len(ids) == 1 and tokenizer.decode(ids).strip() == word
    }


def frames_of_equal_length(tokenizer: Tokenizer) -> list[int]:
    """List the frames of the most frequent token length, by index.

    Frames with words that the tokenizer cannot decode again are left out.

    Raises: ValueError when none is left.
    """
    groups: dict[int, list[int]] = {}
    names = list(single_tokens(tokenizer, NAMES))[:2]
    places, objects = (list(single_tokens(tokenizer, words))[:1] for words in (PLACES, OBJECTS))
    if len(names) == 2 and places and objects:
        for index, frame in enumerate(FRAMES):
            text = fill_frame(frame, names[0], names[1], places[0], objects[0])
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            if "".join(tokenizer.decode(ids).split()) == "".join(text.split()):
                groups.setdefault(len(ids), []).append(index)
    if not groups:
        raise ValueError(
            "expected a vocabulary with the words of at least one frame, got one with none; "
            "use another tokenizer"
        )
    return max(groups.values(), key=len)


def fill_frame(
    frame: str, io: str, s: str, place: str, thing: str, *, io_first: bool = True
) -> str:
    """Fill one sentence frame, with the IO first (ABBA) or the subject first (BABA)."""
    first, second = (io, s) if io_first else (s, io)
    return frame.format(A=first, B=second, S=s, place=place, object=thing)


def draw_prompts(
    tokenizer: Tokenizer,
    n: int,
    generator: torch.Generator,
    order: Order = "mixed",
    names: list[str] | None = None,
    *,
    special_tokens: bool = False,
) -> IOIPrompts:
    """Draw n prompts of one length with random names, frames, places and objects.

    order: "mixed" draws as many ABBA as BABA prompts.
    names: the names to draw from; by default those of NAMES that are single tokens.
    special_tokens: whether to keep what the tokenizer's template adds before a text, such as BOS.
    For held-out prompts, pass a generator with another seed.

    Raises: ValueError without a tokenizer; for n below 1, or odd with "mixed"; for names of several
        tokens or fewer than 4; for prompts of unequal length; for a template that adds nothing
        before the text, or something after it.
    """
    if tokenizer is None:
        raise ValueError(
            "expected a tokenizer, got None; open the model with load_pretrained, which returns one"
        )
    check_draw(n, order)
    known = single_tokens(tokenizer, NAMES if names is None else names)
    if names is not None and len(known) < len(set(names)):
        several = [name for name in names if name not in known]
        raise ValueError(
            f"expected names of one token after a space, got {several} of several; leave them out"
        )
    if len(known) < 4:
        raise ValueError(f"expected 4 or more names of one token, got {list(known)}")
    frames = frames_of_equal_length(tokenizer)
    places = list(single_tokens(tokenizer, PLACES))
    objects = list(single_tokens(tokenizer, OBJECTS))

    def choose(n_choices: int) -> list[int]:
        return torch.randint(n_choices, (n,), generator=generator).tolist()

    # (IO, S) of each prompt: the first two entries of a random order of the names, [batch, 2]
    pairs = torch.rand(n, len(known), generator=generator).argsort(dim=1)[:, :2]
    frame, place, thing = choose(len(frames)), choose(len(places)), choose(len(objects))
    abba = [order == "ABBA" or (order == "mixed" and i % 2 == 0) for i in range(n)]
    words, tokens = list(known), torch.tensor(list(known.values()))
    texts = [
        fill_frame(FRAMES[frames[f]], words[io], words[s], places[p], objects[o], io_first=io_first)
        for f, (io, s), p, o, io_first in zip(
            frame, pairs.tolist(), place, thing, abba, strict=True
        )
    ]
    ids = encode_texts(tokenizer, texts, special_tokens=special_tokens)
    io_token, s_token = tokens[pairs].unbind(dim=1)
    batch = stack_equal_lengths(ids)
    is_abba = torch.tensor(abba)
    template = 2 * torch.tensor(frames)[torch.tensor(frame)] + (~is_abba).long()
    positions = find_positions(batch, io_token, s_token)
    return IOIPrompts(batch, positions, io_token, s_token, template, is_abba)


def encode_texts(
    tokenizer: Tokenizer, texts: list[str], *, special_tokens: bool
) -> list[list[int]]:
    """Encode texts, with or without the tokens that the tokenizer's template adds before them.

    Raises: ValueError where it adds none, or one after the text, which would move END.
    """
    plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    if not special_tokens:
        return plain
    encoded = [tokenizer.encode(text).ids for text in texts]
    for row, bare in zip(encoded, plain, strict=True):
        if len(row) == len(bare) or row[-len(bare) :] != bare:
            raise ValueError(
                f"expected a template that adds tokens before a text and none after it, got {row} "
                f"for {bare}; leave special_tokens out"
            )
    return encoded


def check_draw(n: int, order: str) -> None:
    """Raise ValueError for an unknown order, n below 1, or odd n where half are ABBA."""
    if order not in get_args(Order):
        raise ValueError(f'expected order "mixed", "ABBA" or "BABA", got {order!r}')
    if n < 1 or (order == "mixed" and n % 2):
        raise ValueError(
            f'expected n of 1 or more, even for order "mixed", got {n} with order {order!r}'
        )


def stack_equal_lengths(ids: list[list[int]]) -> Int[Tensor, "batch pos"]:
    """Stack token lists of one length into a batch.

    Raises: ValueError when they differ in length, since padding would move END and the positions.
    """
    lengths = sorted({len(one) for one in ids})
    if len(lengths) != 1 or not lengths[0]:
        raise ValueError(f"expected prompts of one length, got lengths {lengths}")
    return torch.tensor(ids)


def find_positions(
    tokens: Int[Tensor, "batch pos"],
    io_token: Int[Tensor, " batch"],
    s_token: Int[Tensor, " batch"],
) -> RolePositions:
    """Find the position of each role in each prompt, from the tokens alone.

    A position that is off by one patches another token without any error.

    Raises: ValueError for a prompt in which IO does not occur once and S twice.
    """
    is_io, is_s = tokens == io_token[:, None], tokens == s_token[:, None]  # [batch, pos]
    wrong = (is_io.sum(dim=1) != 1) | (is_s.sum(dim=1) != 2)
    if wrong.any():
        prompt = int(wrong.nonzero()[0])
        raise ValueError(
            f"expected IO once and S twice in each prompt, got {int(is_io[prompt].sum())} and "
            f"{int(is_s[prompt].sum())} times in prompt {prompt}"
        )
    # exercise 7.1
    raise NotImplementedError("exercise 7.1")
