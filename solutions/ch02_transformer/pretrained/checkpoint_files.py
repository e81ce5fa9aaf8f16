"""Read the tensors and settings of a checkpoint folder safely.

Only JSON and safetensors files are opened, so that nothing in a folder can run code. `Weights`
returns tensors by name and records which were used, so that a forgotten one is noticed.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

READABLE = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

ACTIVATION_NAMES = {
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
"""Hugging Face's names of activations -> ours."""


def read_json(path: Path) -> dict[str, Any]:
    """Read the settings in a JSON file.

    Raises: ValueError when the file is missing, or is not a JSON object.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing; a model folder needs {path.name}")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON ({error}); download it again") from error
    if not isinstance(settings, dict):
        raise ValueError(f"expected a JSON object in {path}, got a {type(settings).__name__}")
    return settings


def activation_name(theirs: str) -> str:
    """Translate the name of an activation in config.json to ours.

    Raises: ValueError for an activation that we do not have.
    """
    if theirs not in ACTIVATION_NAMES:
        raise ValueError(
            f"expected an activation out of {', '.join(ACTIVATION_NAMES)}, got {theirs!r}"
        )
    return ACTIVATION_NAMES[theirs]


def require_settings(settings: dict[str, Any], **expected: Any) -> None:
    """Raise ValueError unless each setting is missing or has its expected value.

    Another value would change the model in a way that is not implemented here.
    """
    for name, value in expected.items():
        actual = settings.get(name, value)
        if actual != value:
            raise ValueError(
                f"expected {name}={value!r} in config.json, got {actual!r}, which is not supported"
            )


def weight_files(folder: Path) -> list[Path]:
    """List the safetensors files of a folder: a single one, or the shards in its index.

    Raises: ValueError when a file is missing, or the index lists none, or one in another folder,
        which is never opened.
    """
    index = folder / "model.safetensors.index.json"
    weight_map = {"": "model.safetensors"}
    if index.is_file():
        weight_map = read_json(index).get("weight_map") or {}
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{index} should list under weight_map which file holds which tensor")
    for name in weight_map.values():
        if not isinstance(name, str) or Path(name).name != name or "\\" in name:
            raise ValueError(f"expected files in the same folder in {index}, got {name!r}")
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder / name} is missing; weights are read from safetensors files only "
                f"(never from .bin or .pt files, which can run code)"
            )
    return [folder / name for name in sorted(set(weight_map.values()))]


class Weights:
    """The tensors of a checkpoint by name, each read from disk at its first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: dict[str, None] = {}  # a set that keeps the order
        self._files = {}
        for path in weight_files(folder):
            try:
                file = safe_open(path, framework="pt")
            except (SafetensorError, OSError) as error:
                raise ValueError(
                    f"{path} is truncated or damaged ({error}); download it again"
                ) from error
            self._files.update({name: file for name in file.keys()})

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __getitem__(self, name: str) -> Tensor:
        """Read the tensor of that name, and record it as used.

        Raises: ValueError when the checkpoint lacks it, or it does not hold real numbers.
        """
        if name not in self._files:
            raise ValueError(
                f"{self.folder} lacks the tensor {name!r}, which this family needs; "
                f"is the folder complete, and does config.json belong to it?"
            )
        tensor: Tensor = self._files[name].get_tensor(name)
        if tensor.dtype not in READABLE:
            raise ValueError(
                f"expected float16, bfloat16, float32 or float64 for {name!r} in {self.folder}, "
                f"got {tensor.dtype}; quantised checkpoints are not supported"
            )
        self.used[name] = None
        return tensor

    def unused(self, ignore: tuple[str, ...] = ()) -> list[str]:
        """List the tensors that were not read, except those that end in one of `ignore`."""
        unused = self._files.keys() - self.used.keys()
        return sorted(name for name in unused if not name.endswith(ignore))
