"""In-context learning and induction heads: find them, explain them, ablate them.

Reading order: texts, scores, phase_change, smeared, ablate, from_scratch.
"""

from .ablate import full_ablation, pattern_preserving_ablation, random_heads
from .scores import (
    HeadScores,
    duplicate_token_score,
    head_scores,
    in_context_score,
    prefix_matching_score,
    previous_token_score,
    token_losses,
)
from .smeared import SMEARED, smear
from .texts import markov_texts, repeated_segments, shifted_repeats
