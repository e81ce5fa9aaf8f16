"""Malformed GGUF files: each is refused by the name of its wrong field or tensor."""

import json
import random
import struct

import pytest
from gguf import GGUFValueType as T
from gguf import GGUFWriter

from toy_models.convert import convert
from toy_models.gguf_file import read_gguf

from .tiny_gguf import MERGES, N_HEADS, TOKENS, hugging_face_weights, write_gguf

REQUIRED = [
    "general.architecture",
    "llama.embedding_length",
    "llama.feed_forward_length",
    "llama.block_count",
    "llama.context_length",
    "llama.attention.head_count",
    "llama.attention.layer_norm_rms_epsilon",
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.merges",
]
INTEGERS = [name for name in REQUIRED if name.endswith(("length", "count"))] + [
    "llama.attention.head_count_kv",
    "llama.rope.dimension_count",
    "tokenizer.ggml.bos_token_id",
]
NUMBERS = ["llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base"]
CHANGED = [
    *((name, value, kind) for name in INTEGERS for value, kind in [
        ("4", T.STRING), (4.0, T.FLOAT32), (True, T.BOOL), ([4, 4], T.ARRAY), (2**40, T.UINT64),
        (-4, T.INT32),
    ]),
    *((name, 0, T.UINT32) for name in INTEGERS if "bos" not in name),
    *((name, value, kind) for name in NUMBERS for value, kind in [
        ("1", T.STRING), (1, T.UINT32), (0.0, T.FLOAT32), (-1.0, T.FLOAT32),
        (float("nan"), T.FLOAT32), (float("inf"), T.FLOAT32),
    ]),
    ("llama.attention.head_count", 3, T.UINT32),
    ("llama.attention.key_length", 8, T.UINT32),
    ("llama.attention.value_length", 8, T.UINT32),
    ("llama.vocab_size", 7, T.UINT32),
    ("llama.rope.scaling.type", "yarn", T.STRING),
    ("llama.rope.scaling.factor", 2.0, T.FLOAT32),
    ("llama.rope.scale_linear", 2.0, T.FLOAT32),
    ("llama.expert_count", 8, T.UINT32),
    ("general.alignment", 24, T.UINT32),
    ("general.alignment", 0, T.UINT32),
    ("tokenizer.ggml.bos_token_id", len(TOKENS), T.UINT32),
    ("tokenizer.ggml.model", "llama", T.STRING),
    ("tokenizer.ggml.pre", 7, T.UINT32),
    ("tokenizer.ggml.tokens", "abc", T.STRING),
    ("tokenizer.ggml.tokens", [1, 2], T.ARRAY),
    ("tokenizer.ggml.tokens", [*TOKENS[:-1], TOKENS[0]], T.ARRAY),
    ("tokenizer.ggml.token_type", [1, 2], T.ARRAY),
    ("tokenizer.ggml.token_type", ["1"] * len(TOKENS), T.ARRAY),
    ("tokenizer.ggml.merges", [*MERGES, "the"], T.ARRAY),
    ("tokenizer.ggml.merges", [*MERGES, "a b c"], T.ARRAY),
    ("tokenizer.ggml.merges", [*MERGES, "zz zz"], T.ARRAY),
    ("tokenizer.ggml.merges", [1], T.ARRAY),
]  # fmt: skip


def written(path, edit=lambda writer: None):
    return write_gguf(path / "tiny.gguf", hugging_face_weights(), edit=edit)


def refused(file, *words):
    """Check that the conversion raises a ValueError with these words, and leaves nothing."""
    with pytest.raises(ValueError) as caught:
        convert(file, file.parent / "model")
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing in: {caught.value}"
    assert not (file.parent / "model").exists()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(tmp_path, name):
    file = written(tmp_path, lambda writer: writer.kv_data[0].pop(name))
    refused(file, "architecture" if "architecture" in name else name)


def test_optional_fields_have_their_defaults(tmp_path):
    def edit(writer: GGUFWriter) -> None:
        for name in ("llama.rope.dimension_count", "llama.rope.freq_base"):
            writer.kv_data[0].pop(name)
        for name in ("bos_token_id", "eos_token_id"):
            writer.kv_data[0].pop(f"tokenizer.ggml.{name}")
        writer.add_key_value("llama.rope.scaling.type", "none", T.STRING)

    convert(written(tmp_path, edit), tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert (config["rope_theta"], config["head_dim"], config["bos_token_id"]) == (10_000, 16, None)


@pytest.mark.parametrize(("name", "value", "kind"), CHANGED)
def test_a_wrong_field_is_named(tmp_path, name, value, kind):
    def edit(writer: GGUFWriter) -> None:
        writer.kv_data[0].pop(name, None)
        writer.add_key_value(name, value, kind)

    refused(written(tmp_path, edit), name.rpartition(".")[2] if "rope" in name else name)


def tensor_entry(content, name):
    """Return the place after a tensor's name in the header."""
    label = name.encode()
    return content.index(struct.pack("<Q", len(label)) + label) + 8 + len(label)


@pytest.mark.parametrize("kind", [1, 2, 8, 24, 26, 28, 99])
@pytest.mark.parametrize("name", ["blk.0.attn_norm.weight", "output_norm.weight"])
def test_a_norm_of_another_type_is_refused(tmp_path, name, kind):
    """Its bytes would be read as other numbers."""
    file = written(tmp_path)
    content = bytearray(file.read_bytes())
    at = tensor_entry(content, name) + 4 + 8
    assert content[at : at + 4] == b"\0\0\0\0", "expected float32"
    content[at : at + 4] = struct.pack("<I", kind)
    file.write_bytes(content)
    refused(file, "expected", "fetch it again")


@pytest.mark.parametrize("size", [0, 32, 96, 2**31, 2**63])
def test_a_changed_shape_is_refused(tmp_path, size):
    file = written(tmp_path)
    content = bytearray(file.read_bytes())
    at = tensor_entry(content, "blk.1.ffn_up.weight") + 4
    assert content[at : at + 8] == struct.pack("<Q", 64)
    content[at : at + 8] = struct.pack("<Q", size)
    file.write_bytes(content)
    refused(file, "expected")


@pytest.mark.parametrize("start", [8, 16])
@pytest.mark.parametrize("count", [2**20, 2**40, 2**64 - 1])
def test_a_count_that_the_file_cannot_hold_is_refused_at_once(tmp_path, start, count):
    file = written(tmp_path)
    content = bytearray(file.read_bytes())
    content[start : start + 8] = struct.pack("<Q", count)
    file.write_bytes(content)
    refused(file, "expected a whole GGUF file", "tiny.gguf")


@pytest.mark.parametrize("seed", range(10))
def test_any_changed_bytes_are_read_or_refused_in_one_sentence(tmp_path, seed):
    """Numbers of a header, names and weights may change; only a ValueError may come of it."""
    file, rng = written(tmp_path), random.Random(seed)
    whole = file.read_bytes()
    header = whole.index(b"output_norm.weight")
    for _ in range(30):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 1, 4])):
            content[rng.randrange(header)] = rng.choice(
                [0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)]
            )
        file.write_bytes(content[: rng.choice([len(whole), rng.randrange(len(whole))])])
        try:
            convert(file, tmp_path / "model")
        except ValueError:
            pass


def test_values_are_those_that_were_written(tmp_path):
    file = read_gguf(written(tmp_path))
    assert file.fields["llama.attention.head_count"] == N_HEADS
    assert file.fields["tokenizer.ggml.tokens"] == TOKENS
    assert file.tensors["token_embd.weight"].shape == (len(TOKENS), 64)


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text"])
def test_another_file_is_refused(tmp_path, kind):
    file = tmp_path / "x.gguf"
    if kind == "folder":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes(b"" if kind == "empty" else b"<!doctype html>" * 100)
    refused(file, "x.gguf")
