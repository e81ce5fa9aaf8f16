"""Graders of copying_score_on_text: whether a head raises the token that it looks at."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

TOKENS = torch.tensor([[7, 2, 9, 0], [3, 4, 8, 1]])
D_VOCAB = 11


def draw(seed, heads=3):
    """Logits that heads would add, with a level of their own."""
    return normal(2, 4, heads, D_VOCAB, seed=seed) + 0.7


def by_loop(raised, tokens):
    """The score, key by key."""
    out = []
    for head in range(raised.shape[2]):
        found = []
        for text, words in zip(raised.tolist(), tokens.tolist(), strict=True):
            for place, word in enumerate(words):
                row = text[place][head]
                level = sum(row) / len(row)
                others = [row[token] - level for token in words if token != word]
                own = row[word] - level
                size = abs(own) + sum(map(abs, others)) / len(others)
                found.append((own - sum(others) / len(others)) / size)
        out.append(sum(found) / len(found))
    return torch.tensor(out, dtype=torch.float64)


def split(rows, tokens):
    """Own [batch key head] and the text's others [batch key head other], before any mean."""
    text = torch.arange(len(tokens))[:, None]
    keys = range(tokens.shape[1])
    own = torch.stack([rows[text[:, 0], key, :, tokens[:, key]] for key in keys], dim=1)
    others = [
        torch.stack([rows[text[:, 0], key, :, tokens[:, k]] for k in keys if k != key], dim=-1)
        for key in keys
    ]
    return own, torch.stack(others, dim=1)


def ratio(own, others, above=None, below=None):
    """Mean over texts and keys of the score with another part above or below the line."""
    above = own - others.mean(-1) if above is None else above
    below = own.abs() + others.abs().mean(-1) if below is None else below
    return (above / below).mean((0, 1))


def levels(raised, tokens):
    """Another level is taken away than the mean over the vocabulary."""
    raw = split(raised, tokens)
    middle = torch.cat([raw[0][..., None], raw[1]], -1).mean(-1)
    in_text = raw[0] - middle, raw[1] - middle[..., None]
    over_keys = split(raised - raised.mean(1, keepdim=True), tokens)
    over_heads = split(raised - raised.mean(2, keepdim=True), tokens)
    return {
        "The mean over the vocabulary is not taken away.": ratio(*raw),
        "The mean over the TEXT's tokens is taken away: the vocabulary's is asked for.": (
            ratio(*in_text)
        ),
        "The mean over keys is taken away: the vocabulary's is asked for.": ratio(*over_keys),
        "The mean over heads is taken away: the vocabulary's is asked for.": ratio(*over_heads),
    }


def picks(raised, tokens):
    """Other logits are picked than those of the text's tokens."""
    centred, n = raised - raised.mean(-1, keepdim=True), tokens.shape[1]
    own, _ = split(centred, tokens)
    late = split(centred, tokens.roll(-1, 1))
    level = (centred.sum(-1) - own) / (centred.shape[-1] - 1)
    width = (centred.abs().sum(-1) - own.abs()) / (centred.shape[-1] - 1)
    return {
        "All other tokens of the vocabulary are compared with: those of the text are asked for.": (
            ((own - level) / (own.abs() + width)).mean((0, 1))
        ),
        "The logit of the NEXT token stands for the own one: a head looks at the key itself.": (
            ratio(*late)
        ),
        "Logits are picked by position: gather them by the tokens' numbers.": (
            ratio(*split(centred, torch.arange(n).expand_as(tokens)))
        ),
        "Tokens of the first text are used for all.": (
            ratio(*split(centred, tokens[:1].expand_as(tokens)))
        ),
        "These are the others at their own keys: the other TOKENS at this key are asked for.": (
            ratio(
                own,
                torch.stack(
                    [own[:, [k for k in range(n) if k != i]].transpose(1, 2) for i in range(n)], 1
                ),
            )
        ),
    }


def mistakes(raised, tokens):
    """Words -> what the usual mistakes give."""
    centred = raised - raised.mean(-1, keepdim=True)
    own, others = split(centred, tokens)
    every = torch.cat([own[..., None], others], -1)
    up, size = ratio(own.relu(), others.relu()), own.abs() + others.abs().mean(-1)
    n = tokens.shape[1]
    found = levels(raised, tokens) | picks(raised, tokens)
    return found | {
        "The own token is counted among the others.": ratio(own, every),
        "The others' mean is divided by the number of all tokens: one of them is the key's own.": (
            ratio(own, others * (n - 1) / n)
        ),
        "The others are summed: their mean is asked for.": ratio(own, others * (n - 1)),
        "The denominator takes the size of the mean: the mean of the sizes is asked for.": (
            ratio(own, others, below=own.abs() + others.mean(-1).abs())
        ),
        "The denominator has no sizes: what is raised and what is lowered cancel there.": (
            ratio(own, others, below=own + others.mean(-1))
        ),
        "What is lowered is dropped, as in the paper: here the signs stay.": up,
        "The numerator takes sizes: it keeps signs.": (
            ratio(own, others, above=own.abs() - others.abs().mean(-1))
        ),
        "The numerator holds the own token alone: the others' mean is to be taken away.": (
            ratio(own, others, above=own)
        ),
        "The sign is turned round.": -ratio(own, others),
        "The means over keys are divided: each key has a score, and those are averaged.": (
            (own - others.mean(-1)).mean((0, 1)) / size.mean((0, 1))
        ),
        "Sums over keys are taken: the mean is asked for.": ratio(own, others) * tokens.numel(),
        "It is not divided by the sizes.": (own - others.mean(-1)).mean((0, 1)),
        "One score for all: each head has its own.": (
            ratio(own, others).mean().expand(raised.shape[2])
        ),
    }


@exercise("4.5")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_keys_own_token_is_compared_with_the_texts_others(scores, seed):
    raised = draw(seed)
    with assert_no_side_effects(raised=raised, tokens=TOKENS):
        came = scores.copying_score_on_text(raised, TOKENS)
    claim = "The copying scores of three random heads on two texts are wrong."
    assert_close(came, by_loop(raised, TOKENS), claim, mistakes(raised, TOKENS))


@exercise("4.5")
def test_a_head_that_copies_scores_one_and_one_that_suppresses_minus_one(scores):
    onehot = torch.eye(D_VOCAB, dtype=torch.float64)[TOKENS]
    size = torch.tensor([0.3, -5.0, 2.0], dtype=torch.float64)  # W_OV = cI between tokens
    raised = onehot[:, :, None, :] * size[:, None]
    right = torch.tensor([1.0, -1.0, 1.0])
    claim = "Heads that add c to the token they look at, c = 0.3, -5 and 2, score 1, -1 and 1."
    assert_close(
        scores.copying_score_on_text(raised, TOKENS), right, claim, mistakes(raised, TOKENS)
    )


@exercise("4.5")
def test_a_text_of_two_tokens_worked_by_hand(scores):
    raised = torch.tensor([[[[5.0, 2.0, 2.0]], [[0.0, 4.0, -1.0]]]], dtype=torch.float64)
    tokens = torch.tensor([[0, 2]])
    claim = (
        "Vocabulary of 3, text 0 2. Key 0: own 5 - 3, other 2 - 3, so 3/3. Key 2: own -1 - 1, "
        "other 0 - 1, so -1/3. The mean is 1/3."
    )
    assert_close(
        scores.copying_score_on_text(raised, tokens),
        torch.tensor([1 / 3], dtype=torch.float64),
        claim,
        mistakes(raised, tokens),
    )


@exercise("4.5")
def test_what_is_added_to_all_logits_alike_changes_nothing(scores):
    raised = draw(4)
    level = 10 * normal(2, 4, 3, 1, seed=5)
    before, after = (scores.copying_score_on_text(x, TOKENS) for x in (raised, raised + level))
    claim = (
        "A number added to all logits of a key changes no probability, and must change no score."
    )
    assert_close(after, before, f"{claim} Is the mean over the vocabulary taken away?")


@exercise("4.5")
def test_heads_that_write_more_of_the_same_score_the_same(scores):
    raised = draw(6)
    size = torch.tensor([0.01, 3.0, 200.0], dtype=torch.float64)[:, None]
    before, after = (scores.copying_score_on_text(x, TOKENS) for x in (raised, raised * size))
    claim = "A head that writes the same, but more of it, must score the same."
    assert_close(after, before, f"{claim} Is the difference divided by the sizes?")
