"""Corrupt prompts by exchanging their names, and nothing else.

A patch can restore only what the corruption removed.
S2 carries two signals about the subject to the later heads: *which name* it is (token signal) and
*where that name occurred before* (position signal).

- `abc_corruption`: three different new names, so no name is repeated and both signals are removed.
- `name_corruption`: each signal kept, inverted or randomised, in all combinations.
- `swap_names`: IO and subject exchanged everywhere, the answer too.

A prompt and its copy with swapped names are not independent: they count as one sample, a mirror
pair. `mirror_pairs` finds the pairs.

Corrupted prompts keep the positions, the template and the scored names of their source, except in
`swap_names`. Axes: batch, n_names.
Source: Wang et al. 2022, "Interpretability in the Wild", sections 2, 3.2 and appendix A.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from ..ch05_patching import check_pair
from .prompts import IOIPrompts

TokenSignal = Literal["original", "random", "inverted"]
PositionSignal = Literal["original", "inverted"]


def abc_corruption(
    prompts: IOIPrompts, names: Int[Tensor, " n_names"], generator: torch.Generator
) -> IOIPrompts:
    """Replace IO, S1 and S2 by three different names, none of them the source's.

    The mean of a head over these prompts is its output in such a sentence without a repeated name.
    A mean over the prompts themselves would still carry the repetition, and ablation by that mean
    would leave the head half of its information.

    names: tokens to draw from.

    Source: Wang et al. 2022, p_ABC.
    Differs: the authors' code draws the three one after another and may draw a name twice or the
        source's own; here the three are always different and new.
    Raises: ValueError unless there are three other names for every prompt.
    """
    check_pool(prompts, names, 3)
    # exercise 7.2
    new = fresh_names(prompts, names, 3, generator)
    where = torch.stack([prompts.positions.io, prompts.positions.s1, prompts.positions.s2], dim=1)
    return prompts._replace(tokens=prompts.tokens.scatter(1, where, new))


def fresh_names(
    prompts: IOIPrompts, names: Int[Tensor, " n_names"], n: int, generator: torch.Generator
) -> Int[Tensor, "batch n"]:
    """Draw n different names for each prompt, none of them its own two."""
    # exercise 7.2
    own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])
    lot = torch.rand(own.shape, generator=generator).masked_fill(own, torch.inf)
    return names[lot.argsort(dim=1)[:, :n]]


def name_corruption(
    prompts: IOIPrompts,
    token: TokenSignal,
    position: PositionSignal,
    names: Int[Tensor, " n_names"],
    generator: torch.Generator,
) -> IOIPrompts:
    """Change the token signal, the position signal, or both.

    token: which name occurs twice. "original" is the subject, "inverted" the source's IO, "random"
    a new name (and the other name is new too).
    position: where that name occurs first. "original" is at the source's S1, "inverted" at its IO.

        token     position   corruption of "When Mary and John walked, John gave a book to"
        original  inverted   When John and Mary walked, John ...   (first clause swapped)
        inverted  inverted   When Mary and John walked, Mary ...   (S2 replaced by IO)
        inverted  original   When John and Mary walked, Mary ...   (names swapped everywhere)
        random    original   When Anna and Paul walked, Paul ...
        random    inverted   When Paul and Anna walked, Paul ...

    Original, original is the source itself, the first cell of the paper's table.

    Raises: ValueError for an unknown signal; unless there are two other names for every prompt.
    """
    if token not in get_args(TokenSignal) or position not in get_args(PositionSignal):
        raise ValueError(
            f"expected token one of {get_args(TokenSignal)} and position one of "
            f"{get_args(PositionSignal)}, got {token!r} and {position!r}"
        )
    check_pool(prompts, names, 2)
    own = torch.stack([prompts.io_token, prompts.s_token], dim=1)  # [batch, 2]: IO, S
    new = fresh_names(prompts, names, 2, generator)  # [batch, 2]
    where = prompts.positions
    # exercise 7.3
    once, twice = {"original": own, "random": new, "inverted": own.flip(1)}[token].unbind(dim=1)
    at_io, at_s1 = (once, twice) if position == "original" else (twice, once)
    places = torch.stack([where.io, where.s1, where.s2], dim=1)
    filled = prompts.tokens.scatter(1, places, torch.stack([at_io, at_s1, twice], dim=1))
    return prompts._replace(tokens=filled)


def swap_names(prompts: IOIPrompts) -> IOIPrompts:
    """Exchange IO and subject everywhere in each prompt, the answer too.

    A model prefers some names to others. In a prompt and its swapped copy each name is the answer
    once and the wrong answer once, so the preference cancels on average.
    """
    where = prompts.positions
    places = torch.stack([where.io, where.s1, where.s2], dim=1)  # [batch, 3]
    names = torch.stack([prompts.s_token, prompts.io_token, prompts.io_token], dim=1)
    tokens = prompts.tokens.scatter(1, places, names)
    return prompts._replace(tokens=tokens, io_token=prompts.s_token, s_token=prompts.io_token)


def mirror_pairs(prompts: IOIPrompts) -> Int[Tensor, " batch"]:
    """Find pairs of a prompt and its copy with swapped names, numbered by first appearance.

    The two prompts of a pair are not independent: they have the same sentence and the same names,
    and a preference of the model for one name raises the metric of one prompt and lowers that of
    the other. So resample, and compute standard errors, over pairs (`average_pairs`). A prompt
    without a copy is a pair of its own.
    """
    where = prompts.positions
    places = torch.stack([where.io, where.s1, where.s2], dim=1)  # [batch, 3]
    frame = prompts.tokens.scatter(1, places, -1)  # the sentence without its names
    names = torch.stack([prompts.io_token, prompts.s_token], dim=1).sort(dim=1).values
    key = torch.cat([frame, names, where.io[:, None]], dim=1)
    same = (key[:, None] == key).all(dim=-1)  # [batch, batch]
    first = same.int().argmax(dim=1)  # the first prompt of each pair
    return first.unique(return_inverse=True)[1]


def check_pool(prompts: IOIPrompts, names: Int[Tensor, " n_names"], n: int) -> None:
    """Check that a pool has no name twice, and for each prompt n names that it does not use.

    Raises: ValueError saying how many names there are.
    """
    own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])
    fewest = int((~own).sum(dim=1).min()) if len(own) else 0
    n_different = len(set(names.tolist()))
    if n_different < len(names) or fewest < n:
        raise ValueError(
            f"expected a pool of different names with {n} or more that a prompt does not use, got "
            f"{len(names)} names, {n_different} of them different, with {fewest} unused"
        )


def check_prompt_pair(clean: IOIPrompts, corrupted: IOIPrompts) -> None:
    """Check that a patch between two batches is well defined.

    They need the same shape, positions and templates, and must differ in every prompt, but only at
    IO, S1 and S2.

    Raises: ValueError saying what is wrong, and in which prompt.
    """
    check_pair(clean.tokens, corrupted.tokens)
    fields = zip(
        [*clean.positions, clean.template], [*corrupted.positions, corrupted.template], strict=True
    )
    if not all(torch.equal(one, other) for one, other in fields):
        raise ValueError(
            "expected clean and corrupted prompts with the same positions and templates, got "
            "different ones; make the corrupted prompts from the clean ones"
        )
    differ = clean.tokens != corrupted.tokens
    where = clean.positions
    named = torch.zeros_like(differ)
    named.scatter_(1, torch.stack([where.io, where.s1, where.s2], dim=1), True)
    elsewhere = (differ & ~named).any(dim=1)
    if elsewhere.any():
        raise ValueError(
            "expected prompts that differ only at IO, S1 and S2, got another difference in prompt "
            f"{int(elsewhere.nonzero()[0])}"
        )
