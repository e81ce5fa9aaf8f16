"""Tour stop: how the token embeddings share the dimensions of the residual stream.

There are many more tokens than dimensions, so their directions cannot all be orthogonal. Random
directions in as many dimensions are the control.
"""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from docs._figures.lib.plotting import bars, lines
from docs._tour.stops import Stop, TourInput

PAIRED = 3000
"""Number of tokens drawn for the histogram; it counts every pair of them."""
WORDS = 6
"""Number of words of the prompt, the longest ones, whose nearest neighbour is shown."""
EDGES = torch.linspace(-0.6, 1, 81)


@torch.no_grad()
def directions(source: TourInput) -> Stop:
    """Compare the cosines between token embeddings with those between random directions."""
    W_E, generator = source.model.embed.W_E, torch.Generator().manual_seed(0)
    tokens = nn.functional.normalize(W_E - W_E.mean(dim=0), dim=-1)
    chance = nn.functional.normalize(torch.randn(W_E.shape, generator=generator), dim=-1)
    drawn = torch.randperm(len(tokens), generator=generator)[:PAIRED]
    cosines = {
        "tokens of the model": pairwise_cosines(tokens[drawn]),
        "random directions": pairwise_cosines(chance[drawn]),
    }
    small = [(values.abs() < 0.1).float().mean().item() for values in cosines.values()]
    densities = {name: density(values) for name, values in cosines.items()}
    near = nearest_words(source, tokens)
    closest = ", ".join(f"{pair} {cosine:.2f}" for pair, cosine in list(near.items())[:3])
    near["random directions"] = (chance[:99] @ chance.T).topk(2).values[:, 1].mean().item()
    d_vocab, d_model = W_E.shape

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
        middles = ((EDGES[1:] + EDGES[:-1]) / 2).tolist()
        lines(left, middles, densities, labels=("cosine of two directions", "density"))
        bars(right, near, label="cosine with the nearest neighbour")

    return Stop(
        "directions",
        f"How do {d_vocab:,} tokens share {d_model} dimensions?",
        f"At most {d_model} directions can be orthogonal; the embedding has {d_vocab:,}. After "
        "subtracting their mean, the cosine between two tokens is between -0.1 and 0.1 for "
        f"{small[0]:.0%} of the sampled pairs; for random directions, {small[1]:.0%}. So most "
        "pairs are nearly orthogonal, as random directions are, and many are closer or more "
        f"opposed than random ones. Nearest on your prompt: {closest or 'no whole word'}; "
        f"among random directions, {near['random directions']:.2f}. "
        "These are directions of tokens; they do not show the features that later layers add.",
        draw,
        "Left, the distribution of cosines for tokens and for random directions, that of tokens "
        "wider. Right, bars: words of the prompt, each with its nearest other word, and below "
        "them random directions, whose nearest neighbour is much farther away.",
        "W = model.embed.W_E - model.embed.W_E.mean(0); torch.cosine_similarity(W, W[token])",
        "chapter 1, exercises 1.6 to 1.8",
        (8.4, 3.4),
    )


def pairwise_cosines(directions: Tensor) -> Tensor:
    """Compute the cosine of each pair of different unit vectors."""
    above = torch.ones(len(directions), len(directions), dtype=torch.bool).triu(1)
    return (directions @ directions.T)[above]


def density(values: Tensor) -> list[float]:
    """Compute the histogram of cosines, normalised to area 1."""
    return torch.histogram(values, EDGES, density=True).hist.tolist()


def nearest_words(source: TourInput, tokens: Tensor) -> dict[str, float]:
    """Find, for the longest words of the prompt, the nearest token that is another word."""
    words = dict(zip(map(stem, source.words), source.tokens[0].tolist(), strict=True))
    longest = sorted(filter(str.isalpha, words), key=len, reverse=True)[:WORDS]
    found: dict[str, float] = {}
    for own in longest:
        cosines = tokens @ tokens[words[own]]
        names = {source.tokenizer.decode([i]): i for i in cosines.topk(30).indices.tolist()}
        other = next((name for name in names if stem(name) not in (own, "")), None)
        if other is not None:
            found[f"{own} \u2013 {other.strip()}"] = cosines[names[other]].item()
    return found


def stem(word: str) -> str:
    """Strip the space, the capitals and the plural s: ' Ships' and ' ship' are the same."""
    return word.strip().lower().removesuffix("s")
