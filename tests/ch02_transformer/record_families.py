"""Record the logits of tiny random models of every family, computed by the transformers library.

`python -m tests.ch02_transformer.record_families` needs that library, and writes

- families.json: its version and, for each family, config.json and the saved tensors, name ->
  [seed, *shape]; each tensor is 0.2 times `normal(*shape, seed=seed)`;
- families.safetensors: the logits of TOKENS for each family, in float64.

The library computes norms, softmax and rotary tables in float32 whatever the model's precision.
These casts are lifted here, so that logits agree to 1e-9.
"""

import contextlib
import json
import tempfile
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import load_file, save_file

from tests.grading.assertions import normal

HERE = Path(__file__).parent
RECORD, LOGITS = HERE / "families.json", HERE / "families.safetensors"
TOKENS = torch.randint(31, (1, 17), generator=torch.Generator().manual_seed(0))

SIZES = {
    "vocab_size": 31,
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "max_position_embeddings": 64,
}
GROUPED = SIZES | {"num_key_value_heads": 2}
GPT2 = {"vocab_size": 31, "n_embd": 48, "n_layer": 2, "n_head": 6, "n_positions": 64}
NEO = {"vocab_size": 31, "hidden_size": 48, "num_layers": 2, "num_heads": 6, "window_size": 5}
NEO |= {"max_position_embeddings": 64, "attention_types": [[["global", "local"], 1]]}
OPT = SIZES | {"ffn_dim": 40, "word_embed_proj_dim": 48}
# The root of hidden_size, by which embeddings are multiplied, is exact in float32.
GEMMA = GROUPED | {"head_dim": 10, "hidden_size": 36}
GEMMA2 = GEMMA | {"query_pre_attn_scalar": 10, "sliding_window": 5}
GEMMA2 |= {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}
NO_CAPS = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0, "low_freq_factor": 1.0}
LLAMA3 |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 16}


def rotated(share, base=1e4):
    """Settings of rotary embeddings on a share of each head."""
    rope = {"rope_theta": base, "rope_type": "default", "partial_rotary_factor": share}
    return {"rope_parameters": rope}


FAMILIES = {
    "GPT2": GPT2,
    "Llama": GROUPED,
    "Llama 3.1": GROUPED | {"rope_parameters": LLAMA3},
    "GPTNeo": NEO,
    "GPTNeoX": SIZES,
    "GPTNeoX sequential, tied": SIZES
    | {"use_parallel_residual": False, "tie_word_embeddings": True},
    "GPTNeoX half rotated": SIZES | rotated(0.5, base=50.0),
    "OPT": OPT,
    "OPT like the 350m": OPT | {"word_embed_proj_dim": 20, "do_layer_norm_before": False},
    "Mistral": GROUPED | {"sliding_window": 5},
    "Mistral without window": GROUPED | {"sliding_window": None},
    "Qwen2": GROUPED,
    "Qwen3": GROUPED | {"head_dim": 10},
    "Gemma": GEMMA,
    "Gemma2": GEMMA2,
    "Gemma2 scaled, without caps": GEMMA2
    | NO_CAPS
    | {"query_pre_attn_scalar": 7, "layer_types": ["full_attention", "sliding_attention"]},
    "Phi": SIZES,
    "Olmo2": GROUPED,
    "StableLm": GROUPED,
    "StableLm with biases, half rotated": GROUPED | {"use_qkv_bias": True} | rotated(0.5),
}
"""Name -> settings. The first word is the beginning of the library's class."""


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


@torch.no_grad()
def build(hf, name):
    """Build a model of theirs with every parameter random, in float64. hf: their library."""
    family = name.partition(" ")[0]
    settings = getattr(hf, f"{family}Config")(**FAMILIES[name], attn_implementation="eager")
    theirs = hf.AutoModelForCausalLM.from_config(settings).double().eval()
    for seed, weight in enumerate(theirs.parameters()):
        weight.copy_(normal(*weight.shape, seed=seed) * 0.2)
    return theirs


def describe(theirs):
    """Return config.json and name -> [seed, *shape] of what a model of theirs saves."""
    drawn = list(theirs.parameters())
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        settings = json.loads((Path(folder) / "config.json").read_text("utf-8"))
        saved = load_file(Path(folder) / "model.safetensors")
    tensors = {}
    for name, weight in sorted(saved.items()):
        seed = next(seed for seed, one in enumerate(drawn) if torch.equal(one, weight))
        tensors[name] = [seed, *weight.shape]
    return {"config": settings, "tensors": tensors}


@torch.no_grad()
def record():
    """Write both files."""
    import transformers

    models = {name: build(transformers, name) for name in FAMILIES}
    families = {name: describe(theirs) for name, theirs in models.items()}
    record = {"transformers": transformers.__version__, "families": families}
    with lifted():
        logits = {name: build(transformers, name)(TOKENS).logits for name in FAMILIES}
    save_file(logits, LOGITS)
    RECORD.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
