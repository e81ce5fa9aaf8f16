"""A stop of the tour: heads that look for what came next, on the prompt written twice.

One forward pass reads three texts: the prompt twice; random tokens twice, which chose no head; and
the prompt after random tokens, where nothing comes back. The last two are the controls.
"""

from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import bars, show_token
from docs._figures.lib.theme import sequential_colormap
from docs._tour.stops import Stop, Visit
from solutions.ch04_induction import prefix_matching_score

SHORTEST = 8
"""Tokens that are written twice, at least; a shorter prompt gets random tokens after it."""
LOWEST, HIGHEST = 1000, 40_000
"""Random tokens have these numbers: neither the commonest nor the rarest."""
START = 0
"""The token that stands between texts in training; heads may rest on it."""
SHOWN = 5
"""Heads that get a bar."""


class Twice(NamedTuple):
    """What is read, and what every head does with it."""

    words: list[str]
    """The segment that comes twice, token by token."""
    patterns: Tensor
    """Attention to the prompt's text, [layer, head, query, key]."""
    scores: Tensor
    """Prefix matching, [text, layer, head]: the prompt twice, random tokens twice, no repeat."""


@torch.no_grad()
def read_twice(visit: Visit) -> Twice:
    """Let the model read the three texts and score every head."""
    generator = torch.Generator().manual_seed(0)
    d_vocab, own = visit.model.config.d_vocab, visit.tokens[0]
    number = torch.arange(min(LOWEST, d_vocab // 2), min(HIGHEST, d_vocab))
    others = number[~torch.isin(number, own)]
    period = max(SHORTEST, len(own))
    drawn = others[torch.randperm(len(others), generator=generator)]
    noise, filler = drawn[:period], drawn[period : 2 * period - len(own)]
    segment = torch.cat([own, filler])
    rows = [(segment, segment), (noise, noise), (noise, segment)]
    tokens = torch.stack([torch.cat([torch.tensor([START]), *row]) for row in rows])
    _, cache = visit.model.run_with_cache(tokens, names=lambda name: name.endswith("hook_pattern"))
    scores = [
        torch.stack([prefix_matching_score(p[text, None], period, n_bos=1) for p in cache.values()])
        for text in range(len(rows))
    ]
    words = visit.words + [visit.tokenizer.decode([i]) for i in filler.tolist()]
    return Twice(words, torch.stack([p[0] for p in cache.values()]), torch.stack(scores))


def induction(visit: Visit) -> Stop:
    """Which heads look at what came next the first time, and whether chance would do as much."""
    twice = read_twice(visit)
    own, noise, once = twice.scores
    order = [divmod(i, own.shape[1]) for i in own.flatten().argsort(descending=True).tolist()]
    best, period = order[0], len(twice.words)
    name = "{}.{}".format(*best)
    found = {"{}.{}".format(*head): own[head].item() for head in order[:SHOWN]}
    found[f"{name}, random tokens"] = noise[best].item()
    found[f"{name}, nothing repeated"] = once[best].item()
    square = twice.patterns[best][1 + period :, 1 : period + 2]
    padded = period - len(visit.words)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        second_reading(left, square, twice.words, f"head {name}")
        bars(right, found, label="attention to what came next")

    return Stop(
        "induction",
        "Does it look for what came next the last time?",
        f"Your prompt was read twice in a row{padding(padded)}. Of {own.numel()} heads, {name} "
        "spends most attention on what came after the same token the first time: "
        f"{own[best]:.2f}, where the middle one of all heads spends {own.median():.2f}. It was "
        f"chosen for that number; on random tokens read twice it has {noise[best]:.2f}, and where "
        f"your prompt comes once, after other tokens, {once[best]:.2f} at the same distance. "
        f"{shared(visit.words)}This says where a head looks, on one prompt. Whether it copies what "
        "it finds there, and whether the prediction rests on it, are questions of their own.",
        draw,
        f"Left, attention of head {name} from the second reading to the first; what it would be "
        "for a perfect induction head is one diagonal, a token to the right of the same word. "
        "Right, bars of the strongest heads' scores, then the first head's two controls.",
        "head_scores(model, tokens.repeat(1, 2), period=tokens.shape[1]).prefix",
        "chapter 4, exercises 4.1 to 4.3; copying 4.5, taking heads out 4.10 and 4.11",
        (9.0, 4.4),
    )


def padding(n: int) -> str:
    """What to say when the prompt is too short to be repeated alone."""
    return f", with {n} random tokens after it, for it is short" if n else ""


def shared(words: list[str]) -> str:
    """What to say when the prompt repeats a token within itself."""
    if len(set(words)) == len(words):
        return ""
    return "Tokens that your prompt itself repeats have other such places, which do not count. "


def second_reading(axes: Axes, square: Tensor, words: list[str], title: str) -> None:
    """Draw from where in the second reading the head looks where in the first, and one further."""
    axes.imshow(square.numpy(), cmap=sequential_colormap(), norm=Normalize(0, 1))
    names = [show_token(word) for word in words]
    size = 8.5 if len(names) <= 20 else 5.5
    axes.set_xticks(range(len(names) + 1), [*names, names[0]], rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlabel="to: the first reading, and what followed", ylabel="from: the second")
    axes.set_title(title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
