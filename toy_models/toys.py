"""The toy models: their folders, their files as data, and the checksums of those files."""

import difflib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenizers import Tokenizer

from toy_models.cache import check_sha256, sha256_of, write_then_rename
from toy_models.snapshots import write_snapshot

if TYPE_CHECKING:
    from torch import Tensor

ROOT = Path(__file__).parent
FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "runs.json",
    "snapshots.safetensors",
    "token_losses.safetensors",
    "cfg.json",
    "sae_weights.safetensors",
    "config.yaml",
    *(f"W_{side}_{layer}.safetensors" for side in ("enc", "dec") for layer in range(2)),
)
"""Files with a checksum. runs.json, snapshots and token losses exist for toys that show a training:
measurements, weights at several steps, and losses of single tokens. Then follow the files of a
dictionary, in SAELens's format, and of a CLT of two layers, in circuit-tracer's. Folders inside a
toy hold the same files for the model trained with other seeds. Cards and recipes have no
checksum."""


class Toy(NamedTuple):
    """A small trained model as plain data."""

    config: dict[str, Any]
    """Content of config.json: sizes, and the names of the parts."""
    tensors: dict[str, "Tensor"]
    """Weights by name, as they are stored (float16 where that suffices)."""
    tokenizer: Tokenizer | None
    """Tokenizer of a text model; None where tokens are plain numbers."""


def folder(
    name: str,
    seed: int = 0,
    step: int | None = None,
    *,
    variant: str = "seed",
    root: Path = ROOT,
) -> Path:
    """Return the folder of a toy model, for `load_pretrained(folder(name))`.

    The model of another training seed is a folder inside the toy's (`seed_1`), or a snapshot. A
    snapshot (`snapshots.safetensors` holds several) is written to a folder in the cache first; its
    seed without a step is the last one. `variant` names the other folders that some toys have:
    `folder("attn_1l", seed=1, variant="two_heads")`.

    Raises: KeyError for an unknown name, seed, step or variant; ValueError naming a file that is
        missing or was changed.
    """
    check_files(name, root)
    toy, inner = root / name, f"{variant}_{seed}"
    if step is None and (variant, seed) == ("seed", 0):
        return toy
    if step is None and f"{inner}/model.safetensors" in checksums_of(name, root):
        return toy / inner
    if variant != "seed":
        raise KeyError(f"toy {name} has no folder {inner!r}")
    return write_snapshot(toy, seed, step)


def load(name: str, seed: int = 0, step: int | None = None, *, root: Path = ROOT) -> Toy:
    """Load a toy's files as plain data: settings, tensors, tokenizer.

    A transformer is opened by `load_pretrained(folder(name))` instead. The small toys that are not
    transformers are built from this data: `ReluOutputToy.from_tensors(toy.config, toy.tensors)`.

    Raises: KeyError for an unknown name, seed or step; ValueError naming a file that is missing or
        was changed.
    """
    from safetensors.torch import load_file  # imports torch, which takes seconds

    path = folder(name, seed, step, root=root)
    vocabulary = path / "tokenizer.json"
    return Toy(
        json.loads((path / "config.json").read_text(encoding="utf-8")),
        load_file(path / "model.safetensors"),
        Tokenizer.from_file(str(vocabulary)) if vocabulary.is_file() else None,
    )


def checksums(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """Read checksums.toml: for each toy the SHA-256 of each file."""
    return tomllib.loads((root / "checksums.toml").read_text(encoding="utf-8"))


def checksums_of(name: str, root: Path = ROOT) -> dict[str, str]:
    """Read the checksums of one toy's files.

    Raises: KeyError for an unknown name, listing the known ones, the nearest first.
    """
    known = checksums(root)
    if not isinstance(name, str) or name not in known:
        near = difflib.get_close_matches(str(name), known, n=max(1, len(known)), cutoff=0)
        raise KeyError(f"no toy model {name!r}; there are: {', '.join(near)}")
    return known[name]


def check_files(name: str, root: Path = ROOT) -> None:
    """Compare every file of a toy with its checksum.

    Raises: KeyError for an unknown name; ValueError naming the file.
    """
    for file, expected in checksums_of(name, root).items():
        advice = f"restore it with `git checkout -- toy_models/{name}/{file}`"
        if not (root / name / file).is_file():
            raise ValueError(f"expected the file {root / name / file}, got none; {advice}")
        check_sha256(root / name / file, expected, advice)


def record_checksums(name: str, root: Path = ROOT) -> None:
    """Write the checksums of one toy's files to checksums.toml, and keep those of the others.

    Raises: ValueError when there is no such toy.
    """
    folder = root / name
    paths = sorted(path for path in folder.rglob("*") if path.name in FILES)
    present = [path.relative_to(folder).as_posix() for path in paths]
    if not present or folder.parent != root:
        raise ValueError(f"expected the name of a toy in {root}, got {name!r:.80}")
    known = checksums(root) | {name: {file: sha256_of(root / name / file) for file in present}}
    lines = [
        "# SHA-256 of each toy's files, written by `python -m toy_models verify --record NAME`."
    ]
    for toy, files in sorted(known.items()):
        lines += ["", f"[{toy}]", *(f'"{file}" = "{digest}"' for file, digest in files.items())]
    with write_then_rename(root / "checksums.toml") as scratch:
        scratch.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
