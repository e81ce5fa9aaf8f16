"""Compute F of sets of nodes another way: rebuild each head's output from its own z or the mean.

`RandomCircuit` is a tiny model of random weights with prompts, nodes and an evaluator; its own
scores use nothing of the chapter but its records.
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


class RandomCircuit:
    """A tiny model with nodes, an evaluator, and scores of any nodes."""

    def __init__(self, prompts: Any, circuit: Any, model: Any, seed: int) -> None:
        self.model = model
        self.prompts = random_prompts(prompts, 4, N_POS, D_VOCAB, seed)
        config = model.config
        shape = (config.n_layers, 4, N_POS, config.n_heads, config.d_head)
        self.means = normal(*shape, seed=seed)
        self.direction = normal(config.d_model, seed=seed + 1)
        self.nodes = [circuit.Node(*node) for node in NODES]
        self.evaluator = circuit.CircuitEvaluator(
            model, self.prompts, self.means, lambda x: x @ self.direction
        )

    def keep_only(self, nodes: list) -> Tensor:
        """Compute the metric with every other head ablated at every position."""
        return self.score(nodes, kept=True)

    def ablate(self, nodes: list) -> Tensor:
        """Compute the metric of the full model without these nodes."""
        return self.score(nodes, kept=False)

    @torch.no_grad()
    def score(self, nodes: list, kept: bool) -> Tensor:
        """Run layer by layer, with z or the means and the nodes' entries exchanged."""
        resid = self.model.embed_tokens(self.prompts.tokens)
        for layer, block in enumerate(self.model.blocks):
            cached: list[Tensor] = []
            block.attn.hook_z.observers = [lambda z, _, to=cached: to.append(z.clone())]
            block(resid)
            block.attn.hook_z.observers = []
            z, mean = cached[0], self.means[layer].clone()
            result, other = (mean, z) if kept else (z, mean)
            for _, head, role in [node for node in nodes if node[0] == layer]:
                for b, position in enumerate(getattr(self.prompts.positions, role).tolist()):
                    result[b, position, head] = other[b, position, head]
            written = torch.einsum("bphd,hdm->bpm", result, block.attn.W_O)
            resid = resid + written + block.attn.b_O
        return resid[:, -1] @ self.direction
