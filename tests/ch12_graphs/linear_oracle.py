"""What is written to the residual stream, carried forward one piece at a time, head by head.

The graders' oracle. Nothing is carried back here, and nothing of the chapter is used.
"""

import torch


def plain_norm(norm, scale, x):
    """The norm without its bias, with a given divisor."""
    gain, _ = norm.affine()
    x = x - x.mean(dim=-1, keepdim=True) if norm.centers else x
    return x / scale * gain


def plain_attention(attn, pattern, x):
    """What attention writes without its biases, for x [pos, d_model]."""
    group = len(attn.W_O) // len(attn.W_V)
    written = torch.zeros_like(x)
    for head, mix in enumerate(pattern):
        written = written + mix @ (x @ attn.W_V[head // group]) @ attn.W_O[head]
    return written


class Linear:
    """A model's linear maps in one text: patterns and divisors held fixed, biases left out."""

    def __init__(self, model, tokens):
        self.model = model
        _, self.cache = model.run_with_cache(tokens)

    def carry(self, written):
        """Residual streams before each MLP, and at the end, of vectors added by layer.

        Layer -1 is the embedding. No MLP responds.
        """
        resid = written.get(-1, torch.zeros_like(self.cache["hook_embed"][0]))
        middle = []
        for layer, block in enumerate(self.model.blocks):
            name = f"blocks.{layer}."
            x = plain_norm(block.ln1, self.cache[name + "ln1.hook_scale"][0], resid)
            pattern = self.cache[name + "attn.hook_pattern"][0]
            resid = resid + plain_attention(block.attn, pattern, x)
            middle.append(resid)
            resid = resid + written.get(layer, 0)
        return torch.stack([*middle, resid])

    def read(self, written, targets):
        """The effect on each target of vectors that are added once more."""
        seen = self.carry(written)[targets.layer, targets.pos]
        return (seen * targets.directions).sum(dim=-1)
