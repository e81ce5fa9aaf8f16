"""Our own models on disk: a folder with config.json and model.safetensors, names as in memory."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from ..attention_only import ATTENTION_ONLY, ATTENTION_ONLY_NORMED
from ..config import TransformerConfig
from ..layers import TiedUnembed, Unembed
from ..model import GPT2, LLAMA, HookedTransformer, Parts
from ..pointer import POINTER
from .checkpoint_files import Weights

PARTS = {
    "gpt2": GPT2,
    "gpt2-untied": replace(GPT2, unembed=Unembed),
    "llama": LLAMA,
    "llama-tied": replace(LLAMA, unembed=TiedUnembed),
    "attention-only": ATTENTION_ONLY,
    "attention-only-normed": ATTENTION_ONLY_NORMED,
    "pointer": POINTER,
}
IGNORED_TENSORS: tuple[str, ...] = ()
OPTIONAL_PARAMS: tuple[str, ...] = ()


def config(settings: dict[str, Any]) -> TransformerConfig:
    """Sizes, under the names that TransformerConfig gives them."""
    names = [field.name for field in fields(TransformerConfig)]
    return TransformerConfig(**{name: settings[name] for name in names if name in settings})


def parts(settings: dict[str, Any]) -> Parts:
    """The parts that config.json names.

    Raises: ValueError for a name that PARTS does not have.
    """
    name = settings.get("parts")
    if name not in PARTS:
        raise ValueError(f"parts must be one of {', '.join(PARTS)}, but config.json says {name!r}")
    return PARTS[name]


def translate(weights: Weights, config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    """Every tensor as it is."""
    del config
    yield from ((name, weights[name]) for name in weights.unused())


def save_model(model: HookedTransformer, folder: Path) -> None:
    """Write a model to a folder that `load_pretrained` opens.

    Both files are made beside their places and then moved there, so an interrupted call leaves the
    folder as it was.

    Raises: ValueError when the model's parts have no name in PARTS.
    """
    known = [name for name, parts in PARTS.items() if parts == model.parts]
    if not known:
        raise ValueError(f"only models made of {', '.join(PARTS)} parts can be saved")
    settings = {"architectures": ["HookedTransformer"], "parts": known[0], **asdict(model.config)}
    tensors = {name: w.detach().contiguous() for name, w in model.named_parameters()}
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".part-") as scratch:
        beside = Path(scratch)
        save_file(tensors, beside / "model.safetensors", metadata={"format": "pt"})
        (beside / "config.json").write_text(json.dumps(settings, indent=2) + "\n", "utf-8")
        for name in ("model.safetensors", "config.json"):
            (beside / name).replace(folder / name)
