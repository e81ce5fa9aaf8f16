"""A control for graphs: the same activations, with decoders that belong to other nodes.

A score that stays high here does not show that the decoders are right.
Axes: node, d_model.
"""

import torch

from .edges import remainder_writes
from .local import LocalModel
from .nodes import Basis, Writes


@torch.no_grad()
def shuffle_decoders(local: LocalModel, basis: Basis, generator: torch.Generator) -> Basis:
    """Permute the decoder rows among the nodes that write to each MLP output.

    Activations, encoders and what is not shown stay. The error takes up the difference, so the MLP
    outputs, and with them the model, are the same as before.
    """
    before = remainder_writes(local, basis)
    # exercise 12.8
    writes = [
        Writes(node, rows[torch.randperm(len(rows), generator=generator)])
        for node, rows in basis.nodes.writes
    ]
    shuffled = basis._replace(nodes=basis.nodes._replace(writes=tuple(writes)))
    changed = remainder_writes(local, shuffled) - before
    return shuffled._replace(error=basis.error + changed)
