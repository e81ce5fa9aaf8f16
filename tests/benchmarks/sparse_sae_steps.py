"""One training step of chapter 9's SAEs, each against a dense step of its variant in plain torch.

TopK, BatchTopK and Matryoshka train by a sparse pass; the others are dense on both sides. Sizes are
those of `sae_steps`. Adam and the unit decoder are included on both sides, and the removal of the
parallel gradient. The second row of a variant compares with the matrix products that it cannot do
without: the encoder's alone for a sparse step.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from solutions.ch08_saes.sae import AbstractSAE
from solutions.ch08_saes.train import TrainingPass, dense_pass, train_step
from solutions.ch09_sparsity import (
    BatchTopKSAE,
    GatedSAE,
    JumpReLUSAE,
    MatryoshkaSAE,
    TopKSAE,
    sparse_pass,
)
from solutions.ch09_sparsity.matryoshka import nested_sparse_pass

from .rows import SMALL, Bench, Row
from .sae_steps import sizes_of

Loss = Callable[[Tensor, dict[str, Tensor]], Tensor]
K, PENALTY, WIDTH = 32, 0.1, 0.05


class Variant(NamedTuple):
    """What is measured."""

    sae: AbstractSAE
    """Ours."""
    loss: Loss
    """The same loss in plain torch."""
    one_pass: Callable[[AbstractSAE, Tensor], TrainingPass]
    """How ours computes it."""
    products: int
    """Matrix products [batch, d_in, d_sae] of its step; 1 for a sparse one."""


def variants_of(bench: Bench) -> dict[str, Variant]:
    """Make an SAE of each kind, with its loss in plain torch."""
    d_in, d_sae, _ = sizes_of(bench)
    k = K if bench.config == SMALL else 4
    prefixes = [d_sae // 8, d_sae // 4, d_sae // 2, d_sae]
    return {
        "TopK": Variant(TopKSAE(d_in, d_sae, k), topk_loss(k, by_token=True), sparse_pass, 1),
        "BatchTopK": Variant(
            BatchTopKSAE(d_in, d_sae, k), topk_loss(k, by_token=False), sparse_pass, 1
        ),
        "Matryoshka": Variant(
            MatryoshkaSAE(d_in, d_sae, k, prefixes),
            matryoshka_loss(k, prefixes),
            nested_sparse_pass,
            1,
        ),
        "gated": Variant(GatedSAE(d_in, d_sae, PENALTY), gated_loss, dense_pass, 8),
        "JumpReLU": Variant(JumpReLUSAE(d_in, d_sae, PENALTY), jumprelu_loss, dense_pass, 6),
    }


def sparse_saes(bench: Bench) -> Iterator[Row]:
    """Measure the three sparse steps, then the two dense ones."""
    d_in, d_sae, batch = sizes_of(bench)
    x = torch.randn(batch, d_in, generator=torch.Generator().manual_seed(0)).to(bench.device)
    shape = f"{d_in} inputs, {d_sae} latents, {batch} rows"
    for name, (sae, loss, one_pass, n_products) in variants_of(bench).items():
        sae.to(bench.device)
        plain = plain_step(x, sae, loss)
        optimizer = torch.optim.Adam(sae.parameters(), lr=1e-4, fused=True)

        def ours() -> None:
            train_step(sae, x, optimizer, training_pass=one_pass)

        what = f"SAE training step, {name}"
        timing = bench.against(ours, plain)
        speed = f"{batch / timing.seconds:,.0f} tokens/s"
        yield Row(f"{what} / dense plain torch", shape, timing, speed)
        timing = bench.against(ours, matrix_products(x, d_sae, n_products))
        share = f"{n_products} products are {1 / timing.ratio:.0%} of the step"
        yield Row(f"{what} / its matrix products", shape, timing, share)


def matrix_products(x: Tensor, d_sae: int, n: int) -> Callable[[], None]:
    """Make a function of n products of the encoder's size."""
    W = torch.randn(x.shape[1], d_sae, device=x.device)

    def step() -> None:
        for _ in range(n):
            torch.mm(x, W)

    return step


def plain_step(x: Tensor, sae: AbstractSAE, loss: Loss) -> Callable[[], None]:
    """A step with autograd and Adam's defaults."""
    weights = {name: w.detach().clone().requires_grad_() for name, w in sae.named_parameters()}
    optimizer = torch.optim.Adam(weights.values(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss(x, weights).backward()
        W_dec = weights["W_dec"]
        with torch.no_grad():
            W_dec.grad -= (W_dec.grad * W_dec).sum(1, keepdim=True) * W_dec
        optimizer.step()
        with torch.no_grad():
            W_dec.div_(W_dec.norm(dim=1, keepdim=True))

    return step


def encoded(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """Pre-activations."""
    return (x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]


def error(x: Tensor, acts: Tensor, w: dict[str, Tensor]) -> Tensor:
    """Mean squared length of the error."""
    return (acts @ w["W_dec"] + w["b_dec"] - x).square().sum(1).mean()


def largest(pre_acts: Tensor, k: int, by_token: bool) -> Tensor:
    """Keep the largest per token, or of the batch; scattered into a table of all latents."""
    table = pre_acts if by_token else pre_acts.reshape(1, -1)
    values, indices = table.topk(k if by_token else k * len(pre_acts), dim=1, sorted=False)
    return torch.zeros_like(table).scatter(1, indices, values.relu()).view_as(pre_acts)


def topk_loss(k: int, by_token: bool) -> Loss:
    """The largest, multiplied with all latents."""
    return lambda x, w: error(x, largest(encoded(x, w), k, by_token), w)


def matryoshka_loss(k: int, prefixes: list[int]) -> Loss:
    """The largest of the batch; each prefix adds its rows to the reconstruction before."""

    def loss(x: Tensor, w: dict[str, Tensor]) -> Tensor:
        acts = largest(encoded(x, w), k, by_token=False)
        x_hat, total, start = w["b_dec"], x.new_zeros(()), 0
        for end in prefixes:
            x_hat = x_hat + acts[:, start:end] @ w["W_dec"][start:end]
            total = total + (x_hat - x).square().sum(1).mean()
            start = end
        return total / len(prefixes)

    return loss


def gated_loss(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """Gate and strength, L1 on the gate, and the gate's own reconstruction."""
    gate = encoded(x, w)
    strength = (gate - w["b_enc"]) * w["r_mag"].exp() + w["b_mag"]
    opened = gate.relu()
    own = (opened @ w["W_dec"].detach() + w["b_dec"].detach() - x).square().sum(1).mean()
    return error(x, (gate > 0) * strength.relu(), w) + PENALTY * opened.sum(1).mean() + own


def jumprelu_loss(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """A threshold per latent; its gradient by a term whose value is zero."""
    z, threshold = encoded(x, w), w["log_threshold"].exp()
    near = ((z - threshold).abs() < WIDTH / 2) / WIDTH
    moved = threshold - threshold.detach()
    active = (z > threshold).to(z)
    acts = z * active - threshold.detach() * near * moved
    return error(x, acts, w) + PENALTY * (active - near * moved).sum(1).mean()
