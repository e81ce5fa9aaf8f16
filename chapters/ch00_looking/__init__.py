"""Four ways to study a model: behavioural tests, saliency, probing, causal interventions.

Reading order: tensors, reviews, model, train, behaviour, saliency, probe, evidence, cause.
"""

from .evidence import (
    Interval,
    SeedSummary,
    bootstrap_interval,
    percentile_rank,
    permutation_p_value,
    random_sets,
    summarize_seeds,
)
from .sentiment_data import VOCABULARY, Reviews, draw_reviews, swap
from .sentiment_model import SentimentModel, SentimentModelConfig
from .train import SentimentTraining, train_sentiment_model
