"""Attention patterns with known scores, and scores of any pattern by a slow loop."""

import torch
from torch import Tensor

from tests.grading.assertions import normal


def causal(batch: int, head: int, pos: int, seed: int) -> Tensor:
    """Draw random causal patterns whose rows sum to one."""
    scores = 2 * normal(batch, head, pos, pos, seed=seed)
    visible = torch.ones(pos, pos, dtype=torch.bool).tril()
    return scores.masked_fill(~visible, -torch.inf).softmax(-1)


def uniform(pos: int) -> Tensor:
    """Make one head that attends equally to all visible positions."""
    visible = torch.ones(pos, pos, dtype=torch.float64).tril()
    return (visible / visible.sum(-1, keepdim=True))[None, None]


def attends_back(pos: int, back: int, start: bool = False) -> Tensor:
    """Make one head that attends `back` positions back, or else to itself or to the start."""
    pattern = torch.zeros(1, 1, pos, pos, dtype=torch.float64)
    for query in range(pos):
        instead = 0 if start else query
        pattern[0, 0, query, query - back if query >= back else instead] = 1.0
    return pattern


def offset_by_loop(pattern: Tensor, period: int, n_bos: int, shift: int) -> Tensor:
    """Average over queries the attention to query - k * period + shift, k = 1, 2, ..."""
    batch, heads, pos, _ = pattern.shape
    out = []
    for head in range(heads):
        spent = []
        for query in range(n_bos + period, pos):
            keys = range(query - period + shift, n_bos - 1, -period)
            spent += [sum(pattern[text, head, query, keys].tolist()) for text in range(batch)]
        out.append(sum(spent) / len(spent))
    return torch.tensor(out, dtype=torch.float64)
