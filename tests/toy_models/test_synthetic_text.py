"""The text has the planted statistics, and marks the planted tokens."""

import torch

from toy_models.synthetic_text import (
    MAX_BACK,
    REACH,
    RULE_PROBABILITY,
    RULES,
    TOKEN,
    WORDS,
    bigrams,
    bugs,
    draw_text,
    nearest_rule,
    rule_table,
    stationary,
)


def count_pairs(tokens):
    """Count the pairs of words."""
    pairs = torch.bincount(tokens[:-1] * len(WORDS) + tokens[1:], minlength=len(WORDS) ** 2)
    return pairs.view(len(WORDS), -1).double()


def test_there_are_64_different_words():
    assert len(WORDS) == len(set(WORDS)) == 64
    assert all(word in TOKEN for rule in RULES for word in rule)


def test_the_chain_has_its_stationary_distribution():
    P = bigrams()
    assert torch.allclose(P.sum(dim=-1), torch.ones(64).double())
    assert P.min() > 0
    assert torch.allclose(stationary(P) @ P, stationary(P), atol=1e-12)


def test_plain_text_follows_the_chain():
    pairs, P = count_pairs(draw_text(400_000, seed=5).tokens), bigrams()
    n = pairs.sum(dim=-1, keepdim=True)
    off = (pairs - n * P) / (n * P * (1 - P)).sqrt()
    assert off.pow(2).mean() < 1.2, "counts vary more than chance"
    assert abs(off.mean()) < 0.1


def test_the_text_depends_on_the_seed_only():
    one, two, other = (draw_text(4_000, s, skips=True, repeats=True).tokens for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_rule_applies_with_its_probability():
    text = draw_text(400_000, seed=5, skips=True)
    windows = text.tokens.view(-1, 2048).unfold(1, REACH + 2, 1).flatten(0, 1)
    word = nearest_rule(windows[:, :-1], rule_table())
    follows, ruled = windows[:, -1] == word, word >= 0
    by_chain = bigrams()[windows[:, -2], word.clamp(min=0)]
    expected = RULE_PROBABILITY + (1 - RULE_PROBABILITY) * by_chain[ruled].mean()
    assert abs(follows[ruled].double().mean() - expected) < 0.01
    assert 0.03 < text.skip.double().mean() < 0.05


def test_the_nearest_source_with_a_rule_counts():
    table = rule_table()
    cases = {
        "keep the in": "mind",
        "keep stand in": "line",
        "stand keep the in": "mind",
        "keep learn in": "mind",
        "keep the at": "bay",
        "learn the in": None,
        "in": None,
    }
    for words, out in cases.items():
        window = torch.tensor([[TOKEN[word] for word in words.split()]])
        assert nearest_rule(window, table).item() == (-1 if out is None else TOKEN[out]), words


def test_a_bug_is_another_rules_word_of_the_same_source():
    assert ("keep", "in", "bay") in bugs()
    assert ("keep", "at", "mind") in bugs()
    assert not set(bugs()) & set(RULES)
    assert len(bugs()) == 6


def test_copied_tokens_equal_earlier_ones():
    text = draw_text(40_000, seed=6, repeats=True)
    tokens, copied = text.tokens.view(-1, 2048), text.copied.view(-1, 2048)
    matches = torch.zeros_like(copied)
    for back in range(1, MAX_BACK + 1):
        same = torch.zeros_like(copied)
        same[:, back:] = tokens[:, back:] == tokens[:, :-back]
        matches |= same
    assert matches[copied].all()
    assert 0.5 < copied.double().mean() < 0.75
    assert not draw_text(4_000, seed=6).copied.any()
