"""Rules of a run: which tests are left out or skipped, the time limit, and no network.

`slow` tests need --slow (or `-m slow`), `project` tests --impl=solutions. Tests that need a GPU,
the real model's weights or the transformers library are skipped with the reason.
"""

import importlib.util
import socket
from contextlib import contextmanager

import pytest

#: How long a test may take: a grader, a test that runs many graders, one that trains something.
#: `limits.py` stops a grader much earlier if it computes.
SECONDS, SECONDS_OF_PROJECT, SECONDS_IF_SLOW = 300, 600, 1200


def leaves_out(item: pytest.Item) -> bool:
    """Whether a test is deselected, because it needs an option that was not given."""
    options = item.config.option
    if item.get_closest_marker("project") and options.impl != "solutions":
        return True
    wanted = options.slow or "slow" in options.markexpr
    return item.get_closest_marker("slow") is not None and not wanted


def skips(item: pytest.Item) -> bool:
    """Mark a test as skipped if what it needs is missing; returns whether it is."""
    for name, missing in MISSING.items():
        reason = item.get_closest_marker(name) and missing()
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
            return True
    return False


def limit_time(item: pytest.Item) -> None:
    """Stop a test that hangs, if pytest-timeout is installed."""
    plugins = item.config.pluginmanager
    there = plugins.hasplugin("timeout") or plugins.hasplugin("pytest_timeout")
    if there and not item.get_closest_marker("timeout"):
        seconds = SECONDS_OF_PROJECT if item.get_closest_marker("project") else SECONDS
        seconds = SECONDS_IF_SLOW if item.get_closest_marker("slow") else seconds
        item.add_marker(pytest.mark.timeout(seconds))


@contextmanager
def offline():
    """Close the network, loopback too: an answer is graded on what it computes."""

    def refuse(*where, **_):
        raise ConnectionRefusedError(f"graders run without a network; asked for {where[-1]!r}")

    doors = [(socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo")]
    open_doors = [(owner, name, owner.__dict__.get(name)) for owner, name in doors]
    for owner, name in doors:
        setattr(owner, name, refuse)
    try:
        yield
    finally:
        for owner, name, door in open_doors:
            delattr(owner, name) if door is None else setattr(owner, name, door)


def _no_gpu() -> str:
    import torch

    there = torch.cuda.is_available() or torch.backends.mps.is_available()
    return "" if there else "needs a GPU"


def _no_weights() -> str:
    from toy_models.cache import cache_folder

    there = (cache_folder() / "smollm2-135m" / "source.json").is_file()
    return "" if there else "needs the real model: `mi model` fetches it"


def _no_transformers() -> str:
    there = importlib.util.find_spec("transformers")
    return "" if there else "needs transformers: pip install -e '.[crosscheck]'"


MISSING = {"gpu": _no_gpu, "weights": _no_weights, "crosscheck": _no_transformers}
