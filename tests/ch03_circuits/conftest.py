"""One fixture for each module of the chapter, from the tree that is graded, and tiny models."""

from tests.grading import module_fixture

decompose = module_fixture("ch03_circuits.decompose")
lens = module_fixture("ch03_circuits.lens")
factored_matrix = module_fixture("ch03_circuits.factored_matrix")
circuits = module_fixture("ch03_circuits.circuits")
composition = module_fixture("ch03_circuits.composition")
paths = module_fixture("ch03_circuits.paths")
own_heads = module_fixture("ch03_circuits.own_heads")
from_scratch = module_fixture("ch03_circuits.from_scratch")
config = module_fixture("ch02_transformer.config")
model = module_fixture("ch02_transformer.model")
norms = module_fixture("ch02_transformer.norms")
fold = module_fixture("ch02_transformer.fold")
attention_only = module_fixture("ch02_transformer.attention_only")
