"""Match the units of two networks, and say how alike they are beyond what matching alone gives.

1. Ask both networks the same questions (probes): a curve of answers for each unit.
2. Correlate every curve of one with every curve of the other.
3. Pair units one to one so that the sum of correlations is as large as can be.
4. Do the same with turned curves: they keep their shapes, and lose what they agree about.

Axes: unit (of the first network), other (of the second), probe (questions, the same for both).
Source: Olah et al. 2020, "Zoom In", on universality; the matching is Kuhn 1955, "The Hungarian
method", in the form that adds one unit at a time along a shortest path.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


class Matching(NamedTuple):
    """Who belongs to whom."""

    partner: Int[Tensor, " unit"]
    """For each unit of the first network its partner in the second; no partner comes twice."""
    correlation: Float[Tensor, " unit"]
    """How alike the two answer, -1 to 1; 0 with a unit that always answers the same."""


def correlations(
    first: Float[Tensor, "unit probe"], second: Float[Tensor, "other probe"]
) -> Float[Tensor, "unit other"]:
    """Correlation over probes of each unit with each other; 0 for a unit that never changes."""
    units = []
    for curves in (first, second):
        centred = curves - curves.mean(dim=1, keepdim=True)
        # What rounding leaves of a unit that never changes must not be blown up to length 1.
        changes = centred.norm(dim=1, keepdim=True) > 1e-5 * curves.norm(dim=1, keepdim=True)
        units.append(torch.where(changes, F.normalize(centred, dim=1), 0.0))
    return units[0] @ units[1].T


def match_units(
    first: Float[Tensor, "unit probe"], second: Float[Tensor, "other probe"]
) -> Matching:
    """Pair units one to one so that the correlations of the pairs sum to the most.

    Matching finds something in any two networks, so compare it with `turned` curves.

    Raises: ValueError when the second network has fewer units, or was asked other probes, or when
        an answer is not a finite number.
    """
    if first.shape[1] != second.shape[1] or len(first) > len(second):
        came = f"{list(first.shape)} and {list(second.shape)} came"
        raise ValueError(f"expected the same probes, and no more units in the first; {came}")
    if not (first.isfinite().all() and second.isfinite().all()):
        raise ValueError("the curves hold NaN or infinity; expected finite numbers")
    alike = correlations(first, second)
    partner = torch.tensor(cheapest_pairs((-alike).tolist()), dtype=torch.long)
    return Matching(partner, alike[torch.arange(len(first)), partner.to(alike.device)])


def cheapest_pairs(costs: list[list[float]]) -> list[int]:
    """For each row a column of its own, so that the sum of costs is least.

    Rows come one by one. Each looks for the cheapest chain of moves that frees a column for it;
    `paid` and `asked` are the prices of rows and columns that keep all earlier choices best.
    """
    columns = range(len(costs[0]))
    paid, asked = [0.0] * len(costs), [0.0] * len(columns)
    nobody = -1
    owner = [nobody] * len(columns)
    for new in range(len(costs)):
        reach, before = [math.inf] * len(columns), [nobody] * len(columns)
        seen: list[int] = []
        row, last, price = new, nobody, 0.0
        while row != nobody:
            for column in columns:
                through = price + costs[row][column] - paid[row] - asked[column]
                if column not in seen and through < reach[column]:
                    reach[column], before[column] = through, last
            last = min((c for c in columns if c not in seen), key=lambda column: reach[column])
            row, price = owner[last], reach[last]
            seen.append(last)
        paid[new] += price
        for column in seen[:-1]:
            paid[owner[column]] += price - reach[column]
            asked[column] -= price - reach[column]
        while before[last] != nobody:
            owner[last], last = owner[before[last]], before[last]
        owner[last] = new
    return [owner.index(row) for row in range(len(costs))]


def shift_curves(
    curves: Float[Tensor, "unit probe"], generator: torch.Generator
) -> Float[Tensor, "unit probe"]:
    """Each curve shifted around by a random number of probes: a control for the matching.

    For probes on a circle, such as directions. Peaks keep their height and width and lose their
    place, so what still matches is what any family of such peaks would give.
    """
    shifts = torch.randint(curves.shape[1], (len(curves), 1), generator=generator)
    places = (torch.arange(curves.shape[1]) - shifts) % curves.shape[1]
    return curves.gather(1, places.to(curves.device))


def jaccard(first: Tensor, second: Tensor) -> float:
    """Share of the marked entries of two Boolean tensors that both mark (Jaccard); 1 for none.

    Units: fraction; 1 when both mark the same.
    """
    either = (first | second).sum().item()
    return (first & second).sum().item() / either if either else 1.0
