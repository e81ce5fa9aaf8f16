"""Train a SentimentModel, on reviews that are drawn afresh for every step."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .sentiment_data import VOCABULARY, draw_reviews
from .sentiment_model import SentimentModel, SentimentModelConfig

SHORTCUT = SentimentModelConfig(d_vocab=len(VOCABULARY), d_model=32, d_hidden=32)
"""The sizes of the toy `shortcut`."""


@dataclass(frozen=True)
class SentimentTraining:
    """How a SentimentModel is trained; the defaults are the recipe of the toy `shortcut`."""

    steps: int = 1500
    """Updates."""
    batch_size: int = 256
    """Reviews a step."""
    lr: float = 5e-3
    """Adam's learning rate, falling in a line to zero."""
    agree: float = 1.0
    """How often the mark agrees with the words; 1 plants the shortcut."""
    irony: float = 0.02
    """How often a review is ironic."""


def train_sentiment_model(
    seed: int, training: SentimentTraining = SentimentTraining()
) -> SentimentModel:
    """Train a model from random weights; the seed fixes the weights and the reviews.

    About a second on one core.
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
