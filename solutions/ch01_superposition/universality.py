"""Match the units of two networks one to one, and measure how similar matched units are.

1. Present the same inputs (probes) to both networks: a response curve for each unit.
2. Correlate every curve of one network with every curve of the other.
3. Choose the one-to-one matching with the largest sum of correlations.
4. Repeat with shifted curves as a control: they keep their shapes and lose what they agree about.

Axes: unit (of the first network), other (of the second), probe (the same for both).
Source: Olah et al. 2020, "Zoom In", on universality. The matching is the linear assignment problem
(Kuhn 1955, "The Hungarian method"), solved by scipy.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..ch00_looking.checks import check_finite

Curves = Float[Tensor, "unit probe"]


class Matching(NamedTuple):
    """A one-to-one matching of the units of two networks."""

    assignment: Int[Tensor, " unit"]
    """Index of the matched unit in the second network, for each unit of the first; all differ."""
    correlation: Float[Tensor, " unit"]
    """Correlation of the matched curves, -1 to 1; 0 if either is constant."""


def correlations(
    first: Curves, second: Float[Tensor, "other probe"]
) -> Float[Tensor, "unit other"]:
    """Correlate each curve of `first` with each of `second` over probes; 0 for a constant curve.

    Raises: ValueError for a value that is NaN or infinite.
    """
    units = []
    for curves in (first, second):
        check_finite(curves, "curves")
        centred = curves - curves.mean(dim=1, keepdim=True)
        # A constant curve leaves rounding errors, which must not be scaled up to length 1.
        varies = centred.norm(dim=1, keepdim=True) > 1e-5 * curves.norm(dim=1, keepdim=True)
        units.append(torch.where(varies, F.normalize(centred, dim=1), 0.0))
    return units[0] @ units[1].T


def match_units(first: Curves, second: Float[Tensor, "other probe"]) -> Matching:
    """Match units one to one so that the sum of their correlations is largest.

    Matching finds something in any two networks, so compare it with a matching of `shift_curves`.

    Raises: ValueError when the second network has fewer units or other probes, or when a value is
        not finite.
    """
    if first.shape[1] != second.shape[1] or len(first) > len(second):
        raise ValueError(
            "expected curves over the same probes, and at least as many units in the second "
            f"network as in the first, got shapes {list(first.shape)} and {list(second.shape)}"
        )
    matrix = correlations(first, second)
    rows, columns = linear_sum_assignment(matrix.detach().cpu().double().numpy(), maximize=True)
    assignment = torch.from_numpy(columns).long()  # rows are 0, 1, 2, ...
    return Matching(assignment, matrix[rows, assignment.to(matrix.device)])


def shift_curves(curves: Curves, generator: torch.Generator) -> Curves:
    """Shift each curve cyclically by a random number of probes: a control for the matching.

    For probes on a circle, such as directions. A peak keeps its height and width and loses its
    position, so the correlation that remains is what any family of such peaks would give.
    """
    shifts = torch.randint(curves.shape[1], (len(curves), 1), generator=generator)
    source = (torch.arange(curves.shape[1]) - shifts) % curves.shape[1]  # [unit, probe]
    return curves.gather(1, source.to(curves.device))


def jaccard(first: Tensor, second: Tensor) -> float:
    """Compute the Jaccard index of two Boolean tensors: entries true in both over true in either.

    Units: fraction; 1 when both are equal, also when both are false everywhere.
    """
    either = (first | second).sum().item()
    return (first & second).sum().item() / either if either else 1.0
