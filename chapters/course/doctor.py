"""`mi doctor`: check everything that the course needs, one line each: ok, or what to do."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .environment import VENV, finished, inside, read_stamp
from .files import ROOT, read_text
from .migration import changes_needed
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


def examine(*, verify: bool = False) -> int:
    """Print every finding; return 1 when something is missing that exercises need.

    verify: compare every model file with its checksum, also those that have not changed since they
    were last compared.
    """
    needed = list(necessary())
    if verify:
        needed.append(verified())
    for name, ok, text in [*needed, *optional()]:
        say(f"  {paint('ok  ', '32') if ok else paint('look', '33')}  {name:<12} {text}")
    changes = changes_needed()
    if changes:
        say(f"\nAfter an update of the course, {plural(len(changes), 'place')} to change:")
        say("\n".join(f"  {change}" for change in changes))
    return 0 if all(finding.ok for finding in needed) else 1


def necessary() -> Iterator[Finding]:
    """Check what every exercise needs."""
    yield Finding("Python", True, f"{sys.version.split()[0]} at {sys.executable}")
    yield environment()
    yield version("torch")
    yield packages()
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
