"""Small checkpoint folders in Hugging Face's format, written by hand: no library has seen them.

Every tensor is random, and all sizes differ, so that no two can be mistaken for each other.
"""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from tests.grading.assertions import normal

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 23,
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "max_position_embeddings": 32,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "rope_theta": 500.0,
    "tie_word_embeddings": True,
}
GPT2 = {
    "architectures": ["GPT2LMHeadModel"],
    "vocab_size": 23,
    "n_embd": 12,
    "n_inner": 20,
    "n_layer": 2,
    "n_head": 3,
    "n_positions": 32,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
}


def llama_tensors(settings: dict[str, Any]) -> dict[str, Tensor]:
    """Every tensor of a Llama checkpoint, by its name there; an untied one has its lm_head."""
    d_model, d_mlp = settings["hidden_size"], settings["intermediate_size"]
    queries = settings["num_attention_heads"] * settings["head_dim"]
    keys = settings["num_key_value_heads"] * settings["head_dim"]
    shapes = {"model.embed_tokens": (settings["vocab_size"], d_model), "model.norm": (d_model,)}
    if not settings["tie_word_embeddings"]:
        shapes["lm_head"] = (settings["vocab_size"], d_model)
    for layer in range(settings["num_hidden_layers"]):
        block = {
            "input_layernorm": (d_model,),
            "post_attention_layernorm": (d_model,),
            "self_attn.q_proj": (queries, d_model),
            "self_attn.k_proj": (keys, d_model),
            "self_attn.v_proj": (keys, d_model),
            "self_attn.o_proj": (d_model, queries),
            "mlp.gate_proj": (d_mlp, d_model),
            "mlp.up_proj": (d_mlp, d_model),
            "mlp.down_proj": (d_model, d_mlp),
        }
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in block.items()}
    return _random({f"{name}.weight": shape for name, shape in shapes.items()})


def gpt2_tensors(settings: dict[str, Any], prefix: str = "transformer.") -> dict[str, Tensor]:
    """Every tensor of a GPT-2 checkpoint, by its name there; older files have no prefix."""
    d_model, d_mlp = settings["n_embd"], settings["n_inner"]
    shapes = {
        "wte.weight": (settings["vocab_size"], d_model),
        "wpe.weight": (settings["n_positions"], d_model),
        "ln_f.weight": (d_model,),
        "ln_f.bias": (d_model,),
    }
    for layer in range(settings["n_layer"]):
        for name in ("ln_1", "ln_2"):
            shapes[f"h.{layer}.{name}.weight"] = shapes[f"h.{layer}.{name}.bias"] = (d_model,)
        widths = {
            "attn.c_attn": (d_model, 3 * d_model),
            "attn.c_proj": (d_model, d_model),
            "mlp.c_fc": (d_model, d_mlp),
            "mlp.c_proj": (d_mlp, d_model),
        }
        for name, (n_in, n_out) in widths.items():
            shapes[f"h.{layer}.{name}.weight"] = (n_in, n_out)
            shapes[f"h.{layer}.{name}.bias"] = (n_out,)
    return _random({f"{prefix}{name}": shape for name, shape in shapes.items()})


def write(folder: Path, settings: dict[str, Any], tensors: dict[str, Tensor]) -> Path:
    """Write config.json and model.safetensors, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def shard(folder: Path, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Replace model.safetensors by two shards and their index; return which holds what."""
    (folder / "model.safetensors").unlink(missing_ok=True)
    where = {}
    for number in (0, 1):
        file = f"model-0000{number + 1}-of-00002.safetensors"
        part = {name: tensors[name] for name in sorted(tensors)[number::2]}
        save_file(part, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(part, file)
    write_index(folder, where)
    return where


def write_index(folder: Path, where: Any) -> None:
    """Write the index of a sharded checkpoint."""
    index = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def _random(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: normal(*shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())}
