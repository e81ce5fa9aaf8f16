"""Every test below here runs under the grading plugin, and on one thread.

Two workers with two threads each would wait for each other on two cores; the tests are small.
"""

import pytest
import torch

from tests.grading import tiny_models

pytest_plugins = ["tests.grading.plugin", "tests.grading.thorough"]

torch.set_num_threads(1)


@pytest.fixture
def build(impl):
    """Builds a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny_models.build(impl, family, seed, **sizes)
