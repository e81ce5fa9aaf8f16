"""What a model must beat: guessing by frequency, and by the one token before.

A loss means little alone. Each baseline is measured on exactly the tokens that the model is asked
to predict: all but the first of every window.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

Tokens = Int[Tensor, " n"]


def unigram_loss(
    text: Tokens, windows: Int[Tensor, "batch pos"], d_vocab: int
) -> Float[Tensor, "batch pos_but_one"]:
    """Surprise at each token when only the frequencies in the training text are known.

    Every token is counted once more than it occurs, so that none is impossible.

    Units: nats a token.
    """
    return -unigram(text, d_vocab).log()[windows[:, 1:]]


def unigram(text: Tokens, d_vocab: int) -> Float[Tensor, " d_vocab"]:
    """Share of each token in the text, smoothed by one."""
    counts = torch.bincount(text, minlength=d_vocab).double() + 1
    return counts / counts.sum()


def bigram_loss(
    text: Tokens, windows: Int[Tensor, "batch pos"], d_vocab: int, trust: float = 20.0
) -> Float[Tensor, "batch pos_but_one"]:
    """Surprise at each token when the token before it is known as well.

    After a rare token the pairs say little: unigram shares worth `trust` tokens are added to each
    row of counts.

    Units: nats a token.
    """
    pairs = torch.bincount(text[:-1] * d_vocab + text[1:], minlength=d_vocab**2).double()
    pairs = pairs.view(d_vocab, d_vocab) + trust * unigram(text, d_vocab)
    shares = pairs / pairs.sum(1, keepdim=True)
    return -shares[windows[:, :-1], windows[:, 1:]].log()
