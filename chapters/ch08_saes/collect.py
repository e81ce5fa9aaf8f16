"""Collect the activations of any torch module by name, into shards on disk.

    FOLDER/manifest.json             what was collected, and each shard's rows and checksum
    FOLDER/00000.safetensors         acts [row, d_in], with the batch, text and position of each row

A hook on the module records its output (the first one of a tuple) and ends the forward pass there.
So this works for a HookPoint of this course, and for a module of another library's model. Memory:
one batch, and one shard of at most `rows_per_shard` plus one batch of rows. After a stop at any
moment the next start continues behind the last complete shard.
Axes: batch, pos (of texts), row (one token's activation), d_in.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn

from ..ch02_transformer.pretrained.config_json import read_json
from ..ch02_transformer.write_then_rename import write_then_rename

MANIFEST = "manifest.json"
FORMAT = 1
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class CollectConfig:
    """Which tokens are kept, and how they are stored.

    Raises: ValueError for fewer than one row per shard, or a factor of at most 1.
    """

    rows_per_shard: int = 65_536
    """Rows after which a shard is written."""
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """Precision on disk."""
    special_tokens: tuple[int, ...] = ()
    """Tokens that are left out, such as the one that starts or pads a text."""
    skip_first: bool = True
    """Whether position 0 is left out, on which models put massive activations."""
    massive_factor: float | None = 5.0
    """Rows longer than this times the median length of their batch are left out; None for all."""

    def __post_init__(self) -> None:
        if self.rows_per_shard < 1:
            raise ValueError(f"expected rows_per_shard of at least 1, got {self.rows_per_shard}")
        if self.massive_factor is not None and not self.massive_factor > 1:
            raise ValueError(f"expected a massive_factor above 1, got {self.massive_factor}")


class CollectRecord(NamedTuple):
    """Progress of a collection."""

    batches: int
    """Batches on disk."""
    rows: int
    """Rows on disk."""


class _Reached(Exception):
    """The module has run: the rest of the forward pass is not needed."""


def keep_mask(
    acts: Float[Tensor, "batch pos d_in"],
    tokens: Int[Tensor, "batch pos"],
    config: CollectConfig,
) -> Bool[Tensor, "batch pos"]:
    """Select the tokens whose activations are kept.

    Special tokens and, with `skip_first`, position 0 are left out; then rows that are longer than
    `massive_factor` times the median length of the rows that are left.
    """
    # exercise 8.14
    raise NotImplementedError("exercise 8.14")


@contextmanager
def recording(module: nn.Module) -> Iterator[list[Tensor]]:
    """Append the module's first output of each pass to a list, and end the pass there."""
    seen: list[Tensor] = []

    def record(_module: nn.Module, _inputs: Any, output: Any) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)
        raise _Reached

    handle = module.register_forward_hook(record)
    try:
        yield seen
    finally:
        handle.remove()


@torch.no_grad()
def activations_of(
    model: nn.Module, name: str, tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos d_in"]:
    """Run a model up to the module of this name, and return the module's output.

    Raises: KeyError for an unknown name; ValueError when the module does not run, or its output
        does not have one vector per token.
    """
    try:
        module = model.get_submodule(name)
    except AttributeError as error:
        raise KeyError(f"the model has no module {name!r}: {error}") from error
    with recording(module) as seen:
        try:
            model(tokens)
        except _Reached:
            pass
    if not seen:
        raise ValueError(
            f"expected the module {name!r} to run in the forward pass, got none of its output"
        )
    acts = seen[0]
    if not torch.is_tensor(acts) or acts.ndim != 3 or acts.shape[:2] != tokens.shape:
        shape = list(acts.shape) if torch.is_tensor(acts) else type(acts).__name__
        raise ValueError(
            f"expected an output of shape [{len(tokens)}, {tokens.shape[1]}, d_in] from {name!r}, "
            f"got {shape}"
        )
    return acts


def sha256_of(path: Path) -> str:
    """Compute the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder of activations.

    Raises: FileNotFoundError without one; ValueError when it is damaged or of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"expected {path}, got no such file; collect activations first")
    try:
        manifest = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); collect the activations again") from error
    if manifest.get("format") != FORMAT:
        raise ValueError(f"expected {path} of format {FORMAT}, got {manifest.get('format')!r:.60}")
    for name, kind in {"run": "dict", "batches": "int", "shards": "list"}.items():
        if type(manifest.get(name)).__name__ != kind:
            raise ValueError(
                f"{path}: {name}: expected type {kind}, got {manifest.get(name)!r:.60}; "
                "collect the activations again"
            )
    for number, shard in enumerate(manifest["shards"]):
        check_shard(f"{path}: shards[{number}]", shard)
    return manifest


def check_shard(where: str, shard: Any) -> None:
    """Raise ValueError unless a manifest's entry gives a file, its rows and its hash.

    The file may be that of another collection next to this one: "../smaller/00000.safetensors".
    """
    fields = {"file": str, "rows": int, "sha256": str}
    if type(shard) is not dict or any(type(shard.get(n)) is not kind for n, kind in fields.items()):
        raise ValueError(f"{where}: expected file, rows and sha256, got {shard!r:.80}")
    file = Path(shard["file"])
    if not file.name or file.is_absolute() or shard["rows"] < 1:
        raise ValueError(
            f"{where}: expected a relative path and at least one row, got {shard!r:.80}"
        )


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, whole or not at all."""
    with write_then_rename(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def kept_rows(
    acts: Float[Tensor, "batch pos d_in"],
    tokens: Int[Tensor, "batch pos"],
    batch: int,
    config: CollectConfig,
) -> dict[str, Tensor]:
    """Return the kept rows of one batch in the precision of the store, and where they are from.

    Raises: ValueError for values that are not finite, or too large for the precision.
    """
    keep = keep_mask(acts, tokens, config)
    rows = acts[keep].to("cpu", DTYPES[config.dtype])
    if not rows.isfinite().all():
        cause = (
            f"values too large for {config.dtype}; use bfloat16 or float32"
            if acts[keep].isfinite().all()
            else "NaN or infinity from the model"
        )
        raise ValueError(f"expected finite activations in batch {batch}, got {cause}")
    text, position = keep.nonzero(as_tuple=True)
    origin = torch.stack([torch.full_like(text, batch), text, position], dim=1)
    return {"acts": rows, "origin": origin.to("cpu", torch.int32), "tokens": tokens[keep].cpu()}


def write_shard(folder: Path, parts: list[dict[str, Tensor]], manifest: dict[str, Any]) -> None:
    """Write one shard, then list it in the manifest together with the batches it completes."""
    tensors = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    path = folder / f"{len(manifest['shards']):05d}.safetensors"
    with write_then_rename(path) as temporary:
        save_file(tensors, temporary)
    rows = len(tensors["acts"])
    manifest["shards"].append({"file": path.name, "rows": rows, "sha256": sha256_of(path)})
    manifest["batches"] += len(parts)
    manifest["d_in"] = tensors["acts"].shape[1]
    write_manifest(folder, manifest)


def collect(
    model: nn.Module,
    name: str,
    batches: Sequence[Int[Tensor, "batch pos"]],
    folder: Path,
    config: CollectConfig,
    label: str = "",
) -> Iterator[CollectRecord]:
    """Write the activations of a module on these batches, yielding a record after each shard.

    label: what else decides the activations, such as the model's and the text's name. A folder of
    another module, label or config is refused, since half of its rows would be something else.

    Raises: ValueError for such a folder, and for activations that are not finite; OSError when the
        disk is full (the shards written so far stay valid).
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = {"module": name, "label": label, "config": asdict(config)}
    run = json.loads(json.dumps(run))  # tuples become lists, as in the file
    manifest = {"format": FORMAT, "run": run, "batches": 0, "shards": []}
    if (folder / MANIFEST).exists():
        manifest = read_manifest(folder)
    if manifest["run"] != run:
        raise ValueError(
            f"{folder} holds other activations: expected {run}, got {manifest['run']}; use another "
            "folder"
        )
    parts: list[dict[str, Tensor]] = []
    waiting = 0
    for index in range(manifest["batches"], len(batches)):
        acts = activations_of(model, name, batches[index])
        parts.append(kept_rows(acts, batches[index], index, config))
        waiting += len(parts[-1]["acts"])
        if waiting >= config.rows_per_shard or (index + 1 == len(batches) and waiting):
            write_shard(folder, parts, manifest)
            parts, waiting = [], 0
            yield CollectRecord(
                manifest["batches"], sum(shard["rows"] for shard in manifest["shards"])
            )
    if not manifest["shards"]:
        raise ValueError(
            f"expected at least one token to be kept, got none of {len(batches)} batches; check "
            "special_tokens, skip_first and massive_factor"
        )
