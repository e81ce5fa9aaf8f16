"""Path patching from an empty file: four runs with hooks, in one function.

Axes: batch, pos, head; the output of a head is z, its input q, k or v.
Source: Wang et al. 2022, "Interpretability in the Wild", appendix B.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.hooks import HookPoint


class HeadInput(NamedTuple):
    """One input of one head, at all positions."""

    layer: int
    """Layer of the head."""
    head: int
    """The head; for keys and values the key head, which several query heads may share."""
    side: str
    """"q", "k" or "v"."""


Metric = Callable[[Float[Tensor, "batch d_vocab"]], Float[Tensor, " batch"]]


@torch.no_grad()
def path_effect(
    model: HookedTransformer,
    clean: Int[Tensor, "batch pos"],
    corrupted: Int[Tensor, "batch pos"],
    sender: tuple[int, int],
    receiver: HeadInput | None,
    metric: Metric,
) -> Float[Tensor, " batch"]:
    """Compute the change of a metric when a head is corrupted on its way to one input only.

    The clean prompts run, but the paths from the sender (layer, head) to the receiver carry what
    they carry on the corrupted prompts. On its way the effect passes through MLPs, and through no
    other head. Everything after the receiver is recomputed. Without a receiver, the paths lead to
    the logits. `metric` gets the logits at the last position.

    Units: those of the metric, patched minus clean.
    """
    # exercise 5.16
    raise NotImplementedError("exercise 5.16")
