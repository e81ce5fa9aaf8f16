"""One fixture for each module of the chapter, from the tree that is graded."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Keeps cores from waiting for each other: the tensors here are too small to share out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _module(name: str):
    """A fixture that imports one module: `layers.Embed` in a grader is the graded tree's."""

    @pytest.fixture(name=name.split(".")[-1])
    def module(impl):
        return impl(f"ch02_transformer.{name}")

    return module


config = _module("config")
hooks = _module("hooks")
norms = _module("norms")
layers = _module("layers")
kv_cache = _module("kv_cache")
attention = _module("attention")
unembed = _module("unembed")
model = _module("model")
sites = _module("sites")
attention_only = _module("attention_only")
train = _module("train")
checkpoint = _module("checkpoint")
sample = _module("sample")
fold = _module("fold")
pretrained = _module("pretrained")
files = _module("pretrained.files")
settings = _module("pretrained.settings")
gpt2 = _module("pretrained.gpt2")
llama = _module("pretrained.llama")
own = _module("pretrained.own")
loading = _module("pretrained.loading")
