"""Command line and output files of a recipe, the same for all toys."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from toy_models.cache import cache_folder, write_then_rename


def recipe_parser(name: str, seed: int | None = 0) -> argparse.ArgumentParser:
    """Make the parser of `python -m toy_models train NAME`, with --out and, unless None, --seed."""
    parser = argparse.ArgumentParser(prog=f"python -m toy_models train {name}")
    if seed is not None:
        parser.add_argument("--seed", type=int, default=seed, help="of first weights and batches")
    folder = cache_folder() / "trained" / name
    parser.add_argument("--out", type=Path, default=folder, help="folder to write to")
    return parser


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
