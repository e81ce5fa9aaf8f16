"""The commands for the whole course: set-up, the project's checks, book, model, tour, figures.

`python -m chapters course` offers the first exercise as soon as the environment is complete. When
a later step fails, the others still run, and the table at the end shows what does not work.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .book_server import serve
from .environment import COURSE, PROJECT, enter, inside, prepare, up_to_date
from .exercise_commands import show_next
from .files import ROOT, replace_file
from .terminal import CourseError, Steps, StepSkipped, heading, run_visibly, say

SITE = ROOT / "site"
ROOMS = ("chapters", "docs", "solutions", "tests", "toy_models")
RUNNER = (sys.executable, "-m", "chapters.course.module_runner")
MOST_WORKERS = 4
"""Processes that run tests: each holds a PyTorch of its own in memory."""


def course(no_serve: bool = False) -> int:
    """Set up, show where to start, fetch the model, build the book, run the tour, serve both."""
    steps = Steps()
    if not set_up(steps, COURSE):
        return 1
    code = enter(["course", *["--no-serve"] * no_serve])
    if code is not None:
        return code
    steps.run("You can start", show_start)
    fetched = steps.run("The real model: fetch it and check it, once", fetch_model)
    built = steps.run("The book", build)
    steps.run("A tour of the finished instruments", lambda: tour_with_model(fetched))
    say_done(steps)
    if steps.failed():
        say("Run the same command again to repeat what failed; everything else works as it is.")
    if built and not no_serve:
        serve(SITE)
    return 1 if steps.failed() else 0


def test(slow: bool = False) -> int:
    """Set up, check style, types, book and tests of the project; 0 when nothing failed.

    The learner's answers are not graded (`mi check` does that).

    Raises: CourseError in a student's copy.
    """
    if not (ROOT / "tests" / "grading" / "test_meta.py").is_file():
        raise CourseError(
            "This copy of the course is for students and has no tests of the project; `mi check` "
            "grades your answers."
        )
    steps = Steps()
    if not set_up(steps, PROJECT):
        return 1
    code = enter(["test", *["--slow"] * slow])
    if code is not None:
        return code
    if slow:
        steps.run("The slow tests", lambda: run_tests("--slow", "-m", "slow"))
    else:
        steps.run("Style: ruff check", lambda: run_tool("ruff", "check", *ROOMS))
        steps.run("Layout: ruff format", lambda: run_tool("ruff", "format", "--check", *ROOMS))
        steps.run("Types: mypy", lambda: run_tool("mypy"))
        steps.run("The book, without a warning", build_strictly)
        steps.run("The real model, which some tests need", fetch_model_if_possible)
        steps.run("The tests, on the reference", run_tests)
    say_done(steps)
    return 1 if steps.failed() else 0


def set_up(steps: Steps, extras: tuple[str, ...]) -> bool:
    """Create or update the environment where that is needed; return False when it failed."""
    if inside() and up_to_date(extras):
        return True
    return steps.run("The environment: Python packages in .venv", lambda: prepare(extras))


def say_done(steps: Steps) -> None:
    """Print the table of all steps."""
    heading("Done, step by step")
    say(steps.table())


def show_start() -> None:
    """Show the first exercise, and how to use `mi` in another terminal."""
    activate = r".venv\Scripts\activate" if os.name == "nt" else "source .venv/bin/activate"
    say("Everything that exercises need is installed. You can start in another terminal:")
    say(f"in {ROOT}, type\n\n    {activate}\n    mi next\n")
    say("to see the text below again. (`python -m chapters next` works without the first line.)")
    show_next()


def fetch_model() -> None:
    """Fetch the real model into the cache, once."""
    run_module("toy_models", "fetch", error="The real model could not be fetched.")


def fetch_model_if_possible() -> None:
    """Fetch the real model, and go on without it where there is no network.

    Raises: StepSkipped when it could not be fetched.
    """
    try:
        fetch_model()
    except CourseError as error:
        raise StepSkipped(f"tests that need it are skipped. {error}") from error


def tour_with_model(fetched: bool) -> None:
    """Run the tour if the real model is there.

    Raises: StepSkipped when it is not.
    """
    if not fetched:
        raise StepSkipped("it needs the real model. Later: `mi model`, then `mi tour`")
    tour()


def tour(prompt: str | None = None) -> None:
    """Show what the finished instruments find in the real model, on a prompt or the usual one.

    Raises: StepSkipped when this copy of the course has no tour.
    """
    if not (ROOT / "docs" / "_tour").is_dir():
        raise StepSkipped("This copy of the course has no tour (docs/_tour).")
    words = [] if prompt is None else ["--prompt", prompt]
    run_module("docs._tour", *words, error="The tour failed.")
    show_tour_in_book()


def show_tour_in_book(site: Path = SITE, folder: Path = ROOT / "tour") -> None:
    """Copy the tour into the built book, which links to it; nothing where one of them is missing.

    Next to the book the page's links to it are shorter: site/tour/index.html, not tour/index.html.
    """
    if not (site / "index.html").is_file() or not (folder / "index.html").is_file():
        return
    (site / "tour").mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in (".html", ".svg"):
            content = path.read_bytes().replace(b'href="../site/', b'href="../')
            replace_file(site / "tour" / path.name, content)


def look(text: str, no_open: bool = False) -> None:
    """Show attention patterns, the logit lens and attribution of the real model on a text.

    Raises: StepSkipped when this copy of the course has no docs/_look.
    """
    if not (ROOT / "docs" / "_look").is_dir():
        raise StepSkipped("This copy of the course has no views (docs/_look).")
    words = ["--no-open"] * no_open
    run_module("docs._look", *words, "--", text, error="The page could not be written.")


def graph(
    prompt: str,
    contrast: str | None = None,
    answers: Sequence[str] | None = None,
    nodes: int = 300,
    serve: bool = False,
    no_open: bool = False,
) -> None:
    """Build an attribution graph of a prompt, and open it in a browser.

    Raises: StepSkipped when this copy of the course has no graphs.
    """
    if not (ROOT / "docs" / "_graph").is_dir():
        raise StepSkipped("This copy of the course has no graphs (docs/_graph).")
    words = ["--nodes", str(nodes), *["--serve"] * serve, *["--no-open"] * no_open]
    words += [] if contrast is None else ["--contrast", contrast]
    words += [] if answers is None else ["--answers", *answers]
    run_module("docs._graph", *words, "--", prompt, error="The graph could not be built.")


def draw_figures(chapter: int) -> None:
    """Run every script that draws figures of a chapter.

    Raises: CourseError when there is none, or one fails.
    """
    scripts = sorted((ROOT / "docs" / "_figures").glob(f"ch{chapter:02d}_*.py"))
    if not scripts:
        raise CourseError(f"No script in docs/_figures draws a figure of chapter {chapter}.")
    for place, script in enumerate(scripts, 1):
        say(f"[{place} of {len(scripts)}] {script.name}")
        start = time.perf_counter()
        run_module(f"docs._figures.{script.stem}", error=f"{script.name} failed.")
        say(f"   {time.perf_counter() - start:.1f} s")


def book(no_serve: bool = False) -> None:
    """Build the book, then serve it until Ctrl-C."""
    build()
    if not no_serve:
        serve(SITE)


def build(site: Path = SITE, strict: bool = False) -> None:
    """Build every page with mkdocs; if strict, a warning is an error."""
    command = [*RUNNER, "mkdocs", "build", "--quiet", "--site-dir", str(site)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    run_visibly(command + ["--strict"] * strict, "mkdocs failed", cwd=ROOT, env=env)
    if site == SITE:
        show_tour_in_book()


def build_strictly() -> None:
    """Build the book into a temporary folder; a warning is an error."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "site", strict=True)


def run_tool(*words: str) -> None:
    """Run a tool of the environment in the course's folder."""
    run_visibly([sys.executable, "-m", *words], f"`{' '.join(words[:2])}` failed", cwd=ROOT)


def run_module(module: str, *words: str, error: str) -> None:
    """Run `python -m module words` in the course's folder.

    Raises: CourseError for words that are not UTF-8, which no tokenizer reads.
    """
    for word in words:
        if any("\udc80" <= letter <= "\udcff" for letter in word):
            raise CourseError(f"expected text in UTF-8, got {os.fsencode(word)!r:.60}")
    run_visibly([*RUNNER, module, *words], error, cwd=ROOT)


def run_tests(*selection: str) -> None:
    """Run pytest on the reference, with one worker per core and one thread per worker."""
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    words = ["pytest", "--impl=solutions", "-q", "-rfEs", "--timeout=600", *selection]
    words += ["-n", str(workers), "--dist=worksteal"]
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    run_visibly(command, "a test failed", cwd=ROOT, env={**os.environ, **threads})
