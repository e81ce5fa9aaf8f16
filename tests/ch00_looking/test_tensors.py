"""Graders of tensors.py: a mean over positions, a product per head, a score."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import check, normal, wrong_gradients
from tests.grading.odd_inputs import check_odd


def mean_by_loop(embedded):
    total = torch.zeros_like(embedded[:, 0])
    for position in range(embedded.shape[1]):
        total = total + embedded[:, position] / embedded.shape[1]
    return total


def embeddings(batch, pos, d_model):
    return (normal(batch, pos, d_model, seed=3) + 1,)


@exercise("0.1")
def test_mean_of_two_positions_by_hand(tensors):
    x = torch.tensor([[[1.0, 2.0], [5.0, 10.0]], [[-1.0, 0.0], [-3.0, 4.0]]])
    claim = "The mean of [1, 2] and [5, 10] is [3, 6], that of [-1, 0] and [-3, 4] is [-2, 2]."
    expected = torch.tensor([[3.0, 6.0], [-2.0, 2.0]])
    check(tensors.mean_over_positions, x, expected=expected, claim=claim)


@exercise("0.1")
def test_mean_is_over_the_positions_of_each_review(tensors):
    for sizes in ((3, 3, 3), (2, 5, 4)):
        (x,) = embeddings(*sizes)
        claim = f"The mean over the positions of a tensor of shape {list(sizes)} is wrong."
        check(tensors.mean_over_positions, x, expected=mean_by_loop(x), claim=claim)
    check_odd(tensors.mean_over_positions, mean_by_loop, embeddings, batch=2, pos=5, d_model=4)


@exercise("0.1")
def test_a_token_of_zeros_counts_as_a_position(tensors):
    x = torch.tensor([[[2.0, 4.0], [0.0, 0.0]]])
    claim = "The mean of [2, 4] and [0, 0] is [1, 2]."
    check(tensors.mean_over_positions, x, expected=torch.tensor([[1.0, 2.0]]), claim=claim)


@exercise("0.1")
def test_gradients_flow_through_the_mean(tensors):
    x = normal(2, 5, 3, seed=4).requires_grad_()
    wrong = wrong_gradients(lambda: tensors.mean_over_positions(x), {"embedded": x})
    assert not wrong, (
        "The gradient of the mean disagrees with finite differences. Is it computed without its "
        "graph (detach, no_grad, numpy, a new tensor)?"
    )


def product_by_loop(x, W):
    out = torch.zeros(*x.shape[:2], W.shape[0], W.shape[2], dtype=x.dtype)
    for b in range(x.shape[0]):
        for p in range(x.shape[1]):
            for h in range(W.shape[0]):
                out[b, p, h] = (x[b, p, :, None] * W[h]).sum(0)
    return out


def vectors_and_heads(batch, pos, head, d_model, d_head):
    return normal(batch, pos, d_model, seed=1), normal(head, d_model, d_head, seed=11)


@exercise("0.2")
@pytest.mark.parametrize("axes", [(2, 5, 4, 3, 6), (3, 3, 3, 3, 3)])  # of one size: no shape error
def test_each_head_multiplies_each_position_by_its_matrix(tensors, axes):
    claim = "out[b, p, h, e] is the sum over m of x[b, p, m] * W[h, m, e]."
    x, W = vectors_and_heads(*axes)
    check(tensors.per_head, x, W, expected=product_by_loop(x, W), claim=claim)


@exercise("0.2")
def test_each_head_multiplies_odd_inputs(tensors):
    sizes = {"batch": 2, "pos": 3, "head": 2, "d_model": 3, "d_head": 4}
    check_odd(tensors.per_head, product_by_loop, vectors_and_heads, **sizes)


@exercise("0.2")
def test_gradients_flow_to_the_vectors_and_to_the_heads(tensors):
    x, W = (part.requires_grad_() for part in vectors_and_heads(2, 5, 4, 3, 6))
    wrong = wrong_gradients(lambda: tensors.per_head(x, W), {"x": x, "W": W})
    assert not wrong, f"The gradient with respect to {', '.join(wrong)} is wrong or missing."


def score_by_loop(logits, answer):
    scores = []
    for row, own in zip(logits.tolist(), answer.tolist(), strict=True):
        others = [logit for place, logit in enumerate(row) if place != own]
        scores.append(row[own] - sum(others) / len(others))
    return torch.tensor(scores, dtype=torch.float64)


def logits_and_answers(batch, d_out):
    return 2 * normal(batch, d_out, seed=7) + 3, (5 * torch.arange(batch) + 6) % d_out


@exercise("0.3")
def test_score_of_three_logits_by_hand(tensors):
    logits = torch.tensor([[6.0, 1.0, 2.0], [0.0, -4.0, 12.0], [3.0, 3.0, 0.0]])
    answer, expected = torch.tensor([0, 1, 0]), torch.tensor([4.5, -10.0, 1.5])
    claim = "6 - (1 + 2) / 2 = 4.5, -4 - (0 + 12) / 2 = -10, and 3 - (3 + 0) / 2 = 1.5."
    check(tensors.score_of_answer, logits, answer, expected=expected, claim=claim)


@exercise("0.3")
def test_score_is_the_answer_minus_the_mean_of_the_others(tensors):
    for batch, d_out in ((4, 7), (7, 7), (5, 2)):
        logits, answer = logits_and_answers(batch, d_out)
        claim = f"The score of each of {batch} answers among {d_out} is wrong."
        expected = score_by_loop(logits, answer)
        check(tensors.score_of_answer, logits, answer, expected=expected, claim=claim)

    def make(batch, others):
        return logits_and_answers(batch, others + 1)

    check_odd(tensors.score_of_answer, score_by_loop, make, batch=4, others=6)


@exercise("0.3")
def test_a_constant_added_to_every_logit_changes_no_score(tensors):
    logits, answer = logits_and_answers(3, 7)
    shift = torch.tensor([[10.0], [-20.0], [5.0]], dtype=torch.float64)
    claim = "A constant added to all logits of an example changes neither softmax nor score."
    expected = score_by_loop(logits, answer)
    check(tensors.score_of_answer, logits + shift, answer, expected=expected, claim=claim)


@exercise("0.3")
def test_gradients_flow_through_the_score(tensors):
    logits, answer = logits_and_answers(3, 7)
    logits.requires_grad_()
    wrong = wrong_gradients(lambda: tensors.score_of_answer(logits, answer), {"logits": logits})
    assert not wrong, (
        "The gradient of the score disagrees with finite differences. Saliency needs it: is it "
        "computed without its graph (detach, no_grad, item, argmax)?"
    )
