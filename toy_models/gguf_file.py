"""Read a GGUF file, llama.cpp's format, and check every length before it is used.

1. Header: magic, version, number of tensors, number of fields.
2. Fields: name, type, value. `take_integer` and its siblings are the way from a field to a value.
3. Tensors: name, shape, type, offset. Their bytes must fill the rest of the file without overlap,
   so a changed shape or type is noticed.

Source: the format's description, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import math
import mmap
import reprlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""GGUF's types of single values -> codes of `struct`."""
STRING, ARRAY = 8, 9
MOST_FIELDS, MOST_TENSORS, MOST_AXES, LONGEST_NAME = 10_000, 100_000, 4, 1000
TYPES = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
LARGEST = 2**31 - 1
REQUIRED: Any = object()
"""Default of a field that has none."""


class GgufTensor(NamedTuple):
    """Place and type of one tensor in the file."""

    shape: tuple[int, ...]
    """Sizes, the slowest axis first; the file has them the other way round."""
    kind: GGMLQuantizationType
    """How numbers are stored."""
    start: int
    """First byte, counted from the end of the header."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        block, n_bytes = GGML_QUANT_SIZES[self.kind]
        return math.prod(self.shape) // block * n_bytes


class GgufFile(NamedTuple):
    """The content of a GGUF file."""

    fields: dict[str, Any]
    """Metadata by name."""
    tensors: dict[str, GgufTensor]
    """Tensors by name."""
    data: np.ndarray
    """The bytes after the header, mapped from the file."""

    def numbers(self, name: str) -> np.ndarray:
        """Return a tensor in float32, dequantised."""
        tensor = self.tensors[name]
        block, n_bytes = GGML_QUANT_SIZES[tensor.kind]
        rows = (*tensor.shape[:-1], tensor.shape[-1] // block * n_bytes)
        stored = self.data[tensor.start : tensor.start + tensor.size].reshape(rows)
        return dequantize(stored, tensor.kind)


class Reader:
    """Read values one after the other, and stop where the file is too short for the next one."""

    def __init__(self, content: mmap.mmap | bytes) -> None:
        self.content, self.at = content, 0

    def take(self, n_bytes: int) -> bytes:
        """Take the next bytes.

        Raises: ValueError when there are fewer.
        """
        if n_bytes > len(self.content) - self.at:
            raise ValueError(f"expected {n_bytes:,} more bytes at byte {self.at:,}, got the end")
        self.at += n_bytes
        return self.content[self.at - n_bytes : self.at]

    def number(self, code: str) -> Any:
        """Take a number, by its code in `struct`."""
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def count(self, what: str, most: int) -> int:
        """Take a count that has a bound."""
        n = self.number("Q")
        if n > most:
            raise ValueError(f"expected at most {most:,} {what}, got {n:,}")
        return n

    def text(self, longest: int = LARGEST) -> str:
        """Take a string."""
        return self.take(self.count("bytes in a string", longest)).decode("utf-8")

    def value(self, kind: int) -> Any:
        """Take a value of a type; an array may hold numbers or strings, and no arrays."""
        if kind == STRING:
            return self.text()
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind != ARRAY:
            raise ValueError(f"expected a type from 0 to 12, got {kind}")
        inner, n = self.number("I"), self.count("values in an array", len(self.content))
        if inner == STRING:
            return [self.text() for _ in range(n)]
        if inner not in NUMBERS:
            raise ValueError(f"expected an array of numbers or strings, got type {inner}")
        width = struct.calcsize(f"<{NUMBERS[inner]}")
        return list(struct.unpack(f"<{n}{NUMBERS[inner]}", self.take(n * width)))


def read_gguf(path: Path) -> GgufFile:
    """Read the header of a GGUF file and map its tensors.

    Raises: ValueError when the file is cut, damaged or of another format, with the wrong part.
    """
    if not path.is_file():
        raise ValueError(f"expected a GGUF file at {path}, got none")
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            if size == 0:
                raise ValueError("expected a header, got an empty file")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                fields, tensors, start = read_header(Reader(content))
            check_places(tensors, alignment(fields), size - start)
        except ValueError as error:
            raise ValueError(
                f"expected a whole GGUF file, got {path} ({size:,} bytes), which may have been "
                f"truncated or changed; fetch it again ({error})"
            ) from error
    return GgufFile(fields, tensors, np.memmap(path, np.uint8, "r", offset=start))


def read_header(reader: Reader) -> tuple[dict[str, Any], dict[str, GgufTensor], int]:
    """Return fields, tensors, and the byte where the tensors' data begins."""
    if (magic := reader.take(4)) != b"GGUF":
        raise ValueError(f"expected the letters GGUF at the beginning, got {magic!r}")
    if (version := reader.number("I")) not in (2, 3):
        raise ValueError(f"expected version 2 or 3, got {version}")
    n_tensors = reader.count("tensors", MOST_TENSORS)
    fields: dict[str, Any] = {}
    for _ in range(reader.count("fields", MOST_FIELDS)):
        name = reader.text(LONGEST_NAME)
        if name in fields:
            raise ValueError(f"expected each field once, got {name!r} twice")
        kind = reader.number("I")
        try:
            fields[name] = reader.value(kind)
        except ValueError as error:
            raise ValueError(f"field {name!r}: {error}") from error
    tensors: dict[str, GgufTensor] = {}
    for _ in range(n_tensors):
        name = reader.text(LONGEST_NAME)
        if name in tensors:
            raise ValueError(f"expected each tensor once, got {name!r} twice")
        tensors[name] = read_tensor(reader, name)
    step = alignment(fields)
    return fields, tensors, -(-reader.at // step) * step


def read_tensor(reader: Reader, name: str) -> GgufTensor:
    """Read the shape, the type and the place of a tensor."""
    n_axes = reader.number("I")
    if not 1 <= n_axes <= MOST_AXES:
        raise ValueError(f"expected 1 to {MOST_AXES} axes of {name!r}, got {n_axes}")
    shape = tuple(reader.number("Q") for _ in range(n_axes))[::-1]
    kinds = {GGMLQuantizationType[kind].value: GGMLQuantizationType[kind] for kind in TYPES}
    number = reader.number("I")
    if number not in kinds:
        raise ValueError(f"expected {name!r} as one of {', '.join(TYPES)}, got type {number}")
    block = GGML_QUANT_SIZES[kinds[number]][0]
    if not all(1 <= size <= LARGEST for size in shape) or shape[-1] % block:
        raise ValueError(
            f"expected {name!r} in rows of a multiple of {block} numbers, got shape {shape}"
        )
    return GgufTensor(shape, kinds[number], reader.number("Q"))


def alignment(fields: dict[str, Any]) -> int:
    """Return the number of which every tensor's first byte is a multiple."""
    step = take_integer(fields, "general.alignment", 8, 2**20, default=32)
    if step & (step - 1):
        raise ValueError(f"expected general.alignment as a power of two, got {step}")
    return step


def check_places(tensors: dict[str, GgufTensor], step: int, size: int) -> None:
    """Raise ValueError unless the tensors fill the file one after the other."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].start):
        expected = -(-end // step) * step
        if tensor.start != expected:
            raise ValueError(
                f"expected {name!r} from byte {expected:,} of the data, got {tensor.start:,}; "
                f"its place, or the shape or type of the one before, is wrong"
            )
        end = tensor.start + tensor.size
    if not end <= size < end + max(step, 1) * 2:
        raise ValueError(f"expected {end:,} bytes of tensors, got {size:,}")


def take(
    fields: dict[str, Any], name: str, default: Any, expected: str, accept: Callable[[Any], bool]
) -> Any:
    """Return a field's value, or the default if it is missing.

    Raises: ValueError when a required field is missing, or its value is not accepted.
    """
    value = fields.get(name, default)
    if value is REQUIRED:
        raise ValueError(f"expected the field {name!r} in the GGUF file, got none")
    if name in fields and not accept(value):
        raise ValueError(
            f"expected the GGUF field {name!r} as {expected}, got {reprlib.repr(value)}"
        )
    return value


def take_integer(
    fields: dict[str, Any], name: str, low: int = 1, high: int = LARGEST, default: Any = REQUIRED
) -> int:
    """Take a whole number within bounds."""
    expected = f"an integer from {low} to {high:,}"
    return take(fields, name, default, expected, lambda x: type(x) is int and low <= x <= high)


def take_number(fields: dict[str, Any], name: str, high: float, default: Any = REQUIRED) -> float:
    """Take a positive number up to a bound; a float32 is written with few digits, 1e-05."""
    expected = f"a number above 0 up to {high:g}"
    value = take(fields, name, default, expected, lambda x: type(x) is float and 0 < x <= high)
    return float(str(np.float32(value)))


def take_text(fields: dict[str, Any], name: str, options: tuple[str, ...]) -> str:
    """Take a string out of those that are known."""
    expected = f"one of {', '.join(map(repr, options))}"
    return take(fields, name, REQUIRED, expected, lambda value: value in options)


def take_list(fields: dict[str, Any], name: str, kind: type) -> list[Any]:
    """Take a list of values of one type."""

    def accept(value: Any) -> bool:
        return isinstance(value, list) and all(type(one) is kind for one in value)

    expected = f"a list of {'strings' if kind is str else 'integers'}"
    return take(fields, name, REQUIRED, expected, accept)
