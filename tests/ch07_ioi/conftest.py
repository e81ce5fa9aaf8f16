"""Fixtures: the modules of the chapter, a tokenizer of whole words, prompts, and tiny models."""

import pytest
import torch

from tests.grading import module_fixture, tiny_models

from . import random_prompts

sentences = module_fixture("ch07_ioi.sentences")
prompts = module_fixture("ch07_ioi.prompts")
counterfactuals = module_fixture("ch07_ioi.counterfactuals")
heads = module_fixture("ch07_ioi.heads")
circuit = module_fixture("ch07_ioi.circuit")
search = module_fixture("ch07_ioi.search")
gpt2_small = module_fixture("ch07_ioi.gpt2_small")
from_scratch = module_fixture("ch07_ioi.from_scratch")
own_names = module_fixture("ch07_ioi.own_names")


@pytest.fixture(scope="session")
def tokenizer(impl):
    """Tokenizer with one token per word of the chapter's sentences."""
    return random_prompts.word_tokenizer(impl("ch07_ioi.sentences"))


@pytest.fixture
def names(prompts, sentences, tokenizer):
    """The tokens of all names."""
    known = prompts.single_tokens(tokenizer, sentences.NAMES)
    return torch.tensor(list(known.values()))


@pytest.fixture
def draw(prompts, tokenizer):
    """Draw prompts: `draw(8, seed=1)`."""

    def draw(n, seed=0, **given):
        return prompts.draw_prompts(tokenizer, n, torch.Generator().manual_seed(seed), **given)

    return draw


@pytest.fixture
def build(impl):
    """Build a tiny model of a named family: `build("llama", n_layers=3)`."""
    return lambda family, seed=1, **sizes: tiny_models.build(impl, family, seed, **sizes)
