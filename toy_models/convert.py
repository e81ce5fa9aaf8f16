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
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.numpy import save_file
from tqdm import tqdm

from toy_models.cache import sha256_of, write_then_rename
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

    Raises: ValueError for a truncated file, another architecture, or unknown tensors.
    """
    reader = _open(source)
    metadata = {name: field.contents() for name, field in reader.fields.items()}
    tensors = read_tensors(reader, metadata)
    tied = "lm_head.weight" not in tensors
    with write_then_rename(folder) as scratch:
        scratch.mkdir()
        # transformers rejects a file whose metadata does not name the framework
        save_file(tensors, scratch / "model.safetensors", metadata={"format": "pt"})
        (scratch / "model.safetensors").chmod(0o644)  # safetensors allows the owner only
        _write_json(scratch / "config.json", llama_config(metadata, tied))
        build_tokenizer(metadata).save(str(scratch / "tokenizer.json"))
        _write_json(scratch / "source.json", _provenance(source, scratch))


def _open(source: Path) -> GGUFReader:
    try:
        return GGUFReader(source)
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(
            f"expected a whole GGUF file, got {source} ({source.stat().st_size:,} bytes), which "
            f"may have been truncated in transfer; fetch it again. (The reader's error: {error}.)"
        ) from error


def read_tensors(reader: GGUFReader, metadata: dict[str, Any]) -> dict[str, np.ndarray]:
    """Dequantise, un-permute and rename every tensor.

    Raises: ValueError for another architecture, or for unknown or missing tensors.
    """
    if (architecture := metadata["general.architecture"]) != "llama":
        raise ValueError(f"expected architecture 'llama', got {architecture!r}")
    names = _hugging_face_names(metadata["llama.block_count"])
    found = {tensor.name for tensor in reader.tensors}
    unknown, missing = found - names.keys(), names.keys() - found - {"output.weight"}
    if unknown or missing:
        raise ValueError(
            f"expected the tensors of a Llama, got unknown tensors {sorted(unknown)} and missing "
            f"tensors {sorted(missing)}"
        )
    heads = {
        "attn_q.weight": metadata["llama.attention.head_count"],
        "attn_k.weight": metadata["llama.attention.head_count_kv"],
    }
    tensors = {}
    for tensor in tqdm(reader.tensors, desc="converting", unit="tensor", disable=None):
        weight = dequantize(tensor.data, tensor.tensor_type)
        if n_heads := heads.get(tensor.name.split(".", 2)[-1]):
            weight = unpermute(weight, n_heads)
        tensors[names[tensor.name]] = _halve(weight, tensor.name)
    return tensors


def _hugging_face_names(n_layers: int) -> dict[str, str]:
    layers = {
        f"blk.{layer}.{ours}": f"model.layers.{layer}.{theirs}"
        for layer in range(n_layers)
        for ours, theirs in PER_LAYER.items()
    }
    return WHOLE_MODEL | layers


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
    with np.errstate(over="ignore"):
        half = weight.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(f"expected {name} to fit float16, got values up to {abs(weight).max()}")
    return np.ascontiguousarray(half)


def llama_config(metadata: dict[str, Any], tied: bool) -> dict[str, Any]:
    """Make the config.json of a Llama from GGUF metadata.

    Raises: ValueError for partial or rescaled rotary positions, which a plain Llama does not have.
    """
    of = {name.removeprefix("llama."): value for name, value in metadata.items()}
    d_head = of.get("attention.key_length", of["embedding_length"] // of["attention.head_count"])
    if of["rope.dimension_count"] != d_head or any(name.startswith("rope.scaling") for name in of):
        raise ValueError("expected full rotary positions, got partial or rescaled ones")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(of["tokenizer.ggml.tokens"]),
        "hidden_size": of["embedding_length"],
        "intermediate_size": of["feed_forward_length"],
        "num_hidden_layers": of["block_count"],
        "num_attention_heads": of["attention.head_count"],
        "num_key_value_heads": of["attention.head_count_kv"],
        "head_dim": d_head,
        "max_position_embeddings": of["context_length"],
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": _short(of["attention.layer_norm_rms_epsilon"]),
        "rope_theta": _short(of["rope.freq_base"]),
        "rope_scaling": None,
        "tie_word_embeddings": tied,
        "bos_token_id": of.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": of.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": of.get("tokenizer.ggml.padding_token_id"),
        "torch_dtype": "float16",
    }


def _short(value: float) -> float:
    """Undo the widening of a float32: 9.999999747378752e-06 was written as 1e-05."""
    return float(str(np.float32(value)))


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
