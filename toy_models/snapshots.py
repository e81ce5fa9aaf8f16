"""Snapshots of a training: weights at several steps in one file, opened one model at a time.

`snapshots.safetensors` of a toy holds its tensors under `seed/step/weight`. A snapshot becomes a
model folder in the cache, which any loader of model folders opens.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from toy_models.cache import cache_folder, write_then_rename

if TYPE_CHECKING:
    from torch import Tensor


def snapshot_steps(file: Path) -> dict[int, list[int]]:
    """List for each seed the steps of its snapshots, in order; empty where there is no file."""
    from safetensors import safe_open  # imports torch, which takes seconds

    if not file.is_file():
        return {}
    with safe_open(file, framework="pt") as opened:
        found = {tuple(map(int, name.split("/")[:2])) for name in opened.keys()}
    return {seed: sorted(t for s, t in found if s == seed) for seed, _ in sorted(found)}


def snapshot_tensors(file: Path, seed: int, step: int) -> dict[str, "Tensor"]:
    """Read the weights of one snapshot, by the names that they have in the model."""
    from safetensors import safe_open

    prefix = f"{seed}/{step}/"
    with safe_open(file, framework="pt") as opened:
        names = [name for name in opened.keys() if name.startswith(prefix)]
        return {name.removeprefix(prefix): opened.get_tensor(name) for name in names}


def write_snapshot(toy: Path, seed: int, step: int | None = None) -> Path:
    """Write one snapshot of a toy as a model folder in the cache, and return that folder.

    Without a step it is the seed's last one. A folder that already holds these bytes is kept.

    Raises: KeyError when there is no such snapshot, listing those there are.
    """
    from safetensors.torch import save

    file = toy / "snapshots.safetensors"
    steps = snapshot_steps(file)
    if step is None and seed in steps:
        step = steps[seed][-1]
    if step not in steps.get(seed, []):
        asked = f"seed {seed}" + ("" if step is None else f" at step {step}")
        raise KeyError(f"toy {toy.name} has no {asked}; snapshots (seed: steps): {steps}")
    content = {
        "model.safetensors": save(snapshot_tensors(file, seed, step), metadata={"format": "pt"}),
        "config.json": (toy / "config.json").read_bytes(),
    }
    target = cache_folder() / "snapshots" / toy.name / f"seed_{seed}_step_{step}"
    if any(_read(target / name) != data for name, data in content.items()):
        with write_then_rename(target) as scratch:
            scratch.mkdir()
            for name, data in content.items():
                (scratch / name).write_bytes(data)
    return target


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
