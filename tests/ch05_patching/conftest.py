"""One fixture for each module of the chapter, from the tree that is graded, and tiny models."""

import pytest

from tests.grading import module_fixture

interventions = module_fixture("ch05_patching.interventions")
interventions_in_generation = module_fixture("ch05_patching.interventions_in_generation")
intervention_io = module_fixture("ch05_patching.intervention_io")
metrics = module_fixture("ch05_patching.metrics")

sweep = module_fixture("ch05_patching.sweep")
activation = module_fixture("ch05_patching.activation")
logic_gate_models = module_fixture("ch05_patching.logic_gate_models")
fact_world = module_fixture("ch05_patching.fact_world")
tracing = module_fixture("ch05_patching.tracing")
rome = module_fixture("ch05_patching.rome")
path = module_fixture("ch05_patching.path")
path_bruteforce = module_fixture("ch05_patching.path_bruteforce")
from_scratch = module_fixture("ch05_patching.from_scratch")
own_gates = module_fixture("ch05_patching.own_gates")
own_routes = module_fixture("ch05_patching.own_routes")


@pytest.fixture
def Site(impl):
    """Chapter 2's class of sites, from the tree that is graded."""
    return impl("ch02_transformer.sites").Site
