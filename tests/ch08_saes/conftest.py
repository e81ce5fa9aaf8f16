"""One fixture for each module of the chapter, from the tree that is graded."""

from tests.grading import module_fixture

sae = module_fixture("ch08_saes.sae")
vanilla = module_fixture("ch08_saes.vanilla")
planted = module_fixture("ch08_saes.planted")
metrics = module_fixture("ch08_saes.metrics")
resample = module_fixture("ch08_saes.resample")
train = module_fixture("ch08_saes.train")
collect = module_fixture("ch08_saes.collect")
activation_store = module_fixture("ch08_saes.activation_store")
training_folder = module_fixture("ch08_saes.training_folder")
splice = module_fixture("ch08_saes.splice")
fidelity = module_fixture("ch08_saes.fidelity")
dictionary_learning = module_fixture("ch08_saes.dictionary_learning")
suspects = module_fixture("ch08_saes.suspects")
