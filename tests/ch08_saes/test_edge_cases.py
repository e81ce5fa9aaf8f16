"""Graders of chapter 8 on cases that random batches do not contain: tokens of several axes, equal
lengths, numbers that underflow, gradients left by an earlier pass, hooks on the reconstruction."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, wrong_gradients
from tests.grading.plain_sgd import PlainSGD

from .small_saes import random_sae, weights, with_weights
from .test_metrics import centered, unexplained


def losses_of_two_axes(kind, sae, weighted):
    made = random_sae(kind, 3, 5)
    x, x_hat, pre_acts = (normal(2, 4, n, seed=n) for n in (3, 3, 5))
    parts = made.loss_parts(x, sae.Reconstruction(x_hat + 1, pre_acts.relu(), pre_acts))
    lengths = made.W_dec.detach().norm(dim=1) if weighted else 1
    penalty = 0.7 * (pre_acts.relu() * lengths).sum() / 8
    expected = {"reconstruction": (x - x_hat - 1).square().sum() / 8, "sparsity": penalty}
    claim = "With x of shape [2, 4, d_in] the losses are means over all 8 tokens."
    actual = {name: part.detach() for name, part in zip(expected, parts[:2], strict=True)}
    assert_close(actual, expected, claim)


@exercise("8.2")
def test_tokens_of_two_axes_are_one_batch(vanilla, sae):
    losses_of_two_axes(vanilla.VanillaSAE, sae, weighted=False)


@exercise("8.4")
def test_weighted_losses_of_two_axes_are_those_of_one_batch(vanilla, sae):
    losses_of_two_axes(vanilla.NormWeightedSAE, sae, weighted=True)


def same_parameters(made, fold, *more):
    before = dict(made.named_parameters())
    fold(made, *more)
    after = dict(made.named_parameters())
    changed = [name for name in before if after.get(name) is not before[name]]
    assert not changed, f"{', '.join(changed)} became new parameters: change the old ones in place."


@exercise("8.4")
def test_folding_the_norm_keeps_the_parameters(vanilla):
    same_parameters(random_sae(vanilla.NormWeightedSAE, 3, 5), vanilla.fold_decoder_norm)


@exercise("8.5")
def test_folding_the_scale_keeps_the_parameters(vanilla):
    same_parameters(random_sae(vanilla.VanillaSAE, 3, 5), vanilla.fold_input_scale, 2.0)


@exercise("8.7")
def test_a_large_mean_costs_no_digits(metrics):
    x = (1000 + normal(40, 3, seed=1)).float()
    x_hat = x + 0.5 * normal(40, 3, seed=2).float()
    for function, oracle in (
        (metrics.fraction_unexplained, unexplained),
        (metrics.centered_explained_variance, centered),
    ):
        claim = f"`{function.__name__}` is wrong in float32 where the mean is 1000 deviations."
        check(function, x, x_hat, expected=oracle(x, x_hat), claim=claim, tolerance=1e-3)


@exercise("8.7")
def test_worse_than_the_mean_is_below_zero(metrics):
    x = normal(9, 3, seed=1)
    x -= x.mean(dim=0)
    claim = "x_hat = -x has four times the variance of x as its error: 1 - 4 = -3."
    check(metrics.centered_explained_variance, x, -x, expected=-3.0, claim=claim)
    check(metrics.fraction_unexplained, x, -x, expected=4.0, claim="FVU of x_hat = -x is 4.")


@exercise("8.8")
def test_gamma_of_a_reversed_copy_is_negative(metrics):
    x = normal(7, 3, seed=1)
    check(metrics.shrinkage, x, -0.5 * x, expected=-0.5, claim="x_hat = c x has gamma = c.")


@exercise("8.9")
def test_a_cosine_at_the_threshold_is_not_above_it(metrics):
    actual = metrics.recover_features(torch.eye(3, 4), torch.eye(2, 4), threshold=1.0)
    claim = "No cosine is above a threshold of 1, so recall and precision are 0."
    assert_close([actual.recall, actual.precision], [0.0, 0.0], claim)


@exercise("8.10")
def test_small_losses_can_be_drawn_too(resample):
    losses = torch.zeros(20, dtype=torch.float64)
    losses[[4, 11, 17]] = torch.tensor([1e-30, 1.0, 1e-25], dtype=torch.float64)
    drawn = resample.draw_inputs(losses, 3, torch.Generator().manual_seed(1))
    claim = "Three inputs have a loss above zero. The square of a loss of 1e-30 underflows in "
    assert_close(drawn.sort().values, torch.tensor([4, 11, 17]), claim + "float32.")


DEAD = torch.tensor([True, True, False, True, True, False])


def after_resampling(resample, vanilla):
    """The SAE before and after two of four dead latents got an input, without moments yet."""
    before, made = (random_sae(vanilla.VanillaSAE, 4, 6) for _ in range(2))
    for one in (before, made):
        one.silent_for.fill_(70)
    optimizer = torch.optim.SGD(made.parameters())
    generator = torch.Generator().manual_seed(1)
    latents = resample.resample(made, DEAD, normal(2, 4, seed=6), optimizer, generator)
    assert latents.tolist() == [0, 1], "Two inputs replace the first two dead latents."
    return before.requires_grad_(False), made.requires_grad_(False)


@exercise("8.11")
def test_latents_that_stay_dead_count_as_dead(resample, vanilla):
    before, made = after_resampling(resample, vanilla)
    norm = before.W_enc[:, ~DEAD].norm(dim=0).mean()
    claim = "The mean length is that of the columns alive, without those that stay dead."
    assert_close(made.W_enc[:, :2].norm(dim=0), 0.2 * norm.expand(2), claim)
    assert_close(made.b_enc[2:], before.b_enc[2:], "b_enc of latents that stay dead changed.")
    assert_close(made.W_enc[:, 2:], before.W_enc[:, 2:], "W_enc of other latents changed.")
    claim = "silent_for of latents that stay dead changed: they are still silent."
    assert_close(made.silent_for[2:], before.silent_for[2:], claim)


@exercise("8.12")
def test_gradients_left_by_an_earlier_pass_are_removed(train, vanilla):
    clean, made = (with_weights(vanilla.VanillaSAE, weights(4, 6)) for _ in range(2))
    x = normal(9, 4, seed=7)
    train.train_step(clean, x, PlainSGD(clean, lr=0.01))
    made(normal(9, 4, seed=8)).loss.total().backward()
    train.train_step(made, x, PlainSGD(made, lr=0.01))
    claim = "A backward pass before train_step changes the step: remove old gradients first."
    assert_close(made.W_enc.detach(), clean.W_enc.detach(), claim)


@exercise("8.12")
def test_the_step_descends_the_whole_loss_of_the_pass(train, vanilla, sae):
    """A pass of the caller's own: its loss pulls at b_dec, with another strength per part."""
    made = with_weights(vanilla.VanillaSAE, weights(3, 5))
    counts = torch.arange(5.0)

    def training_pass(module, x):
        loss = module.b_dec * torch.tensor([1.0, 10.0, 100.0], dtype=x.dtype)
        loss = loss + sum((0 * weight).sum() for weight in module.parameters())
        return train.TrainingPass(sae.LossParts(*loss), counts)

    start = made.b_dec.detach().clone()
    x = normal(9, 3, seed=7)
    result = train.train_step(made, x, PlainSGD(made, lr=0.01), 0.5, training_pass=training_pass)
    expected = start - 0.01 * torch.tensor([1.0, 5.0, 100.0], dtype=start.dtype)
    claim = "The step must follow reconstruction + .5 sparsity + auxiliary of the given pass."
    assert_close(made.b_dec.detach(), expected, claim)
    parts = [part.detach() for part in result.loss]
    expected = [*(start * torch.tensor([1.0, 10.0, 100.0], dtype=start.dtype))]
    assert_close(parts, expected, "The loss that is returned is that of the given pass.")
    assert_close(result.n_active, counts, "n_active that is returned is that of the given pass.")


@exercise("8.12")
def test_a_clip_of_zero_stops_the_step(train, vanilla):
    made = with_weights(vanilla.VanillaSAE, weights(4, 6))
    before = made.W_enc.detach().clone()
    train.train_step(made, normal(9, 4, seed=7), PlainSGD(made, lr=0.1), clip=0.0)
    claim = "With clip = 0.0 no gradient is left. Only None leaves it unclipped."
    assert_close(made.W_enc.detach(), before, claim)


def kept_lengths(collect, lengths, skip_first):
    """The lengths that are kept of texts whose rows have these lengths, along a diagonal."""
    lengths = torch.tensor(lengths, dtype=torch.float64)
    acts = lengths[..., None] * torch.tensor([0.6, 0.8, 0.0], dtype=torch.float64)
    acts[..., -1, :] = lengths[..., -1, None] * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    config = collect.CollectConfig(skip_first=skip_first, massive_factor=5.0)
    tokens = torch.ones(lengths.shape, dtype=torch.long)
    return lengths[collect.keep_mask(acts, tokens, config)].tolist()


@exercise("8.14")
@pytest.mark.parametrize(
    "lengths, skip_first, kept, claim",
    [
        ([[1.0, 1, 1, 1, 5]], False, [1, 1, 1, 1, 5], "5 times the median is not longer than that"),
        ([[1.0, 1, 1, 1, 5.2]], False, [1, 1, 1, 1], "5.2 times the median is left out"),
        ([[5.2, 1.0, 1]], False, [1, 1], "a length is the root of the sum of squares"),
        ([[9.0, 1], [9, 1], [9, 8]], True, [1, 1], "position 0 has no part in the median"),
        ([[1.0, 1, 10, 10, 99]], False, [1, 1, 10, 10], "the rule is applied once"),
    ],
)
def test_lengths_worked_by_hand(collect, lengths, skip_first, kept, claim):
    actual = kept_lengths(collect, lengths, skip_first)
    assert_close(actual, [float(x) for x in kept], f"Of lengths {lengths}: {claim}.")


@exercise("8.14")
def test_lengths_whose_squares_exceed_float16(collect):
    acts = torch.full((1, 8, 16), 80.0, dtype=torch.float16)
    acts[0, 5] *= 10
    keep = collect.keep_mask(acts, torch.ones(1, 8, dtype=torch.long), collect.CollectConfig())
    expected = torch.tensor([[False, True, True, True, True, False, True, True]])
    claim = "In float16 entries of 80 have a length of 320, but a sum of squares above 65,504."
    assert_close(keep, expected, claim)


@exercise("8.15")
def test_the_mean_can_be_read_between_two_calls_of_add(activation_store):
    moments, x = activation_store.Moments(2), normal(6, 2, seed=1)
    moments.add(x[:4])
    moments.mean(), moments.scale()
    moments.add(x[4:])
    claim = "Reading mean or scale must not change the sums."
    for _ in range(2):
        expected = [x.mean(dim=0), float((2 / x.square().sum(dim=1).mean()) ** 0.5)]
        assert_close([moments.mean(), moments.scale()], expected, claim)


@pytest.fixture
def spliced_point(splice, vanilla, impl):
    point = impl("ch02_transformer.hooks").HookPoint()
    made = random_sae(vanilla.VanillaSAE, 4, 5)
    return splice.SplicedPoint(point, made, error=True, keep_first=False)


def point_inputs():
    acts = normal(3, 2, 5, seed=2).relu()
    return {"x": normal(3, 2, 4, seed=1), "acts": acts, "edited": acts.clone()}


@exercise("8.17")
def test_gradients_reach_x_and_both_kinds_of_latents(spliced_point):
    leaves = {name: leaf.requires_grad_() for name, leaf in point_inputs().items()}
    wrong = wrong_gradients(lambda: spliced_point.combine(**leaves), leaves)
    assert not wrong, (
        f"The gradients for {', '.join(wrong)} are wrong where nothing is edited: is something "
        "detached, or x returned early? The effect of a latent is read from its gradient."
    )


@exercise("8.17")
def test_a_hook_on_the_reconstruction_changes_the_result(spliced_point):
    given, seen = point_inputs(), []

    def add_one(recons, point):
        seen.append(recons)
        return recons + 1

    spliced_point.hook_sae_recons.hooks.append(add_one)
    actual = spliced_point.combine(**given).detach()
    assert len(seen) == 1, f"hook_sae_recons must see one reconstruction, got {len(seen)}."
    claim = "A hook that adds 1 to the reconstruction must add 1 to the result."
    assert_close(actual, given["x"] + 1, claim)


@pytest.mark.project
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_metrics_of_half_precision_are_those_of_its_values(impl, dtype):
    metrics = impl("ch08_saes.metrics")
    x, x_hat = normal(300, 6, seed=1).to(dtype), normal(300, 6, seed=2).to(dtype)
    pairs = ("fraction_unexplained", "explained_variance", "centered_explained_variance")
    for name in (*pairs, "shrinkage", "mean_cosine", "mean_max_cosine"):
        actual = getattr(metrics, name)(x, x_hat)
        expected = getattr(metrics, name)(x.double(), x_hat.double())
        assert actual.dtype == torch.float32
        torch.testing.assert_close(actual.double(), expected, rtol=1e-4, atol=1e-6)
    acts = torch.ones(3, 301).to(dtype)
    assert metrics.l0(acts) == 301 and metrics.firing_density(acts).dtype == torch.float32
