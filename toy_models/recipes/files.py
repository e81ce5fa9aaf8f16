"""Command line and output files of a recipe, the same for all toys.

The folder of a run has `run.json`, its options, from the first moment. Another call with the same
options goes on: what is finished and whole is kept. The model is written last, so a folder with
both is a finished run.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from toy_models.cache import cache_folder, read_json, sweep, write_then_rename
from toy_models.toys import FILES

CHECKPOINTS = ("run.safetensors", "next.safetensors")
"""Files of an unfinished run."""
WRITTEN = (
    *FILES,
    *CHECKPOINTS,
    "loss.csv",
    "seed_*",
    "repeats_*",
    "markov_*",
    "clt",
    "run",
)
"""What recipes write besides run.json."""


def recipe_parser(name: str, seed: int | None = 0) -> argparse.ArgumentParser:
    """Make the parser of `python -m toy_models train NAME`, with --out and, unless None, --seed."""
    parser = argparse.ArgumentParser(prog=f"python -m toy_models train {name}")
    if seed is not None:
        parser.add_argument("--seed", type=int, default=seed, help="of first weights and batches")
    folder = cache_folder() / "trained" / name
    parser.add_argument("--out", type=Path, default=folder, help="folder to write to")
    parser.add_argument(
        "--fresh", action="store_true", help="delete what an earlier run left there, do not go on"
    )
    return parser


def start_run(chosen: argparse.Namespace, last: str = "model.safetensors") -> bool:
    """Prepare the folder of a run, or go on with one of the same options; return if it is finished.

    last: the file that is written last.

    Raises: ValueError when the folder holds another run, and --fresh was not given.
    """
    out, record = chosen.out, chosen.out / "run.json"
    options = {name: value for name, value in vars(chosen).items() if name not in ("out", "fresh")}
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    files = sorted({file for pattern in WRITTEN for file in out.glob(pattern)})
    if chosen.fresh:
        record.unlink(missing_ok=True)  # first: without it nothing here counts as finished
        for file in files:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    elif files or record.exists():
        if not record.is_file() or _read(record) != options:
            raise ValueError(
                f"expected a new folder, or one with a run of the same options ({options}), got "
                f"another run in {out}; give another --out, or --fresh to delete that run"
            )
        finished = (out / last).is_file()
        for name in CHECKPOINTS if finished else ():  # left by a kill after the last file
            (out / name).unlink(missing_ok=True)
        return finished
    write_text(record, json.dumps(options, indent=2) + "\n")
    return False


def _read(record: Path) -> dict[str, Any] | None:
    try:
        return read_json(record)
    except ValueError:
        return None


def read_tensors(file: Path) -> dict[str, Tensor] | None:
    """Read a safetensors file; None if it is missing or not whole."""
    try:
        return load(file.read_bytes()) if file.is_file() else None
    except SafetensorError:
        return None


def use_one_thread() -> None:
    """Restrict torch to one thread, so that a machine gives the same numbers on every run."""
    torch.set_num_threads(1)


def write_text(file: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with write_then_rename(file) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")


def write_tensors(
    file: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file, whole or not at all."""
    with write_then_rename(file) as scratch:
        scratch.write_bytes(save(tensors, metadata))


def write_model(folder: Path, config: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write the config.json and model.safetensors of a toy."""
    write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")
    write_tensors(folder / "model.safetensors", tensors, {"format": "pt"})
