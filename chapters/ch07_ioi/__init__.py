"""Interpretability in the Wild: find and test the circuit for indirect object identification.

Reading order: sentences, prompts, counterfactuals, heads, search, circuit, gpt2_small, pointer,
from_scratch, own_names.
"""

from .counterfactuals import abc_corruption, check_prompt_pair, name_corruption
from .prompts import IOIPrompts, RolePositions, draw_prompts, find_positions, single_tokens
