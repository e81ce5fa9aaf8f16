"""Find the folder of a model: a local path, the course's cache, or the Hugging Face hub."""

import hashlib
import importlib.util
import os
from pathlib import Path

from .checkpoint_files import read_json

FETCH = "run `mi model` (or `python -m toy_models fetch`)"


def find_folder(name: str) -> Path:
    """Return the folder of a model; download it first if it is a name on the hub.

    Raises: ValueError when there is no such folder, or it cannot be downloaded.
    """
    if Path(name).is_dir():
        return Path(name)
    if name == "smollm2-135m":
        return check_converted(cache_folder() / name)
    if name.count("/") != 1 or Path(name).is_absolute() or name.startswith("."):
        raise ValueError(
            f"no folder {name!r}; give a folder, smollm2-135m, or owner/name on the hub"
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ValueError(f"no folder {name!r}; to download it: pip install -e '.[hub]'")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except OSError as error:
        raise ValueError(f"no folder {name!r} here, and the download failed: {error}") from error


def cache_folder() -> Path:
    """Return the folder for downloaded models: $MI_CACHE, or one in ~/.cache."""
    given = os.environ.get("MI_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache/mechinterp-from-scratch"


def check_converted(folder: Path) -> Path:
    """Verify the checksums of the converted model, and return its folder.

    Raises: ValueError when a file is missing, or differs from what the conversion wrote.
    """
    if not (folder / "source.json").is_file():
        raise ValueError(f"smollm2-135m is not in the cache ({folder}); {FETCH}")
    recorded = read_json(folder / "source.json").get("sha256")
    if not isinstance(recorded, dict) or "model.safetensors" not in recorded:
        raise ValueError(f"{folder / 'source.json'} should list the files' checksums; {FETCH}")
    for name, expected in recorded.items():
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is missing; {FETCH}")
        with (folder / name).open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected:
            raise ValueError(
                f"{folder / name} is damaged: expected sha256 {expected}, got {actual}; {FETCH}"
            )
    return folder
