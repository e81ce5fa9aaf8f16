"""Read the tensors of a checkpoint folder safely.

Only JSON and safetensors files are opened, so that nothing in a folder can run code. `Weights`
returns tensors by name and records which were used, so that a forgotten one is noticed.
"""

import math
import os
import reprlib
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from .config_json import read_json

READABLE = ("F16", "BF16", "F32", "F64")
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def weight_files(folder: Path) -> dict[str, set[str] | None]:
    """List the safetensors files of a folder: the single one, or else the shards in its index.

    With each shard are the tensors that the index promises there.

    Raises: ValueError when a file is missing, or the index lists none, or one in another folder,
        which is never opened.
    """
    index = folder / INDEX
    files: dict[str, set[str] | None] = {SINGLE: None}
    if not os.path.lexists(folder / SINGLE) and os.path.lexists(index):
        files = dict(shards(read_json(index), index))
    for name in files:
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder / name} is missing, or not a file; weights are read from safetensors "
                f"files only (never from .bin or .pt files, which can run code)"
            )
    return files


def shards(content: dict[str, object], index: Path) -> dict[str, set[str]]:
    """Return for each shard in an index the names of its tensors.

    Raises: ValueError when the index lists none, or one that is not a file in the same folder.
    """
    weight_map = content.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{index} should list under weight_map which file holds which tensor")
    found: dict[str, set[str]] = {}
    for tensor, name in weight_map.items():
        plain = isinstance(name, str) and Path(name).name == name and len(name) <= 200
        if not plain or not name.endswith(".safetensors") or "\\" in name or "\0" in name:
            raise ValueError(
                f"expected safetensors files in the same folder in {index}, "
                f"got {reprlib.repr(name)} for {tensor!r:.80}"
            )
        found.setdefault(name, set()).add(tensor)
    return found


def check_shard(path: Path, actual: set[str], promised: set[str]) -> None:
    """Raise ValueError unless a shard holds exactly the tensors that the index promises."""
    for which, names in (("lacks", promised - actual), ("also holds", actual - promised)):
        if names:
            raise ValueError(
                f"{path} {which} {sorted(names)[:3]!r:.200}, against {INDEX}; "
                f"the files belong to different checkpoints, so download all of them again"
            )


class Weights:
    """The tensors of a checkpoint by name, each read from disk at its first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: dict[str, None] = {}  # a set that keeps the order
        self._files = {}
        for name, promised in weight_files(folder).items():
            try:
                file = safe_open(folder / name, framework="pt")
                names = set(file.keys())
            except (SafetensorError, OSError) as error:
                raise ValueError(
                    f"{folder / name} is truncated or damaged ({error}); download it again"
                ) from error
            if promised is not None:
                check_shard(folder / name, names, promised)
            self._files.update(dict.fromkeys(names, file))

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __len__(self) -> int:
        return len(self._files)

    def n_numbers(self) -> int:
        """Count the numbers in all tensors, from the headers of the files."""
        slices = (file.get_slice(name) for name, file in self._files.items())
        return sum(math.prod(part.get_shape()) for part in slices)

    def __getitem__(self, name: str) -> Tensor:
        """Read the tensor of that name, and record it as used.

        Raises: ValueError when the checkpoint lacks it, or it does not hold finite real numbers.
        """
        if name not in self._files:
            raise ValueError(
                f"{self.folder} lacks the tensor {name!r}, which this family needs; "
                f"is the folder complete, and does config.json belong to it?"
            )
        file = self._files[name]
        if (kind := file.get_slice(name).get_dtype()) not in READABLE:
            raise ValueError(
                f"expected float16, bfloat16, float32 or float64 for {name!r} in {self.folder}, "
                f"got {kind}; quantised checkpoints are not supported"
            )
        tensor: Tensor = file.get_tensor(name)
        if not is_finite(tensor):
            raise ValueError(
                f"expected finite numbers in {name!r} in {self.folder}, got NaN or infinity; "
                f"the training diverged or the file is damaged"
            )
        self.used[name] = None
        return tensor

    def unused(self, ignore: tuple[str, ...] = ()) -> list[str]:
        """List the tensors that were not read, except those that end in one of `ignore`."""
        unused = self._files.keys() - self.used.keys()
        return sorted(name for name in unused if not name.endswith(ignore))


def is_finite(tensor: Tensor) -> bool:
    """Check that no number is NaN or infinite: their sum shows it, unless the sum overflows."""
    return math.isfinite(tensor.sum().item()) or bool(tensor.isfinite().all())
