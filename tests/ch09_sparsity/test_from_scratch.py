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


def encode(fitted, x):
    pre_acts = (x - fitted.b_dec) @ fitted.W_enc + fitted.b_enc
    values, indices = pre_acts.topk(K, dim=1)
    return torch.zeros(len(x), len(fitted.b_enc)).scatter(1, indices, values.relu())


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
        f"With lr = .05 one batch moves W_enc by at most .05, got {moved:.3f}: one step per batch."
    )
