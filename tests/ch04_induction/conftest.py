"""One fixture for each module of the chapter, from the tree that is graded, and tiny models."""

from tests.grading import module_fixture

texts = module_fixture("ch04_induction.texts")
scores = module_fixture("ch04_induction.scores")
phase_change = module_fixture("ch04_induction.phase_change")
smeared = module_fixture("ch04_induction.smeared")
ablate = module_fixture("ch04_induction.ablate")
training = module_fixture("ch04_induction.training")
from_scratch = module_fixture("ch04_induction.from_scratch")
