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
from ..layers import TiedUnembed, Unembed
from ..model import GPT2, LLAMA, HookedTransformer, Parts
from ..write_then_rename import write_then_rename
from .checkpoint_files import Weights

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
    """Read the sizes, which have the names of TransformerConfig's fields."""
    names = [field.name for field in fields(TransformerConfig)]
    return TransformerConfig(**{name: settings[name] for name in names if name in settings})


def parts(settings: dict[str, Any]) -> Parts:
    """Look up the parts that config.json names.

    Raises: ValueError for a name that PARTS does not have.
    """
    name = settings.get("parts")
    if name not in PARTS:
        raise ValueError(
            f"expected parts out of {', '.join(PARTS)} in config.json, got {name!r}; "
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
