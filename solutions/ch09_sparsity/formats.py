"""Save and load SAEs as folders in SAELens's format.

    cfg.json: {"architecture": "topk", "d_in": 768, "d_sae": 6144, "dtype": "float32", "k": 32, ...}
    sae_weights.safetensors: W_enc [d_in, d_sae], W_dec [d_sae, d_in], b_enc, b_dec, ...

The format is one of inference: it holds what encode and decode need. BatchTopK and Matryoshka are
saved as what they are in use, a JumpReLU with one threshold. Coefficients of losses, and what a
trainer needs to go on, are not in it: for that, keep the checkpoint (`train_saes`).
A folder may come from a stranger, so each field is checked for its type and each tensor for its
shape. Everything else in cfg.json is kept in `metadata` as it is.
Source: SAELens 6, https://github.com/decoderesearch/SAELens
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..ch02_transformer.pretrained.config_json import read_json
from ..ch02_transformer.write_then_rename import write_then_rename
from ..ch08_saes import AbstractSAE, NormWeightedSAE, VanillaSAE
from ..ch08_saes.vanilla import fold_decoder_norm
from .batch_topk import BatchTopKSAE
from .gated import GatedSAE
from .jumprelu import JumpReLUSAE
from .topk import TopKSAE

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
Config = dict[str, Any]
Tensors = dict[str, Tensor]


def save_sae(
    sae: AbstractSAE, folder: str | Path, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write an SAE's folder: the weights first, then cfg.json, each under a temporary name.

    metadata: what SAELens keeps next to the weights, such as model_name and hook_name.

    Raises: ValueError for a BatchTopK without threshold, or a class that the format lacks.
    """
    architecture, tensors, extra = to_saelens(sae)
    config = {
        "architecture": architecture,
        "d_in": sae.d_in,
        "d_sae": sae.d_sae,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        **extra,
        "metadata": {"sae_lens_version": "6.0.0", **(metadata or {})},
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: value.detach().float().cpu().contiguous() for name, value in tensors.items()}
    with write_then_rename(folder / WEIGHTS) as temporary:
        save_file(plain, temporary)
    with write_then_rename(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def to_saelens(sae: AbstractSAE) -> tuple[str, Tensors, Config]:
    """Return an SAE's architecture, tensors and further fields of cfg.json."""
    tensors = {name: getattr(sae, name) for name in ("W_enc", "W_dec", "b_enc", "b_dec")}
    if isinstance(sae, BatchTopKSAE):  # Matryoshka too
        if sae.threshold.isnan():
            raise ValueError("expected a threshold, got none; call fit_threshold first")
        return "jumprelu", tensors | {"threshold": sae.threshold.expand(sae.d_sae)}, {}
    if isinstance(sae, TopKSAE):
        return "topk", tensors, {"k": sae.k, RESCALE: False}
    if isinstance(sae, JumpReLUSAE):
        return "jumprelu", tensors | {"threshold": sae.threshold}, {}
    if isinstance(sae, GatedSAE):
        gate = {"b_gate": tensors.pop("b_enc"), "b_mag": sae.b_mag, "r_mag": sae.r_mag}
        return "gated", tensors | gate, {}
    if isinstance(sae, VanillaSAE | NormWeightedSAE):
        return "standard", tensors, {}
    raise ValueError(f"expected an SAE of chapters 8 or 9, got {type(sae).__name__}")


def load_sae(folder: str | Path) -> AbstractSAE:
    """Load an SAE from a folder in SAELens's format.

    Its loss has coefficient 0, since the format has none; encode and decode are complete. SAELens
    trains TopK with pre-activations times the length of their decoder row, and saves the setting
    (`rescale_acts_by_decoder_norm`). Here the length is folded into the encoder.

    Raises: ValueError with file and field for a folder that is not one, or one with settings that
        encode here does not have, such as normalize_activations.
    """
    folder = Path(folder)
    config = read_config(folder / CONFIG)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{folder / WEIGHTS}: expected a safetensors file, got {error}") from error
    sae = BUILDERS[config["architecture"]](config)
    state = from_saelens(sae, tensors)
    expected = {name: list(value.shape) for name, value in sae.state_dict().items()}
    for name, value in state.items():
        check_tensor(f"{folder / WEIGHTS}: {name}", value, expected.get(name))
    missing = expected.keys() - state.keys() - {"silent_for"}
    if missing:
        raise ValueError(
            f"{folder / WEIGHTS}: expected tensors {sorted(missing)}, got {sorted(tensors)}"
        )
    sae.load_state_dict(state, strict=False)
    if config.get(RESCALE):
        fold_decoder_norm(sae)
    return sae.eval()


def from_saelens(sae: AbstractSAE, tensors: Tensors) -> Tensors:
    """Rename the tensors of a file to the names of our SAE."""
    renamed = dict(tensors)
    if isinstance(sae, GatedSAE) and "b_gate" in renamed:
        renamed["b_enc"] = renamed.pop("b_gate")
    if isinstance(sae, JumpReLUSAE) and "threshold" in renamed:
        # Our thresholds are exponentials; SAELens allows zero, the smallest float stands for it.
        positive = renamed.pop("threshold").clamp(min=torch.finfo(torch.float32).tiny)
        renamed["log_threshold"] = positive.log()
    return renamed


def check_tensor(where: str, value: Tensor, shape: list[int] | None) -> None:
    """Raise ValueError for a tensor that is not expected, or of another shape, or not finite."""
    if shape is None:
        raise ValueError(f"{where}: expected no such tensor, got one of shape {list(value.shape)}")
    if list(value.shape) != shape:
        raise ValueError(f"{where}: expected shape {shape}, got {list(value.shape)}")
    if not value.is_floating_point() or not value.isfinite().all():
        raise ValueError(f"{where}: expected finite floats, got {value.dtype} with others")


BUILDERS: dict[str, Callable[[Config], AbstractSAE]] = {
    "standard": lambda config: VanillaSAE(config["d_in"], config["d_sae"], 0.0),
    "topk": lambda config: TopKSAE(config["d_in"], config["d_sae"], config["k"]),
    "jumprelu": lambda config: JumpReLUSAE(config["d_in"], config["d_sae"], 0.0),
    "gated": lambda config: GatedSAE(config["d_in"], config["d_sae"], 0.0),
}
"""Architecture in cfg.json -> function of the configuration that makes the SAE."""
RESCALE = "rescale_acts_by_decoder_norm"
NEUTRAL = {
    "normalize_activations": "none",
    "reshape_activations": "none",
    "apply_b_dec_to_input": True,
}
"""Settings that change encode in SAELens, and the one value that ours has."""


def read_config(path: Path) -> Config:
    """Read and check cfg.json.

    Raises: ValueError with file and field.
    """
    config = read_json(path)
    architecture = config.get("architecture")
    if not isinstance(architecture, str) or architecture not in BUILDERS:
        names = " or ".join(BUILDERS)
        raise ValueError(f"{path}: architecture: expected {names}, got {architecture!r:.60}")
    sizes = ["d_in", "d_sae", *["k"] * (config["architecture"] == "topk")]
    for name in sizes:
        value = config.get(name)
        if type(value) is not int or not 1 <= value < 2**31:
            raise ValueError(f"{path}: {name}: expected an integer from 1 on, got {value!r:.60}")
    if config["d_in"] * config["d_sae"] >= 2**34:
        raise ValueError(f"{path}: d_sae: expected weights below 64 GiB, got {config['d_sae']}")
    for name, neutral in NEUTRAL.items():
        if config.get(name, neutral) != neutral:
            raise ValueError(f"{path}: {name}: expected {neutral!r}, got {config[name]!r:.60}")
    allowed = [False, True] if config["architecture"] == "topk" else [False]
    if not any(config.get(RESCALE, False) is value for value in allowed):
        raise ValueError(
            f"{path}: {RESCALE}: expected one of {allowed}, got {config[RESCALE]!r:.60}"
        )
    return config
