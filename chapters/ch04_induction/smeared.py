"""Smeared keys: an architecture in which one layer can do induction.

The keys of an induction head must contain the token before them. With two layers an earlier head
writes it there. Here every key is mixed with the key before it, by a weight that each head learns.
If induction then forms in one layer, and earlier in two, what delayed it was the composition of
two layers.
Source: Olsson et al. 2022, "In-context Learning and Induction Heads", argument 2.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch02_transformer import TransformerConfig
from ..ch02_transformer.attention import Attention, QKNorms
from ..ch02_transformer.attention_only import ATTENTION_ONLY_NORMED

Keys = Float[Tensor, "batch pos head d_head"]


def smear(keys: Keys, alpha: Float[Tensor, " head"]) -> Keys:
    """Mix each key with the one before: sigmoid(alpha) k[j] + (1 - sigmoid(alpha)) k[j - 1].

    The first key stays as it is. A large alpha leaves all keys unchanged; a very negative one moves
    each key one position later.
    """
    # exercise 4.9
    raise NotImplementedError("exercise 4.9")


class Smear(nn.Module):
    """Smear keys by one learned weight per head, initialized to one half.

    It takes the place of the norm of keys that other families have. It uses only the keys of one
    call, so a model with smeared keys takes whole texts, without a KV cache or padding.
    """

    alpha: Float[Tensor, " head"]

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(config.kv_heads))

    def forward(self, keys: Keys) -> Keys:
        """Return the mixed keys."""
        return smear(keys, self.alpha)


def smeared_attention(config: TransformerConfig, layer: int) -> Attention:
    """Build attention with smeared keys; it is the same for every layer."""
    del layer
    return Attention(config, qk_norms=QKNorms(nn.Identity(), Smear(config), mix_positions=True))


SMEARED = replace(ATTENTION_ONLY_NORMED, attention=smeared_attention)
