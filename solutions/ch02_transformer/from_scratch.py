"""GPT-2 from an empty file: from tokens to logits, without any class of this course.

Axes: batch, pos, head, d_model.
Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor


@torch.no_grad()
def gpt2_logits(
    tokens: Int[Tensor, "batch pos"], weights: Mapping[str, Tensor], n_heads: int
) -> Float[Tensor, "batch pos d_vocab"]:
    """Compute GPT-2's logits from the tensors of its checkpoint.

    weights: wte.weight [d_vocab, d_model], wpe.weight [n_ctx, d_model], ln_f.weight and ln_f.bias,
    and for each block h.0, h.1, ... ln_1, attn.c_attn, attn.c_proj, ln_2, mlp.c_fc and mlp.c_proj,
    each with .weight and .bias. Matrices are [in, out]. The unembedding is wte.weight.
    """
    # exercise 2.26
    x = weights["wte.weight"][tokens] + weights["wpe.weight"][: tokens.shape[1]]

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        scale = (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
        return centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attention(x: Tensor, name: str) -> Tensor:
        qkv = linear(x, f"{name}.c_attn").unflatten(-1, (3, n_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [batch, head, pos, d_head]
        scores = q @ k.mT / q.shape[-1] ** 0.5
        future = torch.ones_like(scores[0, 0], dtype=torch.bool).triu(diagonal=1)
        pattern = scores.masked_fill(future, -torch.inf).softmax(dim=-1)
        return linear((pattern @ v).transpose(1, 2).flatten(2), f"{name}.c_proj")

    def mlp(x: Tensor, name: str) -> Tensor:
        pre = linear(x, f"{name}.c_fc")
        return linear(torch.nn.functional.gelu(pre, approximate="tanh"), f"{name}.c_proj")

    layer = 0
    while f"h.{layer}.ln_1.weight" in weights:
        x = x + attention(norm(x, f"h.{layer}.ln_1"), f"h.{layer}.attn")
        x = x + mlp(norm(x, f"h.{layer}.ln_2"), f"h.{layer}.mlp")
        layer += 1
    return norm(x, "ln_f") @ weights["wte.weight"].T
