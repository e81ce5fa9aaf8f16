"""The stops of the tour: each measures one thing on the prompt and says how to do it oneself.

A stop is a function (Visit) -> Stop; __main__ puts them in order.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from tokenizers import Tokenizer
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import attention_pattern, bars, heatmap, lines
from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.sample import generate


class Visit(NamedTuple):
    """The model and what it is shown."""

    model: HookedTransformer
    """The real model."""
    tokenizer: Tokenizer
    """Its own."""
    prompt: str
    """What the user wrote."""
    tokens: Tensor
    """The prompt as the model reads it, [1, pos]."""
    words: list[str]
    """Each token as text."""


class Stop(NamedTuple):
    """One picture of the tour with its words."""

    name: str
    """Of the picture's file."""
    title: str
    """A question."""
    says: str
    """What this prompt's picture shows, in a sentence or two."""
    draw: Callable[[Figure], None]
    """Draws the picture."""
    alt: str
    """The picture in words."""
    code: str
    """How to do the same in Python."""
    taught: str
    """Where the book teaches it."""
    size: tuple[float, float] = (7.0, 3.4)
    """Inches."""


@torch.no_grad()
def predictions(visit: Visit) -> Stop:
    """What comes next, and how the text would go on."""
    top = visit.model(visit.tokens)[0, -1].softmax(dim=-1).topk(8)
    guesses = {visit.tokenizer.decode([i]): p.item() for p, i in zip(*top, strict=True)}
    written = generate(visit.model, visit.tokens, 12)[0].tolist()
    likeliest, probability = next(iter(guesses.items()))
    return Stop(
        "predictions",
        "What does it expect next?",
        f"The likeliest next token is {likeliest!r}, with probability {probability:.2f}. Left to "
        f"itself, the model writes: {visit.tokenizer.decode(written)!r}.",
        lambda figure: bars(figure.subplots(), guesses, label="probability of the next token"),
        f"Bars of the eight likeliest next tokens; first {likeliest!r} with {probability:.2f}.",
        "model(tokens)[0, -1].softmax(-1).topk(8)",
        "chapter 2, exercises 2.14, 2.17 and 2.23",
        (6.4, 2.8),
    )


@torch.no_grad()
def logit_lens(visit: Visit) -> Stop:
    """The likeliest token if the model stopped after each layer."""
    deepest = visit.model.config.n_layers - 1
    layers = [*range(0, deepest, 3), deepest]
    names = [f"blocks.{layer}.hook_resid_post" for layer in layers]
    last = range(max(0, len(visit.words) - 9), len(visit.words))
    _, cache = visit.model.run_with_cache(visit.tokens, names=names, positions=list(last))
    stream = torch.cat([cache[name] for name in reversed(names)])
    best = visit.model.unembed_resid(stream).softmax(dim=-1).max(dim=-1)
    guesses = [[visit.tokenizer.decode([i]) for i in row] for row in best.indices.tolist()]

    def draw(figure: Figure) -> None:
        heatmap(
            figure.subplots(),
            best.values.numpy(),
            rows=[f"layer {layer}" for layer in reversed(layers)],
            columns=[visit.words[position] for position in last],
            words=guesses,
            label="probability",
        )

    return Stop(
        "logit_lens",
        "What would it say if it stopped early?",
        f"Read off after layer {layers[-1]}, the last position says {guesses[0][-1]!r}; in the "
        f"middle, after layer {layers[len(layers) // 2]}, {guesses[len(layers) // 2][-1]!r}.",
        draw,
        "A table of layers by positions with the likeliest token in each cell.",
        'model.unembed_resid(cache["blocks.15.hook_resid_post"]).softmax(-1)',
        "chapter 2, exercise 2.3 and the page on a real model; chapter 3, exercise 3.5",
        (7.4, 4.2),
    )


@torch.no_grad()
def heads(visit: Visit) -> Stop:
    """Three heads, found on this prompt by what they look at."""
    _, cache = visit.model.run_with_cache(
        visit.tokens, names=lambda name: name.endswith("hook_pattern")
    )
    patterns = torch.stack([pattern[0] for pattern in cache.values()])
    elsewhere = patterns[:, :, -1].clone()
    elsewhere[..., 0] = elsewhere[..., -2:] = 0
    scores = {
        "looks one back": patterns.diagonal(-1, dim1=2, dim2=3).mean(-1),
        "rests at position 0": patterns[:, :, 1:, 0].mean(-1),
        "looks further, at the end": elsewhere.max(-1).values,
    }
    found = {kind: divmod(int(s.argmax()), s.shape[1]) for kind, s in scores.items()}

    def draw(figure: Figure) -> None:
        rows = figure.subplots(1, len(found))
        for axes, (kind, (layer, head)) in zip(rows, found.items(), strict=True):
            pattern = patterns[layer, head].numpy()
            attention_pattern(axes, pattern, visit.words, title=f"{kind}: {layer}.{head}")

    return Stop(
        "heads",
        "Where does it look?",
        "Of all heads, these three do most on your prompt what their titles say. One prompt is a "
        "lead, not a finding: see whether they do it on the next.",
        draw,
        "Three triangles of attention, rows looking at columns.",
        'model.run_with_cache(tokens, names="blocks.16.attn.hook_pattern")',
        "chapter 2, exercises 2.8 to 2.12; chapter 4, exercises 4.1 to 4.3",
        (9.0, 3.6),
    )


@torch.no_grad()
def ablation(visit: Visit) -> Stop:
    """What each attention layer and each MLP is worth to the likeliest token.

    What lies before the layer does not change, so each run starts there.
    """
    model, layers = visit.model, range(visit.model.config.n_layers)
    names = [f"blocks.{layer}.hook_resid_pre" for layer in layers]
    logits, cache = model.run_with_cache(visit.tokens, names=names)
    whole = logits[0, -1].log_softmax(dim=-1)
    token = int(whole.argmax())

    def without(part: str, layer: int) -> float:
        with model.hooks({f"blocks.{layer}.hook_{part}_out": lambda x, _: torch.zeros_like(x)}):
            stream = model.run_blocks(cache[names[layer]], start=layer)
        return (
            whole[token] - model.unembed_resid(stream[:, -1:])[0, 0].log_softmax(-1)[token]
        ).item()

    cost = {
        part: [
            without(part, layer)
            for layer in tqdm(layers, desc=f"  without each {part}", unit="layer", leave=False)
        ]
        for part in ("attn", "mlp")
    }
    part, layer = max(((p, i) for p in cost for i in layers), key=lambda at: cost[at[0]][at[1]])
    axis = ("layer switched off", f"log-probability lost of {visit.tokenizer.decode([token])!r}")
    return Stop(
        "ablation",
        "What if a part were not there?",
        f"Without the {part} of layer {layer} the likeliest token loses most, "
        f"{cost[part][layer]:.1f} nats. A part that carries everything else, as the first MLP "
        "does, costs much to lose and need not be about this answer: chapter 5 is about that.",
        lambda figure: lines(figure.subplots(), layers, cost, labels=axis),
        "Two lines over layers: what switching off each attention and each MLP costs.",
        'model.run_with_hooks(tokens, hooks={"blocks.17.hook_attn_out": lambda x, point: 0 * x})',
        "chapter 2, exercises 2.1 and 2.2; chapter 5, exercises 5.1 to 5.6",
    )
