"""`mi doctor`: looks at everything the course leans on, one line each: ok, or what to do."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .paper import paint, say
from .setup import VENV, inside, ready
from .where import ROOT

NEEDED_GB = 2.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")

Finding = tuple[str, bool, str]  # what was looked at, whether it is well, what to know or do


def examine() -> int:
    """Print every finding; 1 when something is missing that exercises need."""
    findings = [*necessary(), *comfort()]
    for name, well, words in findings:
        say(f"  {paint('ok  ', '32') if well else paint('look', '33')}  {name:<12} {words}")
    return 0 if all(well for _, well, _ in necessary()) else 1


def necessary() -> Iterator[Finding]:
    """What every exercise needs."""
    yield "Python", True, f"{sys.version.split()[0]} at {sys.executable}"
    yield "environment", *environment()
    for package in ("torch", "pytest", "jaxtyping", "beartype"):
        yield package, *version(package)
    free = shutil.disk_usage(ROOT).free / 1e9
    enough = free > NEEDED_GB or ready()
    yield "disk", enough, f"{free:.0f} GB free; the course wants about {NEEDED_GB:.0f} GB"


def comfort() -> Iterator[Finding]:
    """What the tour, the book and the project's own tests need."""
    cache = cache_folder()
    yield "cache", True, f"{cache} (MI_CACHE names another)"
    model = (cache / "smollm2-135m" / "source.json").exists()
    yield "real model", model, "is there" if model else "missing: `mi model` fetches it once"
    yield "mkdocs", *version("mkdocs")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    yield "browser", browser is not None, browser or "no Chromium: only a test of the book wants it"
    yield "git", *git()


def environment() -> tuple[bool, str]:
    """Whether .venv stands, and whether this is it."""
    if not ready():
        if version("torch")[0]:
            return True, "no .venv of the course; this Python has PyTorch and serves instead"
        return False, "no finished .venv: `python -m chapters course` makes it"
    return True, f"{VENV}" + ("" if inside() else " (not the Python that runs now)")


def version(package: str) -> tuple[bool, str]:
    """The installed version of a package."""
    try:
        return True, importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False, "not installed here: `python -m chapters course` installs it"


def cache_folder() -> Path:
    """Where the real model is kept."""
    named = os.environ.get("MI_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "mechinterp-from-scratch"


def git() -> tuple[bool, str]:
    """Whether anything but the learner's own work differs from what was committed."""
    rooms = ["solutions", "tests", "docs", "toy_models", "chapters/course"]
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain", "--", *rooms],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
        )
    except FileNotFoundError:
        return False, "git is not installed: updates of the course come through it"
    if status.returncode != 0:
        return False, "this folder is no git clone, so updates cannot be merged"
    changed = [line[3:] for line in status.stdout.splitlines()]
    if changed:
        return False, f"changed beside your answers: {', '.join(changed[:3])} ({len(changed)})"
    return True, "nothing but your answers differs from the course"
