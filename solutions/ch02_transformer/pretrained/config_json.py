"""Read a JSON file, and its settings, each with its type and bounds.

`read_json` accepts strict JSON only: no repeated names, no NaN. `take` is the one way from a
setting to a value, so that a wrong one is refused by its name before anything is computed with it.
"""

import json
import math
import reprlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

MAX_BYTES = 64_000_000
LARGEST = 2**31 - 1
MOST_LAYERS = 10_000
REQUIRED: Any = object()
"""Default of a setting that has none."""

ACTIVATION_NAMES = {
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
"""Hugging Face's names of activations -> ours."""

NOT_IMPLEMENTED: dict[str, Any] = {
    "quantization_config": None,
    "compression_config": None,
    "sliding_window": None,
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "clip_qkv": None,
    "layer_types": None,
    "no_rope_layers": None,
    "num_experts": None,
    "num_local_experts": None,
    "n_routed_experts": None,
    "logit_scale": None,
    "logits_scaling": None,
    "embedding_multiplier": None,
    "residual_multiplier": None,
    "attention_multiplier": None,
    "pruned_heads": {},
    "partial_rotary_factor": 1.0,
    "rope_interleaved": False,
    "qk_layernorm": False,
    "use_qk_norm": False,
    "use_bidirectional_attention": None,
    "alibi": False,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
}
"""Settings that change what a model computes -> the only value that is implemented here."""


def read_json(path: Path) -> dict[str, Any]:
    """Read the settings in a JSON file.

    Raises: ValueError when the file is missing, or is not one JSON object that is valid everywhere.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"expected a file at {path}, got a folder or a device; download it again")
    if not path.is_file():
        raise ValueError(f"{path} is missing; a model folder needs {path.name}")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"expected {path} of at most {MAX_BYTES:,} bytes, got more")
    try:
        text = path.read_text(encoding="utf-8")
        settings = json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deep; download it again") from error
    except ValueError as error:  # json's own, numbers of too many digits, letters not in UTF-8
        raise ValueError(f"{path} is not JSON ({error}); download it again") from error
    if not isinstance(settings, dict):
        raise ValueError(f"expected a JSON object in {path}, got {reprlib.repr(settings)}")
    return settings


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise ValueError(f"expected each name once, got {name!r:.80} twice")
        names.add(name)
    return dict(pairs)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"expected finite numbers, got {name}")


def take(
    settings: dict[str, Any], name: str, default: Any, expected: str, accept: Callable[[Any], bool]
) -> Any:
    """Return a setting, or the default if it is missing; if that is None, null counts as missing.

    Raises: ValueError when a required setting is missing, or a value is not accepted.
    """
    value = settings.get(name, default)
    if value is REQUIRED:
        raise ValueError(f"config.json lacks the setting {name!r}")
    if name in settings and not (value is None and default is None) and not accept(value):
        raise ValueError(
            f"expected {name} in config.json to be {expected}, got {reprlib.repr(value)}"
        )
    return value


def integer(settings: dict[str, Any], name: str, low: int = 1, high: int = LARGEST) -> int:
    """Take a required whole number; true is not 1, and 12.0 is not 12."""
    return _integer(settings, name, REQUIRED, low, high)


def optional_integer(settings: dict[str, Any], name: str) -> int | None:
    """Take a positive whole number, or None where it is null or missing."""
    return _integer(settings, name, None, 1, LARGEST)


def _integer(settings: dict[str, Any], name: str, default: Any, low: int, high: int) -> Any:
    expected = f"an integer from {low} to {high:,}"
    return take(settings, name, default, expected, lambda x: type(x) is int and low <= x <= high)


def number(
    settings: dict[str, Any], name: str, low: float, high: float, *, default: Any = REQUIRED
) -> float:
    """Take a finite number above low, at most high."""

    def accept(value: Any) -> bool:
        return type(value) in (int, float) and low < value <= high and math.isfinite(value)

    return float(take(settings, name, default, f"a number above {low} up to {high:g}", accept))


def flag(settings: dict[str, Any], name: str, *, default: bool) -> bool:
    """Take true or false; the string "false" is neither."""
    return take(settings, name, default, "true or false", lambda value: type(value) is bool)


def one_of(
    settings: dict[str, Any], name: str, options: dict[str, Any], default: Any = REQUIRED
) -> Any:
    """Look up the text of a setting among the options."""
    expected = f"one of {', '.join(options)}"

    def accept(value: Any) -> bool:
        return isinstance(value, str) and value in options

    return options[take(settings, name, default, expected, accept)]


def require_settings(
    settings: dict[str, Any], family: str, *, read: Collection[str] = (), **expected: Any
) -> None:
    """Raise ValueError unless each setting is missing or has its expected value.

    Another value would change the model in a way that is not implemented here; so would those in
    NOT_IMPLEMENTED, and another model_type than the family's. read: those of NOT_IMPLEMENTED that
    the family's adapter reads itself.
    """
    for name, value in (NOT_IMPLEMENTED | expected | {"model_type": family}).items():
        if name in read:
            continue
        actual = settings.get(name, value)
        if type(actual) is not type(value) or actual != value:
            raise ValueError(
                f"expected {name}={value!r} in config.json, got {reprlib.repr(actual)}, which is "
                f"not supported"
            )
