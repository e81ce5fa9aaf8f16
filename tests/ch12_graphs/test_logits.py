"""Graders of logits.py (12.4)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close

from .conftest import TEXT


@pytest.fixture
def frozen(local, small):
    """A local model whose unembedding has a bias and a mean."""

    def frozen(family, logits=None):
        made = small(family)
        frozen = local.freeze(made, TEXT)
        b_U = torch.arange(20).double() / 7
        frozen = frozen._replace(W_U=frozen.W_U + 0.5, b_U=b_U)
        return frozen._replace(logits=frozen.final @ frozen.W_U + b_U)

    return frozen


def seen(local, frozen, targets):
    resid = local.run_local(frozen).resid_final[targets.pos]
    return (resid * targets.directions).sum(dim=1) + targets.constants.sum(dim=1)


@exercise("12.4")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
@pytest.mark.parametrize("pos", [-1, 1])
def test_logits_are_read_around_their_mean(local, logits, frozen, family, pos):
    model = frozen(family)
    found = logits.logit_targets(model, pos, share=0.9)
    expected = model.logits[pos] - model.logits[pos].mean()
    claim = "A logit is read around the mean logit of the vocabulary."
    assert_close(found.targets.values, expected[found.tokens], claim)
    claim = "Direction times residual stream, plus constants, is not the logit minus the mean."
    assert_close(seen(local, model, found.targets), expected[found.tokens], claim)
    assert found.targets.pos.tolist() == [pos % 5] * len(found.tokens)
    assert found.targets.layer.tolist() == [3] * len(found.tokens)


def known(frozen, probabilities):
    logits = torch.full((5, 20), -torch.inf).double()
    logits[-1, : len(probabilities)] = torch.tensor(probabilities, dtype=torch.float64).log()
    return frozen("GPT2")._replace(logits=logits)


@exercise("12.4")
@pytest.mark.parametrize(
    "probabilities, share, most, expected",
    [
        ([0.1, 0.6, 0.3], 0.95, 10, [1, 2, 0]),
        ([0.1, 0.6, 0.3], 0.85, 10, [1, 2]),
        ([0.1, 0.6, 0.3], 0.59, 10, [1]),
        ([0.1, 0.6, 0.3], 0.95, 2, [1, 2]),
        ([0.03, 0.97], 0.95, 10, [1]),
        ([0.25, 0.5, 0.25], 0.75, 10, [1, 0]),
        ([0.05] * 20, 0.95, 10, [*range(10)]),
    ],
)
def test_fewest_tokens_with_the_share(logits, frozen, probabilities, share, most, expected):
    model = known(frozen, probabilities)
    found = logits.logit_targets(model, -1, share, most)
    claim = f"Of {probabilities} take the fewest with {share} of the probability, {most} at most."
    assert_close(found.tokens.tolist(), expected, claim)
    assert_close(
        found.probabilities, torch.tensor(probabilities, dtype=torch.float64)[expected], claim
    )


@exercise("12.4")
def test_tokens_are_those_of_the_position(logits, frozen):
    model = known(frozen, [0.1, 0.6, 0.3])
    model.logits[1] = model.logits[-1].roll(5)
    found = logits.logit_targets(model, 1, 0.95, 10)
    assert_close(found.tokens.tolist(), [6, 7, 5], "These are the likely tokens elsewhere.")


@exercise("12.4")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_difference_of_two_logits(local, logits, frozen, family):
    model = frozen(family)
    for token, against, pos in ((3, 8, -1), (8, 3, 0), (7, 7, 2)):
        target = logits.difference_target(model, token, against, pos)
        expected = (model.logits[pos, token] - model.logits[pos, against])[None]
        claim = f"This is not logit {token} minus logit {against} at position {pos}."
        assert_close(target.values, expected, claim)
        assert_close(seen(local, model, target), expected, claim)
