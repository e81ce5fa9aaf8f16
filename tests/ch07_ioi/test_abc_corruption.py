"""Graders of 7.2: partners in which nobody is named twice."""

import pytest
import torch

from tests.grading import exercise

from .random_prompts import prompts_of_texts, random_prompts

KEPT = ("positions", "io_token", "s_token", "template", "abba")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def places(drawn):
    """Where IO, S1 and S2 stand, three a prompt."""
    return torch.stack([drawn.positions.io, drawn.positions.s1, drawn.positions.s2], dim=1)


def own_names(found, drawn):
    """How many of the names are IO or S of their own prompt."""
    own = torch.stack([drawn.io_token, drawn.s_token], dim=1)
    return int((found[..., None] == own[:, None]).sum())


def check_names(found, drawn, pool):
    """Names [batch, n]: from the pool, different in a prompt, and not its own."""
    alien = int((~torch.isin(found, pool)).sum())
    assert not alien, f"{alien} of {found.numel()} come from elsewhere than the pool of names."
    own = own_names(found, drawn)
    assert not own, (
        f"{own} of {found.numel()} names are the prompt's own IO or S: somebody would still be "
        "named twice, or the answer would stand there."
    )
    twice = sum(len(set(row)) < len(row) for row in found.tolist())
    assert not twice, (
        f"In {twice} of {len(found)} prompts a name is drawn twice: all must be different."
    )


@exercise("7.2")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_fresh_names_are_different_and_none_of_the_prompts_own(prompts, counterfactuals, n):
    drawn = random_prompts(prompts, 200, 9, 8, seed=n)
    pool = torch.tensor([6, 1, 3, 0, 7])
    found = counterfactuals.fresh_names(drawn, pool, n, seeded(n))
    assert list(found.shape) == [200, n], f"[200, {n}] is expected, {list(found.shape)} came."
    check_names(found, drawn, pool)


@exercise("7.2")
def test_every_name_that_is_left_comes_equally_often_in_every_place(prompts, counterfactuals):
    drawn = random_prompts(prompts, 1, 9, 12, seed=3).select(torch.zeros(6000, dtype=torch.long))
    own = [drawn.io_token[0].item(), drawn.s_token[0].item()]
    pool = torch.tensor([name for name in range(12) if name not in own][:5] + own)
    found = counterfactuals.fresh_names(drawn, pool, 3, seeded())
    for place in range(3):
        for name in pool[:5].tolist():
            share = (found[:, place] == name).double().mean().item()
            assert abs(share - 0.2) < 0.03, (
                f"Of 5 names that are left each must come in a fifth of the prompts; one comes in "
                f"{share:.0%} at place {place}. Is every prompt given names of its own, by chance?"
            )
    kinds = len({tuple(row) for row in found.tolist()})
    assert kinds == 60, (
        f"Of 5 names 60 triples can be drawn; 6000 prompts got only {kinds} of them. Are they "
        "neighbours in the pool? Names of one prompt are drawn by chance, each of them."
    )


@exercise("7.2")
def test_prompts_do_not_share_their_names(counterfactuals, draw, names):
    drawn = draw(40, seed=1)
    found = counterfactuals.abc_corruption(drawn, names, seeded(1)).tokens.gather(1, places(drawn))
    rows = len({tuple(row) for row in found.tolist()})
    assert rows > 30, (
        f"40 prompts got {rows} different triples of names: each prompt needs names of its own, or "
        "the mean over partners says whose names they are."
    )


@exercise("7.2")
def test_the_generator_alone_decides(counterfactuals, draw, names):
    drawn = draw(12, seed=2)
    torch.manual_seed(1)
    first, other = (counterfactuals.abc_corruption(drawn, names, seeded(s)).tokens for s in (5, 6))
    torch.manual_seed(2)
    again = counterfactuals.abc_corruption(drawn, names, seeded(5)).tokens
    assert torch.equal(first, again), (
        "The same seed must give the same names. Is chance taken from elsewhere than `generator`?"
    )
    assert not torch.equal(first, other), "Another seed must give other names."


@exercise("7.2")
@pytest.mark.parametrize("seed", [0, 1])
def test_three_names_are_new_and_all_else_stays(counterfactuals, draw, names, seed):
    drawn = draw(30, seed=seed)
    before = drawn.tokens.clone()
    found = counterfactuals.abc_corruption(drawn, names, seeded(seed))
    assert torch.equal(drawn.tokens, before), (
        "The source is changed: its tokens must stay as they were (scatter, not scatter_)."
    )
    for role in ("io", "s1", "s2"):
        where = getattr(drawn.positions, role)[:, None]
        left = int((found.tokens.gather(1, where) == before.gather(1, where)).sum())
        assert not left, f"{left} of 30 prompts keep their source's name at {role.upper()}."
    here = found.tokens.gather(1, places(drawn))
    twice = int((here[:, 1] == here[:, 2]).sum())
    assert not twice, (
        f"In {twice} of 30 partners S1 and S2 are one name: somebody is still named twice."
    )
    check_names(here, drawn, names)
    elsewhere = (found.tokens != before).scatter(1, places(drawn), False)
    assert not elsewhere.any(), (
        f"{int(elsewhere.sum())} tokens differ that are not IO, S1 or S2: nothing but the names "
        "may change."
    )


@exercise("7.2")
def test_a_partner_is_scored_by_its_sources_names(counterfactuals, draw, names):
    drawn = draw(10, seed=4)
    found = counterfactuals.abc_corruption(drawn, names, seeded())
    for field in KEPT:
        came, right = getattr(found, field), getattr(drawn, field)
        came, right = (x if field == "positions" else (x,) for x in (came, right))
        same = all(torch.equal(a, b) for a, b in zip(came, right, strict=True))
        assert same, (
            f"`{field}` is not the source's: positions, groups and the scored names stay, so that "
            "partner and source are measured alike."
        )


@exercise("7.2")
def test_a_comma_behind_a_name_stays(prompts, counterfactuals, tokenizer, names):
    texts = [
        "Then Mary, John and Tom met, and John, gave a book to",
        "When John, Mary and Tom met, so John, sent a gift to",
    ]
    source = prompts_of_texts(prompts, tokenizer, texts, [("Mary", "John")] * 2)
    found = counterfactuals.abc_corruption(source, names, seeded(3))
    comma = tokenizer.token_to_id(",")
    for row, partner in zip(source.tokens, found.tokens, strict=True):
        assert torch.equal(row == comma, partner == comma), (
            "A comma has moved or gone. Names are replaced token by token, not in the text."
        )
    texts = found.texts(tokenizer)
    assert all(" Tom " in text for text in texts), f"A third person must stay: {texts[0]!r}."
