"""A JumpReLU dictionary drawn from your own seed, with an absorbed parent and wrong thresholds.

The activations have a parent concept with four children, and eight other concepts. A child never
occurs without its parent, and at most one child occurs at a time. Some children's latents have
absorbed the parent: they write its direction too, and the parent's own latent is silent there.
Which ones, and how many, depends on the seed. Further latents write the parent's direction and have
absorbed nothing. Of the latents of other concepts one or two have a threshold so low that they are
active on noise, and one or two a threshold so high that they miss weak examples.
Axes: batch, concept, d_in, d_sae.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .jumprelu import JumpReLUSAE

D_IN, N_CHILDREN, N_OTHERS = 32, 4, 8
N_CONCEPTS = 1 + N_CHILDREN + N_OTHERS
PARENT, CHILDREN, OTHERS = 0, slice(1, 1 + N_CHILDREN), slice(1 + N_CHILDREN, N_CONCEPTS)
N_LATENTS = N_CONCEPTS + 3
NOISE, LOW, MIDDLE, HIGH, NEVER = 0.05, 0.02, 0.35, 1.0, 3.0
SHARED = 0.25


class OwnDictionary(NamedTuple):
    """A dictionary, and the directions of the concepts that it describes."""

    sae: JumpReLUSAE
    """The dictionary."""
    concepts: Float[Tensor, "concept d_in"]
    """Orthonormal directions: the parent, its four children, eight others."""


class ConceptBatch(NamedTuple):
    """Activations, and the concepts they contain."""

    x: Float[Tensor, "batch d_in"]
    """Activations."""
    present: Bool[Tensor, "batch concept"]
    """Whether each concept is present."""


@torch.no_grad()
def open_dictionary(seed: int) -> OwnDictionary:
    """Draw directions, roles and order of the latents from a seed."""
    generator = torch.Generator().manual_seed(99_000_017 + seed)
    concepts = torch.linalg.qr(torch.randn(D_IN, D_IN, generator=generator)).Q.T[:N_CONCEPTS]
    reads, writes, thresholds = _latents(concepts, generator)
    order = torch.randperm(N_LATENTS, generator=generator)
    gains = 0.6 + 0.8 * torch.rand(N_LATENTS, 1, generator=generator)
    sae = JumpReLUSAE(D_IN, N_LATENTS, coefficient=0.0, seed=seed)
    sae.W_enc.copy_((gains * reads[order]).T)
    sae.W_dec.copy_(writes[order] / gains)
    sae.log_threshold.copy_((gains[:, 0] * thresholds[order]).log())
    return OwnDictionary(sae, concepts)


def _latents(concepts: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """List what each latent reads and writes and its threshold, before the shuffle."""
    n_absorb, n_low, n_high = (
        int(torch.randint(1, top, (), generator=generator)) for top in (N_CHILDREN, 3, 3)
    )
    shuffled = torch.randperm(N_CHILDREN, generator=generator).tolist()
    absorbers = [CHILDREN.start + child for child in shuffled[:n_absorb]]
    sharer = CHILDREN.start + shuffled[n_absorb]
    wrong = OTHERS.start + torch.randperm(N_OTHERS, generator=generator)
    parent, other = concepts[PARENT], concepts[wrong[-1]]
    # The parent's latent is silent with an absorber, and a quarter weaker with the sharer.
    reads, writes = concepts.clone(), concepts.clone()
    reads[PARENT] -= 2 * concepts[absorbers].sum(dim=0) + SHARED * concepts[sharer]
    writes[absorbers] += parent
    writes[sharer] += SHARED * parent
    # One latent writes the parent for another concept, one takes it back, two are never active.
    writes[wrong[-1]] += parent
    unused = torch.stack([parent + concepts[sharer], parent + concepts[wrong[-2]]])
    reads = torch.cat([reads, other[None], 0.5 * unused])
    writes = torch.cat([writes, -parent[None], unused])
    thresholds = torch.full((N_LATENTS,), MIDDLE)
    thresholds[wrong[:n_low]], thresholds[wrong[n_low : n_low + n_high]] = LOW, HIGH
    thresholds[-2:] = NEVER
    return reads, writes, thresholds


def draw_concepts(own: OwnDictionary, batch: int, generator: torch.Generator) -> ConceptBatch:
    """Draw activations of randomly present concepts.

    The parent is present with probability .5. If it is, one child is present with probability .8.
    Every other concept is present with probability .15.
    """
    present = torch.rand(batch, N_CONCEPTS, generator=generator) < 0.15
    present[:, PARENT] = torch.rand(batch, generator=generator) < 0.5
    child = torch.randint(N_CHILDREN, (batch,), generator=generator)
    has_child = present[:, PARENT] & (torch.rand(batch, generator=generator) < 0.8)
    present[:, CHILDREN] = has_child[:, None] & (child[:, None] == torch.arange(N_CHILDREN))
    strengths = 0.7 + 0.6 * torch.rand(batch, N_CONCEPTS, generator=generator)
    noise = NOISE * torch.randn(batch, D_IN, generator=generator)
    return ConceptBatch((present * strengths) @ own.concepts + noise, present)


@torch.no_grad()
def without_latents(
    own: OwnDictionary, x: Float[Tensor, "batch d_in"], latents: list[int]
) -> Float[Tensor, "batch d_in"]:
    """Return the activations with some latents set to zero and the error term kept."""
    acts = own.sae.encode(x)
    edited = acts.clone()
    edited[:, latents] = 0
    return x + (own.sae.decode(edited) - own.sae.decode(acts))


@torch.no_grad()
def error_with_threshold(
    own: OwnDictionary, x: Float[Tensor, "batch d_in"], latent: int, factor: float
) -> float:
    """Compute the mean squared error with one latent's threshold multiplied by a factor."""
    acts, pre_acts = own.sae.encode(x), own.sae.pre_activations(x)
    changed = acts.clone()
    limit = factor * own.sae.threshold[latent]
    changed[:, latent] = pre_acts[:, latent] * (pre_acts[:, latent] > limit)
    return (own.sae.decode(changed) - x).square().sum(dim=-1).mean().item()
