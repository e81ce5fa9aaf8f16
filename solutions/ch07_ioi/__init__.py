"""Interpretability in the Wild: the circuit for indirect objects, found and tested.

Reading order: sentences, prompts, counterfactuals, heads, search, circuit, gpt2.
"""

from .counterfactuals import abc, check_pair, signals
from .prompts import Positions, Prompts, draw_prompts, find_positions, single_tokens

__all__ = [
    "Positions",
    "Prompts",
    "abc",
    "check_pair",
    "draw_prompts",
    "find_positions",
    "signals",
    "single_tokens",
]
