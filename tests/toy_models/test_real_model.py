"""The real model, where it has been fetched: its bytes, its tokens, and its predictions."""

import json
import math

import pytest
import torch
from tokenizers import Tokenizer

from solutions.ch02_transformer import load_pretrained
from toy_models import fetch
from toy_models.real_text import excerpt

pytestmark = pytest.mark.weights

PROMPTS = (
    "The capital of France is",
    "The capital of Japan is",
    "When Mary and John went to the store, John gave a drink to",
    "The opposite of hot is",
    "The keys to the cabinet",
    "Once upon a time there was a",
    "2, 4, 6, 8,",
    "In 1984 there were 365 days, and in 2024 there were",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "import numpy as np\n\nx = np.",
    "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n",
    "Permission is hereby granted, free of charge, to any person",
    "To be, or not to be, that is the",
    "In the beginning God created the",
    "# A list of things to do\n\n1.",
    "Je m'appelle",
    "The quick brown fox jumps over the lazy dog. The quick brown",
    "SELECT name FROM users WHERE",
    "a",
    "\n\n\n",
)


@pytest.fixture(scope="module")
def tokenizer(real_model):
    return Tokenizer.from_file(str(real_model / "tokenizer.json"))


@pytest.fixture(scope="module")
def loaded(real_model):
    return load_pretrained(real_model)


def test_the_converted_files_are_the_recorded_ones(real_model):
    fetch.check_converted(real_model)
    record = json.loads((real_model / "source.json").read_text())
    assert record["source_sha256"] == fetch.SMOLLM2.sha256


def test_every_digit_is_a_token_of_its_own(tokenizer):
    tokens = tokenizer.encode("In 1984, 365 days; 3.14159").tokens
    digits = [token for token in tokens if any(letter.isdigit() for letter in token)]
    assert digits == list("198436531415" + "9")


def test_known_words_have_their_known_tokens(tokenizer):
    assert tokenizer.encode("<|im_start|>user").ids == [1, 4093]
    assert tokenizer.encode(" the").ids == [260]
    assert tokenizer.get_vocab_size() == 49152


def test_text_comes_back_unchanged(tokenizer):
    for name, text in excerpt("held_out"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text, name


def test_the_capital_of_france_is_paris(loaded):
    model, tokenizer = loaded
    logits = model(torch.tensor([tokenizer.encode(PROMPTS[0]).ids]))[0, -1]
    assert tokenizer.decode([logits.argmax().item()]) == " Paris"


def test_its_loss_shows_the_right_order_of_rows(loaded):
    # 2.04 nats per token with rows in Hugging Face's order, 4.61 in llama.cpp's (measured)
    model, tokenizer = loaded
    text = dict(excerpt("held_out"))["code/statistics.py"]
    tokens = torch.tensor([tokenizer.encode(text).ids[:256]])
    log_probs = model(tokens).log_softmax(-1)[0, :-1]
    loss = -log_probs.gather(-1, tokens[0, 1:, None]).mean().item()
    assert loss < 2.2, f"{loss:.2f} nats per token; guessing is {math.log(49152):.1f}"


@pytest.mark.crosscheck
@pytest.mark.timeout(300)
def test_logits_equal_those_of_transformers(loaded, real_model):
    """In float64, so that what is left (4e-5) is the library's own casts to float32 in its norms.

    In float32 rounding alone gives up to 1.3e-4 on some processors.
    """
    from transformers import LlamaForCausalLM

    tokenizer = loaded[1]
    model, _ = load_pretrained(real_model, dtype=torch.float64)
    theirs = LlamaForCausalLM.from_pretrained(
        real_model, dtype=torch.float64, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        for prompt in PROMPTS:
            tokens = torch.tensor([tokenizer.encode(prompt).ids])
            difference = (model(tokens) - theirs(tokens).logits).abs().max().item()
            assert difference <= 1e-4, f"{prompt!r}: {difference:.1e}"
