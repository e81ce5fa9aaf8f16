"""Graders of topk.py: selection per token (9.1), AuxK (9.2) and multi-TopK (9.3)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise, wrong_gradients
from tests.grading.odd_inputs import check_odd

SIZES = {"batch": 5, "d_sae": 9}


def largest(pre_acts, k):
    """Token by token, by sorting."""
    kept = torch.zeros_like(pre_acts)
    for row, out in zip(pre_acts.reshape(-1, pre_acts.shape[-1]), kept.view(-1, len(pre_acts[0]))):
        for i in sorted(range(len(row)), key=lambda i: -float(row[i]))[:k]:
            out[i] = max(float(row[i]), 0.0)
    return kept


@exercise("9.1")
@pytest.mark.parametrize("k", [1, 3])
def test_the_k_largest_are_kept_on_odd_inputs(topk, k):
    def make(batch, d_sae):
        return normal(batch, max(d_sae, k), seed=3), k

    check_odd(topk.keep_largest, largest, make, skip="nan close", **SIZES)


@exercise("9.1")
def test_all_are_kept_where_k_is_d_sae(topk):
    x = normal(4, 6, seed=2)
    check(topk.keep_largest, x, 6, expected=x.relu(), claim="With k = d_sae acts are ReLU.")


@exercise("9.1")
def test_negative_entries_are_never_active(topk):
    x = -normal(4, 6, seed=2).abs()
    x[0, 2] = 1.5
    expected = torch.zeros(4, 6, dtype=x.dtype)
    expected[0, 2] = 1.5
    claim = "A token with fewer than k positive pre-activations has fewer active latents."
    check(topk.keep_largest, x, 3, expected=expected, claim=claim)


@exercise("9.1")
def test_tokens_are_independent_with_two_leading_axes(topk):
    x = normal(2, 3, 8, seed=5)
    x[1] *= 100
    expected = torch.stack([largest(part, 2) for part in x])
    claim = "Each token keeps its own k largest, whatever its neighbours are."
    check(topk.keep_largest, x, 2, expected=expected, claim=claim)


@exercise("9.1")
def test_gradients_reach_the_kept_entries_alone(topk):
    x = normal(4, 8, seed=6).requires_grad_()
    acts = topk.keep_largest(x, 2)
    assert acts.requires_grad, "The gradient of acts is wrong: there is none."
    acts.square().sum().backward()
    expected = 2 * largest(x.detach(), 2)
    assert_close(x.grad, expected, "The gradient of acts is wrong.")


def explained_by_the_dead(residual, dead_pre_acts, W_dead, aux_k):
    """||e - e_hat||^2, token by token."""
    n = min(aux_k, len(W_dead))
    acts = largest(dead_pre_acts, n)
    total = 0.0
    for e, row in zip(residual, acts, strict=True):
        e_hat = sum(f * direction for f, direction in zip(row, W_dead, strict=True))
        total = total + sum((e - e_hat) ** 2)
    return total / len(residual) * min(1.0, len(W_dead) / aux_k)


@exercise("9.2")
@pytest.mark.parametrize("aux_k", [2, 5, 8])
def test_auxiliary_loss_on_odd_inputs(topk, aux_k):
    def make(batch, dead, d_in):
        return (
            normal(batch, d_in, seed=1),
            normal(batch, dead, seed=2),
            normal(dead, d_in, seed=3),
            aux_k,
        )

    skip = "close batch=300 dead=300 d_in=300"
    check_odd(topk.auxiliary_loss, explained_by_the_dead, make, skip=skip, batch=4, dead=5, d_in=3)


@exercise("9.2")
def test_the_residual_gets_no_gradient_and_dead_latents_do(topk):
    residual = normal(4, 3, seed=1).requires_grad_()
    pre_acts, rows = normal(4, 6, seed=2), normal(6, 3, seed=3)
    leaves = {"pre_acts": pre_acts.requires_grad_(), "W_dead": rows.requires_grad_()}
    wrong = wrong_gradients(lambda: topk.auxiliary_loss(residual, pre_acts, rows, 2)[None], leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"
    topk.auxiliary_loss(residual, pre_acts, rows, 2).backward()
    assert residual.grad is None, (
        "The residual gets a gradient. AuxK teaches dead latents and must not move the others."
    )


def test_without_dead_latents_the_loss_is_zero(topk):
    x = normal(4, 3, seed=1)
    actual = topk.auxiliary_loss(x, x[:, :0], x[:0], 2)
    assert_close(
        actual, torch.zeros((), dtype=x.dtype), "Without dead latents AuxK's loss is zero."
    )


def random_sae(kind, *sizes, seed=1, **settings):
    return randomise(kind(*sizes, **settings), seed)


@exercise("9.3")
@pytest.mark.parametrize("k, size", [(1, 1.0), (2, 1.0), (5, 1.0), (2, 1e6)])
def test_multi_topk_adds_the_error_of_four_k(topk, sae, k, size):
    made, x = random_sae(topk.MultiTopKSAE, 3, 12, k), size * normal(6, 3, seed=4)
    with torch.no_grad():
        narrow = sae.Reconstruction(*made(x)[:3])
        wide = made.decode(largest(narrow.pre_acts, min(4 * k, 12)))
        errors = [(x - x_hat).square().sum(-1).mean() for x_hat in (narrow.x_hat, wide)]
        parts = made.loss_parts(x, narrow)
    claim = "The reconstruction loss is not L(k) + L(4 k) / 8."
    assert_close(parts.reconstruction, errors[0] + errors[1] / 8, claim)
    assert_close([*parts[1:]], [torch.zeros(()), torch.zeros(())], "The other parts are wrong.")


@exercise("9.3")
def test_gradients_of_multi_topk_agree_with_differences(topk):
    made, x = random_sae(topk.MultiTopKSAE, 3, 12, 2), normal(6, 3, seed=4)
    leaves = dict(made.named_parameters())
    wrong = wrong_gradients(lambda: made(x).loss.total()[None], leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"


@pytest.mark.project
def test_topk_does_not_shrink_with_the_true_dictionary(topk):
    """Unit, orthogonal features and k their number: gamma is 1 (papers: section 9, A6)."""
    made = topk.TopKSAE(8, 8, 3).double()
    with torch.no_grad():
        made.W_dec.copy_(torch.eye(8))
        made.W_enc.copy_(torch.eye(8))
    x = torch.zeros(20, 8, dtype=torch.float64)
    for row in x:
        row[torch.randperm(8)[:3]] = torch.rand(3, dtype=torch.float64) + 0.5
    assert torch.equal(made(x).x_hat, x)


@pytest.mark.project
def test_wrong_settings_raise(topk):
    for call, words in (
        (lambda: topk.TopKSAE(3, 4, 5), "k from 1 to d_sae=4, got 5"),
        (lambda: topk.TopKSAE(3, 4, 0), "got 0"),
        (lambda: topk.TopKSAE(3, 4, 2, aux_k=-1), "aux_k >= 0"),
        (lambda: topk.TopKSAE(3, 4, 2)(torch.zeros(2, 5)), "d_in=3 entries"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
