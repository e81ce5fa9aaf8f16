"""Adapters of further families against the transformers library, on small random models.

That library computes norms, softmax and rotary tables in float32 whatever the model's precision.
Once these casts are lifted, logits agree to 1e-9; as shipped, to 1e-6.
"""

import contextlib
from unittest import mock

import pytest
import torch

from tests.grading.assertions import normal

pytestmark = [pytest.mark.project, pytest.mark.crosscheck]

SIZES = {
    "vocab_size": 31,
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "max_position_embeddings": 64,
}
GROUPED = SIZES | {"num_key_value_heads": 2}
NEO = {"vocab_size": 31, "hidden_size": 48, "num_layers": 2, "num_heads": 6, "window_size": 5}
NEO |= {"max_position_embeddings": 64, "attention_types": [[["global", "local"], 1]]}
OPT = SIZES | {"ffn_dim": 40, "word_embed_proj_dim": 48}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0, "low_freq_factor": 1.0}
LLAMA3 |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 16}
FAMILIES = {
    "GPTNeoX": SIZES,
    "GPTNeoX sequential, tied": SIZES
    | {"use_parallel_residual": False, "tie_word_embeddings": True},
    "GPTNeoX half rotated": SIZES
    | {
        "rope_parameters": {
            "rope_theta": 50.0,
            "rope_type": "default",
            "partial_rotary_factor": 0.5,
        }
    },
    "Qwen2": GROUPED,
    "Qwen3": GROUPED | {"head_dim": 10},
    "Mistral": GROUPED | {"sliding_window": 5},
    "Mistral without window": GROUPED | {"sliding_window": None},
    "Gemma": GROUPED | {"head_dim": 10, "hidden_size": 64},  # its root is exact in float32
    "GPTNeo": NEO,
    "OPT": OPT,
    "Phi": SIZES,
    "StableLm": GROUPED,
    "StableLm with biases, half rotated": GROUPED
    | {
        "use_qkv_bias": True,
        "rope_parameters": {
            "rope_theta": 1e4,
            "rope_type": "default",
            "partial_rotary_factor": 0.5,
        },
    },
    "Llama 3.1": GROUPED | {"rope_parameters": LLAMA3},
}


@contextlib.contextmanager
def lifted():
    """Let transformers compute in float64 what it casts to float32."""
    softmax = torch.nn.functional.softmax

    def wide(value):
        return torch.float64 if value is torch.float32 else value

    def in_float64(function):
        def call(*args, **options):
            return function(*map(wide, args), **{key: wide(one) for key, one in options.items()})

        return call

    def wide_softmax(x, dim, dtype=None):
        del dtype
        return softmax(x, dim=dim)

    with (
        mock.patch.object(torch, "arange", in_float64(torch.arange)),
        mock.patch.object(torch.Tensor, "to", in_float64(torch.Tensor.to)),
        mock.patch.object(torch.Tensor, "float", torch.Tensor.double),
        mock.patch.object(torch.nn.functional, "softmax", wide_softmax),
    ):
        yield


def build(name):
    """A model of theirs with every parameter random, in float64."""
    hf = pytest.importorskip("transformers")
    family = name.partition(" ")[0]
    settings = getattr(hf, f"{family}Config")(**FAMILIES[name], attn_implementation="eager")
    theirs = getattr(hf, f"{family}ForCausalLM")(settings).double().eval()
    with torch.no_grad():
        for number, weight in enumerate(theirs.parameters()):
            weight.copy_(normal(*weight.shape, seed=number) * 0.2)
    return theirs


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def ours(name, impl, tmp_path):
    """Our model, loaded from what theirs saved."""
    build(name).save_pretrained(tmp_path)
    return impl("ch02_transformer.pretrained").load_pretrained(tmp_path, dtype=torch.float64)[0]


@pytest.fixture
def tokens():
    return torch.randint(31, (3, 17), generator=torch.Generator().manual_seed(0))


def gap(ours, theirs):
    """The largest difference, relative to the largest logit."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@torch.no_grad()
def test_logits_agree_with_transformers(name, ours, tokens):
    assert gap(ours(tokens), build(name)(tokens).logits) < 1e-6
    with lifted():
        expected = build(name)(tokens).logits
    assert gap(ours(tokens), expected) < 1e-9


@torch.no_grad()
def test_hooks_folding_and_the_cache_hold(name, ours, tokens, impl):
    logits = ours(tokens)
    assert gap(ours.run_with_cache(tokens)[0], logits) < 1e-12
    folded = impl("ch02_transformer.fold").fold(ours)
    assert gap(folded(tokens).log_softmax(-1), logits.log_softmax(-1)) < 1e-12
    cache = impl("ch02_transformer.kv_cache").KVCache(ours.config.n_layers)
    steps = [ours(part, past=cache) for part in (tokens[:, :9], tokens[:, 9:10], tokens[:, 10:])]
    assert gap(torch.cat(steps, dim=1), logits) < 1e-12
