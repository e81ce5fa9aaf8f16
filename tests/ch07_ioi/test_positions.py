"""Graders of 7.1: where the names stand."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close

from .random_prompts import positions_by_loop, random_prompts

ROLES = ("io", "s1", "s1_next", "s2", "end")
TEXTS = [
    "When Mary and John walked to the store, John handed a book to",
    "When John and Mary walked to the store, John handed a book to",
    "Then Tom, Anna and Paul met. Later Paul gave the book to",
]
PAIRS = [("Mary", "John"), ("Mary", "John"), ("Anna", "Paul")]
BY_HAND = {
    "io": [1, 3, 3],
    "s1": [3, 1, 5],
    "s1_next": [4, 2, 6],
    "s2": [9, 9, 9],
    "end": [13, 13, 13],
}


def mistakes(role, right, n_pos, batch):
    """Words -> what the usual mistakes give for that role; right: role -> its positions."""
    taken = {
        f"That is the position of {other.upper()}: fields are exchanged.": right[other]
        for other in ROLES
        if other != role
    }
    own = right[role]
    counted = {
        "It is counted from the end of the prompt: positions count from its start, 0 first.": (
            own - n_pos
        ),
        "It is one too far to the right: positions count from 0.": own + 1,
        "It is one too far to the left.": own - 1,
        "Every prompt has the position of the first one: find each prompt's own.": (
            own[:1].expand(batch)
        ),
        "S1+1 is the token after S1, the subject's FIRST place; that one is after S2.": (
            right["s2"] + 1
        ),
        "S1+1 is the token after S1; that one is after IO.": right["io"] + 1,
        "S1+1 is the token AFTER S1; that one is before it.": right["s1"] - 1,
        "Names are told apart by their order: IO is not always the first, in BABA S comes first.": (
            {"io": torch.minimum, "s1": torch.maximum}.get(role, torch.add)(
                right["io"], right["s1"]
            )
        ),
        "S1 is taken to stand two behind IO, as in ABBA: look for it.": right["io"] + 2,
        "That is the length: the last position is one less.": torch.full_like(own, n_pos),
    }
    return {words: value for words, value in (taken | counted).items() if not value.equal(own)}


def compare(found, right, n_pos, what):
    """Each role on its own, so that the refusal names it."""
    for role in ROLES:
        came = getattr(found, role)
        claim = f"The position of {role.upper()} is wrong in {what}."
        assert isinstance(came, torch.Tensor) and not came.is_floating_point(), (
            f"{role.upper()} must be a tensor of whole numbers, one a prompt: others are indexed "
            "by it."
        )
        assert_close(came, right[role], claim, mistakes(role, right, n_pos, len(right[role])))


@exercise("7.1")
def test_roles_stand_where_a_reader_counts_them(prompts, tokenizer):
    ids = torch.tensor([tokenizer.encode(text).ids for text in TEXTS])
    io, s = torch.tensor([[tokenizer.token_to_id(name) for name in pair] for pair in PAIRS]).T
    right = {role: torch.tensor(places) for role, places in BY_HAND.items()}
    compare(prompts.find_positions(ids, io, s), right, 14, "three sentences of 14 tokens")


@exercise("7.1")
@pytest.mark.parametrize("seed, batch, n_pos", [(1, 40, 9), (2, 7, 14), (3, 1, 5), (4, 30, 4)])
def test_every_prompt_has_positions_of_its_own(prompts, seed, batch, n_pos):
    drawn = random_prompts(prompts, batch, n_pos, 23, seed)
    right = dict(
        zip(ROLES, positions_by_loop(drawn.tokens, drawn.io_token, drawn.s_token).T, strict=True)
    )
    found = prompts.find_positions(drawn.tokens, drawn.io_token, drawn.s_token)
    compare(found, right, n_pos, f"random sentences of {n_pos} tokens")


@exercise("7.1")
@pytest.mark.parametrize("order", ["ABBA", "BABA"])
def test_both_orders_are_told_apart(prompts, draw, order):
    drawn = draw(12, seed=5, order=order)
    found = prompts.find_positions(drawn.tokens, drawn.io_token, drawn.s_token)
    right = dict(
        zip(ROLES, positions_by_loop(drawn.tokens, drawn.io_token, drawn.s_token).T, strict=True)
    )
    compare(found, right, drawn.tokens.shape[1], f"sentences of the order {order}")
