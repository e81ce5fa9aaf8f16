"""A sentiment model set by hand from your own seed: what does it use, and through which neurons?

It reads the reviews of this chapter. One property, mark or topic, decides nearly every prediction;
which one follows from the seed. The averaged vector holds this property twice: along one direction
the hidden layer reads it, along the other one nothing that reads it changes the score. Of the
neurons that respond to the property, some carry it to the score, two write opposite amounts, and
others raise both logits alike. The basis of the residual vectors, the order of directions and
neurons, and the numbers of each kind follow from the seed; there is no list of them.
Axes: batch, direction, neuron, d_model.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from .sentiment_data import (
    COUNTERPARTS,
    IRONY,
    N_TOKENS,
    TOKEN,
    VOCABULARY,
    PropertyName,
    Reviews,
    swap,
)
from .sentiment_model import SentimentModel, SentimentModelConfig

D_MODEL, N_NEURONS, N_DIRECTIONS = 32, 24, 10
READ, COPY, WORDS, OTHER, ASIDE, NOISE = range(6)
CARRIED, BY_WORDS = 8.0, 0.75
"""By how much parts of the model move the score."""


class OwnReviews(NamedTuple):
    """A model, the property that decides its predictions, and directions to judge."""

    model: SentimentModel
    """Set by hand."""
    asked: PropertyName
    """The property that it uses: mark or topic."""
    directions: Float[Tensor, "direction d_model"]
    """Directions in the space of averaged vectors, of any norm."""


@torch.no_grad()
def open_reviews(seed: int) -> OwnReviews:
    """Draw a model and directions from a seed."""
    generator = Generator().manual_seed(77_000_023 + seed)
    names: tuple[PropertyName, PropertyName] = ("mark", "topic")
    first = int(torch.randint(2, (), generator=generator))
    basis = torch.linalg.qr(torch.randn(D_MODEL, D_MODEL, generator=generator)).Q
    coordinates = token_coordinates(names[first], names[1 - first], generator)
    reads, writes = draw_neurons(generator)
    model = SentimentModel(SentimentModelConfig(len(VOCABULARY), D_MODEL, N_NEURONS))
    model.W_E.copy_(coordinates @ basis)
    model.W_in.copy_((reads @ basis).T)
    model.W_out.copy_(writes)
    model.b_in.zero_()
    ends = torch.eye(D_MODEL)[READ] * torch.tensor([[-1.0], [1.0]])
    middle = ((ends @ reads.T).relu() @ writes).mean(dim=0)
    model.b_out.copy_(middle.mean() - middle)  # the two values have opposite scores
    return OwnReviews(model.requires_grad_(False), names[first], draw_directions(generator) @ basis)


def token_coordinates(
    asked: PropertyName, other: PropertyName, generator: Generator
) -> Float[Tensor, "d_vocab d_model"]:
    """Give each token its coordinates; a property's average over a review is 1 or -1."""
    coordinates = torch.zeros(len(VOCABULARY), D_MODEL)
    for name, places in ((asked, (READ, COPY)), (other, (OTHER,)), ("words", (WORDS,))):
        tokens_with_it = 1 if name == "mark" else 3  # per review
        for value, words in zip((-1.0, 1.0), COUNTERPARTS[name], strict=True):
            for place in places:
                rows = [TOKEN[word] for word in words]
                coordinates[rows, place] = value * N_TOKENS / tokens_with_it
    coordinates[TOKEN[IRONY], ASIDE] = N_TOKENS
    noise = torch.randn(len(VOCABULARY), D_MODEL - NOISE, generator=generator)
    coordinates[:, NOISE:] = 0.5 * noise
    return coordinates


def draw_neurons(generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw what each neuron reads, in coordinates, and what it writes to the two logits."""
    reads, writes = [], []

    def add(place: int, sign: float, score: float) -> None:
        gain = 0.5 + float(torch.rand((), generator=generator))
        read = torch.zeros(D_MODEL)
        read[place] = sign * gain
        both = float(torch.randn((), generator=generator))
        reads.append(read)
        writes.append(torch.tensor([both - score / 2 / gain, both + score / 2 / gain]))

    def draw_sign() -> float:
        return 1.0 - 2.0 * int(torch.randint(2, (), generator=generator))

    n_carriers = int(torch.randint(2, 5, (), generator=generator))
    shares = 0.5 + torch.rand(n_carriers, generator=generator)
    for share in (shares / shares.sum()).tolist():
        sign = draw_sign()
        add(READ, sign, sign * CARRIED * share)
    sign, score = draw_sign(), 1.5 + 2 * float(torch.rand((), generator=generator))
    for opposite in (score, -score):
        add(READ, sign, opposite)
    for sign in (1.0, -1.0):
        add(WORDS, sign, sign * BY_WORDS)
    for place in (READ, READ, COPY, COPY, OTHER, OTHER, OTHER, ASIDE):
        add(place, draw_sign(), 0.0)
    while len(reads) < N_NEURONS:
        add(NOISE + len(reads), draw_sign(), 0.0)
    order = torch.randperm(N_NEURONS, generator=generator)
    return torch.stack(reads)[order], torch.stack(writes)[order]


def draw_directions(generator: Generator) -> Float[Tensor, "direction d_model"]:
    """Draw directions, in coordinates: used, decodable only, and neither."""

    def tilted(place: int) -> Tensor:
        direction = torch.zeros(D_MODEL)
        direction[NOISE:] = torch.randn(D_MODEL - NOISE, generator=generator)
        tilt = 0.1 + 0.25 * float(torch.rand((), generator=generator))
        direction *= tilt / direction.norm()
        direction[place] = 1.0
        return direction

    both, neither = torch.zeros(2, D_MODEL)
    both[[READ, COPY]] = torch.tensor([1.0, 0.5 + 0.5 * float(torch.rand((), generator=generator))])
    neither[[READ, COPY]] = torch.tensor([1.0, -1.0])
    n_used, n_copies = torch.randint(1, 3, (2,), generator=generator).tolist()
    found = [both, neither, tilted(WORDS), tilted(OTHER), tilted(ASIDE)]
    found += [tilted(READ) for _ in range(n_used)] + [tilted(COPY) for _ in range(n_copies)]
    while len(found) < N_DIRECTIONS:
        found.append(tilted(NOISE + len(found)))
    order = torch.randperm(N_DIRECTIONS, generator=generator)
    lengths = 0.5 + 1.5 * torch.rand(N_DIRECTIONS, 1, generator=generator)
    # READ and COPY are equal in every review. Without noise only rounding would be left of their
    # difference, and rounding can tell the two values of the property apart.
    neither[NOISE:] = 0.1 * torch.randn(D_MODEL - NOISE, generator=generator)
    return lengths * torch.stack(found)[order]


@torch.no_grad()
def score_change(
    own: OwnReviews, reviews: Reviews, ablated: Sequence[int] = ()
) -> Float[Tensor, " batch"]:
    """Compute how the score changes when the asked property is swapped in the input.

    The score is the logit of good minus the logit of bad. ablated: neurons that are set to their
    mean activation, on both sides of the swap.

    Units: logits, positive where the score is higher with the property at 1.
    """
    model = own.model
    sides = (reviews, swap(reviews, own.asked))
    hidden = [model.hidden(model.pool(model.embed(side.tokens))) for side in sides]
    mean = torch.cat(hidden).mean(dim=0)
    scores = []
    for acts in hidden:
        acts[:, list(ablated)] = mean[list(ablated)]
        logits = model.output(acts)
        scores.append(logits[:, 1] - logits[:, 0])
    before, after = scores
    return (after - before) * (1 - 2 * getattr(reviews, own.asked))
