"""Top-k and top-p by loops, one token at a time."""

import torch
from torch import Tensor


def kept(row: Tensor, tokens: list[int]) -> Tensor:
    """A row of probabilities with only these tokens left, rescaled to sum to one."""
    result = torch.zeros_like(row)
    for token in tokens:
        result[token] = row[token] / sum(row[other] for other in tokens)
    return result


def ranked(row: Tensor) -> list[int]:
    """Token ids, the likeliest first."""
    return sorted(range(len(row)), key=lambda token: -row[token].item())
