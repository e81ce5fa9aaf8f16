"""Graders of resample.py: which inputs are drawn (8.10), and what a dead latent becomes (8.11)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

from .small_saes import random_sae

LOSSES = torch.tensor([1.0, 0.0, 2.0, 3.0, 4.0], dtype=torch.float64)
SHARES = LOSSES.square() / LOSSES.square().sum()
DRAWS = 1500


def drawn(resample, losses, n, seed):
    return resample.draw_inputs(losses, n, torch.Generator().manual_seed(seed))


@exercise("8.10")
def test_inputs_are_drawn_by_their_squared_loss(resample):
    first = [drawn(resample, LOSSES, 1, seed) for seed in range(DRAWS)]
    assert all(one.shape == (1,) for one in first), "draw_inputs(losses, 1, ...) gives one index."
    counts = torch.cat(first).bincount(minlength=5).double()
    chi_square = ((counts - DRAWS * SHARES).square() / (DRAWS * SHARES))[SHARES > 0].sum()
    shares = ", ".join(f"{share:.3f}" for share in SHARES.tolist())
    got = ", ".join(f"{count / DRAWS:.3f}" for count in counts.tolist())
    assert counts[1] == 0 and chi_square < 21.1, (  # 3 degrees of freedom, p = .0001
        f"Inputs with losses 1, 0, 2, 3, 4 must be drawn with shares {shares}, got {got}."
    )
    assert_close(counts, counts, "")


@exercise("8.10")
def test_no_input_is_drawn_twice(resample):
    losses = normal(40, seed=1).abs()
    for n in (40, 30):
        indices = drawn(resample, losses, n, 3)
        assert len(indices.unique()) == n, (
            f"Expected {n} different inputs, got {len(indices.unique())}: two latents with the "
            "same direction are one latent."
        )
    assert_close(
        drawn(resample, losses, 12, 4).sort().values,
        drawn(resample, losses, 12, 4).sort().values,
        "",
    )


@exercise("8.10")
def test_only_the_generator_decides(resample):
    losses = normal(200, seed=2).abs()
    with assert_no_side_effects(losses=losses):
        one, same, other = (drawn(resample, losses, 20, seed) for seed in (5, 5, 6))
    assert_close(one, same, "The same generator must give the same inputs.")
    assert not torch.equal(one, other), "Another generator must give other inputs."


class Moments(torch.optim.Optimizer):
    """An optimizer with Adam's moments and count of steps, and nothing else."""

    def __init__(self, sae, seed):
        named = dict(sae.named_parameters())
        self.state = {
            weight: {
                "exp_avg": normal(*weight.shape, seed=seed + i),
                "exp_avg_sq": normal(*weight.shape, seed=seed + 10 + i).abs(),
                "step": torch.tensor(2000.0),
            }
            for i, weight in enumerate(named.values())
        }


DEAD = torch.tensor([False, True, False, True, True, False, False])


def resampled(resample, vanilla, dead=DEAD, n_inputs=12, seed=1):
    """The inputs, the latents that were replaced, and the weights and Adam's state before and
    after."""
    sae = random_sae(vanilla.VanillaSAE, 4, len(dead), seed)
    optimizer = Moments(sae, seed=50)
    weights = {name: w.detach().clone() for name, w in sae.named_parameters()}
    moments = {
        name: {key: m.clone() for key, m in optimizer.state[w].items()}
        for name, w in sae.named_parameters()
    }
    x = normal(n_inputs, 4, seed=seed + 5)
    latents = resample.resample(sae, dead, x, optimizer, torch.Generator().manual_seed(seed))
    after = {name: w.detach() for name, w in sae.named_parameters()}
    moments_after = {name: optimizer.state[w] for name, w in sae.named_parameters()}
    return x, latents, (weights, after), (moments, moments_after)


AXIS = {"W_enc": 1, "W_dec": 0, "b_enc": 0}


@exercise("8.11")
@pytest.mark.parametrize("seed", [1, 2])
def test_dead_latents_get_inputs_as_directions(resample, vanilla, seed):
    x, latents, (before, after), _ = resampled(resample, vanilla, seed=seed)
    assert latents.tolist() == [1, 3, 4]
    rows = after["W_dec"][latents]
    unit = x / x.norm(dim=1, keepdim=True)
    which = (rows @ unit.T).argmax(dim=1)
    assert_close(rows, unit[which], "A decoder row must be one of the inputs, as a unit vector.")
    assert len(which.unique()) == 3, "Dead latents must get different inputs."
    alive = before["W_enc"][:, ~DEAD]
    norm = sum(float(column.square().sum()) ** 0.5 for column in alive.T) / alive.shape[1]
    claim = "An encoder column must have the new direction and .2 of the mean norm of those alive."
    assert_close(after["W_enc"][:, latents], 0.2 * norm * unit[which].T, claim)
    assert_close(after["b_enc"][latents], torch.zeros(3), "The encoder bias must be zero.")


@exercise("8.11")
@pytest.mark.parametrize("dead", [DEAD.flip(0), torch.arange(7) == 4], ids=["three", "one"])
def test_every_dead_latent_is_returned(resample, vanilla, dead):
    latents = resampled(resample, vanilla, dead=dead)[1]
    assert_close(latents, dead.nonzero()[:, 0], "The indices of the dead latents are wrong.")


@exercise("8.11")
def test_latents_that_are_alive_stay(resample, vanilla):
    _, _, (before, after), _ = resampled(resample, vanilla)
    for name, axis in AXIS.items():
        kept = (~DEAD).nonzero()[:, 0]
        actual, expected = (w[name].index_select(axis, kept) for w in (after, before))
        assert_close(actual, expected, f"{name} of latents that are alive changed.")
    assert_close(after["b_dec"], before["b_dec"], "b_dec changed.")


@exercise("8.11")
def test_moments_are_zero_exactly_where_weights_changed(resample, vanilla):
    _, latents, _, (before, after) = resampled(resample, vanilla)
    for name, axis in AXIS.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            expected = before[name][moment].index_fill(axis, latents, 0)
            claim = f"Adam's {moment} of {name} must be zero for the resampled latents, and for "
            assert_close(after[name][moment], expected, claim + "no others.")
    for moment in ("exp_avg", "exp_avg_sq"):
        assert_close(after["b_dec"][moment], before["b_dec"][moment], f"{moment} of b_dec changed.")
    for name in AXIS:
        claim = f"Adam's count of steps of {name} must stay: it belongs to the other latents too."
        assert_close(after[name]["step"], before[name]["step"], claim)


@exercise("8.11")
def test_fewer_inputs_than_dead_latents(resample, vanilla):
    dead = torch.tensor([True, True, False, True, True, False])
    _, latents, (before, after), state = resampled(resample, vanilla, dead=dead, n_inputs=2)
    assert latents.tolist() == [0, 1]
    rest = torch.tensor([2, 3, 4, 5])
    assert_close(after["W_dec"][rest], before["W_dec"][rest], "Two inputs replace two latents.")
    for name, axis in AXIS.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            expected, kept = (x[name][moment].index_select(axis, rest) for x in state)
            claim = f"Two inputs replace two latents: {moment} of the others' {name} must stay."
            assert_close(kept, expected, claim)


@pytest.mark.project
def test_bad_input_of_resampling_raises(resample, vanilla):
    generator = torch.Generator()
    with pytest.raises(ValueError, match="finite losses"):
        resample.draw_inputs(torch.tensor([1.0, torch.nan]), 1, generator)
    assert len(resample.draw_inputs(torch.zeros(3), 2, generator)) == 0
    sae = random_sae(vanilla.VanillaSAE, 4, 3)
    with pytest.raises(ValueError, match="alive, got none"):
        dead = torch.ones(3, dtype=torch.bool)
        resample.resample(sae, dead, normal(5, 4, seed=1), Moments(sae, 1), generator)
