"""One fixture for each module of the chapter, from the tree that is graded."""

import pytest


def _module(name: str):
    """A fixture that imports one module: `cause.swap_direction` is the graded tree's."""

    @pytest.fixture(name=name)
    def module(impl):
        return impl(f"ch00_looking.{name}")

    return module


tensors = _module("tensors")
reader = _module("reader")
reviews = _module("reviews")
behaviour = _module("behaviour")
saliency = _module("saliency")
probe = _module("probe")
evidence = _module("evidence")
cause = _module("cause")
