"""Graders of 7.2: ABC corruptions, in which no name is repeated."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.evidence import judge

from .random_prompts import FEW, amount, prompts_of_texts, random_prompts

KEPT = ("positions", "io_token", "s_token", "template", "abba")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def named_positions(drawn):
    """Positions of IO, S1 and S2: [batch, 3]."""
    return torch.stack([drawn.positions.io, drawn.positions.s1, drawn.positions.s2], dim=1)


def check_names(found, drawn, pool):
    """Check names [batch, n]: from the pool, different within a prompt, and not its own."""
    own = {"IO": drawn.io_token, "S": drawn.s_token}
    drawn_own = {
        role: amount((found == name[:, None]).any(1)[torch.isin(name, pool)])
        for role, name in own.items()
    }
    n, size = found.shape[1], len(pool)
    pairs = [amount(found[:, i] == found[:, j]) for i in range(n) for j in range(i)]
    rows = len({tuple(row) for row in found.tolist()})
    judge([drawn_own, pairs, amount(found < size), amount(found[:, 0] == pool[0]), rows == 1])
    assert torch.isin(found, pool).all(), "These names are not from the pool, or not all of them."
    for role, share in drawn_own.items():
        assert share == "No", (
            f"{share} prompts draw their own {role}: a name would still be repeated, or the "
            "answer would occur."
        )
    assert set(pairs) <= {"No"}, "A prompt has one name twice. Its names have to be different."


@exercise("7.2")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_fresh_names_are_different_and_not_the_prompts_own(prompts, counterfactuals, n):
    drawn = random_prompts(prompts, 200, 9, 8, seed=n)
    pool = torch.tensor([6, 1, 3, 0, 7])
    found = counterfactuals.fresh_names(drawn, pool, n, seeded(n))
    assert list(found.shape) == [200, n], f"Expected shape [200, {n}], got {list(found.shape)}."
    check_names(found, drawn, pool)


@exercise("7.2")
def test_fresh_names_are_uniform_and_independent(prompts, counterfactuals):
    drawn = random_prompts(prompts, 1, 9, 12, seed=3).select(torch.zeros(6000, dtype=torch.long))
    own = [drawn.io_token[0].item(), drawn.s_token[0].item()]
    pool = torch.tensor([name for name in range(12) if name not in own][:5] + own)
    found = counterfactuals.fresh_names(drawn, pool, 3, seeded())
    triples = len({tuple(row) for row in found.tolist()})
    uneven = [
        place
        for place in range(3)
        for name in pool[:5].tolist()
        if abs((found[:, place] == name).double().mean().item() - 0.2) >= 0.03
    ]
    judge([triples, sorted(set(uneven))])
    assert not uneven, (
        f"Expected each of 5 unused names in a fifth of the prompts, but at index {uneven[0]} some "
        "are drawn more often. Does every prompt draw its own names at random?"
    )
    assert triples == 60, (
        f"Expected all 60 ordered triples of 5 names in 6000 prompts, got {triples}. Are they "
        "neighbours in the pool? Draw each name at random."
    )


@exercise("7.2")
def test_prompts_do_not_share_their_names(counterfactuals, draw, names):
    drawn = draw(40, seed=1)
    found = counterfactuals.abc_corruption(drawn, names, seeded(1))
    triples = {tuple(row) for row in found.tokens.gather(1, named_positions(drawn)).tolist()}
    judge(len(triples) == 1)
    assert len(triples) > 30, (
        "Too few of 40 prompts have names of their own. Draw new names for each prompt, or a mean "
        "over corruptions carries the names."
    )


@exercise("7.2")
def test_fresh_names_depend_on_the_generator(prompts, counterfactuals):
    drawn, pool = random_prompts(prompts, 50, 9, 8, seed=4), torch.arange(8)
    first, other = (counterfactuals.fresh_names(drawn, pool, 3, seeded(s)) for s in (5, 6))
    assert not torch.equal(first, other), "Another seed must give other names in `fresh_names`."


@exercise("7.2")
def test_names_depend_on_the_generator_alone(counterfactuals, draw, names):
    drawn = draw(12, seed=2)
    torch.manual_seed(1)
    first, other = (counterfactuals.abc_corruption(drawn, names, seeded(s)).tokens for s in (5, 6))
    torch.manual_seed(2)
    again = counterfactuals.abc_corruption(drawn, names, seeded(5)).tokens
    assert torch.equal(first, again), (
        "The same seed must give the same names. Are they drawn from another source than "
        "`generator`?"
    )
    assert not torch.equal(first, other), "Another seed must give other names."


@exercise("7.2")
@pytest.mark.parametrize("seed", [0, 1])
def test_three_names_are_new_and_all_else_stays(counterfactuals, tokenizer, draw, seed):
    drawn = draw(200, seed=seed, names=FEW)
    pool = torch.tensor([tokenizer.token_to_id(name) for name in FEW])
    before = drawn.tokens.clone()
    found = counterfactuals.abc_corruption(drawn, pool, seeded(seed + 2))
    assert torch.equal(drawn.tokens, before), (
        "The source is changed in place. Its tokens must stay: scatter, not scatter_."
    )
    changed = (found.tokens != before).scatter(1, named_positions(drawn), False)
    judge([amount(changed.any(1)), amount(changed.gather(1, drawn.positions.s1_next[:, None]))])
    judge(amount(changed[:, -1]))
    kept = {}
    for role in ("io", "s1", "s2"):
        where = getattr(drawn.positions, role)[:, None]
        kept[role] = amount(found.tokens.gather(1, where) == before.gather(1, where))
    judge(kept)
    for role, share in kept.items():
        assert share == "No", f"{share} prompts keep their source's name at {role.upper()}."
    check_names(found.tokens.gather(1, named_positions(drawn)), drawn, pool)
    assert not changed.any(), "Tokens change that are not at IO, S1 or S2."


@exercise("7.2")
def test_a_corruption_is_scored_by_its_sources_names(counterfactuals, draw, names):
    drawn = draw(10, seed=4)
    found = counterfactuals.abc_corruption(drawn, names, seeded())
    for field in KEPT:
        actual, expected = getattr(found, field), getattr(drawn, field)
        actual, expected = (x if field == "positions" else (x,) for x in (actual, expected))
        assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True)), (
            f"`{field}` is not the source's. Positions, templates and the scored names stay, so "
            "that source and corruption are scored alike."
        )


@exercise("7.2")
def test_a_comma_after_a_name_stays(prompts, counterfactuals, tokenizer, names):
    texts = [
        "Then Mary, John and Tom met, and John, gave a book to",
        "When John, Mary and Tom met, so John, sent a gift to",
    ]
    source = prompts_of_texts(prompts, tokenizer, texts, [("Mary", "John")] * 2)
    found = counterfactuals.abc_corruption(source, names, seeded(3))
    comma = tokenizer.token_to_id(",")
    assert torch.equal(source.tokens == comma, found.tokens == comma), (
        "A comma is moved or removed. Replace names token by token, not in the text."
    )
    texts = found.texts(tokenizer)
    assert all(" Tom " in text for text in texts), "The name Tom is not IO, S1 or S2: it must stay."
