"""Graders of 7.3: which name is repeated, and where it occurs first."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.evidence import judge

from .random_prompts import FEW, amount, prompts_of_texts

each_kind = pytest.mark.parametrize("position", ["original", "inverted"])
each_token = pytest.mark.parametrize("token", ["original", "random", "inverted"])
NAMES = ["Anna", "Paul", "Tom", "Mary", "John"]
SENTENCE = "When {} and {} walked to the store, {} gave a book to"
"""Filled with the first name, the second, and the one at S2."""
TABLE = {
    ("original", "original"): ("Mary", "John", "John"),
    ("original", "inverted"): ("John", "Mary", "John"),
    ("inverted", "original"): ("John", "Mary", "Mary"),
    ("inverted", "inverted"): ("Mary", "John", "Mary"),
}
"""Names at IO, S1 and S2 for a sentence with IO Mary and subject John, as in the page's table."""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def named_positions(drawn):
    """Positions of IO, S1 and S2: [batch, 3]."""
    return torch.stack([drawn.positions.io, drawn.positions.s1, drawn.positions.s2], dim=1)


def check_random(actual, drawn, position):
    """Check two new names at IO, S1, S2: one occurs twice, first at S1 (original) or IO."""
    own = {"IO": drawn.io_token, "subject": drawn.s_token}
    kept = {role: [amount(column == token) for column in actual.T] for role, token in own.items()}
    same = [amount(actual[:, i] == actual[:, j]) for i, j in ((0, 2), (1, 2), (0, 1))]
    judge([kept, same, len(actual.unique(dim=0)) == 1])
    for role, shares in kept.items():
        share = max(shares, key=("No", "Some", "All").index)
        assert share == "No", f"token random: {share} prompts keep the name of their {role}."
    place = 1 if position == "original" else 0
    assert same[place] == "All", (
        f"token random, position {position}: the name at S2 is not at {['IO', 'S1'][place]} as "
        "well."
    )
    assert same[2] == "No", "token random: one name is at all three positions."


@exercise("7.3")
@pytest.mark.parametrize("abba", [True, False])
@pytest.mark.parametrize("kind", TABLE)
def test_a_sentence_reads_as_in_the_table(prompts, counterfactuals, tokenizer, kind, abba):
    def sentence(io, s1, s2):
        return SENTENCE.format(*((io, s1) if abba else (s1, io)), s2).replace(",", " ,")

    source = [sentence("Mary", "John", "John")]
    drawn = prompts_of_texts(prompts, tokenizer, source, [("Mary", "John")])
    pool = torch.tensor([tokenizer.token_to_id(name) for name in NAMES])
    actual = counterfactuals.name_corruption(drawn, *kind, pool, seeded()).texts(tokenizer)[0]
    expected = sentence(*TABLE[kind])
    assert actual == expected, (
        f"token {kind[0]}, position {kind[1]}, source {source[0]!r}: expected {expected!r}, got "
        f"{actual!r}."
    )


@exercise("7.3")
@each_token
@each_kind
def test_names_are_where_the_signals_say(counterfactuals, tokenizer, draw, token, position):
    drawn = draw(60, seed=3, names=FEW)
    pool = torch.tensor([tokenizer.token_to_id(name) for name in FEW])
    tokens = counterfactuals.name_corruption(drawn, token, position, pool, seeded(1)).tokens
    actual = tokens.gather(1, named_positions(drawn))
    if token == "random":
        check_random(actual, drawn, position)
        return
    once, twice = drawn.io_token, drawn.s_token
    if token == "inverted":
        once, twice = twice, once
    first = [once, twice] if position == "original" else [twice, once]
    expected = torch.stack([*first, twice], dim=1)
    claim = f"token {token}, position {position}: the names at IO, S1, S2 are wrong."
    assert_close(actual, expected, claim)


@exercise("7.3")
@each_token
@each_kind
def test_nothing_but_the_three_names_changes(counterfactuals, draw, names, token, position):
    drawn = draw(16, seed=2)
    before = drawn.tokens.clone()
    found = counterfactuals.name_corruption(drawn, token, position, names, seeded())
    assert torch.equal(drawn.tokens, before), "The source's tokens are changed in place."
    elsewhere = (found.tokens != before).scatter(1, named_positions(drawn), False)
    assert not elsewhere.any(), "Tokens change that are not at IO, S1 or S2."
    for field in ("io_token", "s_token", "template", "abba"):
        assert torch.equal(getattr(found, field), getattr(drawn, field)), (
            f"`{field}` is not the source's, by which a corruption is scored."
        )
    assert all(torch.equal(*pair) for pair in zip(found.positions, drawn.positions, strict=True)), (
        "`positions` are not the source's. They stay, also where the first clause is swapped."
    )


@exercise("7.3")
def test_random_names_depend_on_the_generator(counterfactuals, draw, names):
    drawn = draw(20, seed=5)
    first, again, other = (
        counterfactuals.name_corruption(drawn, "random", "original", names, seeded(s)).tokens
        for s in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other), (
        "Random names must be drawn from `generator`: the same for one seed, others for another."
    )
