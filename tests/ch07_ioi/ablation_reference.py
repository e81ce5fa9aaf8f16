"""Knock-outs worked out another way: each head's z is made again from what stands there or a mean.

`Planted` is a task on a tiny model of random weights, with a score of a set of nodes that uses
nothing of the chapter but its records.
"""

from typing import Any

import torch
from torch import Tensor

from tests.grading.assertions import normal

from .random_prompts import random_prompts

N_POS, D_VOCAB = 8, 13
NODES = [
    (0, 1, "s2"),
    (1, 3, "end"),
    (1, 0, "s1_next"),
    (2, 2, "end"),
    (1, 3, "s2"),
    (0, 5, "io"),
    (2, 0, "end"),
]


class Planted:
    """A evaluator, nodes for it, and what they score."""

    def __init__(self, prompts: Any, circuit: Any, model: Any, seed: int) -> None:
        self.model = model
        self.prompts = random_prompts(prompts, 4, N_POS, D_VOCAB, seed)
        config = model.config
        shape = (config.n_layers, 4, N_POS, config.n_heads, config.d_head)
        self.means = normal(*shape, seed=seed)
        direction = normal(config.d_model, seed=seed + 1)
        self.nodes = [circuit.Node(*node) for node in NODES]
        self.evaluator = circuit.CircuitEvaluator(
            model, self.prompts, self.means, lambda x: x @ direction
        )
        self.direction = direction

    def F(self, nodes: list) -> Tensor:
        """The metric with these nodes alone; every other head is knocked out everywhere."""
        return self.score(nodes, inside=True)

    def model_without(self, nodes: list) -> Tensor:
        """The metric of the whole model with these nodes knocked out."""
        return self.score(nodes, inside=False)

    @torch.no_grad()
    def score(self, nodes: list, inside: bool) -> Tensor:
        """Layer by layer: a block's own z, or the means, with the nodes' entries exchanged."""
        resid = self.model.embed_tokens(self.prompts.tokens)
        for layer, block in enumerate(self.model.blocks):
            seen: list[Tensor] = []
            block.attn.hook_z.observers = [lambda z, _, to=seen: to.append(z.clone())]
            block(resid)
            block.attn.hook_z.observers = []
            z, mean = seen[0], self.means[layer].clone()
            kept, other = (mean, z) if inside else (z, mean)
            for _, head, role in [node for node in nodes if node[0] == layer]:
                for b, pos in enumerate(getattr(self.prompts.positions, role).tolist()):
                    kept[b, pos, head] = other[b, pos, head]
            resid = resid + torch.einsum("bphd,hdm->bpm", kept, block.attn.W_O) + block.attn.b_O
        return resid[:, -1] @ self.direction
