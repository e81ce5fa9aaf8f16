"""One fixture for each module of the chapter, a tokenizer of whole words, and tiny models."""

import pytest
import torch

from tests.ch03_circuits import tiny

from . import words


def _module(name: str, chapter: str = "ch07_ioi"):
    """A fixture that imports one module: `heads.copied` is the graded tree's."""

    @pytest.fixture(name=name)
    def module(impl):
        return impl(f"{chapter}.{name}")

    return module


sentences = _module("sentences")
prompts = _module("prompts")
counterfactuals = _module("counterfactuals")
heads = _module("heads")
circuit = _module("circuit")
search = _module("search")
gpt2 = _module("gpt2")


@pytest.fixture(scope="session")
def tokenizer(impl):
    """One token for each word and each stop of the chapter's sentences."""
    return words.tokenizer(impl("ch07_ioi.sentences"))


@pytest.fixture
def names(prompts, sentences, tokenizer):
    """The tokens of all names."""
    known = prompts.single_tokens(tokenizer, sentences.NAMES)
    return torch.tensor(list(known.values()))


@pytest.fixture
def draw(prompts, tokenizer):
    """Draws prompts: `draw(8, seed=1)`."""

    def draw(n, seed=0, **given):
        return prompts.draw_prompts(tokenizer, n, torch.Generator().manual_seed(seed), **given)

    return draw


@pytest.fixture
def build(impl):
    """Builds a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny.build(impl, family, seed, **sizes)
