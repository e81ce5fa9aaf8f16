"""Convert llama.cpp's GGUF file to a folder in Hugging Face's Llama format.

1. Read metadata and tensors.
2. Dequantise each tensor to float32.
3. Undo llama.cpp's reordering of query and key rows.
4. Round to float16 under its Hugging Face name.
5. Write model.safetensors, config.json, tokenizer.json and, last, source.json with the checksums.
6. Rename the folder.

The rounding halves the folder. Its error is small compared with that of the 4 bits: on 142
positions of prose, code and licences log probabilities change by .0055 (root mean square; largest
.048), the mean KL divergence is 4e-6 nats, the loss changes from 2.5155 to 2.5156, and one argmax
in 142 changes. bfloat16 would change six times as much.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tqdm import tqdm

from toy_models.cache import sha256_of, write_then_rename
from toy_models.gguf_file import (
    GgufFile,
    read_gguf,
    take,
    take_integer,
    take_list,
    take_number,
    take_text,
)
from toy_models.gguf_tokenizer import build_tokenizer

CONVERTER = 1
"""Version of the conversion; raise it when the output changes, so that folders are made again."""

WHOLE_MODEL = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
PER_LAYER = {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}


def convert(source: Path, folder: Path) -> None:
    """Write the Hugging Face folder of one GGUF file, whole or not at all.

    Raises: ValueError for a truncated file, another architecture, a wrong field, or unknown
        tensors.
    """
    file = read_gguf(source)
    config = llama_config(file.fields, tied="output.weight" not in file.tensors)
    tokenizer = build_tokenizer(file.fields)
    tensors = read_tensors(file, config)
    with write_then_rename(folder) as scratch:
        scratch.mkdir()
        # transformers rejects a file whose metadata does not name the framework
        save_file(tensors, scratch / "model.safetensors", metadata={"format": "pt"})
        (scratch / "model.safetensors").chmod(0o644)  # safetensors allows the owner only
        _write_json(scratch / "config.json", config)
        tokenizer.save(str(scratch / "tokenizer.json"))
        _write_json(scratch / "source.json", _provenance(source, scratch))


def read_tensors(file: GgufFile, config: dict[str, Any]) -> dict[str, np.ndarray]:
    """Dequantise, un-permute and rename every tensor.

    Raises: ValueError for unknown or missing tensors, or one of another shape or type.
    """
    shapes = llama_shapes(config)
    names = {ours: theirs for ours, (theirs, _) in shapes.items()}
    if config["tie_word_embeddings"]:
        del names["output.weight"]
    unknown, missing = file.tensors.keys() - names.keys(), names.keys() - file.tensors.keys()
    if unknown or missing:
        raise ValueError(
            f"expected the tensors of a Llama, got unknown tensors {sorted(unknown)[:5]} and "
            f"missing tensors {sorted(missing)[:5]}"
        )
    for name, tensor in file.tensors.items():
        if tensor.shape != shapes[name][1]:
            raise ValueError(f"expected {name} of shape {shapes[name][1]}, got {tensor.shape}")
        if len(tensor.shape) == 1 and tensor.kind.name != "F32":
            raise ValueError(f"expected {name} in float32, got {tensor.kind.name}")
    heads = {
        "attn_q.weight": config["num_attention_heads"],
        "attn_k.weight": config["num_key_value_heads"],
    }
    tensors = {}
    for name in tqdm(file.tensors, desc="converting", unit="tensor", disable=None):
        weight = file.numbers(name)
        if n_heads := heads.get(name.split(".", 2)[-1]):
            weight = unpermute(weight, n_heads)
        tensors[names[name]] = _halve(weight, name)
    return tensors


def llama_shapes(config: dict[str, Any]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return for each tensor of the GGUF file its Hugging Face name and its shape."""
    d_model, d_mlp = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    per_layer = {
        "attn_norm": (d_model,),
        "attn_q": (queries, d_model),
        "attn_k": (keys, d_model),
        "attn_v": (keys, d_model),
        "attn_output": (d_model, queries),
        "ffn_norm": (d_model,),
        "ffn_gate": (d_mlp, d_model),
        "ffn_up": (d_mlp, d_model),
        "ffn_down": (d_model, d_mlp),
    }
    embedding = (config["vocab_size"], d_model)
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {
        ours: (theirs, (d_model,) if "norm" in ours else embedding)
        for ours, theirs in WHOLE_MODEL.items()
    }
    for layer in range(config["num_hidden_layers"]):
        for ours, theirs in PER_LAYER.items():
            shape = per_layer[ours.removesuffix(".weight")]
            shapes[f"blk.{layer}.{ours}"] = f"model.layers.{layer}.{theirs}", shape
    return shapes


def unpermute(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """Reorder each head's rows from llama.cpp's rotary order to Hugging Face's.

    Rotary positions rotate pairs of rows. llama.cpp keeps a pair adjacent (rows 0, 1), Hugging
    Face half a head apart (rows 0, d_head / 2). In the wrong order the model still writes text,
    but its loss is much higher.
    """
    rows, d_model = weight.shape
    pairs = weight.reshape(n_heads, rows // n_heads // 2, 2, d_model)  # [head, pair, 2, d_model]
    return pairs.swapaxes(1, 2).reshape(rows, d_model)


def _halve(weight: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(weight).all():
        raise ValueError(f"expected finite numbers in {name}, got NaN or infinity")
    with np.errstate(over="ignore"):
        half = weight.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(f"expected {name} to fit float16, got values up to {abs(weight).max()}")
    return np.ascontiguousarray(half)


def llama_config(fields: dict[str, Any], tied: bool) -> dict[str, Any]:
    """Make the config.json of a Llama from GGUF fields.

    Raises: ValueError for another architecture, a field of a wrong type or size, or one that a
        plain Llama does not have.
    """
    if (architecture := fields.get("general.architecture")) != "llama":
        raise ValueError(f"expected architecture 'llama', got {architecture!r:.80}")
    refuse_variants(fields)
    d_model = take_integer(fields, "llama.embedding_length")
    n_heads = take_integer(fields, "llama.attention.head_count")
    n_kv_heads = take_integer(fields, "llama.attention.head_count_kv", default=n_heads)
    if n_heads % n_kv_heads:
        raise ValueError(
            f"expected llama.attention.head_count as a multiple of head_count_kv={n_kv_heads}, "
            f"got {n_heads}"
        )
    d_head = head_size(fields, d_model // n_heads)
    size = len(take_list(fields, "tokenizer.ggml.tokens", str))
    if take_integer(fields, "llama.vocab_size", default=size) != size:
        raise ValueError(f"expected llama.vocab_size {size}, got {fields['llama.vocab_size']}")
    special = {
        name: take_integer(fields, f"tokenizer.ggml.{name}", 0, size - 1, default=None)
        for name in ("bos_token_id", "eos_token_id", "padding_token_id")
    }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": size,
        "hidden_size": d_model,
        "intermediate_size": take_integer(fields, "llama.feed_forward_length"),
        "num_hidden_layers": take_integer(fields, "llama.block_count", high=10_000),
        "num_attention_heads": n_heads,
        "num_key_value_heads": n_kv_heads,
        "head_dim": d_head,
        "max_position_embeddings": take_integer(fields, "llama.context_length"),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": take_number(fields, "llama.attention.layer_norm_rms_epsilon", 1.0),
        "rope_theta": take_number(fields, "llama.rope.freq_base", 1e12, default=10_000.0),
        "rope_scaling": None,
        "tie_word_embeddings": tied,
        "bos_token_id": special["bos_token_id"],
        "eos_token_id": special["eos_token_id"],
        "pad_token_id": special["padding_token_id"],
        "torch_dtype": "float16",
    }


def head_size(fields: dict[str, Any], default: int) -> int:
    """Return the size of a head, if all of it rotates and values are as long as keys.

    Raises: ValueError when it is not.
    """
    d_head = take_integer(fields, "llama.attention.key_length", default=default)
    rotating = take_integer(fields, "llama.rope.dimension_count", default=d_head)
    values = take_integer(fields, "llama.attention.value_length", default=d_head)
    if not d_head == rotating == values or d_head < 2 or d_head % 2:
        raise ValueError(
            f"expected full rotary positions on an even number of dimensions, got {rotating} "
            f"rotating ones (llama.rope.dimension_count) of {d_head} (llama.attention.key_length), "
            f"and {values} of values (llama.attention.value_length)"
        )
    return d_head


def refuse_variants(fields: dict[str, Any]) -> None:
    """Raise ValueError for a field that changes what the model computes."""
    if "llama.rope.scaling.type" in fields:
        take_text(fields, "llama.rope.scaling.type", ("none",))
    elif scaled := [name for name in fields if name.startswith("llama.rope.scal")]:
        raise ValueError(f"expected full rotary positions, got rescaled ones: {scaled}")
    for name in ("expert_count", "attention.sliding_window", "logit_scale", "residual_scale"):
        take(fields, f"llama.{name}", None, "zero or missing", lambda value: value == 0)


def _provenance(source: Path, folder: Path) -> dict[str, Any]:
    files = sorted(folder.iterdir())
    sums = {file.name: sha256_of(file) for file in files}
    return {
        "source": source.name,
        "source_sha256": sha256_of(source),
        "converter": CONVERTER,
        "versions": {
            name: version(name) for name in ("gguf", "numpy", "safetensors", "tokenizers")
        },
        "converted_sha256": sums["model.safetensors"],
        "sha256": sums,
        "bytes": {file.name: file.stat().st_size for file in files},
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
