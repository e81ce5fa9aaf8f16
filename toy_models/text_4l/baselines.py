"""Baselines of a language model's loss: unigram and bigram frequencies of the training text.

Each baseline is measured on exactly the tokens that the model predicts: all but the first of every
window.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

Tokens = Int[Tensor, " n"]


def unigram_loss(
    text: Tokens, windows: Int[Tensor, "batch pos"], d_vocab: int
) -> Float[Tensor, "batch pos_but_one"]:
    """Compute the loss of each token under the token frequencies of the training text.

    Every count is raised by one, so that no token has probability 0.

    Units: nats per token.
    """
    return -unigram(text, d_vocab).log()[windows[:, 1:]]


def unigram(text: Tokens, d_vocab: int) -> Float[Tensor, " d_vocab"]:
    """Compute the frequency of each token in the text, with add-one smoothing."""
    counts = torch.bincount(text, minlength=d_vocab).double() + 1
    return counts / counts.sum()


def bigram_loss(
    text: Tokens, windows: Int[Tensor, "batch pos"], d_vocab: int, prior_count: float = 20.0
) -> Float[Tensor, "batch pos_but_one"]:
    """Compute the loss of each token under bigram frequencies of the training text.

    Counts after a rare token are noisy, so unigram frequencies worth `prior_count` tokens are added
    to each row of counts.

    Units: nats per token.
    """
    pairs = torch.bincount(text[:-1] * d_vocab + text[1:], minlength=d_vocab**2).double()
    pairs = pairs.view(d_vocab, d_vocab) + prior_count * unigram(text, d_vocab)
    probabilities = pairs / pairs.sum(1, keepdim=True)
    return -probabilities[windows[:, :-1], windows[:, 1:]].log()
