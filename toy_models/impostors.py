"""A learner's own toys for questions about circuits: working heads among impostors.

Six heads per layer of `induction_2l`, eight of `ioi_pointer`. All heads of a layer of the first
attend alike, and some of the second, so a pattern does not show which head works:

1. The trained heads, of a training seed that is drawn.
2. A pair whose writes cancel (`instances.plant_impostors`).
3. Mute heads: a trained head's pattern, slightly softer or sharper, and a random OV circuit.

Then the heads are permuted, their bases changed and the residual stream rotated, which leaves the
predictions unchanged. In `ioi_pointer` values and outputs of the last layer are fixed, so there
each trained head occurs twice, the second time a little softer or sharper.
Axes: head, d_model, d_head.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Generator, Tensor

from toy_models.cache import cache_folder, write_then_rename
from toy_models.instances import (
    HEAD_PARTS,
    Weights,
    disguise_heads,
    instance,
    plant_impostors,
    rotate,
    rotation,
)
from toy_models.toys import Toy, folder, load

N_TRAININGS = 3
MUTE = 0.25
"""Size of what a mute head writes, relative to the head whose pattern it has."""


def own_induction(seed: int) -> Path:
    """Write a learner's own `induction_2l`, and return the folder that `load_pretrained` opens."""
    toy = load("induction_2l", seed=seed % N_TRAININGS)
    return write_own(toy, induction_weights(toy, seed), f"induction_{seed}")


def own_pointer(seed: int) -> Path:
    """Write a learner's own `ioi_pointer`; open the folder with chapter 7's `POINTER`."""
    toy = load("ioi_pointer", seed=seed % N_TRAININGS)
    return write_own(toy, pointer_weights(toy, seed), f"pointer_{seed}")


def induction_weights(toy: Toy, seed: int) -> Weights:
    """Plant four impostors per layer, and disguise the result."""
    generator = Generator().manual_seed(seed)
    w = {name: weight.double() for name, weight in toy.tensors.items()}
    for layer in range(2):
        start = f"blocks.{layer}.attn."
        for head in range(2):
            plant_mute(w, start, head, generator)
        plant_pair(w, start, 2, generator)
    return instance(w, seed, words=True)


def pointer_weights(toy: Toy, seed: int) -> Weights:
    """Plant four impostors in layers 0 and 1, double the heads of layer 2, and disguise."""
    generator = Generator().manual_seed(seed)
    w = {name: weight.double() for name, weight in toy.tensors.items()}
    d_model, d_head = w["blocks.0.attn.W_Q"].shape[1:]
    for layer in range(2):
        start = f"blocks.{layer}.attn."
        trained = torch.randperm(4, generator=generator)[:2].tolist()
        for head in trained:
            plant_mute(w, start, head, generator, first=2 * d_head)
        plant_pair(w, start, 4, generator, first=2 * d_head)
        disguise_heads(w, start, generator)
    double_readers(w, "blocks.2.attn.", generator)
    turn = torch.eye(d_model, dtype=torch.float64)
    turn[2 * d_head :, 2 * d_head :] = rotation(d_model - 2 * d_head, generator)
    rotate(w, turn)
    return {name: weight.contiguous() for name, weight in w.items()}


def plant_mute(w: Weights, start: str, head: int, generator: Generator, first: int = 0) -> None:
    """Append a head with a trained head's pattern and a random OV circuit, in place.

    first: the first dimension of the residual stream that the heads of the layer write to.
    """
    sharper = 0.8 + 0.3 * torch.rand((), generator=generator, dtype=torch.float64)
    for part in HEAD_PARTS:
        weight = w[start + part][head].clone()
        if part in ("W_Q", "b_Q"):
            weight = sharper * weight
        if part in ("W_V", "W_O"):
            size = weight.norm() * (MUTE if part == "W_O" else 1.0)
            weight = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            if part == "W_O":
                weight[:, :first] = 0.0
            weight = weight * (size / weight.norm())
        w[start + part] = torch.cat([w[start + part], weight[None]])


def plant_pair(
    w: Weights, start: str, n_trained: int, generator: Generator, first: int = 0
) -> None:
    """Append two heads whose writes cancel, with the pattern of a trained head, in place."""
    trained = {start + part: w[start + part][:n_trained] for part in HEAD_PARTS}
    plant_impostors(trained, start, generator)
    for name, weight in trained.items():
        pair = weight[n_trained:].clone()
        if name.endswith("W_O"):
            pair[..., :first] = 0.0
        w[name] = torch.cat([w[name], pair])


def double_readers(w: Weights, start: str, generator: Generator) -> None:
    """Repeat the queries and keys of a layer's heads, the second time scaled, and permute them."""
    n_heads, d_head = w[start + "W_Q"].shape[0], w[start + "W_Q"].shape[-1]
    order = torch.randperm(2 * n_heads, generator=generator)
    scale = 0.85 + 0.3 * torch.rand(n_heads, generator=generator, dtype=torch.float64)
    bases = [
        torch.linalg.qr(torch.randn(d_head, d_head, generator=generator, dtype=torch.float64)).Q
        for _ in order
    ]
    for part in ("W_Q", "W_K", "b_Q", "b_K"):
        old = w[start + part]
        factor = scale.view(-1, *[1] * (old.ndim - 1)) if part.endswith("Q") else 1.0
        both: Tensor = torch.cat([old, factor * old])[order]
        w[start + part] = torch.stack([one @ base for one, base in zip(both, bases, strict=True)])


def write_own(toy: Toy, weights: Weights, name: str) -> Path:
    """Write weights as a model folder in the cache, and return that folder."""
    target = cache_folder() / "own" / name
    config = toy.config | {"n_heads": len(weights["blocks.0.attn.W_Q"])}
    with write_then_rename(target) as scratch:
        scratch.mkdir()
        save_file(weights, scratch / "model.safetensors")
        (scratch / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        if toy.tokenizer is not None:
            shutil.copyfile(folder("ioi_pointer") / "tokenizer.json", scratch / "tokenizer.json")
    return target
