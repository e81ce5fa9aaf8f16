"""Commands that are programs of other rooms: the model's fetcher, the tour, the figures' scripts.

Each runs as a process of its own in the course's folder, with its own output.
"""

import sys
import time

from .paper import say
from .steps import DeskError, StepSkipped, run_aloud
from .where import ROOT


def fetch_model() -> None:
    """Bring the real model into the cache, once."""
    run_module("toy_models", "fetch", wrong="The real model could not be fetched.")


def tour(prompt: str | None = None) -> None:
    """Look into the real model with the finished tools, on a prompt of one's own or the usual one.

    Raises: StepSkipped when it is not part of this copy of the course.
    """
    if not (ROOT / "docs" / "_tour").is_dir():
        raise StepSkipped("This copy of the course has no tour (docs/_tour).")
    words = [] if prompt is None else ["--prompt", prompt]
    run_module("docs._tour", *words, wrong="The tour did not come to its end.")


def remake_figures(chapter: int) -> None:
    """Run every script that draws a figure of a chapter, one after the other.

    Raises: DeskError when there is none, or naming the one that failed.
    """
    scripts = sorted((ROOT / "docs" / "_figures").glob(f"ch{chapter:02d}_*.py"))
    if not scripts:
        raise DeskError(f"No script in docs/_figures draws a figure of chapter {chapter}.")
    for place, script in enumerate(scripts, 1):
        say(f"[{place} of {len(scripts)}] {script.name}")
        start = time.perf_counter()
        run_module(f"docs._figures.{script.stem}", wrong=f"{script.name} failed.")
        say(f"   {time.perf_counter() - start:.1f} s")


def run_module(module: str, *words: str, wrong: str) -> None:
    """Run `python -m module words` in the course's folder."""
    run_aloud([sys.executable, "-m", module, *words], wrong, cwd=ROOT)
