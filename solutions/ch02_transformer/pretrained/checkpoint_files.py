"""The tensors and settings of a checkpoint folder, read safely.

Only JSON and safetensors are opened: nothing in a folder can run code. A `Weights` hands out
tensors by name and remembers which were taken, so that a forgotten one cannot go unnoticed.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

READABLE = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

OUR_NAMES = {
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}


def read_json(path: Path) -> dict[str, Any]:
    """The settings in a JSON file.

    Raises: ValueError when the file is missing, or is not a JSON object.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing; a model folder needs {path.name}")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON ({error}); fetch it again") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} should hold a JSON object, not a {type(settings).__name__}")
    return settings


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder: the one, or the shards that its index lists.

    Raises: ValueError when there are none, or a shard is missing.
    """
    index = folder / "model.safetensors.index.json"
    paths = listed_shards(index) if index.is_file() else [folder / "model.safetensors"]
    for path in paths:
        if not path.is_file():
            raise ValueError(
                f"{path} is missing; weights are read from safetensors files only "
                f"(never from .bin or .pt files, which can run code)"
            )
    return paths


def listed_shards(index: Path) -> list[Path]:
    """The files that an index names; all of them lie beside it.

    Raises: ValueError when it names none, or a file elsewhere, which is never opened.
    """
    where = read_json(index).get("weight_map")
    if not isinstance(where, dict) or not where:
        raise ValueError(f"{index} should list under weight_map which file holds which tensor")
    for shard in where.values():
        if not isinstance(shard, str) or Path(shard).name != shard or "\\" in shard:
            raise ValueError(f"{index} names {shard!r}; a file in the same folder is expected")
    return [index.parent / shard for shard in sorted(set(where.values()))]


class Weights:
    """The tensors of a checkpoint by name, each read from disk when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: dict[str, None] = {}  # a set that keeps the order
        self._files = {}
        for path in weight_files(folder):
            try:
                file = safe_open(path, framework="pt")
            except (SafetensorError, OSError) as error:
                raise ValueError(
                    f"{path} is truncated or damaged ({error}); fetch it again"
                ) from error
            self._files.update({name: file for name in file.keys()})

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __getitem__(self, name: str) -> Tensor:
        """The tensor of that name, from now on counted as taken.

        Raises: ValueError when the checkpoint lacks it, or it does not hold real numbers.
        """
        if name not in self._files:
            raise ValueError(
                f"{self.folder} lacks the tensor {name!r}, which this family needs; "
                f"is the folder whole, and does config.json belong to it?"
            )
        tensor = self._files[name].get_tensor(name)
        if tensor.dtype not in READABLE:
            raise ValueError(
                f"{name!r} in {self.folder} holds {tensor.dtype}; float16, bfloat16, float32 or "
                f"float64 is expected (quantised checkpoints are not supported)"
            )
        self.used[name] = None
        return tensor

    def unused(self, ignore: tuple[str, ...] = ()) -> list[str]:
        """Names that nobody took, without those that end in one of `ignore`."""
        left = self._files.keys() - self.used.keys()
        return sorted(name for name in left if not name.endswith(ignore))


def activation_name(theirs: str) -> str:
    """Our name of an activation that config.json names.

    Raises: ValueError for one that we do not have.
    """
    if theirs not in OUR_NAMES:
        raise ValueError(f"unknown activation {theirs!r}; known are {', '.join(OUR_NAMES)}")
    return OUR_NAMES[theirs]


def require_settings(settings: dict[str, Any], **expected: Any) -> None:
    """Raise ValueError for a setting that would change the model in a way nobody built here."""
    for name, value in expected.items():
        came = settings.get(name, value)
        if came != value:
            raise ValueError(f"{name}={came!r} in config.json is not supported; only {value!r} is")
