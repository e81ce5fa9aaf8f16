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
    raise NotImplementedError("exercise 2.26")
