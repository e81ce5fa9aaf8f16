"""Corrupted partners of a prompt: the same sentence, with names exchanged.

What a partner takes away is what a patch can give back. S2 tells the later heads two things about
the subject: *which name* it is (token signal) and *where it stood before* (position signal).

- `abc_corruption`: three names that are all different. Nobody stands twice: both signals are gone.
- `name_corruption`: either signal kept, turned round or replaced, in all combinations.

Positions, groups and the scored names stay those of the source. Axes: batch, n_names.
Source: Wang et al. 2022, "Interpretability in the Wild", sections 2, 3.2 and appendix A.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from .prompts import IOIPrompts

TOKEN_SIGNALS = ("original", "random", "inverted")
POSITION_SIGNALS = ("original", "inverted")


def abc_corruption(
    prompts: IOIPrompts, names: Int[Tensor, " n_names"], generator: torch.Generator
) -> IOIPrompts:
    """Partners in which IO, S1 and S2 are three different names, none of them the source's.

    The mean of a head over these says what it does in such a sentence when nobody is named twice.
    Over the prompts themselves it would still say that somebody is, and ablation by that mean would
    leave the head half of what it knows.

    names: tokens to draw from.

    Source: Wang et al. 2022, p_ABC.
    Differs: the authors' code draws the three one after another and may draw a name twice or the
        source's own; here the three are always different and new.
    Raises: ValueError unless every prompt finds three other names.
    """
    check_pool(prompts, names, 3)
    # exercise 7.2
    new = fresh_names(prompts, names, 3, generator)
    where = torch.stack([prompts.positions.io, prompts.positions.s1, prompts.positions.s2], dim=1)
    return prompts._replace(tokens=prompts.tokens.scatter(1, where, new))


def fresh_names(
    prompts: IOIPrompts, names: Int[Tensor, " n_names"], n: int, generator: torch.Generator
) -> Int[Tensor, "batch n"]:
    """For each prompt n different names out of a pool, none of them its own two."""
    # exercise 7.2
    own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])
    lot = torch.rand(own.shape, generator=generator).masked_fill(own, torch.inf)
    return names[lot.argsort(dim=1)[:, :n]]


def name_corruption(
    prompts: IOIPrompts,
    token: str,
    position: str,
    names: Int[Tensor, " n_names"],
    generator: torch.Generator,
) -> IOIPrompts:
    """Partners whose S2 tells the later heads something else about the subject.

    token: which name stands twice. "original" is S, "inverted" is the source's IO, "random" is a
    new name (and the other one is new too). position: where that name stood first. "original" is
    where S1 stands in the source, "inverted" where IO stands. So

        token     position   partner of "When Mary and John walked, John gave a book to"
        original  inverted   When John and Mary walked, John ...   (first clause turned round)
        inverted  inverted   When Mary and John walked, Mary ...   (S2 replaced by IO)
        inverted  original   When John and Mary walked, Mary ...   (names exchanged everywhere)
        random    original   When Anna and Paul walked, Paul ...
        random    inverted   When Paul and Anna walked, Paul ...

    original, original is the source itself, the first cell of the paper's table.

    Raises: ValueError for an unknown kind; unless every prompt finds two other names.
    """
    if token not in TOKEN_SIGNALS or position not in POSITION_SIGNALS:
        raise ValueError(
            f"token is one of {TOKEN_SIGNALS} and position one of {POSITION_SIGNALS}, "
            f"but {token!r} and {position!r} came"
        )
    check_pool(prompts, names, 2)
    own = torch.stack([prompts.io_token, prompts.s_token], dim=1)
    new = fresh_names(prompts, names, 2, generator)
    where = prompts.positions
    # exercise 7.3
    once, twice = {"original": own, "random": new, "inverted": own.flip(1)}[token].unbind(dim=1)
    at_io, at_s1 = (once, twice) if position == "original" else (twice, once)
    places = torch.stack([where.io, where.s1, where.s2], dim=1)
    filled = prompts.tokens.scatter(1, places, torch.stack([at_io, at_s1, twice], dim=1))
    return prompts._replace(tokens=filled)


def swap_names(prompts: IOIPrompts) -> IOIPrompts:
    """Each prompt with its two names exchanged everywhere, the answer too.

    A model likes some names better than others. In a prompt and its mirror image every name is the
    answer once and the wrong answer once, so that on average its taste cancels.
    """
    where = prompts.positions
    places = torch.stack([where.io, where.s1, where.s2], dim=1)
    names = torch.stack([prompts.s_token, prompts.io_token, prompts.io_token], dim=1)
    tokens = prompts.tokens.scatter(1, places, names)
    return prompts._replace(tokens=tokens, io_token=prompts.s_token, s_token=prompts.io_token)


def check_pool(prompts: IOIPrompts, names: Int[Tensor, " n_names"], n: int) -> None:
    """Refuse a pool of names that is too small or names somebody twice.

    Raises: ValueError saying how many names there are.
    """
    own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])
    least = int((~own).sum(dim=1).min()) if len(own) else 0
    if len(names.unique()) < len(names) or least < n:
        raise ValueError(
            f"expected a pool of different names with {n} or more that a prompt does not use; "
            f"{len(names)} came, {len(names.unique())} of them different, of which {least} are left"
        )


def check_prompt_pair(clean: IOIPrompts, corrupted: IOIPrompts) -> None:
    """Refuse a pair that is no pair: a patch from one to the other would mean nothing.

    Both have the same shape, positions and groups; they differ in every prompt, and nowhere but at
    IO, S1 and S2.

    Raises: ValueError saying what is wrong, and in which prompt.
    """
    if clean.tokens.shape != corrupted.tokens.shape:
        shapes = f"{list(clean.tokens.shape)} and {list(corrupted.tokens.shape)}"
        raise ValueError(f"clean and corrupted prompts must have one shape; {shapes} came")
    fields = ((*clean.positions, clean.template), (*corrupted.positions, corrupted.template))
    if not all(torch.equal(one, other) for one, other in zip(*fields, strict=True)):
        raise ValueError("clean and corrupted prompts must share their positions and templates")
    differ = clean.tokens != corrupted.tokens
    where = clean.positions
    named = torch.zeros_like(differ)
    named.scatter_(1, torch.stack([where.io, where.s1, where.s2], dim=1), True)
    for wrong, words in (
        (~differ.any(dim=1), "is equal in both: there is nothing to patch"),
        ((differ & ~named).any(dim=1), "differs at a place other than IO, S1 and S2"),
    ):
        if wrong.any():
            raise ValueError(f"prompt {int(wrong.nonzero()[0])} {words}")
