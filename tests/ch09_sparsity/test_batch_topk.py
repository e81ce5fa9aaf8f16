"""Graders of batch_topk.py: selection in the batch (9.6), the threshold for use (9.7)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise
from tests.grading.odd_inputs import check_odd
from tests.grading.values import scaled


def largest_of_all(pre_acts, k):
    """By sorting all entries of the batch."""
    kept, flat = torch.zeros(pre_acts.shape, dtype=pre_acts.dtype), pre_acts.flatten().tolist()
    n = k * (len(flat) // pre_acts.shape[-1])
    for place in sorted(range(len(flat)), key=lambda i: -flat[i])[:n]:
        kept.view(-1)[place] = max(flat[place], 0.0)
    return kept


@exercise("9.6")
@pytest.mark.parametrize("k", [1, 3])
def test_the_largest_of_the_batch_on_odd_inputs(batch_topk, k):
    def make(batch, d_sae):
        return normal(batch, max(k, d_sae), seed=3), k

    check_odd(
        batch_topk.keep_largest_in_batch, largest_of_all, make, skip="nan close", batch=5, d_sae=9
    )


@exercise("9.6")
def test_a_hard_token_gets_more_latents(batch_topk):
    x = normal(4, 8, seed=1).abs()
    x[2] += 10
    actual = (batch_topk.keep_largest_in_batch(x, 2) > 0).sum(dim=-1)
    expected = torch.tensor([0, 0, 8, 0])
    assert_close(
        actual, expected, "The batch shares 8 active latents; the token that needs most gets them."
    )


@exercise("9.6")
def test_two_leading_axes_are_one_batch(batch_topk):
    x = normal(2, 3, 8, seed=5)
    x[1] += 2
    expected = largest_of_all(x.flatten(0, 1), 2).view_as(x)
    check(
        batch_topk.keep_largest_in_batch,
        x,
        2,
        expected=expected,
        claim="All tokens of all axes share.",
    )


def trained_like(batch_topk, seed=1, k=3):
    return randomise(batch_topk.BatchTopKSAE(4, 20, k).double(), seed)


@exercise("9.7")
@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e6])
def test_the_threshold_is_a_mean_of_minima(batch_topk, unit):
    made = scaled(trained_like(batch_topk), unit)
    batches = [normal(16 - 4 * i, 4, seed=i) * (1 + i) for i in range(4)]
    minima = []
    for x in batches:
        acts = largest_of_all((x - made.b_dec) @ made.W_enc + made.b_enc, 3).detach()
        minima.append(float(acts[acts > 0].min()))
    expected = sum(minima) / 4
    actual = batch_topk.fit_threshold(made, iter(batches))
    claim = "The threshold is not the mean of the smallest positive activations kept."
    assert_close(actual, expected, claim, scale=unit)
    claim = "The threshold is not stored in the SAE."
    assert_close(made.threshold.item(), expected, claim, scale=unit)


@exercise("9.7")
def test_a_batch_without_active_latents_does_not_count(batch_topk):
    made = trained_like(batch_topk)
    with torch.no_grad():
        made.b_enc -= 2
    silent = torch.zeros(3, 4, dtype=torch.float64)
    with torch.no_grad():
        made.b_dec.zero_()
    expected = batch_topk.fit_threshold(made, [normal(16, 4, seed=2)])
    actual = batch_topk.fit_threshold(made, [silent, normal(16, 4, seed=2)])
    assert_close(actual, expected, "A batch in which nothing is active has no smallest activation.")
    with pytest.raises(ValueError):
        batch_topk.fit_threshold(made, [silent])


@exercise("9.7")
@pytest.mark.parametrize("training", [True, False])
def test_fitting_restores_the_mode(batch_topk, training):
    made = trained_like(batch_topk).train(training)
    batch_topk.fit_threshold(made, [normal(16, 4, seed=2)])
    assert made.training is training, "fit_threshold must leave train() or eval() as it was."


@exercise("9.7")
def test_in_use_a_token_does_not_depend_on_its_batch(batch_topk):
    made, x = trained_like(batch_topk), normal(30, 4, seed=9)
    x[0] *= 1e6
    made.threshold.fill_(0.7)
    made.eval()
    pre_acts = made.pre_activations(x).detach()
    expected = pre_acts * (pre_acts > 0.7)
    assert_close(
        made.encode(x).detach(),
        expected,
        "In use a latent is active above the threshold, with its pre-activation.",
    )
    alone = torch.cat([made.encode(row[None]) for row in x])
    assert_close(
        alone.detach(), expected, "One token alone must have the same activations as in its batch."
    )


@exercise("9.7")
@pytest.mark.parametrize("size", [8, 64])
def test_the_threshold_reproduces_l0_of_training(batch_topk, size):
    made = trained_like(batch_topk, k=4)
    batch_topk.fit_threshold(made, [normal(size, 4, seed=i) for i in range(60)])
    made.eval()
    l0 = (made.encode(normal(3000, 4, seed=99)) > 0).sum(dim=-1).double().mean().item()
    assert 3.6 < l0 < 4.8, f"L0 in use is {l0:.2f}, and k is 4."


@pytest.mark.project
def test_use_before_fitting_raises(batch_topk):
    with pytest.raises(ValueError, match="call fit_threshold after training"):
        batch_topk.BatchTopKSAE(4, 8, 2).eval().encode(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="active latents"):
        batch_topk.fit_threshold(batch_topk.BatchTopKSAE(4, 8, 2), [])
