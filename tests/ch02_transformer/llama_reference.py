"""A Llama by loops, from the papers, on Hugging Face tensors, one number after the other.

Touvron et al. 2023 (RMSNorm before each part, SwiGLU), Su et al. 2021 (rotation of pairs, here as
complex numbers; dimension i is paired with i + half), Ainslie et al. 2023 (grouped queries).
"""

import cmath
import math
from typing import Any

import torch
from torch import Tensor


def logits(tensors: dict[str, Tensor], settings: dict[str, Any], tokens: Tensor) -> Tensor:
    """Logits after each token of one sequence."""
    embedding = tensors["model.embed_tokens.weight"]
    stream = [embedding[token] for token in tokens.tolist()]
    eps = settings["rms_norm_eps"]
    for layer in range(settings["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        own = {name.removeprefix(prefix): w for name, w in tensors.items() if prefix in name}
        read = [norm(x, own["input_layernorm.weight"], eps) for x in stream]
        attended = attention(own, settings, read)
        stream = [x + out for x, out in zip(stream, attended, strict=True)]
        read = [norm(x, own["post_attention_layernorm.weight"], eps) for x in stream]
        stream = [x + mlp(own, out) for x, out in zip(stream, read, strict=True)]
    head = tensors.get("lm_head.weight", embedding)
    return torch.stack([head @ norm(x, tensors["model.norm.weight"], eps) for x in stream])


def norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """RMSNorm of one vector."""
    mean_square = sum(number**2 for number in x.tolist()) / len(x)
    return x / math.sqrt(mean_square + eps) * gain


def mlp(own: dict[str, Tensor], x: Tensor) -> Tensor:
    """SwiGLU of one vector."""
    gate = own["mlp.gate_proj.weight"] @ x
    up = own["mlp.up_proj.weight"] @ x
    return own["mlp.down_proj.weight"] @ (gate / (1 + torch.exp(-gate)) * up)


def attention(own: dict[str, Tensor], settings: dict[str, Any], xs: list[Tensor]) -> list[Tensor]:
    """What all heads write at each position."""
    size, n_heads = settings["head_dim"], settings["num_attention_heads"]
    group, base = n_heads // settings["num_key_value_heads"], settings["rope_theta"]

    def project(letter: str, head: int, x: Tensor) -> Tensor:
        return own[f"self_attn.{letter}_proj.weight"][head * size : (head + 1) * size] @ x

    outputs = []
    for t in range(len(xs)):
        z = []
        for head in range(n_heads):
            q = rotated(project("q", head, xs[t]), t, base)
            keys = [rotated(project("k", head // group, xs[s]), s, base) for s in range(t + 1)]
            weights = [math.exp((q @ k).item() / math.sqrt(size)) for k in keys]
            values = [project("v", head // group, xs[s]) for s in range(t + 1)]
            z.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
        outputs.append(own["self_attn.o_proj.weight"] @ torch.cat(z))
    return outputs


def rotated(x: Tensor, position: int, base: float) -> Tensor:
    """A query or key turned to its position."""
    half = len(x) // 2
    turned = x.clone()
    for i in range(half):
        angle = position * base ** (-i / half)
        pair = complex(x[i], x[i + half]) * cmath.exp(1j * angle)
        turned[i], turned[i + half] = pair.real, pair.imag
    return turned
