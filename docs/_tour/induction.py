"""Tour stop: induction heads, on the prompt repeated twice.

One forward pass runs three texts: the prompt twice; random tokens twice; and the prompt after
random tokens, where nothing is repeated. Heads are chosen on the first; the others are controls.
"""

from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import bars, show_token
from docs._figures.lib.theme import sequential_colormap
from docs._tour.stops import Stop, TourInput
from solutions.ch04_induction import prefix_matching_score

SHORTEST = 8
"""Least length of the repeated text; random tokens are appended to a shorter prompt."""
LOWEST, HIGHEST = 1000, 40_000
"""Range of the random tokens' indices, without the most frequent and the rarest ones."""
START = 0
"""Token between texts in training; a head may attend to it by default."""
SHOWN = 5
"""Number of heads with a bar."""


class RepeatedRun(NamedTuple):
    """Attention patterns and scores on the three texts."""

    words: list[str]
    """The repeated text, token by token."""
    patterns: Tensor
    """Attention patterns on the first text, [layer, head, query, key]."""
    scores: Tensor
    """Prefix-matching score, [text, layer, head]: prompt twice, random tokens twice, no repeat."""


@torch.no_grad()
def run_repeated(source: TourInput) -> RepeatedRun:
    """Run the model on the three texts and score every head."""
    generator = torch.Generator().manual_seed(0)
    d_vocab, own = source.model.config.d_vocab, source.tokens[0]
    indices = torch.arange(min(LOWEST, d_vocab // 2), min(HIGHEST, d_vocab))
    others = indices[~torch.isin(indices, own)]
    period = max(SHORTEST, len(own))
    drawn = others[torch.randperm(len(others), generator=generator)]
    noise, filler = drawn[:period], drawn[period : 2 * period - len(own)]
    segment = torch.cat([own, filler])
    rows = [(segment, segment), (noise, noise), (noise, segment)]
    tokens = torch.stack([torch.cat([torch.tensor([START]), *row]) for row in rows])
    _, cache = source.model.run_with_cache(
        tokens,
        names=lambda name: name.endswith("hook_pattern"),
        stop_at_layer=source.model.config.n_layers,
    )
    scores = [
        torch.stack([prefix_matching_score(p[text, None], period, n_bos=1) for p in cache.values()])
        for text in range(len(rows))
    ]
    words = source.words + [source.tokenizer.decode([i]) for i in filler.tolist()]
    return RepeatedRun(words, torch.stack([p[0] for p in cache.values()]), torch.stack(scores))


def induction(source: TourInput) -> Stop:
    """Find the heads that attend to the token after the previous occurrence, with two controls."""
    run = run_repeated(source)
    own, noise, once = run.scores
    order = [divmod(i, own.shape[1]) for i in own.flatten().argsort(descending=True).tolist()]
    best, period = order[0], len(run.words)
    name = "{}.{}".format(*best)
    found = {"{}.{}".format(*head): own[head].item() for head in order[:SHOWN]}
    found[f"{name}, random tokens"] = noise[best].item()
    found[f"{name}, nothing repeated"] = once[best].item()
    square = run.patterns[best][1 + period :, 1 : period + 2]
    padded = period - len(source.words)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        draw_pattern(left, square, run.words, f"head {name}")
        bars(right, found, label="prefix-matching score")

    return Stop(
        "induction",
        "Which heads do induction?",
        f"Your prompt was repeated twice in a row{describe_padding(padded)}. Of {own.numel()} "
        f"heads, {name} attends most to the token after the previous occurrence: {own[best]:.2f}; "
        f"the median of all heads is {own.median():.2f}. The head was chosen by this number. On "
        f"random tokens repeated twice it has {noise[best]:.2f}, and where your prompt occurs "
        f"once, after other tokens, {once[best]:.2f} at the same distance. "
        f"{describe_repeats(source.words)}This shows where a head attends, on one prompt. Whether "
        "it copies the token, and whether the prediction depends on it, has to be tested.",
        draw,
        f"Left, attention of head {name} from the second copy to the first; for a perfect "
        "induction head it is a diagonal, one token to the right of the same word. Right, bars "
        "of the highest scores, then the two controls of the first head.",
        "head_scores(model, tokens.repeat(1, 2), period=tokens.shape[1]).prefix",
        "chapter 4, exercises 4.1 to 4.3; copying 4.5, ablation 4.10 and 4.11",
        (9.0, 4.4),
    )


def describe_padding(n: int) -> str:
    """Describe the random tokens after a prompt that is too short."""
    return f", with {n} random tokens after it, because it is short" if n else ""


def describe_repeats(words: list[str]) -> str:
    """Note that the prompt repeats a token within itself."""
    if len(set(words)) == len(words):
        return ""
    return "Repeats within your prompt are not counted. "


def draw_pattern(axes: Axes, square: Tensor, words: list[str], title: str) -> None:
    """Draw the attention from the second copy to the first and one token further."""
    axes.imshow(square.numpy(), cmap=sequential_colormap(), norm=Normalize(0, 1))
    names = [show_token(word) for word in words]
    size = 8.5 if len(names) <= 20 else 5.5
    axes.set_xticks(range(len(names) + 1), [*names, names[0]], rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlabel="key: the first copy and the next token", ylabel="query: the second copy")
    axes.set_title(title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
