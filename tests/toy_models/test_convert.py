"""The conversion keeps known weights, raises for unknown tensors, and is all or nothing."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from toy_models import convert as conversion
from toy_models.cache import sha256_of
from toy_models.convert import convert, unpermute

from . import tiny_gguf
from .tiny_gguf import hugging_face_weights, permuted, write_gguf


def test_every_weight_is_kept_in_float16(gguf_file, tmp_path):
    convert(gguf_file, tmp_path / "model")
    expected, actual = hugging_face_weights(), load_file(tmp_path / "model/model.safetensors")
    assert actual.keys() == expected.keys(), "the tied embedding is stored once"
    for name, weight in expected.items():
        np.testing.assert_array_equal(actual[name], weight.astype(np.float16), err_msg=name)


@pytest.mark.parametrize("n_heads, d_head", [(1, 2), (3, 4), (4, 16), (5, 6)])
def test_unpermute_undoes_the_permutation(n_heads, d_head):
    weight = np.random.default_rng(1).normal(size=(n_heads * d_head, 7))
    np.testing.assert_array_equal(unpermute(permuted(weight, n_heads), n_heads), weight)


def test_attention_scores_are_the_same_in_either_order():
    rng, d_head, d_model, base = np.random.default_rng(2), 8, 5, 100.0
    q_rows, k_rows = rng.normal(size=(2, d_head, d_model))
    x, y = rng.normal(size=(2, d_model))

    def rotated(vector, position, first, second):
        out = np.empty_like(vector)
        for pair in range(d_head // 2):
            angle = position * base ** (-2 * pair / d_head)
            a, b = vector[first(pair)], vector[second(pair)]
            out[first(pair)] = a * np.cos(angle) - b * np.sin(angle)
            out[second(pair)] = b * np.cos(angle) + a * np.sin(angle)
        return out

    def score(q_weight, k_weight, first, second):
        return rotated(q_weight @ x, 7, first, second) @ rotated(k_weight @ y, 3, first, second)

    adjacent = score(q_rows, k_rows, lambda i: 2 * i, lambda i: 2 * i + 1)
    half_apart = score(
        unpermute(q_rows, 1), unpermute(k_rows, 1), lambda i: i, lambda i: i + d_head // 2
    )
    assert adjacent == pytest.approx(half_apart, rel=1e-12)


def test_quantised_weights_are_within_half_a_step(tmp_path):
    weights = hugging_face_weights(seed=3)
    convert(write_gguf(tmp_path / "q.gguf", weights, quantised=True), tmp_path / "model")
    actual = load_file(tmp_path / "model/model.safetensors")
    for name, weight in weights.items():
        if weight.ndim == 2 and "embed" not in name:
            blocks = weight.reshape(-1, 32)
            step = (blocks.max(1) - blocks.min(1)) / 15
            error = abs(actual[name].astype(np.float32).reshape(-1, 32) - blocks).max(1)
            assert (error <= 0.51 * step + 2e-3).all(), name


def test_the_config_states_sizes_and_constants(gguf_file, tmp_path):
    convert(gguf_file, tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["vocab_size"] == len(tiny_gguf.TOKENS)
    assert (config["hidden_size"], config["intermediate_size"]) == (64, 96)
    assert (config["num_attention_heads"], config["num_key_value_heads"]) == (4, 2)
    assert (config["num_hidden_layers"], config["head_dim"]) == (2, 16)
    assert config["rope_theta"] == 50_000.0
    assert config["rms_norm_eps"] == 1e-6, "a float32 must not leak its digits into the config"
    assert config["tie_word_embeddings"] is True
    assert (config["bos_token_id"], config["eos_token_id"]) == (0, 0)


def test_an_untied_unembedding_is_kept(tmp_path):
    weights = hugging_face_weights() | {"output.weight": np.ones((len(tiny_gguf.TOKENS), 64), "f")}
    convert(write_gguf(tmp_path / "untied.gguf", weights), tmp_path / "model")
    assert (load_file(tmp_path / "model/model.safetensors")["lm_head.weight"] == 1).all()
    assert not json.loads((tmp_path / "model/config.json").read_text())["tie_word_embeddings"]


def test_the_record_names_source_and_result(gguf_file, tmp_path):
    convert(gguf_file, tmp_path / "model")
    record = json.loads((tmp_path / "model/source.json").read_text())
    assert record["source_sha256"] == sha256_of(gguf_file)
    assert record["converted_sha256"] == sha256_of(tmp_path / "model/model.safetensors")
    assert record["sha256"].keys() == {"config.json", "model.safetensors", "tokenizer.json"}


def test_the_same_source_gives_the_same_bytes(gguf_file, tmp_path):
    convert(gguf_file, tmp_path / "one")
    convert(gguf_file, tmp_path / "two")
    one, two = (json.loads((tmp_path / n / "source.json").read_text()) for n in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_file_raises_with_its_name(gguf_file, tmp_path, kept):
    whole = gguf_file.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=r"expected a whole GGUF file, got .*cut\.gguf"):
        convert(cut, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_unknown_or_missing_tensor_is_named(tmp_path):
    weights = hugging_face_weights()
    del weights["model.norm.weight"]
    weights["rope_freqs.weight"] = np.ones(8, "f")
    with pytest.raises(ValueError, match=r"rope_freqs\.weight.*missing.*output_norm\.weight"):
        convert(write_gguf(tmp_path / "odd.gguf", weights), tmp_path / "model")


def test_another_architecture_raises(tmp_path):
    file = write_gguf(tmp_path / "q.gguf", hugging_face_weights(), architecture="qwen2")
    with pytest.raises(ValueError, match="expected architecture 'llama', got 'qwen2'"):
        convert(file, tmp_path / "model")


def test_a_weight_too_large_for_float16_raises(tmp_path):
    weights = hugging_face_weights()
    weights["model.norm.weight"][3] = 1e6
    with pytest.raises(ValueError, match=r"output_norm\.weight.*float16"):
        convert(write_gguf(tmp_path / "big.gguf", weights), tmp_path / "model")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_conversion_leaves_nothing(gguf_file, tmp_path, monkeypatch, interruption):
    def stop(*_):
        raise interruption

    monkeypatch.setattr(conversion, "build_tokenizer", stop)
    (tmp_path / "cache").mkdir()
    with pytest.raises((KeyboardInterrupt, OSError)):
        convert(gguf_file, tmp_path / "cache/model")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_conversion_replaces_a_damaged_folder(gguf_file, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.safetensors").write_bytes(b"half")
    convert(gguf_file, tmp_path / "model")
    assert load_file(tmp_path / "model/model.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {"model", "tiny.gguf"}
