"""Store a CLT at 8 bits per weight: one scale per row, and whole numbers from -127 to 127.

    W[row, i] = codes[row, i] * scale[row],  scale[row] = max |W[row]| / 127

A row is what belongs to one latent: its encoder, or its decoder to one layer. Latents differ in
size, so one scale for a whole matrix would leave few steps for the small ones. Biases stay in
float32. The file is a quarter of float32's size, and no weight is off by more than half a step.
Axes: row, column; layer, target, d_sae, d_model of a CLT.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int8
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..ch02_transformer.pretrained.config_json import read_json
from ..ch02_transformer.write_then_rename import write_then_rename
from .crosslayer import TopKCLT

CONFIG, WEIGHTS = "config.json", "model.safetensors"
SIZES = ("n_layers", "d_model", "d_sae", "k")


class EightBits(NamedTuple):
    """A matrix, or a stack of them, at 8 bits."""

    codes: Int8[Tensor, "*row column"]
    """Whole numbers from -127 to 127."""
    scale: Float[Tensor, " *row"]
    """Size of one step, per row; zero for a row of zeros."""


def to_eight_bits(W: Float[Tensor, "*row column"]) -> EightBits:
    """Round each row to multiples of its largest absolute entry over 127.

    The error is at most half a step. A row of zeros stays zero.
    """
    # exercise 11.19
    raise NotImplementedError("exercise 11.19")


def from_eight_bits(stored: EightBits) -> Float[Tensor, "*row column"]:
    """Return the weights that the codes stand for."""
    # exercise 11.19
    raise NotImplementedError("exercise 11.19")


def save_clt(clt: TopKCLT, folder: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a CLT's folder at 8 bits: the weights first, then config.json.

    Encoders are stored per latent, [layer, d_sae, d_model].
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = {"W_enc": clt.W_enc.transpose(1, 2)}
    rows |= {f"W_dec_{source}": W for source, W in enumerate(clt.W_dec)}
    tensors = {"b_enc": clt.b_enc.detach().float(), "b_dec": clt.b_dec.detach().float()}
    for name, W in rows.items():
        codes, scale = to_eight_bits(W.detach().float())
        tensors |= {name: codes.contiguous(), f"{name}_scale": scale.contiguous()}
    config = {
        "n_layers": clt.n_layers,
        "d_model": clt.W_enc.shape[1],
        "d_sae": clt.W_enc.shape[2],
        "k": clt.k,
        "metadata": dict(metadata or {}),
    }
    with write_then_rename(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    with write_then_rename(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@torch.no_grad()
def load_clt(folder: str | Path) -> TopKCLT:
    """Load a CLT that `save_clt` wrote, in float32.

    Raises: ValueError with file and field for a folder that is not one.
    """
    folder = Path(folder)
    sizes = read_sizes(folder / CONFIG)
    path = folder / WEIGHTS
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: expected a safetensors file, got {error!s:.100}") from error
    n_layers, d_model, d_sae, _ = sizes
    shapes = {"W_enc": [n_layers, d_sae, d_model]}
    shapes |= {f"W_dec_{source}": [n_layers - source, d_sae, d_model] for source in range(n_layers)}
    biases = {"b_enc": [n_layers, d_sae], "b_dec": [n_layers, d_model]}
    expected = {name: (shape, torch.int8) for name, shape in shapes.items()}
    expected |= {f"{name}_scale": (shape[:-1], torch.float32) for name, shape in shapes.items()}
    expected |= {name: (shape, torch.float32) for name, shape in biases.items()}
    for name in sorted(expected.keys() | tensors.keys()):
        found = (list(tensors[name].shape), tensors[name].dtype) if name in tensors else None
        if found != expected.get(name):
            raise ValueError(f"{path}: {name}: expected {expected.get(name)}, got {found}")
        if not tensors[name].isfinite().all():
            raise ValueError(f"{path}: {name}: expected finite numbers, got others")
    clt = TopKCLT(*sizes)
    rows = {
        name: from_eight_bits(EightBits(tensors[name], tensors[f"{name}_scale"])) for name in shapes
    }
    clt.W_enc.copy_(rows["W_enc"].transpose(1, 2))
    for source, W_dec in enumerate(clt.W_dec):
        W_dec.copy_(rows[f"W_dec_{source}"])
    clt.b_enc.copy_(tensors["b_enc"])
    clt.b_dec.copy_(tensors["b_dec"])
    return clt.eval()


def read_sizes(path: Path) -> tuple[int, int, int, int]:
    """Read n_layers, d_model, d_sae and k from config.json.

    Raises: ValueError with file and field.
    """
    config = read_json(path)
    for name in SIZES:
        value = config.get(name)
        if type(value) is not int or not 1 <= value < 2**24:
            raise ValueError(f"{path}: {name}: expected an integer from 1 on, got {value!r:.60}")
    n_layers, d_model, d_sae, k = (config[name] for name in SIZES)
    if n_layers * n_layers * d_model * d_sae >= 2**33 or k > d_sae:
        raise ValueError(f"{path}: expected k <= d_sae and weights below 64 GiB, got {k}, {d_sae}")
    return n_layers, d_model, d_sae, k
