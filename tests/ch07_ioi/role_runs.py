"""Run circuits at the positions of their roles alone.

Every head outside of a circuit is replaced by its mean, at every position. So at a position where
the circuit has no node the residual stream does not depend on the circuit, and neither do the keys
and values there. `AblatedRun` computes them once, with every head ablated. `resid_at_end` runs many
circuits at once, each at the few positions where it has nodes, and from the first layer with a
node. For the real model this is a tenth of the work of whole forwards.

It computes what `CircuitEvaluator.score` computes; a test compares the two.
Axes: circuit, layer, batch, role, pos, head.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class AblatedRun:
    """The forward of some prompts in which every head is replaced by its mean."""

    def __init__(self, impl: Any, evaluator: Any):
        self.impl, self.model = impl, evaluator.model
        self.prompts, self.means = evaluator.prompts, evaluator.means
        nothing = impl("ch07_ioi.circuit").keep_mask(self.model, self.prompts, [])
        apply = impl("ch05_patching.interventions").apply_interventions
        layers = range(len(self.model.blocks))
        points = ("hook_resid_pre", "attn.hook_k", "attn.hook_v")
        names = [[f"blocks.{layer}.{point}" for layer in layers] for point in points]
        with torch.no_grad(), apply(self.model, evaluator.interventions(nothing)):
            end, cache = self.model.run_with_cache(
                self.prompts.tokens, names=sum(names, []), stop_at_layer=len(layers)
            )
        resids, self.keys, self.values = ([cache[name] for name in kind] for kind in names)
        self.resids = [*resids, end]
        """Before each block, and after the last."""

    def can_run(self) -> bool:
        """Whether all blocks add attention, then an MLP, and keys do not mix positions."""
        kind = self.impl("ch02_transformer.model").SequentialBlock
        blocks = self.model.blocks
        return all(type(one) is kind and not one.attn.mixes_positions for one in blocks)

    @torch.no_grad()
    def resid_at_end(self, circuits: Sequence[Sequence[Any]]) -> Tensor:
        """Compute the last position of the final residual stream, [circuit, batch, d_model]."""
        nodes = [node for circuit in circuits for node in circuit]
        first = min((node.layer for node in nodes), default=len(self.model.blocks))
        last = max((node.layer for node in nodes), default=-1)
        roles = sorted({node.position_role for node in nodes} - {"end"}) + ["end"]
        where = torch.stack([getattr(self.prompts.positions, role) for role in roles], dim=1)
        keep = torch.stack([self._keep(one, where) for one in circuits])
        resid = _at(self.resids[first], where).repeat(len(circuits), 1, 1)
        for layer in range(first, len(self.model.blocks)):
            if layer == last + 1:  # only the end is read from here on
                resid, where, keep = resid[:, -1:], where[:, -1:], keep[..., -1:, :]
            block = self.model.blocks[layer]
            z = self._z(layer, block.ln1(resid), where, keep[:, layer])
            resid = resid + block.attn.output_projection(z)
            resid = resid + block.mlp(block.ln2(resid))
        return resid[:, -1].unflatten(0, (len(circuits), -1))

    def _keep(self, circuit: Sequence[Any], where: Tensor) -> Tensor:
        """Mark the nodes of a circuit at these positions, [layer, batch, role, head]."""
        mask = self.impl("ch07_ioi.circuit").keep_mask(self.model, self.prompts, circuit)
        return mask[:, torch.arange(len(where))[:, None], where]

    def _z(self, layer: int, x: Tensor, where: Tensor, keep: Tensor) -> Tensor:
        """Compute z at these positions, [circuit x batch, role, head, d_head].

        x: the normalized residual stream there.
        """
        attn, n_circuits = self.model.blocks[layer].attn, len(keep)
        mean = _at(self.means[layer], where).repeat(n_circuits, 1, 1, 1)
        if not keep.any():
            return mean
        project = self.impl("ch02_transformer.attention").project
        where, keep = where.repeat(n_circuits, 1), keep.flatten(0, 1)
        k, v = (kind[layer].repeat(n_circuits, 1, 1, 1) for kind in (self.keys, self.values))
        q = k.new_zeros(*k.shape[:2], *attn.b_Q.shape)
        rows = torch.arange(len(where))[:, None]
        parts = ((q, attn.W_Q, attn.b_Q), (k, attn.W_K, attn.b_K), (v, attn.W_V, attn.b_V))
        for whole, W, b in parts:
            whole[rows, where] = project(x, W, b)
        q, k = attn.rotate(attn.q_norm(q), 0), attn.rotate(attn.k_norm(k), 0)
        return torch.where(keep[..., None], attn.attend(q, k, v)[rows, where], mean)


def _at(x: Tensor, where: Tensor) -> Tensor:
    """Select positions of each prompt, [batch, role, ...]."""
    return x[torch.arange(len(where))[:, None], where]
