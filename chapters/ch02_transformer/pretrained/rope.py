"""Settings of rotary embeddings in config.json, and the stretched frequencies of Llama 3.1.

A model that was trained on short texts reads longer ones after its slow frequencies were divided by
a factor. Dimensions that turn many times within the old context keep their frequency, those that
turn less than once get a factor-th of it, and between the two the frequency is interpolated.
"""

import math
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..attention import Attention, Keys, Rotary, rotary_attention
from ..config import TransformerConfig
from ..norms import at_least_float32
from .config_json import number, take

FRACTION = "partial_rotary_factor"
STRETCH = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
"""Settings of a `Stretch`, in the order of its fields."""


@dataclass(frozen=True)
class Stretch:
    """Llama 3.1's change of rotary frequencies.

    Source: Grattafiori et al. 2024, "The Llama 3 Herd of Models", section 3.4.2; the constants
        are those of the released checkpoints.
    """

    factor: float
    """What slow frequencies are divided by."""
    low_freq_factor: float
    """Dimensions that turn fewer times than this in the old context are divided in full."""
    high_freq_factor: float
    """Dimensions that turn more often than this are left unchanged."""
    old_context: float
    """Tokens of the context before the stretch."""

    def __call__(self, frequency: Float[Tensor, " pair"]) -> Float[Tensor, " pair"]:
        """Compute the new frequencies, in radians per position."""
        turns = self.old_context * frequency / (2 * math.pi)
        keep = (turns - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor)
        keep = keep.clamp(0, 1)
        return keep * frequency + (1 - keep) * frequency / self.factor


class StretchedRotary(nn.Module):
    """Rotary embeddings with changed frequencies; otherwise as `Rotary`."""

    def __init__(self, config: TransformerConfig, stretch: Stretch) -> None:
        super().__init__()
        self.plain, self.stretch = Rotary(config), stretch

    def forward(self, x: Keys, start: int) -> Keys:
        """Rotate x, whose first position is `start`."""
        n, wide = self.plain.n, at_least_float32(x)
        frequency = self.stretch(self.plain.base ** (-torch.arange(0, n, 2).to(wide) / n))
        position = torch.arange(start, start + x.shape[1]).to(wide)
        angle = (position[:, None] * frequency)[:, None, :]  # [pos, 1, pair]
        first, second, rest = wide.split([n // 2, n // 2, x.shape[-1] - n], dim=-1)
        pairs = torch.complex(first, second) * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([pairs.real, pairs.imag, rest], dim=-1).to(x.dtype)


@dataclass(frozen=True)
class StretchedAttention:
    """Build attention with stretched rotary embeddings, the same for every layer."""

    stretch: Stretch
    """How frequencies are changed."""

    def __call__(self, config: TransformerConfig, layer: int) -> Attention:
        """Build the attention of one layer."""
        del layer
        return Attention(config, rotate=StretchedRotary(config, self.stretch))


class Rope(NamedTuple):
    """Settings of rotary embeddings in config.json."""

    base: float
    """Base of the frequencies."""
    fraction: float
    """Part of a head's dimensions that rotate."""
    stretch: Stretch | None
    """How the frequencies are changed, if they are."""

    def dims(self, d_head: int) -> int | None:
        """Return how many dimensions of a head rotate; None for all."""
        return None if self.fraction == 1 else int(d_head * self.fraction)

    def attention(self) -> Callable[[TransformerConfig, int], Attention]:
        """Return what builds the attention of a layer."""
        return rotary_attention if self.stretch is None else StretchedAttention(self.stretch)


def read_rope(
    settings: dict[str, Any], fraction: float | None = None, *, stretchable: bool = False
) -> Rope:
    """Read the settings of rotary embeddings, under their older or newer names in config.json.

    fraction: the part of a head that rotates by default; None for a family that rotates all.
    stretchable: whether the family's adapter can build attention with Llama 3.1's frequencies.

    Raises: ValueError for a way of scaling that is not implemented here, or two different bases.
    """
    bases = {number(settings, "rope_theta", 0.0, 1e12)} if "rope_theta" in settings else set()
    names = [name for name in (FRACTION, "rotary_pct") if name in settings]
    fractions = [number(settings, name, 0.0, 1.0) for name in names]
    stretch = None
    for key in ("rope_scaling", "rope_parameters"):  # the older name and the newer
        rope = take(settings, key, None, "an object or null", lambda value: type(value) is dict)
        if rope is None:
            continue
        stretched = stretchable and rope.get("rope_type", rope.get("type")) == "llama3"
        check_kind(key, rope, "llama3" if stretched else "default", STRETCH if stretched else ())
        if stretched:
            stretch = Stretch(*(number(rope, name, 0.0, 1e12) for name in STRETCH))
        fractions += [number(rope, FRACTION, 0.0, 1.0)] if FRACTION in rope else []
        bases |= {number(rope, "rope_theta", 0.0, 1e12)} if "rope_theta" in rope else set()
    if len(bases) > 1 or len(set(fractions)) > 1:
        raise ValueError(
            f"expected one rope_theta and one {FRACTION} in config.json, got {sorted(bases)} and "
            f"{fractions!r:.80}"
        )
    rotating = fractions[0] if fractions else 1.0 if fraction is None else fraction
    if fraction is None and rotating != 1:
        raise ValueError(
            f"expected {FRACTION}=1.0 in config.json, got {rotating}, which is not supported"
        )
    return Rope(bases.pop() if bases else 10_000.0, rotating, stretch)


def check_kind(key: str, rope: dict[str, Any], kind: str, names: tuple[str, ...]) -> None:
    """Raise ValueError if a rope object has another kind, or a setting that is not its own."""
    own = {"rope_theta", FRACTION, *names}
    for name in ("rope_type", "type", *sorted(rope.keys() - own - {"rope_type", "type"})):
        if name in rope and (rope[name] != kind or name not in ("rope_type", "type")):
            raise ValueError(
                f"expected {key} of type {kind!r} in config.json, got {name} = "
                f"{reprlib.repr(rope[name])}, which is not supported"
            )
