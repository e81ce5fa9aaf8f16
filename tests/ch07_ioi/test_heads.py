"""Graders of 7.4, 7.5 and 7.7: where heads look, what they copy, and who makes up for them."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

ROOMY = [(1, 5, 3, 8), (2, 6, 4, 9)]


def looked(pattern, query, key):
    """Attention read off one entry at a time."""
    rows = [
        [pattern[b, head, query[b], key[b]].item() for head in range(pattern.shape[1])]
        for b in range(len(pattern))
    ]
    return torch.tensor(rows, dtype=torch.float64)


@exercise("7.4")
@pytest.mark.parametrize("seed, batch, head, pos", ROOMY)
def test_each_prompt_is_read_at_its_own_query_and_key(heads, seed, batch, head, pos):
    pattern = normal(batch, head, pos, pos, seed=seed).tril().softmax(-1)
    generator = torch.Generator().manual_seed(seed)
    query, key = torch.randint(pos, (2, batch), generator=generator)
    right = looked(pattern, query, key)
    first, last = query[:1].expand(batch), key[:1].expand(batch)
    mistakes = {
        "Query and key are exchanged: the pattern is [batch, head, query, key].": (
            looked(pattern, key, query)
        ),
        "It is a mean over prompts: each prompt has a value of its own.": (
            right.mean(0, keepdim=True).expand(batch, -1)
        ),
        "Every prompt is read at the first one's positions.": looked(pattern, first, last),
        "Every prompt is read at the first one's query.": looked(pattern, first, key),
        "Every prompt is read at the first one's key.": looked(pattern, query, last),
        "All prompts are read from the first one's pattern.": (
            looked(pattern[:1].expand_as(pattern), query, key)
        ),
        "It is the mean over queries: only one of them is asked.": (
            torch.stack([pattern[b, :, :, key[b]].mean(-1) for b in range(batch)])
        ),
        "It is the sum over queries: only one of them is asked.": (
            torch.stack([pattern[b, :, :, key[b]].sum(-1) for b in range(batch)])
        ),
    }
    came = heads.attention_between(pattern, query, key)
    assert_close(
        came, right, "Attention from one position of a prompt to another is wrong.", mistakes
    )


@exercise("7.4")
def test_a_head_that_looks_at_the_name_scores_one(heads):
    pattern = torch.zeros(3, 2, 6, 6, dtype=torch.float64)
    query, key = torch.tensor([5, 4, 3]), torch.tensor([1, 2, 0])
    pattern[:, 1, :, 5] = 1.0
    pattern[torch.arange(3), 0, query, key] = 1.0
    pattern[torch.arange(3), 1, query, 5] = 0.75
    pattern[torch.arange(3), 1, query, key] = 0.25
    right = torch.tensor([[1.0, 0.25]] * 3)
    came = heads.attention_between(pattern, query, key)
    assert_close(
        came, right, "Head 0 looks there with 1, head 1 with .25; is the query the first axis?"
    )


def held(logits, names, k):
    """Whether fewer than k tokens are likelier than the name, counted one by one."""
    likelier = [
        sum(value > row[name] for value in row)
        for row, name in zip(logits.tolist(), names.tolist(), strict=True)
    ]
    return torch.tensor([float(count < k) for count in likelier], dtype=torch.float64)


def copying_mistakes(logits, names, k):
    """Words -> what the usual mistakes of `in_top_k` give."""
    own = logits.gather(1, names[:, None])
    among_prompts = (logits[:, names] > own.T).sum(0) < k
    return {
        "It asks for the LOWEST logits.": held(-logits, names, k),
        "It asks for the largest SIZE, whatever the sign.": held(logits.abs(), names, k),
        "It is always 5: k is given.": held(logits, names, 5),
        "It is one too few: the name may be the k-th itself.": held(logits, names, k - 1),
        "It is one too many.": held(logits, names, k + 1),
        "Only the likeliest is asked for.": held(logits, names, 1),
        "Other names of the batch count too: each prompt is asked for its own name.": (
            torch.isin(logits.topk(k, dim=-1).indices, names).any(-1)
        ),
        "Prompts are ranked among each other: rank tokens within a prompt (dim=-1).": (
            among_prompts
        ),
        "0 and 1 are exchanged.": 1 - held(logits, names, k),
    }


@exercise("7.5")
@pytest.mark.parametrize("k", [1, 2, 5, 7])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_name_among_the_k_highest_logits_counts(heads, k, seed):
    logits = normal(61, 17, seed=seed)
    names = torch.randint(17, (61,), generator=torch.Generator().manual_seed(seed))
    right = held(logits, names, k)
    wrong = copying_mistakes(logits, names, k)
    mistakes = {words: value for words, value in wrong.items() if not torch.equal(value, right)}
    claim = f"k={k}: 1.0 where the prompt's name is among the {k} highest logits, else 0.0."
    assert_close(heads.in_top_k(logits, names, k), right, claim, mistakes)


@exercise("7.5")
def test_five_are_asked_for_unless_told(heads):
    logits = torch.arange(9.0).flip(0).expand(9, 9)
    right = torch.tensor([1.0] * 5 + [0.0] * 4)
    claim = "Logits fall from token to token, and prompt i has the name i: the first five count."
    assert_close(heads.in_top_k(logits, torch.arange(9)), right, claim)


def repair_mistakes(direct, total):
    """Words -> what the usual mistakes of `self_repair` give."""
    DE, TE = direct.mean(-1), total.mean(-1)
    return {
        "It is the size of the direct effect minus the size of the total one: keep signs.": (
            DE.abs() - TE.abs()
        ),
        "The total effect's sign is dropped: keep signs.": DE - TE.abs(),
        "The direct effect's sign is dropped: keep signs.": DE.abs() - TE,
        "It is total minus direct: repair is what the direct effect has MORE.": TE - DE,
        "It is the size of the gap: below 0 others depended on the head.": (DE - TE).abs(),
        "It is the ratio of total to direct: units are those of the metric.": TE / DE,
        "It is a share of the direct effect: units are those of the metric.": 1 - TE / DE,
        "It is the sum of both.": DE + TE,
        "It is a sum over prompts: a mean is asked for.": (direct - total).sum(-1),
        "The mean runs over heads as well: each has its own.": ((DE - TE).mean().expand(DE.shape)),
        "It is the mean of the prompts' own sizes: repair may cancel between prompts.": (
            (direct - total).abs().mean(-1)
        ),
        "It is a median over prompts: a mean is asked for.": (
            direct.median(-1).values - total.median(-1).values
        ),
    }


@exercise("7.7")
@pytest.mark.parametrize("shape", [(5, 8), (9,), (2, 3, 7)])
def test_repair_is_direct_minus_total_effect(heads, shape):
    direct, total = normal(*shape, seed=1) + 0.3, normal(*shape, seed=2)
    right = direct.mean(-1) - total.mean(-1)
    wrong = repair_mistakes(direct, total)
    mistakes = {words: value for words, value in wrong.items() if not value.equal(right)}
    came = heads.self_repair(direct, total)
    assert_close(came, right, "What the rest makes up for is wrong.", mistakes)


@exercise("7.7")
def test_heads_with_known_repair(heads):
    direct = torch.tensor([[1.0, 3.0], [1.0, 3.0], [-2.0, -2.0], [1.0, 1.0]], dtype=torch.float64)
    total = torch.tensor([[0.0, 1.0], [2.0, 2.0], [-0.5, -0.5], [1.5, 2.5]], dtype=torch.float64)
    right = torch.tensor([1.5, 0.0, -1.5, -1.0])
    claim = (
        "Direct effects 2, 2, -2, 1 and total ones .5, 2, -.5, 2: the first head is repaired by "
        "1.5, the second not, the third, which works against the answer, by -1.5, and on the last "
        "one others depend."
    )
    wrong = repair_mistakes(direct, total)
    mistakes = {words: value for words, value in wrong.items() if not value.equal(right.double())}
    assert_close(heads.self_repair(direct, total), right, claim, mistakes)
