"""Wrong checkpoints raise an error that says what to do."""

import json
import re

import pytest
import torch

from tests.grading.assertions import normal

from . import tiny_checkpoints as tiny

pytestmark = pytest.mark.project
TOKENS = torch.tensor([[3, 1, 22, 0, 7]])


@pytest.fixture
def load(loading):
    """Loads a folder in float64."""
    return lambda folder: loading.load_pretrained(folder, dtype=torch.float64)[0]


@pytest.fixture
def llama_folder(tmp_path):
    """A whole and right Llama checkpoint, tied."""
    return tiny.write(tmp_path / "llama", tiny.LLAMA, tiny.llama_tensors(tiny.LLAMA))


def changed(folder, remove=(), **settings):
    """Write a checkpoint's config.json again, with some settings changed or removed."""
    kept = {name: value for name, value in tiny.LLAMA.items() if name not in remove}
    (folder / "config.json").write_text(json.dumps(kept | settings), encoding="utf-8")


def refused(load, folder, *words):
    """Check that loading a folder raises a ValueError with all these words."""
    with pytest.raises(ValueError) as caught:
        load(folder)
    for word in words:
        assert str(word) in str(caught.value), f"{word!r} is missing in: {caught.value}"


def test_a_whole_checkpoint_is_accepted(load, llama_folder):
    logits = load(llama_folder)(TOKENS)
    assert logits.shape == (1, 5, 23) and logits.isfinite().all()


def test_a_missing_folder_is_refused(load, tmp_path):
    refused(load, tmp_path / "nowhere", "nowhere", "give a folder", "smollm2-135m")
    refused(load, "nowhere", "nowhere", "owner/name")


def test_a_name_that_the_hub_cannot_give_is_refused(load, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")

    def offline(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    refused(load, "owner/missing", "owner/missing", "no folder", "no network")


def test_only_json_and_safetensors_are_downloaded(load, monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    folder, asked = (
        tiny.write(tmp_path / "snapshot", tiny.LLAMA, tiny.llama_tensors(tiny.LLAMA)),
        [],
    )

    def download(name, allow_patterns):
        asked.append((name, sorted(allow_patterns)))
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", download)
    load("owner/model")
    assert asked == [("owner/model", ["*.json", "*.safetensors"])]


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "is missing"), ("{", "is not JSON"), ("[1]", "JSON object"), ("\udcff", "is not JSON")],
)
def test_a_bad_config_is_refused(load, llama_folder, text, words):
    path = llama_folder / "config.json"
    path.unlink()
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    refused(load, llama_folder, path, words)


@pytest.mark.parametrize("name", ["hidden_size", "vocab_size", "max_position_embeddings"])
def test_a_missing_setting_is_named(load, llama_folder, name):
    changed(llama_folder, remove=[name])
    refused(load, llama_folder, "config.json", "lacks the setting", name)


@pytest.mark.parametrize(
    "wrong",
    [{"hidden_size": "wide"}, {"num_attention_heads": 0, "head_dim": None}, {"rope_scaling": "x"}],
)
def test_a_setting_of_a_wrong_kind_is_refused(load, llama_folder, wrong):
    changed(llama_folder, **wrong)
    refused(load, llama_folder, "config.json")


@pytest.mark.parametrize("named", [["MambaForCausalLM"], "LlamaForCausalLM", [], None, [[]]])
def test_the_error_for_an_architecture_lists_the_known_ones(load, llama_folder, named):
    changed(llama_folder, architectures=named)
    refused(load, llama_folder, named, "GPT2LMHeadModel", "LlamaForCausalLM", "HookedTransformer")


@pytest.mark.parametrize(
    "setting",
    [
        {"rope_scaling": {"rope_type": "longrope", "factor": 8.0}},
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0}},
        {"rope_parameters": {"rope_type": "default"}, "rope_scaling": {"type": "dynamic"}},
        {"attention_bias": True},
        {"mlp_bias": True},
        {"hidden_act": "tanh"},
    ],
)
def test_settings_that_change_the_arithmetic_are_refused(load, llama_folder, setting):
    changed(llama_folder, **setting)
    kinds = re.findall("longrope|linear|yarn|dynamic|attention_bias|mlp_bias|tanh", str(setting))
    refused(load, llama_folder, *kinds)


@pytest.mark.parametrize("value", [None, "8", 0])
@pytest.mark.parametrize("name", ["factor", "low_freq_factor", "original_max_position_embeddings"])
def test_a_field_of_the_stretch_is_named(load, llama_folder, name, value):
    stretch = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4}
    stretch["original_max_position_embeddings"] = 8192
    changed(llama_folder, rope_scaling={**stretch, name: value})
    refused(load, llama_folder, name)
    del stretch[name]
    changed(llama_folder, rope_scaling=stretch)
    refused(load, llama_folder, f"lacks the setting '{name}'")


@pytest.mark.parametrize("place", ["rope_theta", "rope_parameters", "rope_scaling"])
def test_the_rotary_base_is_found_wherever_config_keeps_it(loading, llama_folder, place):
    value = 77.0 if place == "rope_theta" else {"rope_type": "default", "rope_theta": 77.0}
    changed(llama_folder, remove=["rope_theta"], **{place: value})
    assert loading.load_pretrained(llama_folder)[0].config.rotary_base == 77.0


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file_is_refused(load, llama_folder, keep):
    path = llama_folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(load, llama_folder, path, "truncated or damaged", "download it again")


@pytest.mark.parametrize("where", [0, 7, 8, 30])
def test_a_corrupted_header_is_refused(load, llama_folder, where):
    path = llama_folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[where] ^= 0xFF
    path.write_bytes(content)
    refused(load, llama_folder, path, "truncated or damaged")


def test_a_missing_tensor_is_named(load, tmp_path):
    tensors = tiny.llama_tensors(tiny.LLAMA)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    refused(load, tiny.write(tmp_path, tiny.LLAMA, tensors), "model.layers.1.mlp.up_proj.weight")


def test_a_tensor_left_over_is_named(load, tmp_path):
    tensors = tiny.llama_tensors(tiny.LLAMA) | {
        "model.layers.0.self_attn.q_proj.bias": normal(24, seed=1)
    }
    refused(load, tiny.write(tmp_path, tiny.LLAMA, tensors), "model.layers.0.self_attn.q_proj.bias")


def test_a_layer_more_than_config_says_is_named(load, llama_folder):
    changed(llama_folder, num_hidden_layers=1)
    refused(load, llama_folder, "model.layers.1.input_layernorm.weight")


def test_a_table_of_rotary_frequencies_is_ignored(load, tmp_path):
    table = {"model.layers.0.self_attn.rotary_emb.inv_freq": normal(3, seed=1)}
    load(tiny.write(tmp_path, tiny.LLAMA, tiny.llama_tensors(tiny.LLAMA) | table))


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("mlp.up_proj", (21, 12), ["blocks.0.mlp.W_in", "(12, 21)", "(12, 20)"]),
        ("input_layernorm", (12, 1), ["blocks.0.ln1.w", "(12, 1)", "(12,)"]),
        ("self_attn.k_proj", (18, 12), ["blocks.0.attn.W_K", "(3, 12, 6)", "(2, 12, 6)"]),
        ("self_attn.q_proj", (23, 12), ["self_attn.q_proj.weight", "[23, 12]", "'d_head': 6"]),
    ],
)
def test_a_wrong_shape_is_refused_and_both_shapes_named(load, tmp_path, name, shape, words):
    tensors = tiny.llama_tensors(tiny.LLAMA)
    tensors[f"model.layers.0.{name}.weight"] = normal(*shape, seed=1)
    refused(load, tiny.write(tmp_path, tiny.LLAMA, tensors), *words)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (torch.int8, "I8"),
        (torch.float8_e4m3fn, "F8_E4M3"),
        (torch.int64, "I64"),
        (torch.complex64, "C64"),
        (torch.bool, "BOOL"),
    ],
)
def test_a_quantised_tensor_is_refused(load, tmp_path, dtype, kind):
    tensors = tiny.llama_tensors(tiny.LLAMA)
    tensors["model.norm.weight"] = torch.ones(12).to(dtype)
    folder = tiny.write(tmp_path, tiny.LLAMA, tensors)
    refused(load, folder, "model.norm.weight", kind, "float16, bfloat16, float32 or float64")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_every_common_precision_is_read_as_stored(load, tmp_path, dtype):
    tensors = {name: w.to(dtype) for name, w in tiny.llama_tensors(tiny.LLAMA).items()}
    W_E = load(tiny.write(tmp_path, tiny.LLAMA, tensors)).embed.W_E
    assert W_E.dtype == torch.float64
    assert torch.equal(W_E, tensors["model.embed_tokens.weight"].double())


def test_a_tied_unembedding_that_differs_is_refused(load, tmp_path):
    tensors = tiny.llama_tensors(tiny.LLAMA)
    copy = tensors["model.embed_tokens.weight"].clone()
    load(tiny.write(tmp_path, tiny.LLAMA, tensors | {"lm_head.weight": copy}))
    copy[22, 11] += 1e-9
    folder = tiny.write(tmp_path, tiny.LLAMA, tensors | {"lm_head.weight": copy})
    refused(load, folder, "tied", "differs", "tie_word_embeddings")


def test_an_untied_checkpoint_needs_its_unembedding(load, llama_folder):
    changed(llama_folder, tie_word_embeddings=False)
    refused(load, llama_folder, "unembed.W_U")


def test_a_damaged_tokenizer_is_refused(load, llama_folder):
    (llama_folder / "tokenizer.json").write_text("{", encoding="utf-8")
    refused(load, llama_folder, "tokenizer.json", "damaged", "download it again")


def test_an_error_leaves_torchs_default_dtype_unchanged(load, llama_folder):
    changed(llama_folder, hidden_act="tanh")
    refused(load, llama_folder, "tanh")
    (llama_folder / "model.safetensors").unlink()
    changed(llama_folder)
    refused(load, llama_folder, "model.safetensors")
    assert torch.get_default_dtype() == torch.float32
