"""The tokenizer is exactly the one that the file describes."""

import pytest

from toy_models.gguf_tokenizer import build_tokenizer

from .tiny_gguf import MERGES, TOKENS


def metadata(**changes):
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.token_type": [3] + [1] * (len(TOKENS) - 1),
    } | {f"tokenizer.ggml.{name}": value for name, value in changes.items()}


def test_every_digit_is_a_token_of_its_own():
    assert build_tokenizer(metadata()).encode("1984").tokens == ["1", "9", "8", "4"]


def test_another_rule_gives_other_tokens():
    tokens = build_tokenizer(metadata(pre="gpt-2")).encode("1984").tokens
    assert tokens == ["19", "84"], "the file's own rule applies, not always SmolLM's"


def test_merges_apply_in_their_order():
    assert build_tokenizer(metadata()).encode("the the").tokens == ["t", "he", "Ġthe"]


def test_text_comes_back_unchanged():
    tokenizer = build_tokenizer(metadata())
    text = "Ünïcode — 12 tabs\t\n\n  and 日本 🙂"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_a_control_token_is_skipped_in_decoding():
    tokenizer = build_tokenizer(metadata())
    ids = tokenizer.encode("a<|endoftext|>b").ids
    assert ids[1] == 0
    assert tokenizer.decode(ids) == "ab"
    assert tokenizer.decode(ids, skip_special_tokens=False) == "a<|endoftext|>b"


@pytest.mark.parametrize("pre", ["llama-bpe", None, ""])
def test_an_unknown_splitting_rule_raises_with_its_name(pre):
    with pytest.raises(ValueError, match=rf"tokenizer\.ggml\.pre .*'gpt-2', 'smollm', got {pre!r}"):
        build_tokenizer(metadata(pre=pre))


def test_another_kind_of_vocabulary_raises():
    with pytest.raises(ValueError, match="byte-level BPE.*'llama'"):
        build_tokenizer(metadata(model="llama"))
