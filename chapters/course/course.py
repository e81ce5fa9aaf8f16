"""`python -m chapters course`: from a fresh clone to the first exercise, the model and the book.

The first exercise is offered as soon as the environment stands, before anything large is fetched.
A later step that fails undoes nothing: it says what does not work, and the rest goes on.
"""

import os

from .book import build, serve
from .paper import heading, say
from .programs import fetch_model, tour
from .setup import COURSE, enter, inside, prepare, up_to_date
from .steps import Steps, StepSkipped
from .study import show_next
from .where import ROOT


def course(no_serve: bool = False) -> int:
    """Set up, show where to begin, fetch, tour, build and serve; 0 when every step went well."""
    steps = Steps()
    if not (inside() and up_to_date(COURSE)):
        if not steps.run("The environment: Python packages in .venv", lambda: prepare(COURSE)):
            return 1
    code = enter(["course", *["--no-serve"] * no_serve])
    if code is not None:
        return code
    steps.run("You can start", show_start)
    fetched = steps.run("The real model: fetched and checked, once", fetch_model)
    steps.run("A tour of the finished instruments", lambda: tour_of(fetched))
    built = steps.run("The book", build)
    heading("Done, step by step")
    say(steps.table())
    if steps.failed():
        say("What failed can be tried again by the same command; all the rest works as it is.")
    if built and not no_serve:
        serve()
    return 1 if steps.failed() else 0


def show_start() -> None:
    """Show exercise one, and how to reach the desk from another terminal."""
    activate = r".venv\Scripts\activate" if os.name == "nt" else "source .venv/bin/activate"
    say("Everything that exercises need is here; what follows is comfort. In another terminal,")
    say(f"in {ROOT}, type\n\n    {activate}\n    mi next\n")
    say("which shows what stands below. (`python -m chapters next` works without the first line.)")
    show_next()


def tour_of(fetched: bool) -> None:
    """Give the tour where the model is there for it.

    Raises: StepSkipped when it is not.
    """
    if not fetched:
        raise StepSkipped("it needs the real model. Later: `mi model`, then `mi tour`")
    tour()
