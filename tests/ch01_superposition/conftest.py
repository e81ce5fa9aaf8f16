"""One fixture for each module of the chapter, from the tree that is graded."""

import pytest


def _module(name: str):
    """A fixture that imports one module: `phase.expected_loss` is the graded tree's."""

    @pytest.fixture(name=name)
    def module(impl):
        return impl(f"ch01_superposition.{name}")

    return module


data = _module("data")
toy_model = _module("toy_model")
train = _module("train")
geometry = _module("geometry")
phase = _module("phase")
computation = _module("computation")
adversarial = _module("adversarial")
arcs = _module("arcs")
universality = _module("universality")
