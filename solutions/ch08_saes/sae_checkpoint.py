"""Checkpoints of SAEs in training: weights, buffers and Adam's moments in one safetensors file.

No random state is saved, because batch and resampling of a step follow from its index. `run`
records the settings, so that a checkpoint never continues another run by mistake.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..ch02_transformer.write_then_rename import write_then_rename
from .sae import TrainedModule

MOMENTS = ("exp_avg", "exp_avg_sq", "step")
SAEs = Mapping[str, TrainedModule]
Optimizers = Mapping[str, torch.optim.Optimizer]


def describe(sae: TrainedModule) -> dict[str, Any]:
    """List what distinguishes an SAE from another one: class, sizes and coefficients."""
    plain = {
        name: value
        for name, value in vars(sae).items()
        if isinstance(value, int | float | str) and not name.startswith("_") and name != "training"
    }
    sizes = {key: list(value.shape) for key, value in sae.state_dict().items()}
    return {"class": type(sae).__name__, "sizes": sizes, **plain}


def named_tensors(saes: SAEs, optimizers: Optimizers) -> dict[str, Tensor]:
    """Name every tensor of a run: `NAME/state/W_dec`, `NAME/exp_avg/W_dec`."""
    tensors = {}
    for name, sae in saes.items():
        for key, value in sae.state_dict().items():
            tensors[f"{name}/state/{key}"] = value
        for key, weight in sae.named_parameters():
            for moment, value in optimizers[name].state[weight].items():
                tensors[f"{name}/{moment}/{key}"] = value
    return tensors


def save_checkpoint(path: Path, step: int, saes: SAEs, optimizers: Optimizers, run: str) -> None:
    """Write the run after `step` updates, to a temporary file first, which then replaces path.

    Raises: OSError when it cannot be written; the last checkpoint is then as it was.
    """
    tensors = {k: v.detach().contiguous() for k, v in named_tensors(saes, optimizers).items()}
    with write_then_rename(path) as temporary:
        save_file(tensors, temporary, metadata={"step": str(step), "run": run})


def restore_checkpoint(path: Path, saes: SAEs, optimizers: Optimizers, run: str) -> int:
    """Restore a run from a file and return its step; without a file, return 0.

    Raises: ValueError when the file is damaged, or belongs to another run.
    """
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and start again") from error
    if meta.get("run") != run:
        raise ValueError(
            f"{path} belongs to another run: expected {run}, got {meta.get('run')}; delete it, or "
            "give another file"
        )
    state_names = {f"{name}/state/{key}" for name, sae in saes.items() for key in sae.state_dict()}
    moment_names = {
        f"{name}/{moment}/{key}"
        for name, sae in saes.items()
        for key, _ in sae.named_parameters()
        for moment in MOMENTS
    }
    missing = sorted((state_names | moment_names) - tensors.keys())
    if missing or not meta.get("step", "").isdecimal():
        raise ValueError(f"{path} lacks {missing[:3] or 'a step'}; delete it and start again")
    for name, sae in saes.items():
        state = {key: tensors[f"{name}/state/{key}"] for key in sae.state_dict()}
        sae.load_state_dict(state)
        for key, weight in sae.named_parameters():
            moments = {moment: tensors[f"{name}/{moment}/{key}"] for moment in MOMENTS}
            on_device = {m: v.to(weight.device) for m, v in moments.items()}
            optimizers[name].state[weight] = on_device
    return int(meta["step"])
