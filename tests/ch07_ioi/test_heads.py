"""Graders of 7.4, 7.5 and 7.7: attention between roles, copying, self-repair."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check, normal
from tests.grading.odd_inputs import check_odd


def attention_by_loop(pattern, query, key):
    """Read the attention one entry at a time: [batch, head]."""
    rows = [
        [pattern[b, head, query[b], key[b]].item() for head in range(pattern.shape[1])]
        for b in range(len(pattern))
    ]
    return torch.tensor(rows, dtype=torch.float64)


def pattern_and_positions(batch, head, pos):
    pattern = normal(batch, head, pos, pos, seed=pos).tril().softmax(-1)
    generator = torch.Generator().manual_seed(pos)
    return pattern, *torch.randint(pos, (2, batch), generator=generator)


@exercise("7.4")
@pytest.mark.parametrize("batch, head, pos", [(5, 3, 8), (6, 4, 9)])
def test_each_prompt_is_read_at_its_own_query_and_key(heads, batch, head, pos):
    arguments = pattern_and_positions(batch, head, pos)
    expected = attention_by_loop(*arguments)
    claim = "Attention from one position of a prompt to another is wrong."
    check(heads.attention_between, *arguments, expected=expected, claim=claim)


@exercise("7.4")
def test_attention_between_on_odd_inputs(heads):
    sizes = {"batch": 3, "head": 2, "pos": 5}
    check_odd(heads.attention_between, attention_by_loop, pattern_and_positions, half=True, **sizes)


def top_k_by_count(logits, names, k=5):
    """Test whether fewer than k tokens have a higher logit than the name, counted one by one."""
    higher = [
        sum(value > row[name] for value in row)
        for row, name in zip(logits.tolist(), names.tolist(), strict=True)
    ]
    return torch.tensor([float(count < k) for count in higher], dtype=torch.float64)


def logits_and_names(prompts, tokens):
    generator = torch.Generator().manual_seed(tokens)
    names = torch.randint(tokens, (prompts,), generator=generator)
    return normal(prompts, tokens, seed=tokens), names


@exercise("7.5")
@pytest.mark.parametrize("k", [1, 2, 5, 7])
def test_a_name_among_the_k_highest_logits_counts(heads, k):
    logits, names = logits_and_names(61, 17)
    claim = f"k={k}: expected 1.0 where the name is among the {k} highest logits, else 0.0."
    for other in (logits, logits.flip(0)):
        expected = top_k_by_count(other, names, k)
        check(heads.in_top_k, other, names, k, expected=expected, claim=claim)


@exercise("7.5")
def test_five_is_the_default_of_k(heads):
    logits = torch.arange(9.0).flip(0).expand(9, 9)
    expected = torch.tensor([1.0] * 5 + [0.0] * 4)
    claim = "Logits fall from token to token, and prompt i has the name i: the first five count."
    check(heads.in_top_k, logits, torch.arange(9), expected=expected, claim=claim)


@exercise("7.5")
def test_in_top_k_on_odd_inputs(heads):
    skip = "nan zeros sparse close tokens=1 ones"  # ties, and fewer tokens than k
    check_odd(heads.in_top_k, top_k_by_count, logits_and_names, skip=skip, prompts=6, tokens=11)


def repair_by_loop(direct, total):
    """Subtract mean effects, one prompt at a time."""
    gaps = (direct.double() - total.double()).reshape(-1, direct.shape[-1]).tolist()
    means = [sum(row) / len(row) for row in gaps]
    return torch.tensor(means, dtype=torch.float64).reshape(direct.shape[:-1])


def effects(head, prompts):
    return normal(head, prompts, seed=1) + 0.3, normal(head, prompts, seed=2)


@exercise("7.7")
@pytest.mark.parametrize("shape", [(5, 8), (9,), (2, 3, 7)])
def test_repair_is_direct_minus_total_effect(heads, shape):
    direct, total = normal(*shape, seed=1) + 0.3, normal(*shape, seed=2)
    claim = "The part of the direct effect that is made up for is wrong."
    expected = repair_by_loop(direct, total)
    check(heads.self_repair, direct, total, expected=expected, claim=claim)


@exercise("7.7")
def test_self_repair_on_odd_inputs(heads):
    check_odd(heads.self_repair, repair_by_loop, effects, head=3, prompts=4)


@exercise("7.7")
def test_heads_with_known_repair(heads):
    direct = torch.tensor([[1.0, 3.0], [1.0, 3.0], [-2.0, -2.0], [1.0, 1.0]], dtype=torch.float64)
    total = torch.tensor([[0.0, 1.0], [2.0, 2.0], [-0.5, -0.5], [1.5, 2.5]], dtype=torch.float64)
    claim = (
        "Direct effects 2, 2, -2, 1 and total ones .5, 2, -.5, 2: the first head is repaired by "
        "1.5, the second not, the third, which works against the answer, by -1.5; on the last one "
        "other components depend."
    )
    expected = torch.tensor([1.5, 0.0, -1.5, -1.0])
    check(heads.self_repair, direct, total, expected=expected, claim=claim)
