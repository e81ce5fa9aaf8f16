"""One fixture for each module of the chapter, from the tree that is graded, and tiny models."""

import pytest

from . import tiny


def _module(name: str, chapter: str = "ch03_circuits"):
    """A fixture that imports one module: `lens.kl_from` is the graded tree's."""

    @pytest.fixture(name=name)
    def module(impl):
        return impl(f"{chapter}.{name}")

    return module


decompose = _module("decompose")
lens = _module("lens")
factored = _module("factored")
circuits = _module("circuits")
composition = _module("composition")
paths = _module("paths")
config = _module("config", "ch02_transformer")
model = _module("model", "ch02_transformer")
norms = _module("norms", "ch02_transformer")
fold = _module("fold", "ch02_transformer")
attention_only = _module("attention_only", "ch02_transformer")


@pytest.fixture
def build(impl):
    """Builds a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny.build(impl, family, seed, **sizes)
