"""Checkpoints of a training run: weights, AdamW's moments and the step, in one safetensors file.

No random state is saved, because the batch of a step follows from its index. `run` records the
settings of the run, so that a checkpoint never continues another run by mistake.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from .write_then_rename import write_then_rename

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save_checkpoint(
    path: Path, step: int, model: nn.Module, optimizer: torch.optim.AdamW, run: str
) -> None:
    """Write the run after `step` updates, to a temporary file first, which then replaces path."""
    tensors = {}
    for name, weight in model.named_parameters():
        tensors[f"weight/{name}"] = weight.detach().contiguous()
        for moment in MOMENTS if weight.requires_grad else ():  # frozen weights have none
            tensors[f"{moment}/{name}"] = optimizer.state[weight][moment].contiguous()
    with write_then_rename(path) as temporary:
        save_file(tensors, temporary, metadata={"step": str(step), "run": run})


def restore_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.AdamW, run: str) -> int:
    """Restore weights and moments from a file and return its step; without a file, return 0.

    Raises: ValueError when the file is damaged, or belongs to another run or another model.
    """
    if not path.exists():
        return 0
    weights = dict(model.named_parameters())
    try:
        with safe_open(path, framework="pt") as file:
            meta, tensors = file.metadata() or {}, {n: file.get_tensor(n) for n in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and start again") from error
    if meta.get("run") != run:
        raise ValueError(
            f"{path} belongs to another run or another model: expected {run}, "
            f"got {meta.get('run')}; delete it, or give another file"
        )
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    expected = {
        f"{kind}/{name}": torch.Size() if kind == "step" else weight.shape
        for name, weight in weights.items()
        for kind in ("weight", *(MOMENTS if weight.requires_grad else ()))
    }
    if shapes != expected or not meta.get("step", "").isdecimal():
        raise ValueError(f"{path} holds the weights of another model; give another file")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(tensors[f"weight/{name}"])
            if not weight.requires_grad:
                continue
            optimizer.state[weight] = {
                moment: tensors[f"{moment}/{name}"].to(weight.device if moment != "step" else "cpu")
                for moment in MOMENTS
            }
    return int(meta["step"])
