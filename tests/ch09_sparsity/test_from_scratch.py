"""Graders of from_scratch.py (9.18), by claims alone."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

N_FEATURES, D_IN, K = 40, 20, 2


def directions(seed):
    return torch.nn.functional.normalize(normal(N_FEATURES, D_IN, seed=seed), dim=1).float()


def batches(steps, rows, seed, offset=0.0):
    """Two features per token, each of strength .5 to 1.5."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.rand(200, N_FEATURES, generator=generator).topk(K, dim=1).indices
        strengths = torch.zeros(200, N_FEATURES)
        strengths.scatter_(1, chosen, 0.5 + torch.rand(200, K, generator=generator))
        yield strengths @ rows + offset


def encode(fitted, x, k=K):
    pre_acts = (x - fitted.b_dec) @ fitted.W_enc + fitted.b_enc
    values, indices = pre_acts.topk(k, dim=1)
    return torch.zeros(len(x), len(fitted.b_enc)).scatter(1, indices, values.relu())


def after(from_scratch, xs, lr, d_sae=40, k=K):
    """The weights after one step on each of a few batches."""
    return from_scratch.fit_topk_sae(xs, d_sae, k, lr=lr)


def moved(before, now):
    """Which latents have another encoder column, or another bias, by a tenth of lr = .5."""
    columns = (now.W_enc - before.W_enc).abs().amax(dim=0)
    return [columns > 0.05, (now.b_enc - before.b_enc).abs() > 0.05]


@exercise("9.18")
@pytest.mark.parametrize("seed, offset", [(1, 0.0), (2, 0.4)])
def test_the_features_are_found(from_scratch, seed, offset):
    rows = directions(seed)
    fitted = from_scratch.fit_topk_sae(batches(700, rows, seed, offset), 2 * N_FEATURES, K)
    sizes = [list(weight.shape) for weight in fitted]
    expected = [[D_IN, 2 * N_FEATURES], [2 * N_FEATURES], [2 * N_FEATURES, D_IN], [D_IN]]
    assert sizes == expected, f"Expected weights of shapes {expected}, got {sizes}."
    assert not any(weight.requires_grad for weight in fitted), (
        "The weights still require gradients."
    )
    claim = "The decoder's rows do not have length 1."
    assert_close(fitted.W_dec.norm(dim=1), torch.ones(2 * N_FEATURES), claim, tolerance=1e-4)
    x = next(batches(1, rows, 99, offset))
    x_hat = encode(fitted, x) @ fitted.W_dec + fitted.b_dec
    unexplained = float((x - x_hat).square().sum() / (x - x.mean(dim=0)).square().sum())
    assert unexplained < 0.3, (
        f"{unexplained:.2f} of the variance of new tokens is unexplained, more than .30."
    )
    found = (rows @ fitted.W_dec.T).amax(dim=1) > 0.9
    share = found.float().mean().item()
    assert share > 0.8, (
        f"{share:.2f} of the features have a decoder row within cosine .9; expected .8."
    )


@exercise("9.18")
def test_global_chance_is_left_alone(from_scratch):
    before = torch.random.get_rng_state()
    from_scratch.fit_topk_sae(batches(2, directions(1), 1), 8, K)
    assert torch.equal(before, torch.random.get_rng_state()), (
        "torch's global random state has changed; draw from a generator of your own."
    )


@exercise("9.18")
def test_each_batch_gives_one_step_of_the_learning_rate(from_scratch):
    """Adam's first step moves no entry by more than the learning rate."""
    near, far = (
        from_scratch.fit_topk_sae(batches(1, directions(1), 1), 8, K, lr=lr) for lr in (1e-9, 0.05)
    )
    moved = float((far.W_enc - near.W_enc).abs().max())
    assert 0.04 < moved < 0.06, (
        f"With lr = .05 one batch moves W_enc by at most .05, got {moved:.3f}: one step per batch, "
        "of the learning rate given."
    )


@exercise("9.18")
@pytest.mark.parametrize("seed", [1, 3])
def test_a_step_moves_the_encoder_of_active_latents(from_scratch, seed):
    first, second = (1.5 * normal(3, D_IN, seed=seed + i).float() + 0.5 for i in (0, 1))
    start = after(from_scratch, [first], lr=1e-9)
    one, two = (after(from_scratch, xs, lr=0.5) for xs in ([first], [first, second]))
    claim = "A step moves W_enc and b_enc of the k latents that are active on each token, alone."
    active = (encode(start, first) > 0).any(dim=0)
    assert_close(moved(start, one), [active] * 2, claim)
    active |= (encode(one, second) > 0).any(dim=0)  # Adam moves those of the first step on
    assert_close(moved(one, two), [active] * 2, claim)


@exercise("9.18")
def test_a_step_begins_with_unit_rows(from_scratch):
    """The second batch is so much larger that every entry of a row moves by as much, whatever the
    gradient: its one part in ten of Adam's mean and in a thousand of its mean square."""
    first, second = normal(9, D_IN, seed=1).float(), 1e4 * normal(9, D_IN, seed=2).float()
    one, two = (after(from_scratch, xs, lr=0.5) for xs in ([first], [first, second]))
    active = (encode(one, second) > 0).any(dim=0)
    before, now = one.W_dec[active], two.W_dec[active]
    size = 0.5 * (0.1 / 0.19) / (0.001 / 0.001999) ** 0.5
    cosine = (before * now).sum(dim=1, keepdim=True)
    length = cosine + (cosine.square() - 1 + D_IN * size**2).sqrt()  # of a row + its step
    claim = "Unit rows are missing at the second step: scale W_dec after each one, not at the end."
    moves = (length * now - before).abs() / size
    assert_close(moves, torch.ones_like(moves), claim, tolerance=0.05)


@exercise("9.18")
@pytest.mark.parametrize("k", [4, 64])
def test_the_step_follows_the_gradient_of_the_squared_error(from_scratch, k):
    """Below Adam's epsilon a step is linear in the gradient, and the error's is of second order."""
    x = 3e-5 * (normal(200, 64, seed=1).float() + 1)
    start, far = (after(from_scratch, [x], lr, d_sae=64, k=k) for lr in (1e-9, 1.0))
    leaves = type(start)(*(weight.detach().clone().requires_grad_() for weight in start))
    x_hat = encode(leaves, x, k) @ leaves.W_dec + leaves.b_dec
    (x - x_hat).square().sum().backward()
    for name, least in {"W_enc": 0.9, "b_enc": 0.4, "b_dec": 0.4}.items():
        move, grad = getattr(start, name) - getattr(far, name), getattr(leaves, name).grad
        similarity = float((move * grad).sum() / (move.norm() * grad.norm()))
        assert similarity > least, (
            f"The first step of {name} does not follow the gradient of the squared error "
            f"(cosine {similarity:.2f}). Is something else in the loss, or detached, or is a "
            "negative entry active?"
        )


@exercise("9.18")
def test_one_latent_and_one_input_keep_their_axes(from_scratch):
    fitted = after(from_scratch, [normal(5, 1, seed=1).float()], lr=1e-3, d_sae=1, k=1)
    sizes = [list(weight.shape) for weight in fitted]
    assert sizes == [[1, 1], [1], [1, 1], [1]], f"With d_in = d_sae = 1 the shapes are {sizes}."
