"""Graders of dictionary_learning.py (8.19): the method from an empty file, judged by results."""

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from tests.grading import exercise
from tests.grading.assertions import normal
from tests.grading.side_effects import assert_no_side_effects

N_FEATURES, D_IN, D_SAE = 16, 12, 24
STEPS, L1 = 800, 0.4


def planted_data(seed, rows=3000):
    """Sums of few directions with random strengths, plus a longer constant.

    Of the first 3,000 rows those without any direction come first.
    """
    directions = normal(N_FEATURES, D_IN, seed=seed)
    directions /= directions.norm(dim=1, keepdim=True)
    generator = torch.Generator().manual_seed(seed + 1)
    on = torch.rand(rows, N_FEATURES, generator=generator) < 0.08
    strengths = on * (0.5 + torch.rand(rows, N_FEATURES, generator=generator))
    strengths[:3000] = strengths[strengths[:3000].sum(dim=1).argsort()]
    offset = normal(D_IN, seed=seed + 2)
    x = strengths.double() @ directions + 3 * offset / offset.norm()
    return x.float(), directions.float()


def encode(x, learned):
    return ((x - learned.b_dec) @ learned.W_enc + learned.b_enc).relu()


@pytest.fixture
def learn(dictionary_learning):
    def learn(x, steps=STEPS, seed=0):
        return dictionary_learning.learn_dictionary(x, D_SAE, L1, steps, seed)

    return learn


@exercise("8.19")
@pytest.mark.heavy
@pytest.mark.parametrize("seed", [100, 200])
def test_the_dictionary_finds_the_planted_features(learn, seed):
    x, directions = planted_data(seed)
    learned = learn(x)
    lengths = learned.W_dec.norm(dim=1)
    assert (lengths - 1).abs().max() < 1e-4, (
        f"Decoder rows must have length 1, got {lengths.min():.3f} to {lengths.max():.3f}."
    )
    fresh = planted_data(seed, rows=6000)[0][3000:]
    acts = encode(fresh, learned)
    x_hat = acts @ learned.W_dec + learned.b_dec
    fvu = ((fresh - x_hat).square().sum() / (fresh - fresh.mean(0)).square().sum()).item()
    l0 = (acts > 0).float().sum(1).mean().item()
    assert fvu < 0.25, (
        f"On new data the fraction of variance unexplained must be < .25, got {fvu:.2f}."
    )
    assert fvu > 0.005, f"A penalty of {L1} leaves an error, got {fvu:.4f}: is the penalty there?"
    assert l0 < 4, (
        f"About 1.3 features are present per row; expected L0 below 4, got {l0:.1f}. Does b_dec "
        "begin far from the mean of x? Is the penalty averaged over latents? Sum it."
    )
    unit = learned.W_dec / lengths[:, None]
    found = linear_sum_assignment((directions @ unit.T).numpy(), maximize=True)
    cosines = (directions @ unit.T)[found[0], found[1]]
    recall = (cosines > 0.9).float().mean().item()
    assert recall > 0.8, (
        f"Of 16 directions more than .8 must be found (cosine > .9), got {recall:.2f}. Does the "
        "encoder begin as the transpose of the decoder?"
    )


@exercise("8.19")
@pytest.mark.heavy
def test_small_activations_are_shrunken_by_half_the_penalty(learn):
    """With one feature the best activation is strength - lambda / 2 (Bricken et al. do not correct
    it)."""
    generator = torch.Generator().manual_seed(3)
    strengths = (torch.rand(2000, 1, generator=generator) < 0.1) * 1.0
    x = strengths * torch.nn.functional.normalize(normal(1, D_IN, seed=4).float(), dim=1)
    learned = learn(x, steps=700)
    x_hat = encode(x, learned) @ learned.W_dec + learned.b_dec
    on = (strengths[:, 0] > 0).nonzero()[:, 0]
    gap = ((x_hat[on].mean(0) - x_hat[strengths[:, 0] == 0].mean(0)).norm()).item()
    cause = (
        "Is the squared error averaged over d_in? Sum it."
        if gap < 0.65
        else ("Is the penalty averaged over latents? Sum it.")
    )
    assert 0.65 < gap < 0.95, (
        f"One feature of strength 1, on a tenth of the time, with a penalty of {L1}: x_hat must "
        f"move by .8 or so, as 1 - .4 / 2, got {gap:.3f}. {cause}"
    )


@exercise("8.19")
def test_the_first_step_follows_the_gradient_of_the_loss(learn):
    x = planted_data(300)[0]
    begun, stepped = learn(x, 0), learn(x, 1)
    leaves = type(begun)(*(weight.detach().clone().requires_grad_() for weight in begun))
    acts = encode(x, leaves)
    error = (x - acts @ leaves.W_dec - leaves.b_dec).square().sum(1)
    (error + L1 * acts.sum(1)).mean().backward()
    for name in ("W_enc", "b_enc", "b_dec"):
        move = (getattr(begun, name) - getattr(stepped, name)).detach()
        grad = getattr(leaves, name).grad
        similarity = float((move * grad).sum() / (move.norm() * grad.norm()))
        assert similarity > 0.5, (
            f"The first step of {name} does not follow the gradient of the loss (cosine "
            f"{similarity:.2f})."
        )
        most = move.abs().max().item()
        assert 0.002 < most < 0.0035, f"Adam's first step is .003 long, got {most:.4f} for {name}."


@exercise("8.19")
def test_one_adam_takes_all_steps(learn):
    """Adam's first step moves every entry by the learning rate, its second one hardly any."""
    weights = [learn(planted_data(300)[0], steps).W_enc for steps in range(3)]
    for step, (before, after) in enumerate(zip(weights, weights[1:], strict=False), 1):
        move = (after - before).abs()[after != before]
        share = ((move - 0.003).abs() < 2e-5).float().mean().item()
        assert (share > 0.9) == (step == 1), (
            f"Step {step} of Adam moves {share:.0%} of the entries of W_enc by .003: all "
            "in the first step, few in the second. Is there one optimizer, and one step of it "
            "for each of `steps`?"
        )


@exercise("8.19")
def test_the_learning_rate_stays(dictionary_learning):
    """x is so long that a step hardly changes the gradient: the second one is as long as the
    first."""
    x = 1e4 * normal(1, 6, seed=1).float() * torch.tensor([[1.0], [-1]]).repeat(300, 1)
    one, two = (dictionary_learning.learn_dictionary(x, 4, 0.01, steps, 0) for steps in (1, 2))
    most = (two.W_enc - one.W_enc).abs().max().item()
    assert 0.0027 < most < 0.0033, (
        f"The second of two steps of .003 moves W_enc by {most:.5f}: keep the learning rate."
    )


@exercise("8.19")
def test_a_step_sees_256_rows(dictionary_learning):
    """Each row of x has one entry, so each drawn row moves one row of W_enc."""
    x = torch.cat([torch.eye(400), -torch.eye(400)])
    before, after = (
        dictionary_learning.learn_dictionary(x, 800, 0.01, steps, seed=0).W_enc for steps in (0, 1)
    )
    moved = int(((before - after).abs().amax(dim=1) > 1e-3).sum())
    assert 150 < moved < 260, (
        f"256 rows of these 800 have about 190 of the 400 directions, got {moved} in one step."
    )


@exercise("8.19")
def test_each_step_draws_rows_of_its_own(dictionary_learning):
    """Of 1,024 rows 2 are not zero. A batch has one with probability .4, and 30 have none once in
    three million."""
    x = torch.zeros(1024, 2)
    x[10], x[500] = torch.tensor([[1.0, 2], [-1, -2]])
    for seed in range(10):
        begun, ended = (
            dictionary_learning.learn_dictionary(x, 3, 0.01, steps, seed) for steps in (0, 30)
        )
        assert not all(torch.equal(a, b) for a, b in zip(begun, ended, strict=True)), (
            "In 30 steps none met a row that is not zero: is the batch drawn once, before the loop?"
        )


@exercise("8.19")
def test_one_latent_and_one_input_keep_their_axes(dictionary_learning):
    x = normal(9, 1, seed=1).float()
    learned = dictionary_learning.learn_dictionary(x, 1, L1, 1, seed=0)
    sizes = [list(weight.shape) for weight in learned]
    assert sizes == [[1, 1], [1], [1, 1], [1]], f"With d_in = d_sae = 1 the shapes are {sizes}."


@exercise("8.19")
def test_seed_and_data_decide_and_nothing_else_changes(learn):
    x = planted_data(300)[0]
    with assert_no_side_effects(x=x):
        one, same, other = learn(x, 5, 1), learn(x, 5, 1), learn(x, 5, 2)
    for a, b in zip(one, same, strict=True):
        assert torch.equal(a, b), "The same seed must give the same dictionary."
        assert not a.requires_grad, "Return the weights without gradients."
    assert not torch.equal(one.W_dec, other.W_dec), "Another seed must give another dictionary."
    begun, stepped, other = learn(x, 0, 1), learn(x, 1, 1), learn(x, 0, 2)
    assert not torch.equal(begun.W_dec, other.W_dec), (
        "Another seed must give other initial weights."
    )
    assert not torch.equal(begun.W_dec, stepped.W_dec), "With steps = 1 there must be one step."
    shapes = [list(part.shape) for part in one]
    assert shapes == [[D_IN, D_SAE], [D_SAE], [D_SAE, D_IN], [D_IN]], f"Shapes: {shapes}."
