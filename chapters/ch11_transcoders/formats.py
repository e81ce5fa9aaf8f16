"""Save and load transcoders and CLTs as folders in circuit-tracer's two formats.

    config.yaml                 model_kind, model_name, feature_input_hook, feature_output_hook, ...
    layer_0.safetensors, ...    per layer: W_enc [d_sae, d_model], W_dec [d_sae, d_model], b_enc,
                                b_dec, activation_function.threshold?, W_skip? [d_out, d_in]
    W_enc_0.safetensors, ...    CLT: W_enc_0 [d_sae, d_model], b_enc_0, b_dec_0, threshold_0?
    W_dec_0.safetensors, ...    CLT: W_dec_0 [d_sae, target, d_model], first target: its own layer

W_enc and W_skip are transposed against ours, and a CLT's decoder has another order of axes.
Without thresholds circuit-tracer 0.5 applies ReLU, so it computes something else for TopK. We write
`activation: topk` and `k` to config.yaml, which it ignores and we read.
A folder may come from a stranger, so each field and each tensor is checked.
Source: circuit-tracer 0.5, https://github.com/safety-research/circuit-tracer
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml  # type: ignore[import-untyped]
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..ch02_transformer.write_then_rename import write_then_rename
from ..ch09_sparsity.formats import check_tensor
from .crosslayer import AbstractCLT, JumpReLUCLT, TopKCLT
from .jumprelu import JumpReLUTranscoder
from .replacement import Replacements
from .skip import SkipTranscoder
from .transcoder import AbstractTranscoder, L1Transcoder, TopKTranscoder

CONFIG = "config.yaml"
THRESHOLD = "activation_function.threshold"
KINDS = ("transcoder_set", "cross_layer_transcoder")
ACTIVATIONS = ("relu", "jumprelu", "topk")
Tensors = dict[str, Tensor]


class About(NamedTuple):
    """Settings of the model in config.yaml. Hooks have the names of TransformerLens."""

    model_name: str = ""
    """Model whose MLPs are replaced."""
    feature_input_hook: str = "mlp.hook_in"
    """What the encoders read, in each block: here always the MLP's input, behind its norm."""
    feature_output_hook: str = "hook_mlp_out"
    """What the decoders predict."""
    scan: str = ""
    """Name under which labels of the latents are found."""


def pack_layer(transcoder: AbstractTranscoder) -> Tensors:
    """Return the tensors of one layer's file, under circuit-tracer's names and in its shapes.

    W_skip is left out where it is zero or absent.
    """
    # exercise 11.18
    raise NotImplementedError("exercise 11.18")


def pack_clt_decoder(
    W_dec: Float[Tensor, "target d_sae d_model"],
) -> Float[Tensor, "d_sae target d_model"]:
    """Reorder the decoders of one source layer as circuit-tracer does: latents first."""
    # exercise 11.18
    raise NotImplementedError("exercise 11.18")


def save_transcoders(by: Replacements, folder: str | Path, about: About | None = None) -> None:
    """Write a folder: weights first, then config.yaml, each under a temporary name.

    Raises: ValueError for layers with a gap, or transcoders of different kinds or sizes.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = _clt_files(by) if isinstance(by, AbstractCLT) else _layer_files(by)
    modules = [by] if isinstance(by, AbstractCLT) else list(by.values())
    found = {_activation(module) for module in modules}
    if len(found) != 1:
        raise ValueError(f"expected one activation and k in all layers, got {sorted(found)}")
    activation, k = found.pop()
    config: dict[str, Any] = {
        "model_kind": KINDS[isinstance(by, AbstractCLT)],
        **(about or About())._asdict(),
        "activation": activation,
    }
    if activation == "topk":
        config["k"] = k
    for name, tensors in files.items():
        with write_then_rename(folder / name) as temporary:
            plain = {key: value.detach().float().contiguous() for key, value in tensors.items()}
            save_file(plain, temporary)
    with write_then_rename(folder / CONFIG) as temporary:
        temporary.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def _activation(module: AbstractTranscoder | AbstractCLT) -> tuple[str, int]:
    d_sae = module.b_enc.shape[-1]
    if "log_threshold" in dict(module.named_parameters()):
        return "jumprelu", 0
    k = getattr(module, "k", d_sae)  # the k largest of k entries, after ReLU, are ReLU
    return ("relu", 0) if k == d_sae else ("topk", k)


def _layer_files(by: Mapping[int, AbstractTranscoder]) -> dict[str, Tensors]:
    if not by or sorted(by) != list(range(len(by))):
        raise ValueError(
            f"expected transcoders of layers 0, 1, ... without a gap, got {sorted(by)}"
        )
    sizes = {(one.d_in, one.d_out, one.d_sae) for one in by.values()}
    if len(sizes) != 1:
        raise ValueError(f"expected (d_in, d_out, d_sae) alike in all layers, got {sorted(sizes)}")
    return {f"layer_{layer}.safetensors": pack_layer(one) for layer, one in sorted(by.items())}


def _clt_files(clt: AbstractCLT) -> dict[str, Tensors]:
    files = {}
    for layer in range(clt.n_layers):
        tensors = {
            f"W_enc_{layer}": clt.W_enc[layer].T,
            f"b_enc_{layer}": clt.b_enc[layer],
            f"b_dec_{layer}": clt.b_dec[layer],
        }
        if isinstance(clt, JumpReLUCLT):
            tensors[f"threshold_{layer}"] = clt.log_threshold[layer].exp()
        files[f"W_enc_{layer}.safetensors"] = tensors
        decoder = pack_clt_decoder(clt.W_dec[layer])
        files[f"W_dec_{layer}.safetensors"] = {f"W_dec_{layer}": decoder}
    return files


def load_transcoders(folder: str | Path) -> Replacements:
    """Load a folder of either format, in float32, for `replace_mlps`.

    ReLU is TopK with k = d_sae where a class for it is missing. Losses have coefficient 0.

    Raises: ValueError with file and field for a folder that is not one, or with what has no class
        here, such as a CLT with a bypass.
    """
    folder = Path(folder)
    config = read_config(folder / CONFIG)
    clt = config["model_kind"] == KINDS[1]
    first = "W_enc_" if clt else "layer_"
    n_layers = len(list(folder.glob(f"{first}*.safetensors")))
    if not n_layers:
        raise ValueError(f"{folder}: expected files {first}0.safetensors and so on, got none")
    layers = [_read_layer(folder, layer, n_layers, clt) for layer in range(n_layers)]
    shapes = {tuple(one["W_enc"].shape) for one in layers}
    if len(shapes) != 1:
        raise ValueError(f"{folder}: W_enc: expected one shape in all layers, got {sorted(shapes)}")
    k = _check_activation(folder / CONFIG, config, layers)
    return _build_clt(layers, k) if clt else dict(enumerate(_build(one, k) for one in layers))


def read_config(path: Path) -> dict[str, Any]:
    """Read and check config.yaml.

    Raises: ValueError with file and field.
    """
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: expected YAML, got {error!s:.100}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: expected keys and values, got a {type(config).__name__}")
    for name, allowed in (("model_kind", KINDS), ("activation", (None, *ACTIVATIONS))):
        if (value := config.get(name)) not in allowed:
            raise ValueError(f"{path}: {name}: expected one of {allowed}, got {_brief(value)}")
    if (k := config.get("k")) is not None and (type(k) is not int or k < 1):
        raise ValueError(f"{path}: k: expected an integer from 1 on, got {_brief(k)}")
    if (config.get("activation") == "topk") != (k is not None):
        raise ValueError(f"{path}: k: expected it with activation: topk and not else, got {k}")
    if config.get("transcoders") is not None:
        raise ValueError(
            f"{path}: transcoders: expected the files in this folder, got a list of other places; "
            "download them as layer_0.safetensors and so on, and delete the list"
        )
    return config


def _brief(value: Any) -> str:
    return f"{value!r:.40}" if isinstance(value, str | int | float | None) else type(value).__name__


def _read_layer(folder: Path, layer: int, n_layers: int, clt: bool) -> Tensors:
    """Read one layer's tensors under plain names: W_enc, W_dec, b_enc, b_dec, threshold, W_skip."""
    names = [f"W_enc_{layer}", f"W_dec_{layer}"] if clt else [f"layer_{layer}"]
    tensors: Tensors = {}
    for name in names:
        path = folder / f"{name}.safetensors"
        try:
            read = load_file(path)
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path}: expected a safetensors file, got {error!s:.100}") from error
        suffix = f"_{layer}" if clt else ""
        tensors |= {key.removesuffix(suffix): value for key, value in read.items()}
    tensors |= {"threshold": tensors.pop(THRESHOLD)} if THRESHOLD in tensors else {}
    where = str(folder / f"{names[0]}.safetensors")
    for name in ("W_enc", "W_dec", "b_enc", "b_dec"):
        if name not in tensors:
            raise ValueError(f"{where}: {name}: expected such a tensor, got {sorted(tensors)}")
    d_sae, d_out = tensors["b_enc"].numel(), tensors["b_dec"].numel()
    d_in = d_out if clt or tensors["W_enc"].ndim != 2 else tensors["W_enc"].shape[1]
    expected = {
        "W_enc": [d_sae, d_in],
        "W_dec": [d_sae, n_layers - layer, d_out] if clt else [d_sae, d_out],
        "b_enc": [d_sae],
        "b_dec": [d_out],
        "threshold": [d_sae],
        **({} if clt else {"W_skip": [d_out, d_in]}),
    }
    for name, value in tensors.items():
        check_tensor(f"{where}: {name}", value, expected.get(name))
    if "threshold" in tensors and (tensors["threshold"] < 0).any():
        raise ValueError(f"{where}: threshold: expected numbers from 0 on, got a negative one")
    return {name: value.float() for name, value in tensors.items()}


def _check_activation(path: Path, config: dict[str, Any], layers: list[Tensors]) -> int | None:
    """Return k, or None where thresholds decide; ReLU is k = d_sae."""
    d_sae = len(layers[0]["b_enc"])
    has = {"threshold" in one for one in layers}
    activation = config.get("activation") or ("jumprelu" if True in has else "relu")
    if has != {activation == "jumprelu"}:
        raise ValueError(
            f"{path}: activation: expected thresholds in all layers with jumprelu, in none with "
            f"others, got {activation} and thresholds in {sum('threshold' in x for x in layers)} "
            f"of {len(layers)} layers"
        )
    k = int(config.get("k") or d_sae)
    if k > d_sae:
        raise ValueError(f"{path}: k: expected at most d_sae={d_sae}, got {k}")
    return None if activation == "jumprelu" else k


def _log(threshold: Tensor) -> Tensor:
    """Return logarithms; the smallest float stands for zero."""
    return threshold.clamp(min=torch.finfo(torch.float32).tiny).log()


@torch.no_grad()
def _build(one: Tensors, k: int | None) -> AbstractTranscoder:
    d_sae, d_in = one["W_enc"].shape
    sizes = (d_in, len(one["b_dec"]), d_sae)
    made: AbstractTranscoder
    if k is None:
        made = JumpReLUTranscoder(*sizes, coefficient=0.0)
        made.log_threshold.copy_(_log(one["threshold"]))
    elif "W_skip" in one:
        made = SkipTranscoder(*sizes, k)
    else:
        made = L1Transcoder(*sizes, 0.0) if k == d_sae else TopKTranscoder(*sizes, k)
    made.W_enc.copy_(one["W_enc"].T)
    if "W_skip" in one:
        made.get_parameter("W_skip").copy_(one["W_skip"].T)
    for name in ("W_dec", "b_enc", "b_dec"):
        made.get_parameter(name).copy_(one[name])
    return made.eval()


@torch.no_grad()
def _build_clt(layers: list[Tensors], k: int | None) -> AbstractCLT:
    d_sae, d_model = layers[0]["W_enc"].shape
    made: AbstractCLT
    if k is None:
        made = JumpReLUCLT(len(layers), d_model, d_sae, coefficient=0.0)
        made.log_threshold.copy_(_log(torch.stack([one["threshold"] for one in layers])))
    else:
        made = TopKCLT(len(layers), d_model, d_sae, k)
    for layer, one in enumerate(layers):
        made.W_enc[layer], made.b_enc[layer] = one["W_enc"].T, one["b_enc"]
        made.W_dec[layer].copy_(one["W_dec"].transpose(0, 1))
        made.b_dec[layer] = one["b_dec"]
    return made.eval()
