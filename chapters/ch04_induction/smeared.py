"""Smeared keys: give a one-layer model what it lacks for induction.

An induction head needs keys that know which token stood before them; with two layers an earlier
head puts that there. Here every key is mixed with the key before it, by a share that each head
learns. Should induction then form in one layer, and earlier in two, then it is the missing
composition that had kept it from forming.
Source: Olsson et al. 2022, "In-context Learning and Induction Heads", argument 2.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch02_transformer import TransformerConfig
from ..ch02_transformer.attention import Attention
from ..ch02_transformer.attention_only import ATTENTION_ONLY_NORMED

Keys = Float[Tensor, "batch pos head d_head"]


def smear(keys: Keys, alpha: Float[Tensor, " head"]) -> Keys:
    """Mix each key with the one before: sigmoid(alpha) k[j] + (1 - sigmoid(alpha)) k[j - 1].

    The first key has none before it and stays as it is. A large alpha leaves all keys as they are,
    a very negative one puts each a position too late.
    """
    # exercise 4.9
    raise NotImplementedError("exercise 4.9")


class Smear(nn.Module):
    """Keys smeared by a learned share a head; it starts at one half.

    Stands where other families norm their keys. It reads the keys of one call alone, so a model
    with smeared keys cannot go on from a cache.
    """

    alpha: Float[Tensor, " head"]

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(config.kv_heads))

    def forward(self, keys: Keys) -> Keys:
        """The mixed keys."""
        return smear(keys, self.alpha)


def smeared_attention(config: TransformerConfig, layer: int) -> Attention:
    """Attention whose keys are smeared, the same in every layer."""
    del layer
    return Attention(config, qk_norms=(nn.Identity(), Smear(config)))


SMEARED = replace(ATTENTION_ONLY_NORMED, attention=smeared_attention)
