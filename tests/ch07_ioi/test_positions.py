"""Graders of 7.1: the position of each role."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check

from .random_prompts import positions_by_loop, random_prompts

ROLES = ("io", "s1", "s1_next", "s2", "end")
TEXTS = [
    "When Mary and John walked to the store, John handed a book to",
    "When John and Mary walked to the store, John handed a book to",
    "Then Tom, Anna and Paul met. Later Paul gave the book to",
]
PAIRS = [("Mary", "John"), ("Mary", "John"), ("Anna", "Paul")]
BY_HAND = torch.tensor([[1, 3, 4, 9, 13], [3, 1, 2, 9, 13], [3, 5, 6, 9, 13]])
"""Positions of the roles in the three texts."""


def check_positions(prompts, tokens, io, s, expected, what):
    """expected: [batch, role]."""

    def find(*arguments):
        return prompts.find_positions(*arguments)._asdict()

    claim = f"The positions are wrong in {what}."
    expected = dict(zip(ROLES, expected.T, strict=True))
    found = check(find, tokens, io, s, expected=expected, claim=claim)
    floats = [role for role, position in found.items() if position.is_floating_point()]
    assert not floats, f"Positions must be whole numbers, but {', '.join(floats)} are floats."


@exercise("7.1")
def test_positions_are_those_counted_by_hand(prompts, tokenizer):
    tokens = torch.tensor([tokenizer.encode(text).ids for text in TEXTS])
    io, s = torch.tensor([[tokenizer.token_to_id(name) for name in pair] for pair in PAIRS]).T
    check_positions(prompts, tokens, io, s, BY_HAND, "three sentences of 14 tokens")


@exercise("7.1")
@pytest.mark.parametrize("seed, batch, n_pos", [(1, 40, 9), (2, 7, 14), (3, 1, 5), (4, 30, 4)])
def test_every_prompt_has_positions_of_its_own(prompts, seed, batch, n_pos):
    one = random_prompts(prompts, batch, n_pos, 23, seed)
    expected = positions_by_loop(one.tokens, one.io_token, one.s_token)
    what = f"random sentences of {n_pos} tokens"
    check_positions(prompts, one.tokens, one.io_token, one.s_token, expected, what)


@exercise("7.1")
@pytest.mark.parametrize("order", ["ABBA", "BABA"])
def test_positions_are_right_in_both_orders(prompts, draw, order):
    one = draw(12, seed=5, order=order)
    expected = positions_by_loop(one.tokens, one.io_token, one.s_token)
    what = f"sentences of the order {order}"
    check_positions(prompts, one.tokens, one.io_token, one.s_token, expected, what)
