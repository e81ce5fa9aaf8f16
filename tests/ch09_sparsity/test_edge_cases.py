"""Graders of chapter 9 on cases that random batches do not contain: equal entries, entries at the
threshold, latents that are silent just below it, points on a horizontal line."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise

from .test_scaling import SIZES, seeds_with_own_slopes
from .test_topk import largest


@exercise("9.1")
def test_of_equal_entries_exactly_k_are_kept(topk):
    x = torch.tensor([[2.0, 2, 2, 2, 1], [3.0, 1, 1, 1, 0]])
    actual = topk.keep_largest(x, 3)
    claim = "Of equal entries exactly k are kept: three of 2, and 3, 1, 1."
    expected = torch.tensor([[2.0, 2, 2, 0, 0], [3.0, 1, 1, 0, 0]])
    assert_close(actual.sort(dim=-1, descending=True).values, expected, claim)


@exercise("9.2")
def test_every_token_keeps_its_own_dead_latents(topk):
    """One token has the five largest dead pre-activations of all."""
    pre_acts = torch.tensor([[9.0, 8, 7, 6, 5], [1.0, 2, 3, 4, 0.5]], dtype=torch.float64)
    residual, rows = normal(2, 3, seed=1), normal(5, 3, seed=3)
    error = residual - largest(pre_acts, 2) @ rows
    expected = error.square().sum(dim=1).mean()
    claim = "The aux_k largest dead pre-activations are those of each token."
    check(topk.auxiliary_loss, residual, pre_acts, rows, 2, expected=expected, claim=claim)


@exercise("9.3")
def test_multi_topk_keeps_auxk(topk, sae):
    made = randomise(topk.MultiTopKSAE(3, 12, 2, aux_k=2, dead_after=1), 1)
    x = normal(6, 3, seed=4)
    made.silent_for[::2] = 5
    out = made(x)
    reconstruction = sae.Reconstruction(out.x_hat, out.acts, out.pre_acts)
    expected = topk.TopKSAE.loss_parts(made, x, reconstruction)
    assert expected.auxiliary > 0
    claim = "AuxK's loss of the dead latents is the third part, with multi-TopK too."
    assert_close(out.loss.auxiliary.detach(), expected.auxiliary.detach(), claim)


@exercise("9.6")
def test_of_equal_entries_k_per_token_are_kept(batch_topk):
    actual = (batch_topk.keep_largest_in_batch(torch.ones(3, 4), 2) > 0).sum()
    assert_close(actual, torch.tensor(6), "Of 12 equal entries of 3 tokens 6 are kept, with k = 2.")


@exercise("9.6")
def test_one_token_may_have_all_active_latents(batch_topk):
    x = normal(20, 90, seed=1).abs()
    x[2] += 10
    actual = (batch_topk.keep_largest_in_batch(x, 3) > 0).sum(dim=-1)
    expected = torch.zeros(20, dtype=torch.long)
    expected[2] = 60
    assert_close(actual, expected, "One token of 20 has the 60 largest entries, so it keeps them.")


@exercise("9.6")
def test_gradients_reach_the_entries_kept_in_the_batch(batch_topk):
    x = normal(4, 8, seed=6).requires_grad_()
    acts = batch_topk.keep_largest_in_batch(x, 2)
    assert acts.requires_grad, "The gradient of acts is wrong: there is none."
    acts.square().sum().backward()
    assert_close(x.grad, 2 * acts.detach(), "The gradient of acts is wrong.")


@pytest.fixture
def in_use(batch_topk):
    made = randomise(batch_topk.BatchTopKSAE(4, 6, 2), 1)
    made.threshold.fill_(0.5)
    return made.eval()


@exercise("9.7")
def test_an_entry_at_the_threshold_is_not_above_it(in_use):
    pre_acts = torch.tensor([[0.5, 0.75, -0.75, 0.25, 0.0, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[0.0, 0.75, 0, 0, 0, 1.0]])
    assert_close(in_use.activate(pre_acts).detach(), expected, "Active means above the threshold.")


@exercise("9.7")
def test_small_activations_in_use_are_kept_with_their_gradient(in_use):
    in_use.threshold.fill_(1e-8)
    pre_acts = torch.tensor([[2e-8, 5e-9, -1.0]], dtype=torch.float64, requires_grad=True)
    acts = in_use.activate(pre_acts)
    claim = "An activation of 2e-8 is above a threshold of 1e-8."
    assert_close(acts.detach(), pre_acts.detach() * torch.tensor([1, 0, 0]), claim, scale=1e-8)
    (grad,) = torch.autograd.grad((2 * acts).sum(), pre_acts)
    claim = "In use the gradient passes through active latents, too."
    assert_close(grad, torch.tensor([[2.0, 0.0, 0.0]]), claim)


@exercise("9.7")
@pytest.mark.parametrize("training", [True, False])
def test_a_failed_fit_restores_the_mode(batch_topk, in_use, training):
    in_use.train(training)
    with torch.no_grad():
        in_use.b_enc.fill_(-1e6)
    for batches in ([], [normal(5, 4, seed=1)]):
        with pytest.raises(ValueError):
            batch_topk.fit_threshold(in_use, batches)
        claim = "fit_threshold must restore train() or eval() also where it raises."
        assert in_use.training is training, claim
        claim = "Where fit_threshold raises, the threshold of before must stay."
        assert_close(in_use.threshold.item(), 0.5, claim)


@exercise("9.7")
def test_the_threshold_of_one_batch_is_its_smallest_activation(batch_topk, in_use):
    x = normal(9, 4, seed=5)
    acts = in_use.train().encode(x).detach()
    actual = batch_topk.fit_threshold(in_use, [x])
    claim = "With one batch the threshold is its smallest positive activation."
    assert_close(actual, acts[acts > 0].min().item(), claim)


def below_the_threshold(jumprelu, sae, penalty):
    """An SAE with pre-activations on both sides of its threshold, in the window and outside."""
    made = jumprelu.JumpReLUSAE(3, 4, 0.5, penalty=penalty, threshold=0.5, width=1.2).double()
    pre_acts = torch.tensor([[[0.4, 0.6, -0.3, 2.0], [0.2, 0.45, 0.7, 0.55]]]).double()
    acts = pre_acts * (pre_acts > 0.5)
    return made, sae.Reconstruction(normal(1, 2, 3, seed=1), acts, pre_acts)


@exercise("9.13")
def test_silent_latents_near_the_threshold_have_a_gradient(jumprelu, sae):
    made, reconstruction = below_the_threshold(jumprelu, sae, "step")
    counted = made.count(reconstruction)
    assert_close(counted.detach(), (reconstruction.acts > 0).double(), "Active latents count 1.")
    assert counted.requires_grad, "The count must have a gradient for the thresholds."
    counted.sum().backward()
    inside = torch.tensor([2.0, 2, 1, 1], dtype=torch.float64)
    claim = "The window is around pre-activations, so silent latents close to it count too."
    assert_close(made.log_threshold.grad, -inside * 0.5 / 1.2, claim, tolerance=1e-6)


@exercise("9.13")
def test_silent_latents_cost_nothing_in_tanh(jumprelu, sae):
    made, reconstruction = below_the_threshold(jumprelu, sae, "tanh")
    lengths = made.W_dec.detach().norm(dim=1)
    for unit in (1.0, 1e-9):
        acts = unit * reconstruction.acts
        with torch.no_grad():
            actual = made.count(reconstruction._replace(acts=acts))
        claim = "A pre-activation below its threshold is not active, so its tanh is 0."
        assert_close(actual, (4 * acts * lengths).tanh(), claim, scale=unit)


def active_where(*masks):
    """One latent per mask, weakly active where it is true."""
    return 0.05 * torch.stack(masks, dim=1).double()


@exercise("9.15")
def test_a_latent_without_hits_has_recall_and_precision_0(absorption):
    tokens = torch.arange(20)
    actual = [*absorption.best_detector(active_where(tokens < 5), tokens > 9)]
    assert_close(actual, [0, 0.0, 0.0], "The only latent is active where the feature is not.")


@exercise("9.15")
def test_f1_is_the_harmonic_mean(absorption):
    """F1 is .33 and .4; the geometric means are .45 and .42."""
    tokens = torch.arange(40)
    rare, frequent = tokens < 2, (tokens >= 4) & (tokens < 24)
    actual = [*absorption.best_detector(active_where(rare, frequent), tokens < 10)]
    claim = "Recall .6 with precision .3 has a better F1 than recall .2 with precision 1."
    assert_close(actual, [1, 0.6, 0.3], claim)


@exercise("9.15")
def test_the_parents_latent_may_be_active_with_children_too(absorption):
    """Alone on 10 of 100 tokens. Another latent is active on 5 of the 10, and never else."""
    tokens = torch.arange(200)
    parent, child = tokens < 100, (tokens >= 10) & (tokens < 100)
    acts = active_where(tokens < 5, parent)
    claim = "Tokens with a child are left out, so being active on them costs no precision."
    assert_close(absorption.absorbed_fraction(acts, parent, child[:, None]), torch.zeros(1), claim)


@exercise("9.15")
def test_a_latent_that_is_always_active_is_not_the_parents(absorption):
    tokens = torch.arange(200)
    parent, child = tokens < 100, (tokens >= 10) & (tokens < 100)
    acts = active_where(tokens >= 0, parent & (tokens % 3 > 0) | (tokens < 10))
    silent = int((child & (tokens % 3 == 0)).sum()) / 90
    claim = "Tokens without the parent count too: a latent that is active there is less precise."
    actual = absorption.absorbed_fraction(acts, parent, child[:, None])
    assert_close(actual, torch.tensor([silent]), claim, tolerance=1e-6)


@exercise("9.15")
def test_a_child_may_occur_without_its_parent(absorption):
    """The parent's latent is silent on 5 of the child's 10 tokens, all of them without parent."""
    tokens = torch.arange(40)
    parent, child = tokens < 25, (tokens >= 20) & (tokens < 30)
    actual = absorption.absorbed_fraction(active_where(parent), parent, child[:, None])
    claim = "All tokens of the child count, also those without the parent."
    assert_close(actual, torch.tensor([0.5]), claim)


@exercise("9.15")
def test_more_tokens_than_float16_can_count(absorption):
    tokens = torch.arange(140_000)
    parent, child = tokens >= 0, tokens >= 1000
    acts = active_where((tokens < 1000) | (tokens % 2 == 0)).half()
    actual = absorption.absorbed_fraction(acts, parent, child[:, None])
    claim = "The latent is silent on half of 139,000 tokens; float16 ends at 65,504."
    assert_close(actual, torch.tensor([0.5]), claim, tolerance=1e-3)


@exercise("9.16")
@pytest.mark.parametrize("error, points", [(1.0, 4), (0.25, 4), (0.1, 7), (1e-5, 7), (3e9, 7)])
def test_a_horizontal_line_explains_all(scaling, error, points):
    actual = [*scaling.fit_power_law(2.0 ** torch.arange(points), torch.full((points,), error))]
    claim = (
        "Equal errors are a horizontal line: exponent 0, and R squared 1. Their mean is rounded, "
        "so compare the variance with the size of the numbers and not with 0."
    )
    expected = [torch.tensor(error).item(), 0.0, 1.0]
    assert_close(actual, expected, claim)


@exercise("9.16")
@pytest.mark.parametrize("unit", [1e-7, 1e-9])
def test_a_bump_of_nearly_equal_errors_has_r_squared_0(scaling, unit):
    errors = 1 + unit * torch.tensor([0.0, 1, 1, 0], dtype=torch.float64)
    actual = scaling.fit_power_law(torch.tensor([1.0, 2, 4, 8]), errors).r_squared
    assert_close(actual, 0.0, "A symmetric bump is not explained by a line.", tolerance=1e-4)


def interval(scaling, slopes, **settings):
    generator = torch.Generator().manual_seed(3)
    errors = seeds_with_own_slopes(slopes)
    made = scaling.bootstrap_power_law(SIZES, errors, generator, **settings)
    return [made.low, made.high]


@exercise("9.17")
def test_one_draw_is_both_ends(scaling):
    low, high = interval(scaling, [-0.1, -0.2, -0.4, -0.8], draws=1)
    assert_close(high, low, "With draws = 1 there is one exponent, which is both ends.")


@exercise("9.17")
@pytest.mark.parametrize("unit", [1.0, 1e-7])
def test_a_resample_has_as_many_seeds_as_the_data(scaling, unit):
    """Of two seeds a resample has both with probability 1/2, and one twice with 1/4 each."""
    actual = interval(scaling, [-0.2 * unit, -0.6 * unit], draws=300, coverage=0.3)
    claim = "The middle 30 % of exponents of two seeds is their mean."
    assert_close(actual, [-0.4 * unit] * 2, claim, tolerance=1e-5, scale=unit)


@exercise("9.17")
def test_a_skewed_interval_is_not_mirrored(scaling):
    """Three seeds of -.1 and one of -.5: resamples have means of -.1, -.2, -.3, -.4, -.5."""
    actual = interval(scaling, [-0.1, -0.1, -0.1, -0.5], draws=1000)
    claim = "Quantiles of the exponents as they are: 2.5 % are at -.4 or below, a third at -.1."
    assert_close(actual, [-0.4, -0.1], claim, tolerance=1e-5)
