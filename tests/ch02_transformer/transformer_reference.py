"""A transformer in plain loops over positions and heads, as a reference.

Nothing here is batched or fused: one sequence, one position, one head at a time, in float64.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def layer_norm(x: Tensor, w: Tensor, b: Tensor, eps: float) -> Tensor:
    """One vector, centred and divided by its standard deviation."""
    n = len(x)
    mean = sum(x) / n
    variance = sum((value - mean) ** 2 for value in x) / n
    return torch.stack([(x[i] - mean) / math.sqrt(variance + eps) * w[i] + b[i] for i in range(n)])


def rms_norm(x: Tensor, w: Tensor, eps: float) -> Tensor:
    """One vector, divided by its root mean square."""
    return x / math.sqrt(sum(value**2 for value in x) / len(x) + eps) * w


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU as GPT-2 approximates it."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def rotate(x: Tensor, position: int, n: int, base: float) -> Tensor:
    """One head's vector, each pair (i, i + n/2) of its first n dimensions turned."""
    turned = x.clone()
    for i in range(n // 2):
        angle = position * base ** (-2 * i / n)
        turned[i] = x[i] * math.cos(angle) - x[i + n // 2] * math.sin(angle)
        turned[i + n // 2] = x[i + n // 2] * math.cos(angle) + x[i] * math.sin(angle)
    return turned


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    may_look: Callable[[int, int], bool] = lambda query, key: key <= query,
    softcap: Callable[[float], float] = lambda score: score,
) -> Tensor:
    """z of every head, [pos, head, d_head]; k and v have one head for each group of query heads."""
    n_pos, n_heads, d_head = q.shape
    group = n_heads // k.shape[1]
    z = torch.zeros_like(q)
    for query in range(n_pos):
        keys = [key for key in range(n_pos) if may_look(query, key)]
        for head in range(n_heads):
            shared = head // group
            scores = [float(q[query, head] @ k[key, shared]) / math.sqrt(d_head) for key in keys]
            weights = [math.exp(softcap(score)) for score in scores]
            for key, weight in zip(keys, weights, strict=True):
                z[query, head] += weight / sum(weights) * v[key, shared]
    return z
