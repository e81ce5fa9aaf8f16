"""One training step of an SAE with an L1 penalty, against the same step in plain torch.

Sizes are those of GPT-2 small's residual stream, when the bench has GPT-2 small's; Adam, the unit
decoder and the removal of the parallel gradient are included on both sides. `train_step` counts
also how often each latent is active.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from solutions.ch08_saes.train import train_step
from solutions.ch08_saes.vanilla import VanillaSAE

from .rows import SMALL, Bench, Row

FULL = (768, 6144, 4096)
SMALLER = (16, 64, 32)
L1 = 0.5


def sizes_of(bench: Bench) -> tuple[int, int, int]:
    """d_in, d_sae and rows per batch."""
    return FULL if bench.config == SMALL else SMALLER


def saes(bench: Bench) -> Iterator[Row]:
    """The step against plain torch, and against its six matrix products."""
    d_in, d_sae, batch = sizes_of(bench)
    x = torch.randn(batch, d_in, generator=torch.Generator().manual_seed(0)).to(bench.device)
    sae = VanillaSAE(d_in, d_sae, L1).to(bench.device)
    optimizer = torch.optim.Adam(sae.parameters(), lr=1e-4, fused=True)

    def ours() -> None:
        train_step(sae, x, optimizer)

    shape = f"{d_in} inputs, {d_sae} latents, {batch} rows"
    plain = plain_step(x, d_sae)
    timing = bench.against(ours, plain)
    speed = f"{batch / timing.seconds:,.0f} tokens/s"
    yield Row("SAE training step, L1 / plain torch", shape, timing, speed)
    timing = bench.against(ours, products(x, d_sae))
    share = f"6 products are {1 / timing.ratio:.0%} of the step"
    yield Row("SAE training step, L1 / matrix products", shape, timing, share)


def plain_step(x: Tensor, d_sae: int) -> Callable[[], None]:
    """The step as few lines of torch."""
    sae = VanillaSAE(x.shape[1], d_sae, L1).to(x.device)
    W_enc, b_enc, W_dec, b_dec = (
        getattr(sae, name).detach().requires_grad_()
        for name in ("W_enc", "b_enc", "W_dec", "b_dec")
    )
    optimizer = torch.optim.Adam([W_enc, b_enc, W_dec, b_dec], lr=1e-4)

    def step() -> None:
        acts = torch.relu((x - b_dec) @ W_enc + b_enc)
        error = acts @ W_dec + b_dec - x
        loss = error.square().sum(1).mean() + L1 * acts.sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        with torch.no_grad():
            W_dec.grad -= (W_dec.grad * W_dec).sum(1, keepdim=True) * W_dec
        optimizer.step()
        with torch.no_grad():
            W_dec.div_(W_dec.norm(dim=1, keepdim=True))

    return step


def products(x: Tensor, d_sae: int) -> Callable[[], None]:
    """The matrix products of the step alone: two forward, and two backward for each."""
    W = torch.randn(x.shape[1], d_sae, device=x.device)
    acts = torch.randn(len(x), d_sae, device=x.device)

    def step() -> None:
        for _ in range(2):
            torch.mm(x, W)
            torch.mm(acts, W.T)
            torch.mm(x.T, acts)

    return step
