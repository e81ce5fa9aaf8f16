"""This course's own model format: config.json and model.safetensors, with names as in memory."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from ..attention_only import ATTENTION_ONLY, ATTENTION_ONLY_NORMED
from ..config import TransformerConfig
from ..layers import ACTIVATIONS, TiedUnembed, Unembed
from ..model import GPT2, LLAMA, HookedTransformer, Parts
from ..write_then_rename import write_then_rename
from .checkpoint_files import Weights
from .config_json import MOST_LAYERS, integer, number, one_of, optional_integer

PARTS = {
    "gpt2": GPT2,
    "gpt2-untied": replace(GPT2, unembed=Unembed),
    "llama": LLAMA,
    "llama-tied": replace(LLAMA, unembed=TiedUnembed),
    "attention-only": ATTENTION_ONLY,
    "attention-only-normed": ATTENTION_ONLY_NORMED,
}
IGNORED_TENSORS: tuple[str, ...] = ()
OPTIONAL_PARAMS: tuple[str, ...] = ()


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Read the sizes, which have the names of TransformerConfig's fields.

    Raises: ValueError for a setting of a wrong type or size, or an unknown one.
    """
    known = {field.name for field in fields(TransformerConfig)} | {"architectures", "parts"}
    if unknown := settings.keys() - known:
        raise ValueError(f"expected settings out of {sorted(known)}, got {sorted(unknown)!r:.200}")
    return TransformerConfig(
        n_layers=integer(settings, "n_layers", low=0, high=MOST_LAYERS),
        d_model=integer(settings, "d_model"),
        n_heads=integer(settings, "n_heads"),
        d_head=integer(settings, "d_head"),
        d_mlp=integer(settings, "d_mlp", low=0),
        d_vocab=integer(settings, "d_vocab"),
        n_ctx=integer(settings, "n_ctx"),
        n_kv_heads=optional_integer(settings, "n_kv_heads"),
        activation=one_of(settings, "activation", {name: name for name in ACTIVATIONS}),
        eps=number(settings, "eps", 0.0, 1.0),
        rotary_base=number(settings, "rotary_base", 0.0, 1e12),
        rotary_dims=optional_integer(settings, "rotary_dims"),
    )


def parts(settings: dict[str, Any]) -> Parts:
    """Look up the parts that config.json names.

    Raises: ValueError for a name that PARTS does not have.
    """
    name = settings.get("parts")
    if not isinstance(name, str) or name not in PARTS:
        raise ValueError(
            f"expected parts out of {', '.join(PARTS)} in config.json, got {name!r:.80}; "
            f"give others as load_pretrained(..., parts=...)"
        )
    return PARTS[name]


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor as it is."""
    del config
    yield from ((name, weights[name]) for name in weights.unused())


def save_model(model: HookedTransformer, folder: Path, *, parts_name: str | None = None) -> None:
    """Write a model to a folder that `load_pretrained` opens.

    Both files are written under temporary names and then renamed, so an interrupted call leaves the
    folder as it was. parts_name: a name for parts that are not in PARTS; to load the model, give
    them to `load_pretrained`.

    Raises: ValueError when the model's parts have no name.
    """
    names = [name for name, parts in PARTS.items() if parts == model.parts]
    name = names[0] if names else parts_name
    if name is None:
        raise ValueError(f"expected parts out of {', '.join(PARTS)}, got others; add a parts_name")
    settings = {"architectures": ["HookedTransformer"], "parts": name, **asdict(model.config)}
    tensors = {name: w.detach().contiguous() for name, w in model.named_parameters()}
    with (
        write_then_rename(folder / "model.safetensors") as weights_file,
        write_then_rename(folder / "config.json") as config_file,
    ):
        save_file(tensors, weights_file, metadata={"format": "pt"})
        config_file.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")
