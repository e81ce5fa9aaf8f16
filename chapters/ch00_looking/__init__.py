"""Four ways of looking at a model: from outside, by gradients, with probes, by intervention.

Reading order: tensors, reviews, reader, train, behaviour, saliency, probe, evidence, cause.
"""

from .evidence import (
    Interval,
    OverSeeds,
    bootstrap_interval,
    over_seeds,
    percentile_among,
    permutation_p_value,
    random_sets,
)
from .reader import Reader, ReaderConfig
from .reviews import VOCABULARY, Reviews, draw_reviews, swap
from .train import ReaderTraining, train_reader

__all__ = [
    "VOCABULARY",
    "Interval",
    "OverSeeds",
    "Reader",
    "ReaderConfig",
    "ReaderTraining",
    "Reviews",
    "bootstrap_interval",
    "draw_reviews",
    "over_seeds",
    "percentile_among",
    "permutation_p_value",
    "random_sets",
    "swap",
    "train_reader",
]
