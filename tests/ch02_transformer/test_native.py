"""A saved model comes back as it was, and an interrupted save changes nothing."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.grading.assertions import randomise

pytestmark = pytest.mark.project
TOKENS = torch.tensor([[3, 1, 22, 0, 7]])
NAMES = [
    "gpt2",
    "gpt2-untied",
    "llama",
    "llama-tied",
    "attention-only",
    "attention-only-normed",
]


@pytest.fixture
def build(model, config, native):
    """Builds a model of named parts, every parameter random, in float64."""

    def made(name, seed=1):
        sizes = config.TransformerConfig(
            n_layers=2, d_model=14, n_heads=4, d_head=6, d_mlp=20, d_vocab=23, n_ctx=32,
            n_kv_heads=2, activation="gelu", eps=2e-5, rotary_base=77.0, rotary_dims=4,
        )  # fmt: skip
        return randomise(model.HookedTransformer(sizes, native.PARTS[name], seed=None), seed)

    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_comes_back_with_the_same_logits(build, loading, native, tmp_path, name):
    saved = build(name)
    native.save_model(saved, tmp_path / "new" / "folder")
    loaded, tokenizer = loading.load_pretrained(tmp_path / "new" / "folder", dtype=torch.float64)
    assert tokenizer is None
    assert loaded.config == saved.config and loaded.parts == saved.parts
    assert torch.equal(loaded(TOKENS), saved(TOKENS)), "expected the same logits, bit for bit"


def test_every_kind_of_parts_is_tested(native):
    assert list(native.PARTS) == NAMES


def test_saving_leaves_the_two_files_and_nothing_else(build, native, tmp_path):
    native.save_model(build("gpt2"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_saving_changes_nothing_in_the_model(build, native, tmp_path):
    saved = build("llama")
    before = {name: w.clone() for name, w in saved.state_dict().items()}
    strides = [w.stride() for w in saved.parameters()]
    native.save_model(saved, tmp_path)
    assert all(torch.equal(w, before[name]) for name, w in saved.state_dict().items())
    assert strides == [w.stride() for w in saved.parameters()]


def test_saving_again_replaces_the_old_model(build, native, loading, tmp_path):
    native.save_model(build("gpt2", seed=1), tmp_path)
    newer = build("gpt2-untied", seed=2)
    native.save_model(newer, tmp_path)
    assert torch.equal(loading.load_pretrained(tmp_path, torch.float64)[0](TOKENS), newer(TOKENS))


@pytest.mark.parametrize("stop", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("late", [False, True])
def test_an_interrupted_save_leaves_the_folder_as_it_was(
    build, native, tmp_path, monkeypatch, stop, late
):
    native.save_model(build("gpt2", seed=1), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def half(tensors, path, **_):
        save_file(tensors, path)
        if not late:
            path.write_bytes(path.read_bytes()[:100])
            raise stop

    def broken(*_, **__):
        raise stop

    monkeypatch.setattr(native, "save_file", half)
    monkeypatch.setattr(native.json, "dumps", broken)
    with pytest.raises(type(stop)):
        native.save_model(build("llama", seed=2), tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before, f"expected {sorted(before)} unchanged, got {sorted(after)}"


def test_parts_without_a_name_are_not_saved(build, native, model, tmp_path):
    unknown = build("gpt2")
    unknown.parts = model.Parts(*vars(unknown.parts).values())
    native.save_model(unknown, tmp_path)
    object.__setattr__(unknown.parts, "block", model.ParallelBlock)
    with pytest.raises(ValueError, match=", ".join(NAMES)):
        native.save_model(unknown, tmp_path)


def test_other_parts_are_saved_by_name_and_loaded_as_given(build, native, loading, model, tmp_path):
    saved = build("gpt2")
    saved.parts = replace(saved.parts, block=model.ParallelBlock)
    native.save_model(saved, tmp_path, parts_name="parallel")
    with pytest.raises(ValueError, match="got 'parallel'; give others as load_pretrained"):
        loading.load_pretrained(tmp_path)
    loaded, _ = loading.load_pretrained(tmp_path, torch.float64, parts=saved.parts)
    assert loaded.parts == saved.parts
    assert all(isinstance(block, model.ParallelBlock) for block in loaded.blocks)


def test_unknown_parts_in_a_config_are_refused(build, native, loading, tmp_path):
    native.save_model(build("gpt2"), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text("utf-8")) | {"parts": "gpt5"}
    (tmp_path / "config.json").write_text(json.dumps(settings), "utf-8")
    with pytest.raises(ValueError, match="expected parts out of gpt2, .*'gpt5'"):
        loading.load_pretrained(tmp_path)


def test_a_size_missing_in_a_config_is_named(build, native, loading, tmp_path):
    native.save_model(build("gpt2"), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text("utf-8"))
    del settings["d_mlp"]
    (tmp_path / "config.json").write_text(json.dumps(settings), "utf-8")
    with pytest.raises(ValueError, match="config.json .*d_mlp"):
        loading.load_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["blocks.1.attn.b_Q", "blocks.0.mlp.W_in", "ln_final.b"])
def test_a_tensor_missing_in_our_own_format_is_named_biases_too(
    build, native, loading, tmp_path, name
):
    native.save_model(build("gpt2"), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors[name]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=name):
        loading.load_pretrained(tmp_path)


def test_a_tensor_too_many_in_our_own_format_is_named(build, native, loading, tmp_path):
    native.save_model(build("llama-tied"), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(tensors | {"blocks.0.attn.sink": torch.ones(4)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="blocks.0.attn.sink.*no such parameter"):
        loading.load_pretrained(tmp_path)
