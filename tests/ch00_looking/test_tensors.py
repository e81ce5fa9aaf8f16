"""Graders of tensors.py: a mean over positions, a product for each head, a score."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, wrong_gradients
from tests.grading.side_effects import assert_no_side_effects

BATCH, POS, WIDTH, HEADS, D_HEAD, D_OUT = 2, 5, 3, 4, 6, 7
seeds = pytest.mark.parametrize("seed", [0, 1])


def mean_mistakes(x):
    """Words -> what the usual mistakes about a mean give; those of another shape never match."""
    pos, width = x.shape[1:]
    return {
        "This is the sum: divide by the number of positions.": x.sum(1),
        "This is the mean over the batch (axis 0), so that examples see each other; positions are "
        "axis 1.": x.mean(0),
        "This is the mean over d_model (axis 2), which is what is to be kept; positions are axis "
        "1.": x.mean(2),
        "This is the largest entry over the positions, not their mean.": x.amax(1),
        "This is the median over the positions, not their mean.": x.median(1).values,
        "This is the first position alone.": x[:, 0],
        "This is the last position alone.": x[:, -1],
        "It is divided by pos - 1: a mean divides by the number of positions.": (
            x.sum(1) / max(pos - 1, 1)
        ),
        "It is divided by the size of d_model, not by the number of positions.": x.sum(1) / width,
        "It is divided by the size of the batch, not by the number of positions.": (
            x.sum(1) / len(x)
        ),
        "A position is left out.": x[:, 1:].mean(1),
        "The last position is left out.": x[:, :-1].mean(1),
    }


@exercise("0.1")
def test_mean_of_two_positions_worked_by_hand(tensors):
    x = torch.tensor([[[1.0, 2.0], [5.0, 10.0]], [[-1.0, 0.0], [-3.0, 4.0]]])
    claim = "The mean of [1, 2] and [5, 10] is [3, 6], that of [-1, 0] and [-3, 4] is [-2, 2]."
    right = torch.tensor([[3.0, 6.0], [-2.0, 2.0]])
    assert_close(tensors.mean_over_positions(x), right, claim, mean_mistakes(x))


@exercise("0.1")
@pytest.mark.parametrize("shape", [(3, 3, 3), (BATCH, POS, WIDTH), (4, 1, 2), (1, 7, 5)])
def test_every_example_is_averaged_over_its_own_positions(tensors, shape):
    x = normal(*shape, seed=3) + 1
    right = torch.zeros(shape[0], shape[2], dtype=torch.float64)
    for example in range(shape[0]):
        for position in range(shape[1]):
            right[example] += x[example, position] / shape[1]
    with assert_no_side_effects(embedded=x):
        came = tensors.mean_over_positions(x)
    claim = f"The mean over {shape[1]} positions of each of {shape[0]} examples is wrong."
    assert_close(came, right, claim, mean_mistakes(x), tolerance=1e-12)


@exercise("0.1")
def test_gradients_flow_through_the_mean(tensors):
    x = normal(BATCH, POS, WIDTH, seed=4).requires_grad_()
    wrong = wrong_gradients(lambda: tensors.mean_over_positions(x), {"embedded": x})
    assert not wrong, (
        "The gradient of the mean disagrees with finite differences. Is it taken without its "
        "graph (detach, no_grad, numpy, a new tensor)?"
    )


def head_mistakes(x, W):
    """Words -> what the usual mistakes about heads give; those of another shape never match."""
    heads, width, d_head = W.shape
    return {
        "W is used the wrong way round: its axes are [head, d_model, d_head], and the sum runs "
        "over d_model.": torch.stack([x @ w.T for w in W], 2) if width == d_head else x[:0],
        "The axes come out in another order: [batch, pos, head, d_head] is asked for, this is "
        "[batch, pos, d_head, head].": torch.stack([x @ w for w in W], 3),
        "The axes come out in another order: [batch, pos, head, d_head] is asked for, this is "
        "[batch, head, pos, d_head].": torch.stack([x @ w for w in W], 1),
        "The axes come out in another order: [batch, pos, head, d_head] is asked for, this is "
        "[head, batch, pos, d_head].": torch.stack([x @ w for w in W], 0),
        "W is reshaped as if its axes were [d_model, head, d_head]: a reshape moves no numbers. "
        "Name the axes and let einsum put them in order.": (
            (x @ W.reshape(width, heads * d_head)).reshape(*x.shape[:2], heads, d_head)
        ),
        "Every head uses the first head's matrix.": torch.stack([x @ W[0]] * heads, 2),
        "The sum over d_model is a mean here: einsum adds up.": (
            torch.stack([x @ w for w in W], 2) / width
        ),
        "It is divided by the root of d_head. That belongs to attention scores, not here.": (
            torch.stack([x @ w for w in W], 2) / d_head**0.5
        ),
        "The heads are added up: each keeps its own result.": (
            (x @ W.sum(0))[:, :, None].expand(*x.shape[:2], heads, d_head)
        ),
        "The positions are mixed: each has its own result.": (
            torch.stack([x.sum(1, keepdim=True).expand_as(x) @ w for w in W], 2)
        ),
        "Position and batch are mixed up.": torch.stack([x.transpose(0, 1) @ w for w in W], 2),
    }


def each_head(x, W):
    """The product of every position with every head's matrix, number by number."""
    batch, pos, width = x.shape
    out = torch.zeros(batch, pos, W.shape[0], W.shape[2], dtype=torch.float64)
    for b in range(batch):
        for p in range(pos):
            for h in range(W.shape[0]):
                for d in range(W.shape[2]):
                    terms = [(x[b, p, m] * W[h, m, d]).item() for m in range(width)]
                    out[b, p, h, d] = sum(terms)
    return out


@exercise("0.2")
@seeds
def test_axes_keep_their_meaning_where_all_are_of_one_size(tensors, seed):
    x, W = normal(3, 3, 3, seed=seed), normal(3, 3, 3, seed=seed + 10)
    claim = "With every axis of size 3 the result has the right shape and other numbers."
    assert_close(tensors.per_head(x, W), each_head(x, W), claim, head_mistakes(x, W), 1e-12)


@exercise("0.2")
@seeds
def test_each_head_multiplies_each_position_by_its_own_matrix(tensors, seed):
    x, W = normal(BATCH, POS, WIDTH, seed=seed), normal(HEADS, WIDTH, D_HEAD, seed=seed + 10)
    with assert_no_side_effects(x=x, W=W):
        came = tensors.per_head(x, W)
    claim = "out[b, p, h, e] is the sum over m of x[b, p, m] * W[h, m, e]."
    assert_close(came, each_head(x, W), claim, head_mistakes(x, W), 1e-12)


@exercise("0.2")
def test_gradients_flow_to_the_vectors_and_to_the_heads(tensors):
    x = normal(BATCH, POS, WIDTH, seed=5).requires_grad_()
    W = normal(HEADS, WIDTH, D_HEAD, seed=6).requires_grad_()
    wrong = wrong_gradients(lambda: tensors.per_head(x, W), {"x": x, "W": W})
    assert not wrong, f"The gradient with respect to {', '.join(wrong)} is wrong or missing."


def softmax_mistakes(logits, answer):
    """Words -> what scores by way of probabilities give."""
    rows = torch.arange(len(logits))
    chosen = logits.log_softmax(1)[rows, answer]
    odds = chosen - torch.log1p(-chosen.exp())
    return {
        "That is the log-probability: the others enter through their mean here.": chosen,
        "That is the probability; the score is in logits.": chosen.exp(),
        "That is minus the log of the sum of the others' exponentials, the log odds: take their "
        "mean.": odds,
    }


def score_mistakes(logits, answer):
    """Words -> what the usual mistakes about the score give."""

    def score_of(column):
        return logits[:, column] - (logits.sum(1) - logits[:, column]) / (logits.shape[1] - 1)

    rows = torch.arange(len(logits))
    own, n = logits[rows, answer], logits.shape[1]
    is_answer = torch.arange(n) == answer[:, None]
    others = logits.masked_fill(is_answer, -torch.inf)
    rest = logits.masked_fill(is_answer, 0.0).sum(1)
    return {
        **softmax_mistakes(logits, answer),
        "That is minus the mean of ALL logits, the answer's own among them: only the others "
        "count.": own - logits.mean(1),
        "The sum of the others is divided by d_out: there are d_out - 1 others.": own - rest / n,
        "That is minus the SUM of the others: take their mean.": own - rest,
        "That is minus the LARGEST of the others: take their mean.": own - others.amax(1),
        "That is the answer's logit alone: a constant added to every logit must not matter.": own,
        "The sign is turned round: a higher logit of the answer is a higher score.": (
            rest / (n - 1) - own
        ),
        "That scores the model's own first choice (argmax), not the answer.": (
            logits.amax(1) - (logits.sum(1) - logits.amax(1)) / (n - 1)
        ),
        "That is the logit of the first answer for every example: each row has its own.": (
            score_of(answer[0])
        ),
        "That scores class 0, not each example's answer.": score_of(0),
        "The others' mean is taken over the whole batch: each example has its own.": (
            own - rest.mean() / (n - 1)
        ),
        "It is averaged over the batch: each example keeps its own score.": (
            (own - rest / (n - 1)).mean().expand(len(logits))
        ),
        "The median of the others stands where their mean is asked for.": own
        - torch.stack([r[~i].median() for r, i in zip(logits, is_answer, strict=True)]),
        "The absolute value is taken: a wrong answer has a negative score.": (
            (own - rest / (n - 1)).abs()
        ),
    }


def slow_score(logits, answer):
    """The answer's logit minus the mean of the others, example by example."""
    scores = []
    for row, right in zip(logits.tolist(), answer.tolist(), strict=True):
        others = [logit for place, logit in enumerate(row) if place != right]
        scores.append(row[right] - sum(others) / len(others))
    return torch.tensor(scores, dtype=torch.float64)


@exercise("0.3")
def test_score_of_three_logits_worked_by_hand(tensors):
    logits, answer = torch.tensor([[6.0, 1.0, 2.0], [0.0, -4.0, 12.0]]), torch.tensor([0, 1])
    claim = "6 - (1 + 2) / 2 = 4.5, and -4 - (0 + 12) / 2 = -10."
    right = torch.tensor([4.5, -10.0])
    came = tensors.score_of_answer(logits, answer)
    assert_close(came, right, claim, score_mistakes(logits, answer))


@exercise("0.3")
@pytest.mark.parametrize("batch, d_out", [(4, D_OUT), (D_OUT, D_OUT), (5, 2), (1, 3)])
def test_score_is_the_answers_logit_minus_the_mean_of_the_others(tensors, batch, d_out):
    logits = 2 * normal(batch, d_out, seed=7) + 3
    answer = torch.tensor([6, 0, 3, 3, 1, 5, 2])[:batch] % d_out
    with assert_no_side_effects(logits=logits, answer=answer):
        came = tensors.score_of_answer(logits, answer)
    claim = f"The score of each of {batch} answers among {d_out} is wrong."
    mistakes = score_mistakes(logits, answer)
    assert_close(came, slow_score(logits, answer), claim, mistakes, tolerance=1e-12)


@exercise("0.3")
def test_a_constant_added_to_every_logit_changes_no_score(tensors):
    logits, answer = normal(3, D_OUT, seed=8), torch.tensor([4, 0, 6])
    before = tensors.score_of_answer(logits, answer)
    claim = "A softmax ignores a constant added to all logits of an example, and so does a score."
    shift = torch.tensor([[10.0], [-20.0], [5.0]], dtype=torch.float64)
    assert_close(tensors.score_of_answer(logits + shift, answer), before, claim)


@exercise("0.3")
def test_gradients_flow_through_the_score(tensors):
    logits, answer = normal(3, D_OUT, seed=10).requires_grad_(), torch.tensor([4, 0, 6])
    wrong = wrong_gradients(lambda: tensors.score_of_answer(logits, answer), {"logits": logits})
    assert not wrong, (
        "The gradient of the score disagrees with finite differences. Saliency needs it: is it "
        "taken without its graph (detach, no_grad, item, argmax)?"
    )
