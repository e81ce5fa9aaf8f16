"""One fixture for each module of the chapter, from the tree that is graded."""

from tests.grading import module_fixture

data = module_fixture("ch01_superposition.data")
toy_model = module_fixture("ch01_superposition.toy_model")
train = module_fixture("ch01_superposition.train")
geometry = module_fixture("ch01_superposition.geometry")
phase = module_fixture("ch01_superposition.phase")
computation = module_fixture("ch01_superposition.computation")
adversarial = module_fixture("ch01_superposition.adversarial")
arcs = module_fixture("ch01_superposition.arcs")
universality = module_fixture("ch01_superposition.universality")
own_toy = module_fixture("ch01_superposition.own_toy")
from_scratch = module_fixture("ch01_superposition.from_scratch")
