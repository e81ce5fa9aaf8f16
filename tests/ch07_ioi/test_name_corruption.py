"""Graders of 7.3: which name is said twice, and where it stood first."""

import pytest
import torch

from tests.grading import exercise

from .random_prompts import prompts_of_texts

KINDS = [
    (token, place)
    for token in ("original", "random", "inverted")
    for place in ("original", "inverted")
]
each_kind = pytest.mark.parametrize("token, position", KINDS)
NAMES = ["Anna", "Paul", "Tom", "Mary", "John"]
SENTENCE = "When {} and {} walked to the store, {} gave a book to"
"""Filled with the first name, the second, and the one at S2."""
ABBA = {
    ("original", "original"): ("Mary", "John", "John"),
    ("original", "inverted"): ("John", "Mary", "John"),
    ("inverted", "original"): ("John", "Mary", "Mary"),
    ("inverted", "inverted"): ("Mary", "John", "Mary"),
}
"""What stands at IO, S1 and S2 of a sentence about Mary (IO) and John (S); the page's table."""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def other(kind):
    return "inverted" if kind == "original" else "original"


def placed(token_names, position):
    """Names at IO, S1, S2: token_names are (once, twice)."""
    once, twice = token_names
    first = (once, twice) if position == "original" else (twice, once)
    return torch.stack([*first, twice], dim=1)


def read(drawn, tokens):
    """What stands at IO, S1 and S2."""
    where = drawn.positions
    return tokens.gather(1, torch.stack([where.io, where.s1, where.s2], dim=1))


def slips(drawn, token, position):
    """Words -> names at IO, S1, S2 that the usual mistakes of the kept and inverted kinds give."""
    own = {"original": (drawn.io_token, drawn.s_token), "inverted": (drawn.s_token, drawn.io_token)}
    return {
        "That is the partner of the kinds exchanged: `token` says who stands twice, `position` "
        "where that one stood first.": placed(own[position], token),
        "The position signal is turned round and should not be, or the reverse.": (
            placed(own[token], other(position))
        ),
        "Another name stands twice than is asked for.": (placed(own[other(token)], position)),
        "Nothing is changed.": torch.stack([drawn.io_token, drawn.s_token, drawn.s_token], dim=1),
        "S2 has the name that stands once.": (
            placed(own[token], position)[:, [0, 1, 0 if position == "original" else 1]]
        ),
    }


def check_kept(drawn, tokens, token, position):
    """Kinds without chance: every name is known."""
    own = (
        (drawn.s_token, drawn.io_token) if token == "inverted" else (drawn.io_token, drawn.s_token)
    )
    right, came = placed(own, position), read(drawn, tokens)
    if torch.equal(right, came):
        return
    named = [words for words, value in slips(drawn, token, position).items() if value.equal(came)]
    raise AssertionError(
        "\n".join([f"token {token}, position {position}: the names are wrong.", *named])
    )


def check_random(drawn, tokens, position):
    """Two new names: one stands twice, first at S1 (original) or at IO (inverted)."""
    came = read(drawn, tokens)
    own = torch.stack([drawn.io_token, drawn.s_token], dim=1)
    left = int((came[..., None] == own[:, None]).any(-1).any(-1).sum())
    assert not left, f"token random: {left} of {len(came)} partners keep a name of their source."
    first = ("IO", "S1") if position == "inverted" else ("S1", "IO")
    twice, once = (1, 0) if position == "original" else (0, 1)
    wrong = int((came[:, 2] != came[:, twice]).sum())
    turned = " It stands at the other one's place: the position signal is turned round." * (
        bool(torch.equal(came[:, 2], came[:, once]))
    )
    assert not wrong, (
        f"token random, position {position}: in {wrong} of {len(came)} partners the name at S2 "
        f"does not stand at {first[0]} as well.{turned}"
    )
    same = int((came[:, 2] == came[:, once]).sum())
    assert not same, f"token random: in {same} partners one name stands at all three places."


@exercise("7.3")
@pytest.mark.parametrize("abba", [True, False])
@pytest.mark.parametrize("kind", ABBA)
def test_a_sentence_reads_as_in_the_table(prompts, counterfactuals, tokenizer, kind, abba):
    def sentence(io, s1, s2):
        return SENTENCE.format(*((io, s1) if abba else (s1, io)), s2).replace(",", " ,")

    source = [sentence("Mary", "John", "John")]
    drawn = prompts_of_texts(prompts, tokenizer, source, [("Mary", "John")])
    pool = torch.tensor([tokenizer.token_to_id(name) for name in NAMES])
    came = counterfactuals.name_corruption(drawn, *kind, pool, seeded()).texts(tokenizer)[0]
    right = sentence(*ABBA[kind])
    swapped = sentence(*ABBA[kind[::-1]])
    hint = " Are token and position exchanged?" if came == swapped != right else ""
    assert came == right, (
        f"token {kind[0]}, position {kind[1]}: of {source[0]!r} the partner is {right!r}, but "
        f"{came!r} came.{hint}"
    )


@exercise("7.3")
@each_kind
def test_names_stand_where_the_kinds_say(counterfactuals, draw, names, token, position):
    drawn = draw(30, seed=3)
    tokens = counterfactuals.name_corruption(drawn, token, position, names, seeded(1)).tokens
    if token == "random":
        check_random(drawn, tokens, position)
    else:
        check_kept(drawn, tokens, token, position)


@exercise("7.3")
@each_kind
def test_nothing_but_the_three_names_changes(counterfactuals, draw, names, token, position):
    drawn = draw(16, seed=2)
    before = drawn.tokens.clone()
    found = counterfactuals.name_corruption(drawn, token, position, names, seeded())
    assert torch.equal(drawn.tokens, before), "The source's own tokens are changed."
    where = torch.stack([drawn.positions.io, drawn.positions.s1, drawn.positions.s2], dim=1)
    elsewhere = int((found.tokens != before).scatter(1, where, False).sum())
    assert not elsewhere, f"{elsewhere} tokens differ that are not IO, S1 or S2."
    for field in ("io_token", "s_token", "template", "abba"):
        assert torch.equal(getattr(found, field), getattr(drawn, field)), (
            f"`{field}` is not the source's: a partner is scored by its source's names."
        )
    assert all(torch.equal(*pair) for pair in zip(found.positions, drawn.positions, strict=True)), (
        "`positions` are not the source's: they stay, also where the first clause is turned round."
    )


@exercise("7.3")
def test_a_random_name_is_another_one_for_other_seeds(counterfactuals, draw, names):
    drawn = draw(20, seed=5)
    first, again, other_seed = (
        counterfactuals.name_corruption(drawn, "random", "original", names, seeded(s)).tokens
        for s in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other_seed), (
        "Random names must come from `generator`: the same for one seed, others for another."
    )
