"""Attack a toy model: find the small change of an input that increases the loss most.

Where features share directions, each output depends on many inputs. A perturbation that is spread
over these inputs changes the output more than one of the same length on a single feature.
Axes: inst, batch, n_features.
Source: Elhage et al. 2022, "Toy Models of Superposition", on adversarial examples.
Differs: the paper computes the attack analytically for each feature, because gradients can be
    masked in very sparse data; here the attack follows the gradient.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .toy_model import AbstractToy, Features, PerFeature, reconstruction_loss


def attack(
    model: AbstractToy, x: Features, importance: PerFeature, radius: float, steps: int
) -> Features:
    """Find inputs at most `radius` away from x (Euclidean) with the largest loss.

    This is projected gradient ascent; the target stays x. Each step has length radius / 4 along the
    example's own normalised gradient, and is then projected onto the ball around x. The first
    perturbation is tiny instead of zero, because a perfect reconstruction has no gradient. The
    model's parameters and their gradients do not change.

    Raises: ValueError for a radius that is not above zero, or fewer than one step.
    """
    if radius <= 0 or steps < 1:
        raise ValueError(f"expected radius > 0 and steps >= 1, got {radius} and {steps}")
    perturbation = torch.full_like(x, 1e-3 * radius / x.shape[-1] ** 0.5)
    # exercise 1.15
    raise NotImplementedError("exercise 1.15")


def random_perturbation(x: Features, radius: float, generator: torch.Generator) -> Features:
    """Move x by exactly `radius` in a random direction: the baseline of an attack."""
    direction = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return x + radius * F.normalize(direction, dim=-1)


@torch.no_grad()
def vulnerability(
    model: AbstractToy, x: Features, perturbed: Features, importance: PerFeature
) -> Float[Tensor, " inst"]:
    """Divide the loss on perturbed inputs by the loss on clean ones; the target is x in both.

    Units: a ratio; 1 where the perturbation does nothing, more is worse.
    """
    clean_loss, perturbed_loss = (
        reconstruction_loss(model(inputs), x, importance) for inputs in (x, perturbed)
    )
    return perturbed_loss / clean_loss
