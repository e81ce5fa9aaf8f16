"""A stop of the tour: how a vocabulary shares the few dimensions of the stream.

Many more tokens than dimensions have a direction, so the directions cannot all be at right angles.
Random directions of as many dimensions are the control: what they show, any crowd would.
"""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from docs._figures.lib.plotting import bars, lines
from docs._tour.stops import Stop, Visit

PAIRED = 3000
"""Tokens drawn for the histogram; every pair of them is counted."""
WORDS = 6
"""Words of the prompt whose nearest neighbour is shown, the longest."""
EDGES = torch.linspace(-0.6, 1, 81)


@torch.no_grad()
def directions(visit: Visit) -> Stop:
    """How far the embedding's directions are from right angles, beside random ones."""
    W_E, generator = visit.model.embed.W_E, torch.Generator().manual_seed(0)
    tokens = nn.functional.normalize(W_E - W_E.mean(dim=0), dim=-1)
    chance = nn.functional.normalize(torch.randn(W_E.shape, generator=generator), dim=-1)
    drawn = torch.randperm(len(tokens), generator=generator)[:PAIRED]
    cosines = {
        "tokens of the model": pairs(tokens[drawn]),
        "random directions": pairs(chance[drawn]),
    }
    small = [(values.abs() < 0.1).float().mean().item() for values in cosines.values()]
    densities = {name: density(values) for name, values in cosines.items()}
    near = neighbours(visit, tokens)
    closest = ", ".join(f"{pair} {cosine:.2f}" for pair, cosine in list(near.items())[:3])
    near["random directions"] = (chance[:99] @ chance.T).topk(2).values[:, 1].mean().item()
    d_vocab, d_model = W_E.shape

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
        middles = ((EDGES[1:] + EDGES[:-1]) / 2).tolist()
        lines(left, middles, densities, labels=("cosine of two directions", "density"))
        bars(right, near, label="cosine with the nearest other")

    return Stop(
        "directions",
        f"How do {d_vocab:,} tokens share {d_model} dimensions?",
        f"At most {d_model} directions can be at right angles; the embedding holds {d_vocab:,}. "
        "With their common mean taken out, the cosine of two tokens lies between -0.1 and 0.1 for "
        f"{small[0]:.0%} of the pairs drawn; of random directions, {small[1]:.0%}. So most pairs "
        "are nearly at right angles, as in any crowd of directions, and many are closer or more "
        f"opposed than chance puts them. Nearest on your prompt: {closest or 'no whole word'}; "
        f"among random directions, {near['random directions']:.2f}. "
        "These are directions of tokens; which features the later layers add, they cannot show.",
        draw,
        "Left, two curves of cosines around zero, that of tokens wider than that of random "
        "directions. Right, bars: words of the prompt, each with its nearest other word, and below "
        "them random directions, whose nearest is much further away.",
        "W = model.embed.W_E - model.embed.W_E.mean(0); torch.cosine_similarity(W, W[token])",
        "chapter 1, exercises 1.6 to 1.8",
        (8.4, 3.4),
    )


def pairs(directions: Tensor) -> Tensor:
    """The cosine of each pair of different unit vectors."""
    above = torch.ones(len(directions), len(directions), dtype=torch.bool).triu(1)
    return (directions @ directions.T)[above]


def density(values: Tensor) -> list[float]:
    """The histogram of cosines, with area 1."""
    return torch.histogram(values, EDGES, density=True).hist.tolist()


def neighbours(visit: Visit, tokens: Tensor) -> dict[str, float]:
    """The longest words of the prompt, each with the nearest token that is another word."""
    words = dict(zip(map(bare, visit.words), visit.tokens[0].tolist(), strict=True))
    longest = sorted(filter(str.isalpha, words), key=len, reverse=True)[:WORDS]
    found: dict[str, float] = {}
    for own in longest:
        cosines = tokens @ tokens[words[own]]
        names = {visit.tokenizer.decode([i]): i for i in cosines.topk(30).indices.tolist()}
        other = next((name for name in names if bare(name) not in (own, "")), None)
        if other is not None:
            found[f"{own} \u2013 {other.strip()}"] = cosines[names[other]].item()
    return found


def bare(word: str) -> str:
    """A word without its space, its capitals and its plural: ' Ships' is ' ship'."""
    return word.strip().lower().removesuffix("s")
