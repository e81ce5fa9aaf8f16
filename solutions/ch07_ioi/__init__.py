"""Interpretability in the Wild: the circuit for indirect objects, found and tested.

Reading order: sentences, prompts, counterfactuals, heads, search, circuit, gpt2.
"""

from .counterfactuals import abc_corruption, check_prompt_pair, name_corruption
from .prompts import IOIPrompts, RolePositions, draw_prompts, find_positions, single_tokens

__all__ = [
    "RolePositions",
    "IOIPrompts",
    "abc_corruption",
    "check_prompt_pair",
    "draw_prompts",
    "find_positions",
    "name_corruption",
    "single_tokens",
]
