"""What the model is measured against: GPT-2's forward in as few lines of torch as it takes.

`Plain` computes the same logits from the same weights, without hooks, types or classes of parts.
`Floor` does its matrix products alone: nothing that uses torch for them can be faster.
"""

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor


class Plain:
    """GPT-2 on bare tensors, with q, k and v in one product and fused attention."""

    def __init__(self, model: Any) -> None:
        self.n_heads, self.eps = model.config.n_heads, model.config.eps
        self.W_E, self.W_pos = model.embed.W_E.detach(), model.pos_embed.W_pos.detach()
        self.last = (model.ln_final.w.detach(), model.ln_final.b.detach())
        self.blocks = [self._block(block) for block in model.blocks]

    @staticmethod
    def _block(block: Any) -> list[Tensor]:
        attn, mlp = block.attn, block.mlp
        flat = "head d_model d_head -> d_model (head d_head)"
        W = torch.cat([rearrange(W, flat) for W in (attn.W_Q, attn.W_K, attn.W_V)], dim=1)
        b = torch.cat([b.flatten() for b in (attn.b_Q, attn.b_K, attn.b_V)])
        out = [attn.W_O.flatten(0, 1), attn.b_O, mlp.W_in, mlp.b_in, mlp.W_out, mlp.b_out]
        norms = [block.ln1.w, block.ln1.b, block.ln2.w, block.ln2.b]
        return [tensor.detach().contiguous() for tensor in (*norms, W, b, *out)]

    @torch.no_grad()
    def __call__(self, tokens: Tensor) -> Tensor:
        """Logits."""
        batch, pos = tokens.shape
        x = (self.W_E[tokens] + self.W_pos[:pos]).flatten(0, 1)
        width = x.shape[1:]
        for w1, b1, w2, b2, W_QKV, b_QKV, W_O, b_O, W_in, b_in, W_out, b_out in self.blocks:
            qkv = torch.addmm(b_QKV, F.layer_norm(x, width, w1, b1, self.eps), W_QKV)
            heads = qkv.view(batch, pos, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
            z = F.scaled_dot_product_attention(*heads, is_causal=True)
            x = x + torch.addmm(b_O, z.transpose(1, 2).reshape(batch * pos, -1), W_O)
            pre = torch.addmm(b_in, F.layer_norm(x, width, w2, b2, self.eps), W_in)
            x = x + torch.addmm(b_out, F.gelu(pre, approximate="tanh"), W_out)
        return (F.layer_norm(x, width, *self.last, self.eps) @ self.W_E.T).view(batch, pos, -1)


class Floor:
    """The matrix products of `Plain` and nothing else, on tensors that are there already."""

    def __init__(self, plain: Plain, batch: int, pos: int) -> None:
        self.plain = plain
        rows, d_model = batch * pos, plain.W_E.shape[1]
        d_mlp = plain.blocks[0][-2].shape[0] if plain.blocks else 0
        like = {"device": plain.W_E.device, "dtype": plain.W_E.dtype}
        self.narrow = torch.randn(rows, d_model, **like)
        self.wide = torch.randn(rows, d_mlp, **like)
        self.q = torch.randn(batch * plain.n_heads, pos, d_model // plain.n_heads, **like)

    @torch.no_grad()
    def __call__(self) -> Tensor:
        """Every product once; the last is returned."""
        for *_, W_QKV, _, W_O, _, W_in, _, W_out, _ in self.plain.blocks:
            self.narrow @ W_QKV
            torch.bmm(torch.bmm(self.q, self.q.mT), self.q)
            self.narrow @ W_O
            self.narrow @ W_in
            self.wide @ W_out
        return self.narrow @ self.plain.W_E.T
