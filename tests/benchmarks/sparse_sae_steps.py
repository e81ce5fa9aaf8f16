"""One training step of chapter 9's SAEs, each against a dense step of its variant in plain torch.

TopK and BatchTopK train by their sparse pass; gated and JumpReLU SAEs are dense on both sides.
Sizes are those of `sae_steps`. Adam and the unit decoder are included on both sides, and the
removal of the parallel gradient.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from solutions.ch08_saes.sae import AbstractSAE
from solutions.ch08_saes.train import dense_pass, train_step
from solutions.ch09_sparsity import BatchTopKSAE, GatedSAE, JumpReLUSAE, TopKSAE, sparse_pass

from .rows import SMALL, Bench, Row
from .sae_steps import sizes_of

Loss = Callable[[Tensor, dict[str, Tensor]], Tensor]
K, PENALTY, WIDTH = 32, 0.1, 0.05


def sparse_saes(bench: Bench) -> Iterator[Row]:
    """The two sparse steps, then the two dense ones."""
    d_in, d_sae, batch = sizes_of(bench)
    k = K if bench.config == SMALL else 4
    x = torch.randn(batch, d_in, generator=torch.Generator().manual_seed(0)).to(bench.device)
    shape = f"{d_in} inputs, {d_sae} latents, {batch} rows"
    variants: dict[str, tuple[AbstractSAE, Loss]] = {
        "TopK": (TopKSAE(d_in, d_sae, k), topk_loss(k, by_token=True)),
        "BatchTopK": (BatchTopKSAE(d_in, d_sae, k), topk_loss(k, by_token=False)),
        "gated": (GatedSAE(d_in, d_sae, PENALTY), gated_loss),
        "JumpReLU": (JumpReLUSAE(d_in, d_sae, PENALTY), jumprelu_loss),
    }
    for name, (sae, loss) in variants.items():
        sae.to(bench.device)
        plain = plain_step(x, sae, loss)
        optimizer = torch.optim.Adam(sae.parameters(), lr=1e-4, fused=True)
        one_pass = sparse_pass if "TopK" in name else dense_pass

        def ours() -> None:
            train_step(sae, x, optimizer, training_pass=one_pass)

        with_k = f", k {k}" if "TopK" in name else ""
        timing = bench.against(ours, plain)
        yield Row(f"SAE training step, {name} / dense plain torch", shape + with_k, timing)


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


def topk_loss(k: int, by_token: bool) -> Loss:
    """The largest per token, or of the batch; scattered, then multiplied with all latents."""

    def loss(x: Tensor, w: dict[str, Tensor]) -> Tensor:
        pre_acts = encoded(x, w)
        table = pre_acts if by_token else pre_acts.reshape(1, -1)
        values, indices = table.topk(k if by_token else k * len(x), dim=1, sorted=False)
        acts = torch.zeros_like(table).scatter(1, indices, values.relu())
        return error(x, acts.view_as(pre_acts), w)

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
