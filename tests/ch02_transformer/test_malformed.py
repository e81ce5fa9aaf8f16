"""Malformed checkpoint folders: each wrong setting, index or number is refused by its name."""

import json
import os

import pytest
import torch
from safetensors.torch import save_file

from tests.grading.assertions import normal

from . import tiny_checkpoints as tiny

pytestmark = pytest.mark.project
TOKENS = torch.tensor([[3, 1, 22, 0, 7]])
NO_INTEGER = ["12", 12.5, 12.0, True, [12], {}, -1, 2**31, 10**12, 10**100, "null"]
NO_NUMBER = ["1e-5", None, True, [1e-5], -1.0, 0, 1e300, 10**400]
NO_FLAG = ["false", "", 0, 1, None, [], {}]
FAMILIES = {
    "llama": (tiny.LLAMA, tiny.llama_tensors),
    "gpt2": (tiny.GPT2, tiny.gpt2_tensors),
}
SIZES = {
    "llama": [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "vocab_size",
        "max_position_embeddings",
        "head_dim",
    ],
    "gpt2": ["n_embd", "n_layer", "n_head", "n_inner", "vocab_size", "n_positions"],
}
MAY_BE_NULL = ("num_key_value_heads", "head_dim", "n_inner")
OTHERS = {
    "llama": {
        "rms_norm_eps": NO_NUMBER,
        "rope_theta": NO_NUMBER,
        "tie_word_embeddings": NO_FLAG,
        "attention_bias": ["false", 0, None, True],
        "mlp_bias": ["false", 0, None, True],
        "hidden_act": ["tanh", None, 1, ["silu"], {}],
        "rope_scaling": ["x", [], 4.0, {"factor": 4.0}, {"rope_type": None}, {"type": "linear"}],
        "rope_parameters": [
            {"rope_type": "default", "factor": 2.0},
            {"a": {}},
        ],
    },
    "gpt2": {
        "layer_norm_epsilon": NO_NUMBER,
        "tie_word_embeddings": NO_FLAG,
        "activation_function": ["tanh", None, 1, ["gelu"]],
        "scale_attn_weights": ["true", 1, None, False],
        "reorder_and_upcast_attn": [True, "false"],
    },
}
ANY_FAMILY = {
    "quantization_config": [{"quant_method": "gptq", "bits": 4}, {}, "gptq"],
    "sliding_window": [4096],
    "pruned_heads": [{"0": [1]}],
    "partial_rotary_factor": [0.5, None],
    "model_type": ["mistral", None, 3],
    "num_local_experts": [8],
    "final_logit_softcapping": [30.0],
}


def wrong_settings():
    """Yield (family, setting, value) of every malformed setting."""
    for family, names in SIZES.items():
        for name in names:
            nulls = [] if name in MAY_BE_NULL else [None]
            zero = [] if "layer" in name else [0]
            yield from ((family, name, value) for value in [*NO_INTEGER, *nulls, *zero])
        for name, values in (OTHERS[family] | ANY_FAMILY).items():
            yield from ((family, name, value) for value in values)


@pytest.fixture
def folder(tmp_path, request):
    """Writes a whole checkpoint of a family, with some settings changed."""

    def written(family="llama", **settings):
        right, tensors = FAMILIES[family]
        return tiny.write(tmp_path / family, right | settings, tensors(right))

    return written


@pytest.fixture
def refused(loading):
    """Checks that loading a folder raises one ValueError with all these words."""

    def check(path, *words, **options):
        with pytest.raises(ValueError) as caught:
            loading.load_pretrained(path, **options)
        for word in words:
            assert str(word) in str(caught.value), f"{word!r} is missing in: {caught.value}"

    return check


@pytest.mark.parametrize(("family", "name", "value"), list(wrong_settings()))
def test_a_malformed_setting_is_refused_by_name(folder, refused, family, name, value):
    refused(folder(family, **{name: value}), "config.json", name)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("llama", name)
        for name in SIZES["llama"]
        if name not in ("num_attention_heads", *MAY_BE_NULL)
    ]
    + [("gpt2", name) for name in SIZES["gpt2"] if name not in ("n_inner", "n_head")],
)
def test_a_size_beyond_the_weights_is_refused_at_once(folder, refused, family, name):
    """A large size that is possible in itself must not allocate its memory first."""
    largest = 10_000 if "layer" in name else 2**31 - 1
    if name == "max_position_embeddings":
        return  # no weight depends on it
    refused(folder(family, **{name: largest}), "config.json")


def test_widths_that_no_head_divides_are_refused(folder, refused):
    refused(folder(num_attention_heads=5, num_key_value_heads=5, head_dim=None), "hidden_size", "5")
    refused(folder("gpt2", n_head=5), "n_embd", "5")
    refused(folder(head_dim=5), "even")


def test_two_rotary_bases_are_refused(folder, refused):
    refused(folder(rope_parameters={"rope_theta": 77.0}), "rope_theta", 77.0, 500.0)
    refused(folder(rope_parameters={"rope_theta": "big"}), "rope_theta", "'big'")


def test_harmless_settings_are_accepted(folder, loading):
    more = {
        "model_type": "llama",
        "rope_scaling": None,
        "quantization_config": None,
        "sliding_window": None,
        "is_llama_config": True,
        "rope_interleaved": False,
        "transformers.js_config": {"dtype": "q4"},
        "torch_dtype": "bfloat16",
        "eos_token_id": [1, 2],
    }
    assert loading.load_pretrained(folder(**more))[0](TOKENS).isfinite().all()


BROKEN_JSON = {
    "empty": (b"", "not JSON"),
    "spaces": (b" \n", "not JSON"),
    "cut": (b'{"hidden_size": 1', "not JSON"),
    "NaN": (b'{"rms_norm_eps": NaN}', "NaN"),
    "infinity": (b'{"rms_norm_eps": -Infinity}', "-Infinity"),
    "too large a number": (b'{"rms_norm_eps": 1e999}', "config.json"),
    "too many digits": (b'{"hidden_size": 1' + b"0" * 5000 + b"}", "not JSON"),
    "twice": (b'{"hidden_size": 12, "hidden_size": 14}', "'hidden_size' twice"),
    "twice inside": (b'{"rope_scaling": {"type": 1, "type": 2}}', "'type' twice"),
    "deep list": (b"[" * 100_000, "nested too deep"),
    "deep object": (b'{"a":' * 100_000, "nested too deep"),
    "Latin-1": (b'{"model_type": "\xe4"}', "not JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "not JSON"),
    "two objects": (b"{}{}", "not JSON"),
    "comment": (b"{} // sizes", "not JSON"),
    "a number": (b"7", "JSON object"),
    "null": (b"null", "JSON object"),
}


@pytest.mark.parametrize("case", BROKEN_JSON)
@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json"])
def test_broken_json_is_refused_with_its_file(folder, refused, case, file):
    path, (content, words) = folder(), BROKEN_JSON[case]
    (path / file).write_bytes(content)
    if "index" in file:
        (path / "model.safetensors").unlink()
    refused(path, file if case == "too large a number" else words, file)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_folder_or_pipe_in_place_of_a_file_is_refused(folder, refused, file, kind):
    path = folder() / file
    path.unlink(missing_ok=True)
    if kind == "pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    refused(path.parent, file)


def test_a_file_in_place_of_the_folder_is_refused(folder, refused):
    refused(folder() / "config.json", "expected a folder")


def test_an_empty_tokenizer_is_refused(folder, refused):
    path = folder()
    (path / "tokenizer.json").touch()
    refused(path, "tokenizer.json", "damaged")


@pytest.mark.parametrize(
    "change",
    [
        {"n_layer": 2},
        {"n_layers": 2.0},
        {"n_ctx": None},
        {"eps": -1e-5},
        {"rotary_base": "1e4"},
        {"activation": "tanh"},
        {"n_kv_heads": 0},
        {"rotary_dims": "6"},
        {"parts": ["gpt2"]},
        {"d_vocab": 10**12},
    ],
)
def test_our_own_format_is_checked_alike(loading, native, model, config, tmp_path, refused, change):
    sizes = config.TransformerConfig(2, 12, 3, 4, 20, 23, 32)
    native.save_model(model.HookedTransformer(sizes), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text("utf-8")) | change
    (tmp_path / "config.json").write_text(json.dumps(settings), "utf-8")
    refused(tmp_path, "config.json", *change)


@pytest.mark.parametrize(
    "change",
    [{"d_model": True}, {"n_ctx": 2**40}, {"eps": -1.0}, {"eps": float("nan")}, {"n_kv_heads": 0},
     {"rotary_base": float("inf")}, {"rotary_dims": -2}],
)  # fmt: skip
def test_a_config_in_code_is_checked_alike(config, change):
    sizes = dict(n_layers=1, d_model=12, n_heads=3, d_head=4, d_mlp=0, d_vocab=23, n_ctx=32)
    with pytest.raises(ValueError, match=f"expected {next(iter(change))}"):
        config.TransformerConfig(**sizes | change)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "model.norm.weight"])
def test_weights_that_are_not_finite_are_refused(tmp_path, refused, bad, dtype, name):
    tensors = {key: w.to(dtype) for key, w in tiny.llama_tensors(tiny.LLAMA).items()}
    tensors[name].view(-1)[-3] = bad
    refused(tiny.write(tmp_path, tiny.LLAMA, tensors), name, "NaN or infinity")


def test_opposite_infinities_do_not_cancel(tmp_path, refused):
    tensors = tiny.llama_tensors(tiny.LLAMA)
    tensors["model.norm.weight"][:2] = torch.tensor([torch.inf, -torch.inf])
    refused(tiny.write(tmp_path, tiny.LLAMA, tensors), "model.norm.weight", "NaN or infinity")


def test_large_weights_are_loaded_where_the_dtype_holds_them(loading, tmp_path, refused):
    tensors = tiny.llama_tensors(tiny.LLAMA)
    tensors["model.norm.weight"] = torch.full((12,), 3e38).float()  # their sum overflows
    path = tiny.write(tmp_path, tiny.LLAMA, tensors)
    assert torch.equal(loading.load_pretrained(path)[0].ln_final.w, tensors["model.norm.weight"])
    refused(path, "ln_final.w", "torch.float16", "3e+38", dtype=torch.float16)


def test_a_loaded_model_shares_no_memory_with_its_file(loading, tmp_path):
    tensors = {key: w.float() for key, w in tiny.llama_tensors(tiny.LLAMA).items()}
    path = tiny.write(tmp_path, tiny.LLAMA, tensors)
    before = (path / "model.safetensors").read_bytes()
    loaded, _ = loading.load_pretrained(path)
    with torch.no_grad():
        for weight in loaded.parameters():
            weight.add_(1.0)
    assert (path / "model.safetensors").read_bytes() == before
    assert torch.equal(loading.load_pretrained(path)[0].ln_final.w, tensors["model.norm.weight"])


@pytest.fixture
def sharded(tmp_path):
    """A checkpoint in two shards, its tensors, and the index's list of what they hold."""
    tensors = tiny.llama_tensors(tiny.LLAMA)
    path = tiny.write(tmp_path / "sharded", tiny.LLAMA, tensors)
    return path, tensors, tiny.shard(path, tensors)


def test_a_single_file_is_read_before_old_shards(loading, sharded):
    """As transformers does: the index and its shards may be left over from before."""
    path, tensors, _ = sharded
    newer = tensors | {"model.norm.weight": normal(12, seed=99)}
    save_file(newer, path / "model.safetensors", metadata={"format": "pt"})
    loaded, _ = loading.load_pretrained(path, torch.float64)
    assert torch.equal(loaded.ln_final.w, newer["model.norm.weight"])


def test_an_index_that_names_the_wrong_shard_is_refused(sharded, refused):
    path, _, where = sharded
    files = sorted(set(where.values()))
    name = "model.norm.weight"
    other = files[1 - files.index(where[name])]
    tiny.write_index(path, where | {name: other})
    refused(path, name, "index.json", "model-0000")


def test_a_tensor_in_two_shards_is_refused(sharded, refused):
    path, tensors, where = sharded
    files = sorted(set(where.values()))
    mine = {name: tensors[name] for name, file in where.items() if file == files[1]}
    twice = next(name for name, file in where.items() if file == files[0])
    save_file(mine | {twice: tensors[twice] + 1}, path / files[1])
    refused(path, files[1], "also holds", twice)


@pytest.mark.parametrize("change", [{"model.extra.weight": 0}, {"model.norm.weight": None}])
def test_an_index_unlike_its_shards_is_refused(sharded, refused, change):
    path, _, where = sharded
    ((name, file),) = change.items()
    left = {key: shard for key, shard in where.items() if key != name}
    tiny.write_index(path, left if file is None else left | {name: sorted(set(where.values()))[0]})
    refused(path, name, "index.json")


@pytest.mark.parametrize(
    "file", ["config.json", "model.bin", "", ".", "a\0.safetensors", "x" * 300]
)
def test_an_index_that_names_no_safetensors_file_is_refused(sharded, refused, file):
    path, _, where = sharded
    tiny.write_index(path, where | {"model.norm.weight": file})
    refused(path, "expected safetensors files", "model.norm.weight")
