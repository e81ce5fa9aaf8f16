"""Every family by name: logits equal those of the transformers library, and mistakes do not.

The library's logits on tiny random models are on record (`record_families.py`), so that nothing
needs it. Where it is installed, the record is compared with it.
"""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.grading.assertions import normal

from . import record_families
from .record_families import FAMILIES, LOGITS, RECORD, TOKENS

pytestmark = pytest.mark.project


@pytest.fixture(scope="module")
def record():
    """What was recorded of each family."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


@pytest.fixture
def load(impl, tmp_path, record):
    """Loads a family's recorded checkpoint, with some settings of config.json changed.

    dtype: the model's; edit: a function that changes the tensors.
    """

    def load(name, dtype=torch.float64, edit=None, **changed):
        family = record["families"][name]
        sizes = family["tensors"].items()
        tensors = {name: 0.2 * normal(*shape, seed=seed) for name, (seed, *shape) in sizes}
        if edit is not None:
            edit(tensors)
        save_file(tensors, tmp_path / "model.safetensors")
        settings = json.dumps(family["config"] | changed)
        (tmp_path / "config.json").write_text(settings, encoding="utf-8")
        return impl("ch02_transformer.pretrained").load_pretrained(tmp_path, dtype)[0]

    return load


@torch.no_grad()
def gap(model, name):
    """The largest difference from the recorded logits, relative to the largest of these."""
    expected = load_file(LOGITS)[name]
    return ((model(TOKENS) - expected).abs().max() / expected.abs().max()).item()


def test_every_family_is_recorded(record, impl):
    assert list(record["families"]) == list(FAMILIES) and set(load_file(LOGITS)) == set(FAMILIES)
    architectures = {one["config"]["architectures"][0] for one in record["families"].values()}
    loading = impl("ch02_transformer.pretrained.loading")
    assert architectures == loading.ADAPTERS.keys() - {"HookedTransformer"}


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_equal_the_recorded_ones(load, name):
    assert gap(load(name), name) < 1e-9


@pytest.mark.crosscheck
@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_the_record_is_what_the_library_computes(load, name):
    theirs = record_families.build(pytest.importorskip("transformers"), name)
    assert gap(lambda tokens: theirs(tokens).logits, name) < 1e-6
    with record_families.lifted():
        theirs = record_families.build(pytest.importorskip("transformers"), name)
        assert gap(lambda tokens: theirs(tokens).logits, name) < 1e-12


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype, bound", [(torch.bfloat16, 0.03), (torch.float16, 0.004)])
def test_half_precision_is_close(load, name, dtype, bound):
    model = load(name, dtype)
    assert model(TOKENS).dtype == dtype and gap(model, name) < bound


@pytest.mark.parametrize("name, one", [("Olmo2", 0.0), ("Gemma2", -1.0)])
@torch.no_grad()
def test_a_gain_of_zero_is_the_limit_of_small_gains(load, name, one):
    """The dimension counts in the norm's divisor, although nothing is written to it."""

    def with_gain(size):
        def edit(tensors):
            tensors["model.layers.0.post_attention_layernorm.weight"][3] = one + size
            tensors["model.layers.1.post_feedforward_layernorm.weight"][5] = one + size

        return edit

    model, limit = load(name, edit=with_gain(0.0)), load(name, edit=with_gain(1e-12))
    assert gap(model, name) > 1e-5
    assert torch.allclose(model(TOKENS), limit(TOKENS), rtol=0, atol=1e-10)
    with pytest.raises(ValueError, match="load it with another dtype"):
        load(name, torch.float16, edit=with_gain(0.0))


def rope(base=1e4, share=None):
    """Settings of rotary embeddings."""
    made = {"rope_type": "default", "rope_theta": base}
    return {"rope_parameters": made | ({} if share is None else {"partial_rotary_factor": share})}


ROTARY = ("Llama", "Llama 3.1", "Mistral", "Qwen2", "Qwen3", "Gemma", "Gemma2", "Olmo2")
SETTINGS = {
    **{f"{name}: another rotary base": (name, rope(9e3)) for name in ROTARY},
    "GPTNeoX: another rotary base": ("GPTNeoX half rotated", rope(45.0, 0.5)),
    "Phi: another rotary base": ("Phi", rope(9e3, 0.5)),
    "StableLm: another rotary base": ("StableLm with biases, half rotated", rope(9e3, 0.5)),
    "Llama 3.1: frequencies not stretched": ("Llama 3.1", rope(100.0)),
    "GPTNeoX: another rotary share": ("GPTNeoX", rope(share=0.5)),
    "Phi: another rotary share": ("Phi", rope(share=1.0)),
    "StableLm: another rotary share": ("StableLm", rope(share=0.5)),
    "GPTNeo: a window of one more": ("GPTNeo", {"window_size": 6}),
    "GPTNeo: windows in the other layers": ("GPTNeo", {"attention_layers": ["local", "global"]}),
    "Mistral: a window of one less": ("Mistral", {"sliding_window": 4}),
    "Mistral: no window": ("Mistral", {"sliding_window": None}),
    "Gemma2: a window of one more": ("Gemma2", {"sliding_window": 6}),
    "Gemma2: windows in the other layers": (
        "Gemma2",
        {"layer_types": ["full_attention", "sliding_attention"]},
    ),
    "Gemma2: another cap of scores": ("Gemma2", {"attn_logit_softcapping": 2.1}),
    "Gemma2: no cap of scores": ("Gemma2", {"attn_logit_softcapping": None}),
    "Gemma2: another cap of logits": ("Gemma2", {"final_logit_softcapping": 3.1}),
    "Gemma2: no cap of logits": ("Gemma2", {"final_logit_softcapping": None}),
    "Gemma2: another scale of scores": ("Gemma2", {"query_pre_attn_scalar": 9}),
    "GPT2: exact GELU": ("GPT2", {"activation_function": "gelu"}),
    "GPTNeo: exact GELU": ("GPTNeo", {"activation_function": "gelu"}),
    "GPTNeoX: GELU by tanh": ("GPTNeoX", {"hidden_act": "gelu_new"}),
    "Phi: exact GELU": ("Phi", {"hidden_act": "gelu"}),
    "Gemma2: exact GELU": ("Gemma2", {"hidden_activation": "gelu"}),
    "GPTNeoX: attention before the MLP": ("GPTNeoX", {"use_parallel_residual": False}),
    "Olmo2: another eps": ("Olmo2", {"rms_norm_eps": 1e-3}),
}
"""Claim -> family, and the settings that are wrong."""


@pytest.mark.parametrize("mistake", SETTINGS)
def test_a_wrong_setting_fails(load, mistake):
    name, changed = SETTINGS[mistake]
    assert gap(load(name, **changed), name) > 1e-5


MALFORMED = [
    ("Phi", "partial_rotary_factor", [0.5]),
    ("Llama", "rotary_pct", {}),
    ("Qwen2", "layer_types", 3),
    ("Qwen3", "layer_types", [["full_attention"]]),
    ("Gemma", "hidden_activation", []),
    ("Gemma2", "hidden_activation", {}),
    ("GPTNeo", "attention_layers", {}),
]


@pytest.mark.parametrize("name, setting, value", MALFORMED)
def test_a_malformed_setting_of_a_family_is_named(load, name, setting, value):
    with pytest.raises(ValueError, match=setting):
        load(name, **{setting: value})


def scale_queries(model):
    """Divide scores by the root of d_head once more."""
    for block in model.blocks:
        block.attn.W_Q.div_(model.config.d_head**0.5)


def without_one(model):
    """Read Gemma's gains as they are stored."""
    for block in model.blocks:
        block.ln1.w.sub_(1)


def embed_unscaled(model):
    """Leave out the root of d_model."""
    model.embed.W_E.div_(model.config.d_model**0.5)


def drop_output_norms(model):
    """Add what attention writes without a norm."""
    for block in model.blocks:
        block.attn.ln_post = torch.nn.Identity()


def gain_before_the_norm(model):
    """Measure the size of the output with the gain in it."""
    for block in model.blocks:
        block.mlp.ln_post.inverse_gain.fill_(1.0)


def norm_inputs(model):
    """Normalise what attention and MLP read too."""
    for block in model.blocks:
        block.ln1, block.ln2 = model.ln_final, model.ln_final


def pre_norm(model):
    """Normalise before attention and MLP, not after the additions."""
    for block in model.blocks:
        for before, after in (("ln1", "ln1_post"), ("ln2", "ln2_post")):
            first, second = getattr(block, before), getattr(block, after)
            setattr(block, before, second)
            setattr(block, after, first)


def norm_each_head(model):
    """Normalise the queries of each head on their own."""
    for block in model.blocks:
        weights = block.attn.q_norm.norm.w.unflatten(0, (-1, model.config.d_head))
        block.attn.q_norm.forward = lambda x, weights=weights: (
            x / (x.pow(2).mean(-1, keepdim=True) + model.config.eps).sqrt() * weights
        )


def drop_key_norms(model):
    """Leave the keys as they are."""
    for block in model.blocks:
        block.attn.k_norm = torch.nn.Identity()


def shift_positions(model):
    """Take the position embeddings of one later."""
    model.pos_embed.W_pos.copy_(model.pos_embed.W_pos.roll(1, dims=0))


def swap_key_heads(model):
    """Give each group of query heads the keys of the other."""
    for block in model.blocks:
        block.attn.W_K.copy_(block.attn.W_K.flip(0))


MODELS = {
    "GPTNeo: scaled scores": ("GPTNeo", scale_queries),
    "Gemma: gains without the one": ("Gemma", without_one),
    "Gemma: embeddings not scaled": ("Gemma", embed_unscaled),
    "Gemma2: gains without the one": ("Gemma2", without_one),
    "Gemma2: no norm on attention's output": ("Gemma2", drop_output_norms),
    "Gemma2: an output's gain before its norm": ("Gemma2", gain_before_the_norm),
    "Olmo2: no norm on attention's output": ("Olmo2", drop_output_norms),
    "Olmo2: an output's gain before its norm": ("Olmo2", gain_before_the_norm),
    "Olmo2: norms on what is read too": ("Olmo2", norm_inputs),
    "Olmo2: a norm for each head's queries": ("Olmo2", norm_each_head),
    "Olmo2: no norm of keys": ("Olmo2", drop_key_norms),
    "Qwen3: no norm of keys": ("Qwen3", drop_key_norms),
    "OPT like the 350m: norms before": ("OPT like the 350m", pre_norm),
    "OPT: positions one later": ("OPT", shift_positions),
    "Qwen2: the keys of the other group": ("Qwen2", swap_key_heads),
}
"""Claim -> family, and what makes a loaded model wrong."""


@pytest.mark.parametrize("mistake", MODELS)
@torch.no_grad()
def test_a_wrong_part_fails(load, mistake):
    name, spoil = MODELS[mistake]
    model = load(name)
    spoil(model)
    assert gap(model, name) > 1e-5
