"""Copy a checkpoint into a model, and account for every tensor on both sides."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from einops import EinopsError
from torch import Tensor

from ..config import TransformerConfig
from ..layers import TiedUnembed
from ..model import HookedTransformer, Parts
from .checkpoint_files import Weights, is_finite


@runtime_checkable
class Adapter(Protocol):
    """What a family's adapter module provides."""

    IGNORED_TENSORS: tuple[str, ...]
    """Endings of tensor names in the checkpoint that are not weights."""
    OPTIONAL_PARAMS: tuple[str, ...]
    """Beginnings of parameter names that may be missing and are zero then: biases."""

    def config(self, settings: dict[str, Any]) -> TransformerConfig:
        """Read the sizes from config.json."""

    def parts(self, settings: dict[str, Any]) -> Parts:
        """Choose the model's parts by config.json."""

    def translate(
        self, weights: Weights, config: TransformerConfig
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield our name and our layout of each tensor."""


def check_sizes(weights: Weights, config: TransformerConfig) -> None:
    """Compare the sizes in config.json with what the files hold, before memory is allocated.

    Raises: ValueError when the model needs more tensors, or more numbers in one kind of weight.
    """
    c, stored = config, weights.n_numbers()
    needed = {
        "d_vocab x d_model": c.d_vocab * c.d_model,
        "n_layers x n_heads x d_head x d_model": c.n_layers * c.n_heads * c.d_head * c.d_model,
        "n_layers x d_mlp x d_model": c.n_layers * c.d_mlp * c.d_model,
    }
    if config.n_layers > len(weights):
        raise ValueError(
            f"{weights.folder / 'config.json'} gives {config.n_layers:,} layers, but the files "
            f"hold {len(weights)} tensors"
        )
    for product, numbers in needed.items():
        if numbers > stored:
            raise ValueError(
                f"{weights.folder / 'config.json'} gives {product} = {numbers:,}, but the files "
                f"hold {stored:,} numbers"
            )


@torch.no_grad()
def fill(model: HookedTransformer, weights: Weights, adapter: Adapter) -> None:
    """Copy the checkpoint into the model, tensor by tensor.

    Parameters that the family does not have (`OPTIONAL_PARAMS`) stay zero. A tied unembedding is
    the embedding, so a second copy of it in the checkpoint is read, compared and dropped.

    Raises: ValueError for a tensor that is missing, unused, or of a wrong shape.
    """
    targets: dict[str, Tensor] = dict(model.named_parameters())
    optional = adapter.OPTIONAL_PARAMS
    needed = {name for name in targets if not name.rpartition(".")[2].startswith(optional)}
    if tied := model.parts.unembed is TiedUnembed:
        targets["unembed.W_U"] = torch.empty_like(model.unembed.W_U)
    filled = set()
    for name, tensor in translated(weights, model.config, adapter):
        if name not in targets:
            raise ValueError(f"{weights.folder} has {name}, but its config.json no such parameter")
        if targets[name].shape != tensor.shape:
            raise ValueError(
                f"expected {name} of shape {tuple(targets[name].shape)}, by config.json, "
                f"got {tuple(tensor.shape)} from {weights.folder}"
            )
        value = tensor.to(targets[name].dtype, copy=True)  # keeps the order in memory, so is fast
        smaller_range = torch.finfo(value.dtype).max < torch.finfo(tensor.dtype).max
        if smaller_range and not is_finite(value):
            raise ValueError(
                f"expected numbers within {value.dtype} in {name} of {weights.folder}, got up to "
                f"{tensor.abs().max().item():g}; load it with another dtype"
            )
        targets[name].data = value
        filled.add(name)
    if needed - filled:
        raise ValueError(f"{weights.folder} leaves {sorted(needed - filled)} without weights")
    copied = tied and "unembed.W_U" in filled
    if copied and not torch.equal(targets["unembed.W_U"], model.unembed.W_U):
        raise ValueError(
            f"{weights.folder / 'config.json'} says that the embedding is tied, but the "
            f"unembedding in the weights differs; set tie_word_embeddings to false"
        )
    if unused := weights.unused(adapter.IGNORED_TENSORS):
        raise ValueError(f"{weights.folder} holds unused tensors: {unused}")


def translated(
    weights: Weights, config: TransformerConfig, adapter: Adapter
) -> Iterator[tuple[str, Tensor]]:
    """Yield what the adapter translates.

    Raises: ValueError when a tensor cannot be split as config.json says, naming the last one read.
    """
    try:
        yield from adapter.translate(weights, config)
    except (EinopsError, IndexError) as error:
        last = next(reversed(weights.used), "nothing")
        raise ValueError(
            f"{weights.folder} does not fit its config.json; after reading {last!r}: {error}"
        ) from error
