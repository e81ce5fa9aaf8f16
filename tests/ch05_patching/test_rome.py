"""Graders of rome.py: the second moment of keys, and the rank-one edit (5.12)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, is_close, normal
from tests.grading.odd_inputs import check_odd

SIZES = [(6, 6), (5, 8), (9, 4)]


def correlated_keys(n, d_mlp, seed):
    """Keys with a mean that is not 0, and correlated neurons of different variance."""
    mixed = normal(n, d_mlp, seed=seed) @ normal(d_mlp, d_mlp, seed=seed + 1)
    return mixed * torch.linspace(0.5, 2.0, d_mlp) + 1.5


def moment_by_loop(keys, ridge=0.0):
    """The second moment, entry by entry and key by key."""
    n, d = keys.shape
    rows = [[sum(keys[:, i] * keys[:, j]) / n for j in range(d)] for i in range(d)]
    moment = torch.tensor(rows, dtype=torch.float64)
    return moment + ridge * sum(moment.diagonal()) / d * torch.eye(d, dtype=torch.float64)


@exercise("5.12")
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize(("n", "d_mlp"), [(11, 4), (3, 7)])
def test_second_moment_averages_outer_products(rome, n, d_mlp, ridge):
    keys = correlated_keys(n, d_mlp, seed=n)
    claim = f"The second moment of {n} keys, ridge {ridge}, is wrong."
    check(rome.second_moment, keys, ridge, expected=moment_by_loop(keys, ridge), claim=claim)


@exercise("5.12")
def test_second_moment_on_odd_inputs(rome):
    def make(keys):
        return correlated_keys(keys, 4, seed=1), 0.3

    check_odd(rome.second_moment, moment_by_loop, make, keys=5)


def problem(d_mlp, d_model, seed):
    """W, C, key and value of one edit."""
    C = moment_by_loop(correlated_keys(3 * d_mlp, d_mlp, seed=seed))
    W = normal(d_mlp, d_model, seed=seed + 10)
    return W, C, normal(d_mlp, seed=seed + 20), 3 * normal(d_model, seed=seed + 30)


def constrained_minimum(W, C, key, value):
    """The edit by Lagrange: per output the smallest d C d with key d = what is missing."""
    size = len(key)
    system = torch.zeros(size + 1, size + 1, dtype=torch.float64)
    system[:size, :size], system[:size, size], system[size, :size] = 2 * C, key, key
    columns = []
    for output in range(W.shape[1]):
        missing = value[output] - sum(key[i] * W[i, output] for i in range(size))
        target = torch.cat([torch.zeros(size, dtype=torch.float64), missing[None]])
        columns.append(torch.linalg.inv(system) @ target)
    return W + torch.stack(columns, dim=1)[:size]


@exercise("5.12")
@pytest.mark.parametrize("seed", [0, 100])
@pytest.mark.parametrize(("d_mlp", "d_model"), SIZES)
def test_edit_maps_the_key_and_changes_least_else(rome, d_mlp, d_model, seed):
    W, C, key, value = problem(d_mlp, d_model, seed)
    expected = constrained_minimum(W, C, key, value)
    claim = f"The edit of a W of shape {[d_mlp, d_model]} is wrong."
    actual = rome.rome_edit(W.clone(), C, key, value)
    if torch.is_tensor(actual) and is_close(key @ actual, value):
        claim += " The key maps to the value, but the outputs of other keys change too much."
    check(rome.rome_edit, W, C, key, value, expected=expected, claim=claim, tolerance=1e-8)


@exercise("5.12")
@pytest.mark.parametrize(("d_mlp", "d_model"), SIZES)
def test_edit_has_rank_one_and_spares_c_orthogonal_keys(rome, d_mlp, d_model):
    W, C, key, value = problem(d_mlp, d_model, seed=7)
    edited = rome.rome_edit(W, C, key, value)
    assert_close(key @ edited, value, "key @ W_new must be the value.")
    singular = torch.linalg.svdvals(edited - W)
    assert singular[1] < 1e-10 * singular[0], (
        f"expected a change of rank one, got a second singular value of "
        f"{singular[1] / singular[0]:.2g} times the first"
    )
    others, u = normal(20, d_mlp, seed=8), torch.linalg.inv(C) @ key
    spared = others - torch.outer(others @ u / (key @ u), key)
    claim = "A key with k' C^-1 k = 0 must keep its output."
    assert_close(spared @ edited, spared @ W, claim, tolerance=1e-8)


@exercise("5.12")
def test_no_other_edit_changes_usual_keys_less(rome):
    W, C, key, value = problem(5, 8, seed=9)
    change = rome.rome_edit(W, C, key, value) - W

    def cost(delta):
        return torch.einsum("ki,kl,li->", delta, C, delta).item()

    for seed in range(200):
        other = normal(5, 8, seed=1000 + seed)
        other = change + 0.1 * (other - torch.outer(key, key @ other) / (key @ key))
        assert cost(other) >= cost(change) - 1e-9, (
            f"Another edit also maps the key to the value, with a smaller change of usual keys: "
            f"{cost(other):.4f} against {cost(change):.4f}. Is the direction C^-1 k?"
        )


@exercise("5.12")
def test_edit_does_not_depend_on_the_unit_of_c(rome):
    W, C, key, value = problem(6, 3, seed=11)
    expected = rome.rome_edit(W, C, key, value)
    claim = "C in other units gives the same edit. Is the denominator there?"
    check(rome.rome_edit, W, 40 * C, key, value, expected=expected, claim=claim, tolerance=1e-8)
    claim, near = "W and value times 1e-9 give the edit times 1e-9.", {"tolerance": 1e-8}
    arguments = 1e-9 * W, C, key, 1e-9 * value
    check(rome.rome_edit, *arguments, expected=1e-9 * expected, claim=claim, scale=1e-9, **near)
    claim = "The key maps to this value already, so W stays."
    check(rome.rome_edit, W, C, key, key @ W, expected=W, claim=claim)


@exercise("5.12")
def test_a_second_edit_holds_and_moves_the_first(rome):
    W, C, key, value = problem(6, 3, seed=12)
    second, other = normal(6, seed=13), normal(3, seed=14)
    once = rome.rome_edit(W, C, key, value)
    twice = rome.rome_edit(once, C, second, other)
    u = torch.linalg.inv(C) @ second
    moved = value + (key @ u) / (second @ u) * (other - second @ once)
    assert_close(second @ twice, other, "The second edit must hold.", tolerance=1e-8)
    assert_close(key @ twice, moved, "The first value moves by its share.", tolerance=1e-8)


@pytest.mark.project
def test_a_singular_moment_raises(rome):
    W, C, key, value = problem(6, 3, seed=15)
    too_few = correlated_keys(4, 6, seed=16)
    for bad in (too_few.T @ too_few, -C, C + torch.ones(6, 6).triu(1)):
        with pytest.raises(ValueError, match="symmetric C with positive eigenvalues"):
            rome.rome_edit(W, bad, key, value)
    with pytest.raises(ValueError, match="at least one key"):
        rome.second_moment(torch.zeros(0, 6))
    with pytest.raises(ValueError, match="ridge=-1"):
        rome.second_moment(too_few, -1.0)
