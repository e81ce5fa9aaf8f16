"""One fixture for each module of the chapter, from the tree that is graded."""

import pytest

from tests.grading import module_fixture, tiny_models

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


@pytest.fixture
def build(impl):
    """Builds a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny_models.build(impl, family, seed, **sizes)
