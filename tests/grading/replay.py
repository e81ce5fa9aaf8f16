"""Run graders again, outside of pytest's own loop: to name a mistake, and to test the graders.

`Graders` is a second collection within this process. It is made once, and its tests are run as
often as needed, which costs a hundredth of a session of its own.
"""

import contextlib
import gc
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import pytest
from _pytest.config import _prepareconfig
from _pytest.runner import runtestprotocol

from chapters.course import import_hook

from . import contract, evidence, skip_rules
from .evidence import Run

RUN = pytest.StashKey[Run]()
NUMBER = pytest.StashKey[str]()
LARGE = pytest.StashKey[bool]()
"""Whether a grader repeats calls with large numbers."""
# A second session prints nothing, keeps nothing, and does not end in a garbage collection.
QUIET = ["-q", "-s", "--no-header", "--no-summary"]
QUIET += "-p no:cacheprovider -p no:faulthandler -p no:logging".split()
QUIET += "-p no:unraisableexception -p no:threadexception".split()


@contextlib.contextmanager
def graded(item: pytest.Item) -> Iterator[None]:
    """Name the exercise that is graded, fixtures included, and close the network."""
    own = item.config.getoption("--own")
    evidence.SEEN.clear()
    contract.begin()
    contract.with_large_numbers = item.stash.get(LARGE, True)
    exercise = import_hook.OWN_CODE_ONLY if own else item.stash[NUMBER]
    with import_hook.grading(exercise), skip_rules.offline(), _torch_as_before():
        yield


@contextlib.contextmanager
def _torch_as_before() -> Iterator[None]:
    """Restore torch's global state, which an answer may have changed for all later graders."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    gradients, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    threads, random = torch.get_num_threads(), torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_grad_enabled(gradients)
        torch.set_default_dtype(dtype)
        torch.set_rng_state(random)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def run(item: pytest.Item, following: pytest.Item | None = None) -> Run:
    """Run one grader with fresh fixtures; those that it shares with the following one stay."""
    with graded(item):
        runtestprotocol(item, log=False, nextitem=following)
    return item.stash[RUN]


class Graders:
    """The graders of a chapter, collected once for one package."""

    def __init__(self, folder: Path, package: str):
        arguments = [str(folder), f"--impl={package}", *QUIET]
        no_plugins = mock.patch.dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        with _silence(), no_plugins:
            self.config = _prepareconfig(arguments)
            self.config._do_configure()
            self.session = pytest.Session.from_config(self.config)
            self.config.hook.pytest_sessionstart(session=self.session)
            self.config.hook.pytest_collection(session=self.session)
        if self.session.testsfailed:
            raise RuntimeError(f"the graders in {folder} cannot be collected; run pytest on them")
        self.package = package
        self.items = [item for item in self.session.items if NUMBER in item.stash]
        gc.collect()
        gc.freeze()  # spares the garbage collector from searching torch again and again

    def of(self, *numbers: str) -> list[pytest.Item]:
        """The graders of some exercises."""
        return [item for item in self.items if item.stash[NUMBER] in numbers]

    def run(self, items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, Run]]:
        """Run graders one after the other; the last one's fixtures are torn down at the end."""
        try:
            for item, following in zip(items, [*items[1:], None], strict=True):
                with _silence():
                    one = run(item, following)
                yield item, one
        finally:
            self.session._setupstate.teardown_exact(None)

    def close(self) -> None:
        """End the session."""
        with _silence():
            self.config.hook.pytest_sessionfinish(session=self.session, exitstatus=0)
            self.config._ensure_unconfigure()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
