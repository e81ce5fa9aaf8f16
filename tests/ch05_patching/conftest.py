"""One fixture for each module of the chapter, from the tree that is graded, and tiny models."""

import pytest

from tests.ch03_circuits import tiny


def _module(name: str, chapter: str = "ch05_patching"):
    """A fixture that imports one module: `metrics.logit_diff` is the graded tree's."""

    @pytest.fixture(name=name.split(".")[-1])
    def module(impl):
        return impl(f"{chapter}.{name}")

    return module


actions = _module("actions")
sites = _module("sites")
site_files = _module("site_files")
metrics = _module("metrics")
shared_past = _module("shared_past")
reuse = _module("reuse")
activation = _module("activation")
gates = _module("gates")
facts = _module("facts")
tracing = _module("tracing")
rome = _module("rome")
path = _module("path")
treeified = _module("treeified")


@pytest.fixture
def Site(impl):
    """Chapter 2's class of sites, from the tree that is graded."""
    return impl("ch02_transformer.sites").Site


@pytest.fixture
def build(impl):
    """Builds a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny.build(impl, family, seed, **sizes)
