"""Attack a toy model: a small nudge to many features adds up where they share a direction.

A feature in superposition can be moved through all the others that overlap with it. So a nudge that
is spread over them does what the same length on one feature cannot.
Axes: inst, batch, n_features.
Source: Elhage et al. 2022, "Toy Models of Superposition", on adversarial examples.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .toy_model import AbstractToy, reconstruction_loss


def attack(
    model: AbstractToy,
    x: Float[Tensor, "inst batch n_features"],
    importance: Float[Tensor, "inst n_features"],
    radius: float,
    steps: int,
) -> Float[Tensor, "inst batch n_features"]:
    """Inputs at most `radius` away from x, in Euclidean length, that the model gets most wrong.

    The answer wanted stays x. Each step goes a quarter of the radius along each example's own
    gradient of the loss, brought to length 1, and back onto the ball where it left it. It starts a
    little beside x, since a perfect guess has no gradient. The model stays as it is.

    Raises: ValueError for a radius that is not above zero, or fewer than one step.
    """
    if radius <= 0 or steps < 1:
        raise ValueError(f"expected radius > 0 and steps >= 1; {radius} and {steps} came")
    nudge = torch.full_like(x, 1e-3 * radius / x.shape[-1] ** 0.5)
    # exercise 1.15
    raise NotImplementedError("exercise 1.15")


def random_perturbation(
    x: Float[Tensor, "inst batch n_features"], radius: float, generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Inputs exactly `radius` away from x in a random direction: what an attack has to beat."""
    direction = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return x + radius * F.normalize(direction, dim=-1)


@torch.no_grad()
def vulnerability(
    model: AbstractToy,
    x: Float[Tensor, "inst batch n_features"],
    moved: Float[Tensor, "inst batch n_features"],
    importance: Float[Tensor, "inst n_features"],
) -> Float[Tensor, " inst"]:
    """How many times the loss grows when the inputs are moved and the answers are not.

    Units: a ratio; 1 where the move does nothing, more is worse.
    """
    clean, hurt = (reconstruction_loss(model(inputs), x, importance) for inputs in (x, moved))
    return hurt / clean
