"""Edges of an attribution graph: by transposed maps, against automatic differentiation.

All active latents of a small model with random transcoders are targets. The other side runs the
linear model forward with a leaf for each MLP output, and asks autograd for every target's row, as
many at once as ours carries back. Both sides then contract rows with what the latents write.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer
from solutions.ch11_transcoders import TopKTranscoder
from solutions.ch12_graphs import freeze, transcoder_basis
from solutions.ch12_graphs.edges import direct_effects, write_effects
from solutions.ch12_graphs.fast_edges import fast_effects
from solutions.ch12_graphs.local import LocalModel, apply_attention, apply_norm
from solutions.ch12_graphs.nodes import Basis, Targets, take

from .rows import SMALL, Bench, Row

BATCH = 256


def by_autograd(local: LocalModel, basis: Basis, targets: Targets) -> Tensor:
    """Compute the effects of all latents by vector-Jacobian products of the linear model."""
    effects = local.embed.new_zeros(len(targets.pos), len(basis.nodes.unit))
    leaves = [layer.mlp_out.clone().requires_grad_() for layer in local.layers]
    resid = (local.embed + local.pos_embed).requires_grad_()
    middle = []
    for layer, written in zip(local.layers, leaves, strict=True):
        normed = apply_norm(layer.norm1, resid) + layer.norm1.bias
        middle.append(resid + apply_attention(layer.attention, normed))
        resid = middle[-1] + written
    streams = torch.stack([*middle, resid])
    for part in torch.arange(len(targets.pos)).split(BATCH):
        chosen = take(targets, part)
        values = (streams[chosen.layer, chosen.pos] * chosen.directions).sum(dim=1)
        rows = torch.autograd.grad(
            values, leaves, torch.eye(len(part)), retain_graph=True, is_grads_batched=True
        )
        for row, writes in zip(rows, basis.nodes.writes, strict=True):
            effects[part[:, None], writes.node] += write_effects(row, basis.nodes, writes)
    return effects


def attribution(bench: Bench) -> Iterator[Row]:
    """Measure both passes on graphs of a model of four layers."""
    small = bench.config != SMALL
    sizes = (32, 16, 2, 2) if small else (128, 512, 8, 64)
    d_model, d_sae, fewest, most = sizes
    config = replace(
        SMALL, n_layers=4, d_model=d_model, n_heads=4, d_head=d_model // 4, d_mlp=4 * d_model,
        d_vocab=64, n_ctx=32,
    )  # fmt: skip
    model = HookedTransformer(config).requires_grad_(False).to(bench.device)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(config.d_vocab, (1, 20), generator=generator).to(bench.device)
    local = freeze(model, tokens)
    for k in (fewest, most):
        by = {layer: TopKTranscoder(d_model, d_model, d_sae, k, layer) for layer in range(4)}
        for one in by.values():
            one.W_dec.data = torch.randn(d_sae, d_model, generator=generator) / d_model**0.5
            one.requires_grad_(False).to(bench.device)
        basis = transcoder_basis(local, by)
        targets = basis.nodes.targets
        shape = f"{len(targets.pos)} nodes, 4 layers of {d_model}, 20 tokens"
        ours = partial(fast_effects, local, basis, targets)
        for name, other in (("the plain pass", direct_effects), ("autograd", by_autograd)):
            timing = bench.against(ours, partial(other, local, basis, targets))
            yield Row(f"edges / {name}", shape, timing, f"{timing.seconds:.2f} s")
