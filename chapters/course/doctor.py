"""`mi doctor`: check what the course needs, and list what an update changed in the answers.

Every check prints one line: ok, or what to do.
"""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .endings import hiding_files
from .environment import VENV, finished, inside, read_stamp
from .files import ROOT, read_text
from .old_names import changes_needed
from .terminal import CourseError, paint, plural, say

NEEDED_GB = 2.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
NOT_ANSWERS = ("solutions", "tests", "docs", "toy_models", "chapters/course")


class Finding(NamedTuple):
    """The result of one check."""

    name: str
    """What was checked."""
    ok: bool
    """Whether it is as it should be."""
    text: str
    """What was found, or what to do."""


def examine(*, verify: bool = False, model: str | None = None) -> int:
    """Print every finding; return 1 when something is missing that exercises need.

    verify: compare every model file with its checksum, also those that have not changed since they
    were last compared. model: print what would be loaded from this folder instead.
    """
    if model is not None:
        return examine_model(model)
    needed = list(necessary())
    if verify:
        needed.append(verified())
    show([*needed, *optional()])
    changes = changes_needed()
    if changes:
        say(f"\nAfter an update of the course, {plural(len(changes), 'place')} to change:")
        say("\n".join(f"  {change}" for change in changes))
    return 0 if all(finding.ok for finding in needed) else 1


def show(findings: Iterable[Finding]) -> None:
    """Print one line per finding."""
    for name, ok, text in findings:
        say(f"  {paint('ok  ', '32') if ok else paint('look', '33')}  {name:<12} {text}")


def examine_model(folder: str) -> int:
    """Print what would be loaded from a model's folder; return 1 unless it would be.

    Only config.json, tokenizer.json and the headers of the weights are read.

    Raises: CourseError when there is no such folder, or before the packages are installed.
    """
    try:
        from ..ch02_transformer.pretrained.describe import Description, describe_pretrained
    except ImportError as error:
        raise CourseError("Install the packages first: python -m chapters course") from error
    try:
        with warnings.catch_warnings(action="ignore"):  # of exercises that are not written yet
            found: Description = describe_pretrained(folder)
    except ValueError as error:
        raise CourseError(str(error)) from error
    if found.config is not None:
        sizes = vars(found.config).items()
        show(
            [
                Finding("family", True, found.family),
                Finding("sizes", True, ", ".join(f"{k}={v}" for k, v in sizes if v is not None)),
                Finding("memory", True, memory(found.n_parameters)),
            ]
        )
    types = ", ".join(f"{number:,} numbers in {kind}" for kind, number in found.stored.items())
    show([Finding("files", bool(types), types or "no weights that can be read")])
    known = found.tokenizer is not None
    text = f"{found.tokenizer:,} tokens" if known else "no tokenizer.json: give token ids"
    show([Finding("tokenizer", known, text)])
    show(Finding("refused by", False, limit) for limit in found.limits)
    show(Finding("problem", False, problem) for problem in found.problems)
    say("It would not be loaded." if found.problems else "It would be loaded.")
    return 1 if found.problems else 0


def memory(n_parameters: int) -> str:
    """Say how much memory a model's parameters take."""
    sizes = {"float32": 4, "bfloat16": 2}
    texts = [f"{n_parameters * size / 1e9:.2f} GB in {kind}" for kind, size in sizes.items()]
    return f"{n_parameters:,} parameters: {', '.join(texts)}"


def necessary() -> Iterator[Finding]:
    """Check what every exercise needs."""
    yield Finding("Python", True, f"{sys.version.split()[0]} at {sys.executable}")
    yield environment()
    yield version("torch")
    yield packages()
    if hiding := hiding_files():
        yield Finding("your files", False, "; ".join(hiding))
    free = shutil.disk_usage(ROOT).free / 1e9
    enough = free > NEEDED_GB or finished()
    yield Finding("disk", enough, f"{free:.0f} GB free; the course needs about {NEEDED_GB:.0f} GB")


def optional() -> Iterator[Finding]:
    """Check what the tour, the book, updates and the project's own tests need."""
    yield from real_model()
    yield version("mkdocs")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    missing = "no Chromium; only a test of the book needs one"
    yield Finding("browser", browser is not None, browser or missing)
    yield git()


def environment() -> Finding:
    """Check whether .venv is complete, and whether this process runs in it."""
    if read_stamp(VENV).get("state") == "unfinished":
        return Finding("environment", False, "unfinished: run `python -m chapters course`")
    if finished():
        where = "" if inside() else " (not the Python that runs now)"
        return Finding("environment", True, f"{VENV}{where}")
    if version("torch").ok:
        text = "there is no .venv of the course; this Python has PyTorch and is used instead"
        return Finding("environment", True, text)
    return Finding("environment", False, "not complete: run `python -m chapters course`")


def packages() -> Finding:
    """Check whether every package of pyproject.toml that exercises need is there as a whole."""
    try:
        project = tomllib.loads(read_text(ROOT / "pyproject.toml"))["project"]
    except (CourseError, tomllib.TOMLDecodeError) as error:
        return Finding("packages", False, str(error))
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [re.split(r"[^\w-]", line)[0] for line in lines]
    broken = [f"{name} ({problem})" for name in names if (problem := problem_of(name))]
    remedy = "run `python -m chapters course`, or install them again"
    text = f"{', '.join(broken)}: {remedy}" if broken else f"all {len(names)} are complete"
    return Finding("packages", not broken, text)


def problem_of(package: str) -> str:
    """Return what is wrong with an installed package; empty if it has all of its files."""
    try:
        files = importlib.metadata.files(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    if files is None:
        return "no list of its files"
    missing = [file for file in files if file.suffix != ".pyc" and not Path(file.locate()).exists()]
    return plural(len(missing), "missing file") if missing else ""


def version(package: str) -> Finding:
    """Check whether a package is installed."""
    try:
        return Finding(package, True, importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return Finding(package, False, "not installed here: run `python -m chapters course`")


def real_model() -> Iterator[Finding]:
    """Check the cache folder and the real model in it."""
    try:
        from toy_models.cache import cache_folder
        from toy_models.fetch import SMOLLM2, is_converted
    except ImportError:
        yield Finding("real model", False, "cannot be checked before the packages are installed")
        return
    try:
        cache = cache_folder()
    except ValueError as error:
        yield Finding("cache", False, str(error))
        return
    yield Finding("cache", True, f"{cache} (set MI_CACHE for another)")
    there = is_converted(cache / SMOLLM2.folder)
    yield Finding("real model", there, "complete" if there else "missing: run `mi model` once")


def verified() -> Finding:
    """Compare every toy model, text and the real model with their checksums."""
    try:
        from toy_models.__main__ import verify
    except ImportError:
        return Finding("checksums", False, "cannot be checked before the packages are installed")
    try:
        verify()
    except (ValueError, OSError) as error:
        return Finding("checksums", False, str(error))
    return Finding("checksums", True, "every model file is unchanged")


def git() -> Finding:
    """Check whether git can merge updates, and whether only answers differ from the course."""
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain", "--", *NOT_ANSWERS],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
        )
    except FileNotFoundError:
        return Finding("git", False, "not installed; updates of the course are git merges")
    if status.returncode != 0:
        return Finding("git", False, "this folder is not a git clone, so updates cannot be merged")
    changed = [line[3:] for line in status.stdout.splitlines()]
    if changed:
        names = f"{', '.join(changed[:3])} ({len(changed)})"
        return Finding("git", False, f"files of the course are changed: {names}")
    return Finding("git", True, "only your answers differ from the course")
