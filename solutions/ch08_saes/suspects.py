"""A small model and a dictionary of it, drawn from your own seed: what does each latent do?

The model has ten concepts, each with a direction, and four answers. Answer c rises with concept c
and saturates: 3 tanh(4 x . d_c). Concept 2 never occurs without concept 1. The dictionary has 24
latents, whose order, scales and numbers per role depend on the seed; there is no list of their
roles. Some write what they read. Others write where no answer reads, or write to an answer whose
concept they do not read.
Axes: batch, concept, answer, d_in, d_sae.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .vanilla import VanillaSAE

D_IN, N_CONCEPTS, N_ANSWERS, N_LATENTS = 32, 10, 4, 24
PROBABILITY, CHILD, PARENT = 0.3, 2, 1
THRESHOLD, NOISE = 0.4, 0.03


class Case(NamedTuple):
    """One model with its dictionary."""

    sae: VanillaSAE
    """The dictionary."""
    concepts: Float[Tensor, "concept d_in"]
    """Orthonormal directions of the concepts."""


class CaseBatch(NamedTuple):
    """Activations, and which concepts they contain."""

    x: Float[Tensor, "batch d_in"]
    """Activations."""
    present: Bool[Tensor, "batch concept"]
    """Whether each concept is present."""


@torch.no_grad()
def open_case(seed: int) -> Case:
    """Draw directions and dictionary from a seed."""
    generator = torch.Generator().manual_seed(88_000_003 + seed)
    basis = torch.linalg.qr(torch.randn(D_IN, D_IN, generator=generator)).Q.T
    concepts, unused = basis[:N_CONCEPTS], basis[N_CONCEPTS:]
    n_drivers = int(torch.randint(2, 4, (), generator=generator))
    n_bystanders = int(torch.randint(1, 4, (), generator=generator))
    reads, writes = _latents(concepts, unused, n_drivers, n_bystanders)
    order = torch.randperm(N_LATENTS, generator=generator)
    gains = 0.7 + 0.6 * torch.rand(N_LATENTS, 1, generator=generator)
    sae = VanillaSAE(D_IN, N_LATENTS, l1_coefficient=0.0, seed=seed)
    sae.W_enc.copy_((gains * reads[order]).T)
    sae.b_enc.copy_(-THRESHOLD * gains[:, 0])
    sae.W_dec.copy_(writes[order] / gains)
    return Case(sae, concepts)


def _latents(
    concepts: Tensor, unused: Tensor, n_drivers: int, n_bystanders: int
) -> tuple[Tensor, Tensor]:
    """List what each latent reads and writes, in the order before the shuffle."""
    reads: list[Tensor] = []
    writes: list[Tensor] = []

    def add(read: Tensor, write: Tensor) -> None:
        reads.append(read)
        writes.append(write)

    strength = 1 / (1 - THRESHOLD)  # a concept of strength 1 gives acts of 1 - THRESHOLD
    for _ in range(n_drivers):  # they share the work for answer 0
        add(concepts[0], strength / n_drivers * concepts[0])
    child, parent = concepts[CHILD], concepts[PARENT]
    add(parent - 2 * child, strength * parent)
    add(child, strength * (child + parent))
    for concept in concepts[3:]:
        add(concept, strength * concept)
    silent = [concepts[0]] * n_bystanders
    for number, read in enumerate((*silent, parent, child, concepts[5])):
        add(read, strength * unused[number])
    add(child, strength * child)
    for number, write in enumerate((concepts[0], parent, concepts[0], concepts[3])):
        add(concepts[6 + number], strength * write)
    while len(reads) < N_LATENTS:  # read a mixture that is rarely above the threshold
        number = len(reads) - N_LATENTS
        add(0.6 * (concepts[4 + number % 3] + concepts[7 + number % 3]), unused[number])
    return torch.stack(reads), torch.stack(writes)


def draw_case(case: Case, batch: int, generator: torch.Generator) -> CaseBatch:
    """Draw activations: each concept is present with probability .3, the child with its parent."""
    present = torch.rand(batch, N_CONCEPTS, generator=generator) < PROBABILITY
    half = torch.rand(batch, generator=generator) < 0.5
    present[:, CHILD] = present[:, PARENT] & half
    strengths = 0.8 + 0.4 * torch.rand(batch, N_CONCEPTS, generator=generator)
    noise = NOISE * torch.randn(batch, D_IN, generator=generator)
    return CaseBatch((present * strengths) @ case.concepts + noise, present)


def answers_of(case: Case, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch answer"]:
    """Compute the model's answers to activations."""
    return 3 * (4 * x @ case.concepts[:N_ANSWERS].T).tanh()


@torch.no_grad()
def answers_without(
    case: Case, x: Float[Tensor, "batch d_in"], latents: Sequence[int]
) -> Float[Tensor, "batch answer"]:
    """Compute the answers with some latents set to zero and the error term kept."""
    acts = case.sae.encode(x)
    edited = acts.clone()
    edited[:, list(latents)] = 0
    return answers_of(case, x + (case.sae.decode(edited) - case.sae.decode(acts)))
