"""Graders of matryoshka.py: nested errors (9.14)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise, wrong_gradients


def random_sae(matryoshka, prefixes, d_in=4, seed=1):
    return randomise(matryoshka.MatryoshkaSAE(d_in, prefixes[-1], 2, prefixes).double(), seed)


def prefix_by_prefix(made, x, acts):
    errors = []
    for m in made.prefixes:
        x_hat = sum(acts[..., i : i + 1] * made.W_dec[i] for i in range(m)) + made.b_dec
        errors.append((x - x_hat).square().sum(dim=-1).mean())
    return sum(errors) / len(errors)


@exercise("9.14")
@pytest.mark.parametrize("prefixes", [[2], [6], [2, 5, 9], [1, 2, 3, 4]])
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3)])
def test_the_mean_error_of_all_prefixes(matryoshka, prefixes, shape):
    made = random_sae(matryoshka, prefixes)
    x, acts = normal(*shape, 4, seed=2), normal(*shape, prefixes[-1], seed=3).relu()
    expected = prefix_by_prefix(made, x, acts).detach()
    check(
        made.nested_error,
        x,
        acts,
        expected=expected,
        claim=f"With prefixes {prefixes} it is wrong.",
    )


@exercise("9.14")
def test_a_small_error_is_kept(matryoshka):
    made = random_sae(matryoshka, [2, 5, 9])
    x, acts = made.b_dec.detach() + 1e-5 * normal(7, 4, seed=2), 1e-5 * normal(7, 9, seed=3).relu()
    expected, claim = prefix_by_prefix(made, x, acts).detach(), "An error of 1e-10 is wrong."
    check(made.nested_error, x, acts, expected=expected, claim=claim, tolerance=1e-8, scale=0.0)


@exercise("9.14")
def test_a_latent_learns_from_the_prefixes_that_hold_it(matryoshka):
    made, x = random_sae(matryoshka, [2, 5, 9]), normal(7, 4, seed=2)
    acts = normal(7, 9, seed=3).relu().requires_grad_()
    wrong = wrong_gradients(
        lambda: made.nested_error(x, acts)[None],
        {"acts": acts, "W_dec": made.W_dec, "b_dec": made.b_dec},
    )
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


@exercise("9.14")
def test_one_prefix_is_batch_topk(matryoshka, batch_topk):
    made, x = random_sae(matryoshka, [9]), normal(7, 4, seed=2)
    plain = batch_topk.BatchTopKSAE(4, 9, 2).double()
    plain.load_state_dict(made.state_dict())
    claim = "With one prefix the loss is that of BatchTopK."
    assert_close(made(x).loss.total().item(), plain(x).loss.total().item(), claim)


@pytest.mark.project
@pytest.mark.parametrize("prefixes", [[], [3], [3, 3, 8], [5, 3, 8], [0, 8]])
def test_wrong_prefixes_raise(matryoshka, prefixes):
    with pytest.raises(ValueError, match="rising prefixes that end with d_sae=8"):
        matryoshka.MatryoshkaSAE(4, 8, 2, prefixes)


@pytest.mark.project
def test_latents_outside_a_prefix_do_not_change_it(matryoshka):
    made = random_sae(matryoshka, [2, 8])
    acts, x = normal(5, 8, seed=1).relu().requires_grad_(), normal(5, 4, seed=2)
    made.nested_error(x, acts).backward()
    both = acts.grad.clone()
    made.prefixes = (8,)
    acts.grad = None
    made.nested_error(x, acts).backward()
    assert_close(both[:, 2:], acts.grad[:, 2:] / 2, "later latents are in one of two prefixes")
    assert not torch.allclose(both[:, :2], acts.grad[:, :2] / 2)
