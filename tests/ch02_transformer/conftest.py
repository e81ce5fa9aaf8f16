"""One fixture for each module of the chapter, from the tree that is graded."""

import pytest
import torch

from tests.grading import module_fixture


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Keeps cores from waiting for each other: the tensors here are too small to share out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


own_lookup = module_fixture("ch02_transformer.own_lookup")
from_scratch = module_fixture("ch02_transformer.from_scratch")
config = module_fixture("ch02_transformer.config")
hooks = module_fixture("ch02_transformer.hooks")
norms = module_fixture("ch02_transformer.norms")
layers = module_fixture("ch02_transformer.layers")
kv_cache = module_fixture("ch02_transformer.kv_cache")
attention = module_fixture("ch02_transformer.attention")
model = module_fixture("ch02_transformer.model")
sites = module_fixture("ch02_transformer.sites")
attention_only = module_fixture("ch02_transformer.attention_only")
train = module_fixture("ch02_transformer.train")
fit = module_fixture("ch02_transformer.fit")
checkpoint = module_fixture("ch02_transformer.checkpoint")
sample = module_fixture("ch02_transformer.sample")
fold = module_fixture("ch02_transformer.fold")
pretrained = module_fixture("ch02_transformer.pretrained")
checkpoint_files = module_fixture("ch02_transformer.pretrained.checkpoint_files")
native = module_fixture("ch02_transformer.pretrained.native")
gpt2 = module_fixture("ch02_transformer.pretrained.gpt2")
llama = module_fixture("ch02_transformer.pretrained.llama")
loading = module_fixture("ch02_transformer.pretrained.loading")
model_folders = module_fixture("ch02_transformer.pretrained.model_folders")
