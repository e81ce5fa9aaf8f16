"""A GGUF file of a few kilobytes, written by the gguf library, with everything a Llama has."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize
from tokenizers.pre_tokenizers import ByteLevel

N_LAYERS, D_MODEL, N_HEADS, N_KV_HEADS, D_HEAD, D_MLP = 2, 64, 4, 2, 16, 96
BYTES = sorted(ByteLevel.alphabet())
TOKENS = ["<|endoftext|>", *BYTES, "19", "84", "Ġt", "he", "Ġthe"]
MERGES = ["1 9", "8 4", "Ġ t", "h e", "Ġt he"]
Q4_1, Q8_0 = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0


def hugging_face_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Draw the weights that the conversion should return, before any rounding."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": draw(len(TOKENS), D_MODEL),
        "model.norm.weight": draw(D_MODEL),
    }
    for layer in range(N_LAYERS):
        block = f"model.layers.{layer}"
        weights |= {
            f"{block}.input_layernorm.weight": draw(D_MODEL),
            f"{block}.self_attn.q_proj.weight": draw(N_HEADS * D_HEAD, D_MODEL),
            f"{block}.self_attn.k_proj.weight": draw(N_KV_HEADS * D_HEAD, D_MODEL),
            f"{block}.self_attn.v_proj.weight": draw(N_KV_HEADS * D_HEAD, D_MODEL),
            f"{block}.self_attn.o_proj.weight": draw(D_MODEL, N_HEADS * D_HEAD),
            f"{block}.post_attention_layernorm.weight": draw(D_MODEL),
            f"{block}.mlp.gate_proj.weight": draw(D_MLP, D_MODEL),
            f"{block}.mlp.up_proj.weight": draw(D_MLP, D_MODEL),
            f"{block}.mlp.down_proj.weight": draw(D_MODEL, D_MLP),
        }
    return weights


LLAMA_CPP_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "model.layers": "blk",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def permuted(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """Reorder rows to llama.cpp's order one by one: pair i of a head becomes rows 2i and 2i + 1."""
    out = np.empty_like(weight)
    d_head = len(weight) // n_heads
    for head in range(n_heads):
        for pair in range(d_head // 2):
            first = head * d_head
            out[first + 2 * pair] = weight[first + pair]
            out[first + 2 * pair + 1] = weight[first + d_head // 2 + pair]
    return out


def llama_cpp_name(name: str) -> str:
    """Translate a tensor's name to llama.cpp's."""
    for theirs, ours in LLAMA_CPP_NAMES.items():
        name = name.replace(theirs, ours)
    return name


def write_gguf(
    path: Path,
    weights: dict[str, np.ndarray],
    pre: str = "smollm",
    quantised: bool = False,
    architecture: str = "llama",
    edit: Callable[[GGUFWriter], object] = lambda writer: None,
) -> Path:
    """Write the file that llama.cpp's converter would make of these weights.

    edit: changes the fields before they are written.
    """
    writer = GGUFWriter(path, architecture)
    writer.add_block_count(N_LAYERS)
    writer.add_context_length(512)
    writer.add_embedding_length(D_MODEL)
    writer.add_feed_forward_length(D_MLP)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(N_KV_HEADS)
    writer.add_rope_freq_base(50_000.0)
    writer.add_rope_dimension_count(D_HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([TokenType.CONTROL] + [TokenType.NORMAL] * (len(TOKENS) - 1))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    edit(writer)
    for name, weight in weights.items():
        if "q_proj" in name:
            weight = permuted(weight, N_HEADS)
        if "k_proj" in name:
            weight = permuted(weight, N_KV_HEADS)
        name = llama_cpp_name(name)
        if quantised and weight.ndim == 2:
            kind = Q8_0 if name == "token_embd.weight" else Q4_1
            writer.add_tensor(name, quantize(weight, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
