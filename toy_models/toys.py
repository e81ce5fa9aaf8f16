"""The models of this folder: what each is made of, and whether it is the one that was committed."""

import difflib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenizers import Tokenizer

from toy_models.cache import check_sha256, sha256_of

if TYPE_CHECKING:
    from torch import Tensor

ROOT = Path(__file__).parent
FILES = (
    *("config.json", "model.safetensors", "tokenizer.json"),
    *("runs.json", "snapshots.safetensors", "token_losses.safetensors"),
)
"""What a toy is made of; its card and its recipe may change without it.

The second line is there for toys that show a training: what was measured, weights on the way, and
losses of single tokens.

Folders inside a toy hold the same model trained with other seeds, made of the same files.
"""


class Toy(NamedTuple):
    """A small trained model, as data: no class of ours is needed to read it."""

    config: dict[str, Any]
    """Content of config.json: sizes, and the names of its parts."""
    tensors: dict[str, "Tensor"]
    """Weights by name, as they are stored (float16 where that suffices)."""
    tokenizer: Tokenizer | None
    """Tokenizer of a text model; None for a toy whose tokens are plain numbers."""
    path: Path
    """Its folder, which `load_pretrained` opens."""


def load(name: str, root: Path = ROOT) -> Toy:
    """Load a toy model whose files are exactly the committed ones.

    Raises: KeyError for an unknown name; ValueError naming a file that was changed or is missing.
    """
    # torch takes two seconds, which `list` and `fetch` need not wait for
    from safetensors.torch import load_file

    check(name, root)
    folder = root / name
    vocabulary = folder / "tokenizer.json"
    return Toy(
        json.loads((folder / "config.json").read_text(encoding="utf-8")),
        load_file(folder / "model.safetensors"),
        Tokenizer.from_file(str(vocabulary)) if vocabulary.is_file() else None,
        folder,
    )


def of_seed(name: str, seed: int, kind: str = "seed", root: Path = ROOT) -> Path:
    """Name the folder of a toy that was trained with a seed; seed 0 of the first kind is the toy.

    Raises: KeyError for an unknown name or folder; ValueError naming a file that was changed.
    """
    check(name, root)
    if kind == "seed" and seed == 0:
        return root / name
    folder = f"{kind}_{seed}"
    if f"{folder}/model.safetensors" not in files_of(name, root):
        raise KeyError(f"toy {name} has no folder {folder!r}")
    return root / name / folder


def checksums(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """Read checksums.toml: for each toy the SHA-256 of each file."""
    return tomllib.loads((root / "checksums.toml").read_text(encoding="utf-8"))


def files_of(name: str, root: Path = ROOT) -> dict[str, str]:
    """Name the files of a toy, with their checksums.

    Raises: KeyError for an unknown name, listing the known ones, the nearest first.
    """
    known = checksums(root)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=max(1, len(known)), cutoff=0)
        raise KeyError(f"no toy model {name!r}; there are: {', '.join(near)}")
    return known[name]


def check(name: str, root: Path = ROOT) -> None:
    """Compare every file of a toy with its checksum.

    Raises: KeyError for an unknown name; ValueError naming the file.
    """
    for file, expected in files_of(name, root).items():
        advice = f"restore it with `git checkout -- toy_models/{name}/{file}`"
        if not (root / name / file).is_file():
            raise ValueError(f"{root / name / file} is missing: {advice}")
        check_sha256(root / name / file, expected, advice)


def record(name: str, root: Path = ROOT) -> None:
    """Write the checksums of a remade toy into checksums.toml, leaving the others' as they are."""
    folder = root / name
    paths = sorted(path for path in folder.rglob("*") if path.name in FILES)
    present = [path.relative_to(folder).as_posix() for path in paths]
    known = checksums(root) | {name: {file: sha256_of(root / name / file) for file in present}}
    lines = [
        "# SHA-256 of each toy's files, written by `python -m toy_models verify --record NAME`."
    ]
    for toy, files in sorted(known.items()):
        lines += ["", f"[{toy}]", *(f'"{file}" = "{digest}"' for file, digest in files.items())]
    (root / "checksums.toml").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
