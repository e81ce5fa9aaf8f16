"""Graders of metrics.py: sparsity (8.6), explained variance (8.7), shrinkage (8.8), recovery of
known features (8.9), and the share of a loss (8.16)."""

import itertools
import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd


def float64(value):
    return torch.tensor(value, dtype=torch.float64)


def sparse_acts(batch, d_sae):
    return (normal(batch, d_sae, seed=3).relu(),)


def active(acts):
    return [[float(value != 0) for value in row] for row in acts.tolist()]


def count_per_token(acts):
    rows = active(acts)
    return float64(math.fsum(map(math.fsum, rows)) / len(rows))


def share_of_tokens(acts):
    columns = zip(*active(acts), strict=True)
    return float64([math.fsum(column) / len(acts) for column in columns])


@exercise("8.6")
def test_l0_on_odd_inputs(metrics):
    check_odd(metrics.l0, count_per_token, sparse_acts, skip="nan", batch=5, d_sae=7)


@exercise("8.6")
def test_density_on_odd_inputs(metrics):
    check_odd(metrics.firing_density, share_of_tokens, sparse_acts, skip="nan", batch=5, d_sae=7)


@exercise("8.6")
def test_l0_worked_by_hand(metrics):
    acts = torch.tensor([[0, 2.0, 0, 0.001, 0], [0, 0, 0, 3.0, 0], [1.0, 1.0, 1.0, 0, 0]])
    for signed in (acts, -acts):
        check(metrics.l0, signed, expected=2.0, claim="2, 1 and 3 latents are not 0: L0 is 2.")
    expected = float64([1, 2, 1, 2, 0]) / 3
    claim = "Of three tokens 1, 2, 1, 2 and 0 activate the latents."
    for signed in (acts, -acts):
        check(metrics.firing_density, signed, expected=expected, claim=claim, tolerance=1e-6)


def pair(batch, d_in):
    x = 2 * normal(batch, d_in, seed=1) + 5 * normal(d_in, seed=2)
    return x, 0.8 * x + 0.5 * normal(batch, d_in, seed=3) + 0.4


def by_dimension(x):
    """Sum over dimensions and tokens of the squared distance from the mean."""
    total = 0.0
    for column in x.double().T.tolist():
        mean = math.fsum(column) / len(column)
        total += math.fsum((value - mean) ** 2 for value in column)
    return total


def ratio(above, below):
    return float64(above) / float64(below)


def unexplained(x, x_hat):
    error = (x.double() - x_hat.double()).flatten().tolist()
    return ratio(math.fsum(e * e for e in error), by_dimension(x))


def centered(x, x_hat):
    return 1 - ratio(by_dimension(x.double() - x_hat.double()), by_dimension(x))


VARIANCE_SKIP = "close float32 nan d_in=300"


@exercise("8.7")
def test_fraction_unexplained_on_odd_inputs(metrics):
    check_odd(metrics.fraction_unexplained, unexplained, pair, skip=VARIANCE_SKIP, batch=6, d_in=3)


@exercise("8.7")
def test_centered_explained_variance_on_odd_inputs(metrics):
    check_odd(
        metrics.centered_explained_variance, centered, pair, skip=VARIANCE_SKIP, batch=6, d_in=3
    )


@exercise("8.7")
def test_predicting_the_mean_explains_nothing(metrics):
    x = pair(50, 4)[0]
    mean = x.mean(dim=0).expand_as(x)
    for x_hat, expected in ((mean, 1.0), (x, 0.0)):
        claim = "FVU is 1 for the mean, and 0 for x itself."
        check(metrics.fraction_unexplained, x, x_hat.clone(), expected=expected, claim=claim)
    claim = "A constant offset costs nothing here: the error is centered first."
    check(metrics.centered_explained_variance, x, x + 3, expected=1.0, claim=claim)
    claim = "FVU counts a constant offset as an error."
    below = by_dimension(x)
    check(metrics.fraction_unexplained, x, x + 3, expected=50 * 4 * 9 / below, claim=claim)


@exercise("8.7")
def test_a_small_error_leaves_a_small_share_unexplained(metrics):
    x, error = pair(50, 4)[0], 1e-5 * normal(50, 4, seed=6)
    expected, claim = unexplained(x, x + error), "An error of 1e-5 leaves about 1e-10 unexplained."
    near = {"tolerance": 1e-5, "scale": 0.0}
    check(metrics.fraction_unexplained, x, x + error, expected=expected, claim=claim, **near)
    x_hat = x.mean(dim=0) + 1e-9 * (x - x.mean(dim=0))
    claim = "Nearly the mean: the explained variance is 2e-9."
    near = {"tolerance": 1e-5, "scale": 0.0}
    check(metrics.centered_explained_variance, x, x_hat, expected=2e-9, claim=claim, **near)


def gamma(x, x_hat):
    x, x_hat = x.double().flatten().tolist(), x_hat.double().flatten().tolist()
    return ratio(
        math.fsum(b * b for b in x_hat), math.fsum(a * b for a, b in zip(x, x_hat, strict=True))
    )


@exercise("8.8")
def test_shrinkage_on_odd_inputs(metrics):
    check_odd(metrics.shrinkage, gamma, pair, skip="nan", batch=6, d_in=3)


@exercise("8.8")
@pytest.mark.parametrize("factor", [0.25, 1.0, 1.5, 1e-9])
def test_gamma_of_a_scaled_copy_is_the_factor(metrics, factor):
    x, claim = normal(7, 3, seed=1), "x_hat = c x has gamma = c."
    check(metrics.shrinkage, x, factor * x, expected=factor, claim=claim, scale=0.0)


def cosine(a, b):
    lengths = math.sqrt(sum(a * a)) * math.sqrt(sum(b * b))
    return float(sum(a * b)) / lengths if lengths else 0.0


def best_match(W_dec, features):
    best = [max(cosine(feature, row) for row in W_dec) for feature in features]
    return float64(sum(best) / len(best))


@exercise("8.9")
def test_mean_max_cosine_on_odd_inputs(metrics):
    def make(d_sae, feature, d_in):
        return normal(d_sae, d_in, seed=1), normal(feature, d_in, seed=2)

    skip = "nan d_sae=300 feature=300 d_in=300"
    check_odd(metrics.mean_max_cosine, best_match, make, skip=skip, d_sae=6, feature=4, d_in=3)


@exercise("8.9")
def test_mean_max_cosine_worked_by_hand(metrics):
    """Three features, five rows: the best cosines are 1, .8 and 0."""
    features = torch.eye(3, 4)
    W_dec = torch.tensor(
        [[2.0, 0, 0, 0], [3.0, 4, 0, 0], [0, 0, -1, 0], [0, 0, 0, 5], [-1, 0, 0, 0]]
    )
    claim = "The best cosines are 1, .8 and 0."
    check(metrics.mean_max_cosine, W_dec, features, expected=0.6, claim=claim, tolerance=1e-6)


def best_assignment(W_dec, features, threshold):
    """The one-to-one matching with the largest sum of cosines, by trying all."""
    n, m = len(features), len(W_dec)
    similar = [[cosine(feature, row) for row in W_dec] for feature in features]
    slots = [*range(m), *[-1] * max(0, n - m)]
    choices = set(itertools.permutations(slots, n))
    if m < n:
        choices = {c for c in choices if len([i for i in c if i >= 0]) == m}

    def total(choice):
        return sum(similar[i][j] for i, j in enumerate(choice) if j >= 0)

    latent = max(choices, key=total)
    found = [similar[i][j] if j >= 0 else -1.0 for i, j in enumerate(latent)]
    good = sum(value > threshold for value in found)
    return list(latent), found, good / n, good / m


def planted_rows(latents, features, seed):
    """Decoder rows of which some are near features, of any length, and two compete for one."""
    known = normal(features, 4, seed=seed)
    rows = normal(latents, 4, seed=seed + 1)
    for i in range(min(latents, features) - 1):
        rows[-1 - i] = 3 * known[i] + 0.3 * rows[-1 - i]
    rows[0] = known[0] + 0.6 * rows[0]
    return rows, known


@exercise("8.9")
@pytest.mark.parametrize("sizes", [(5, 4), (6, 3), (3, 5), (1, 1)])
@pytest.mark.parametrize("threshold", [0.5, 0.95])
def test_matching_has_the_largest_sum_of_cosines(metrics, sizes, threshold):
    for seed in (10, 20, 30):
        W_dec, features = planted_rows(*sizes, seed)
        latent, cosines, recall, precision = best_assignment(W_dec, features, threshold)
        size = 1e6 if seed == 30 else 1.0  # cosines stay
        actual = metrics.recover_features(size * W_dec, size * features, threshold)
        expected = {
            "latent": latent,
            "cosine": float64(cosines),
            "recall": recall,
            "precision": precision,
        }
        got = {key: getattr(actual, key) for key in expected}
        got["latent"] = actual.latent.tolist()
        assert_close(got, expected, f"Matching {sizes[0]} latents to {sizes[1]} features.")


@exercise("8.9")
@pytest.mark.parametrize("value", [-0.5, 1e-9, 0.9 + 2e-8])
def test_cosines_keep_sign_and_digits(metrics, value):
    """The first of two latents has a cosine that is lower by 1e-8."""
    near = float64([value - 1e-8, value])
    W_dec, features = torch.stack([near, (1 - near**2).sqrt()], dim=1), float64([[1.0, 0.0]])
    claim, digits = f"The best cosine is {value:.9g}.", {"tolerance": 1e-9, "scale": 0.0}
    check(metrics.mean_max_cosine, W_dec, features, expected=value, claim=claim, **digits)
    latent, cosines, recall, _ = metrics.recover_features(W_dec, features)
    actual, expected = [latent.tolist(), cosines, recall], [[1], near[1:], float(value > 0.9)]
    assert_close(actual, expected, claim, **digits)


@exercise("8.9")
def test_one_latent_serves_one_feature_only(metrics):
    """Two features that are nearly the same, and one latent near both."""
    features = torch.tensor([[1.0, 0, 0], [1.0, 0.1, 0]], dtype=torch.float64)
    W_dec = torch.tensor([[1.0, 0.05, 0], [0.0, 0, 1]], dtype=torch.float64)
    actual = metrics.recover_features(W_dec, features)
    claim = "One latent is near two features: recall and precision are 1/2."
    assert_close([actual.recall, actual.precision], [0.5, 0.5], claim)


@exercise("8.16")
@pytest.mark.parametrize("losses", [(3.0, 3.4, 9.0), (2.0, 2.0, 5.0), (2.0, 5.5, 5.0), (1, 7, 7)])
def test_loss_recovered_is_a_share_of_the_gap(metrics, losses):
    clean, spliced, ablated = map(float, losses)
    expected = 1 - (spliced - clean) / (ablated - clean)
    claim = f"Losses of {losses}: the share recovered is wrong."
    check(metrics.loss_recovered, clean, spliced, ablated, expected=expected, claim=claim)


@exercise("8.16")
def test_the_model_itself_recovers_all_and_the_ablation_nothing(metrics):
    for spliced, expected in ((2.0, 1.0), (8.0, 0.0)):
        claim = "1 for the model's own loss, 0 for that of the ablation."
        check(metrics.loss_recovered, 2.0, spliced, 8.0, expected=expected, claim=claim)
    claim = "Of a gap of 6 nearly nothing is recovered."
    near = {"tolerance": 1e-5, "scale": 0.0}
    check(metrics.loss_recovered, 2.0, 8.0 - 6e-9, 8.0, expected=1e-9, claim=claim, **near)
    claim = "A loss far above that of the ablation has a large negative share."
    check(metrics.loss_recovered, 2.0, 1e6, 3.0, expected=-999_997.0, claim=claim)
    claim = "Large losses are compared as they are."
    check(metrics.loss_recovered, 2e6, 3e6, 6e6, expected=0.75, claim=claim)
    claim = "A loss that is NaN has a share that is NaN."
    check(metrics.loss_recovered, 2.0, math.nan, 8.0, expected=math.nan, claim=claim)


@pytest.mark.project
def test_sums_over_batches_equal_the_metrics_of_all_tokens(metrics):
    x, x_hat = pair(90, 4)
    acts = normal(90, 6, seed=5).relu()
    acts[:, 2] = 0
    sums = metrics.ReconstructionSums(4, 6)
    for part in zip(x.split(40), x_hat.split(40), acts.split(40), strict=True):
        sums.add(*part)
    report = sums.report()
    expected = {
        "l0": metrics.l0(acts),
        "fvu": metrics.fraction_unexplained(x, x_hat),
        "centered_ev": metrics.centered_explained_variance(x, x_hat),
        "gamma": metrics.shrinkage(x, x_hat),
        "cosine": metrics.mean_cosine(x, x_hat),
        "dead": 1 / 6,
        "density": metrics.firing_density(acts),
    }
    for name, value in expected.items():
        assert_close(getattr(report, name), value, name)
    with pytest.raises(ValueError, match="at least one token"):
        metrics.ReconstructionSums(4, 6).report()


@pytest.mark.project
def test_histogram_counts_decades_and_the_silent(metrics):
    density = torch.tensor([0.0, 0.5, 0.05, 0.02, 1e-9, 1.0])
    histogram = metrics.density_histogram(density, bins=4, lowest=-4.0)
    assert histogram.counts == [1, 0, 2, 2] and histogram.never == 1
    assert histogram.edges == [-4, -3, -2, -1, 0]


@pytest.mark.project
def test_bad_input_of_metrics_raises(metrics):
    for call, words in (
        (lambda: metrics.recover_features(torch.full((2, 2), torch.nan), torch.eye(2)), "NaN"),
        (lambda: metrics.loss_recovered(3.0, 2.0, 3.0), "nothing to recover"),
        (lambda: metrics.density_histogram(torch.ones(2), bins=0), "bins >= 1"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
