"""Open the models that the chapter ships: the last of each run, and some on the way.

A toy's tensors are named `seed/step/weight`. Nothing is downloaded and nothing trained.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from .training import small_model


def steps_kept(tensors: Mapping[str, Tensor]) -> dict[int, list[int]]:
    """Seed -> the steps at which its weights were kept, in order."""
    found = {tuple(map(int, name.split("/")[:2])) for name in tensors}
    return {
        seed: sorted(t for s, t in found if s == seed) for seed in sorted({s for s, _ in found})
    }


@torch.no_grad()
def model_at(
    tensors: Mapping[str, Tensor], seed: int, step: int, n_layers: int, smeared: bool
) -> HookedTransformer:
    """The model of one seed at one step, in float32.

    Raises: KeyError when that snapshot was not kept, naming those that were.
    """
    kept = steps_kept(tensors)
    if step not in kept.get(seed, []):
        raise KeyError(f"no snapshot of seed {seed} at step {step}; there are {kept}")
    start = f"{seed}/{step}/"
    weights = {n.removeprefix(start): w for n, w in tensors.items() if n.startswith(start)}
    model = small_model(n_layers, smeared, len(weights["embed.W_E"]), seed)
    model.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return model.requires_grad_(False)
