"""One fixture for each module of the chapter, from the tree that is graded, and tiny models."""

import pytest

from tests.ch03_circuits import tiny


def _module(name: str, chapter: str = "ch04_induction"):
    """A fixture that imports one module: `scores.in_context_score` is the graded tree's."""

    @pytest.fixture(name=name)
    def module(impl):
        return impl(f"{chapter}.{name}")

    return module


texts = _module("texts")
scores = _module("scores")
phase_change = _module("phase_change")
smeared = _module("smeared")
ablate = _module("ablate")
training = _module("training")
runs = _module("runs")


@pytest.fixture
def build(impl):
    """Builds a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny.build(impl, family, seed, **sizes)
