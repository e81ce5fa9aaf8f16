"""Train a SentimentModel on new reviews in every step."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .sentiment_data import VOCABULARY, draw_reviews
from .sentiment_model import SentimentModel, SentimentModelConfig

SHORTCUT = SentimentModelConfig(d_vocab=len(VOCABULARY), d_model=32, d_hidden=32)
"""Sizes of the toy `shortcut`."""


@dataclass(frozen=True)
class SentimentTraining:
    """Training settings of a SentimentModel; the defaults are those of the toy `shortcut`."""

    steps: int = 1500
    """Number of optimizer steps."""
    batch_size: int = 256
    """Reviews per step."""
    lr: float = 5e-3
    """Learning rate of Adam, decayed linearly to zero."""
    agree: float = 1.0
    """Probability that the mark agrees with the words; 1 plants the shortcut."""
    irony: float = 0.02
    """Probability that a review is ironic."""


def train_sentiment_model(
    seed: int, training: SentimentTraining = SentimentTraining()
) -> SentimentModel:
    """Train a model from random weights; the seed determines the weights and the reviews.

    Takes about a second on one core.
    """
    model = SentimentModel(SHORTCUT, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=training.lr)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, training.steps)
    for _ in range(training.steps):
        reviews = draw_reviews(training.batch_size, generator, training.agree, training.irony)
        loss = F.cross_entropy(model(reviews.tokens), reviews.label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.requires_grad_(False)
