"""One fixture for each module of the chapter, from the tree that is graded, and tiny models."""

import pytest

from tests.grading import module_fixture, tiny_models

actions = module_fixture("ch05_patching.actions")
sites = module_fixture("ch05_patching.sites")
site_files = module_fixture("ch05_patching.site_files")
metrics = module_fixture("ch05_patching.metrics")
shared_past = module_fixture("ch05_patching.shared_past")
reuse = module_fixture("ch05_patching.reuse")
activation = module_fixture("ch05_patching.activation")
gates = module_fixture("ch05_patching.gates")
facts = module_fixture("ch05_patching.facts")
tracing = module_fixture("ch05_patching.tracing")
rome = module_fixture("ch05_patching.rome")
path = module_fixture("ch05_patching.path")
treeified = module_fixture("ch05_patching.treeified")


@pytest.fixture
def Site(impl):
    """Chapter 2's class of sites, from the tree that is graded."""
    return impl("ch02_transformer.sites").Site


@pytest.fixture
def build(impl):
    """Builds a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny_models.build(impl, family, seed, **sizes)
