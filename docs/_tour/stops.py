"""Tour stops: each applies one method to the prompt and shows the code for it.

A stop is a function (TourInput) -> Stop; __main__ defines their order.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from tokenizers import Tokenizer
from torch import Tensor

from docs._figures.lib.plotting import attention_pattern, bars, heatmap, lines
from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.sample import generate
from solutions.ch02_transformer.sites import Site
from solutions.ch05_patching import Intervention, patch_sweep

PARTS = ("attn", "mlp")
"""Parts of a layer that are ablated."""


class TourInput(NamedTuple):
    """The model and the prompt."""

    model: HookedTransformer
    """The real model."""
    tokenizer: Tokenizer
    """The tokenizer of the model."""
    prompt: str
    """The prompt as text."""
    tokens: Tensor
    """The prompt as tokens, [1, pos]."""
    words: list[str]
    """Each token as text."""


class Stop(NamedTuple):
    """One picture of the tour with its text."""

    name: str
    """Name of the picture's file."""
    title: str
    """A question."""
    text: str
    """What the picture shows on this prompt, in a few sentences."""
    draw: Callable[[Figure], None]
    """Function that draws the picture."""
    alt: str
    """Alt text of the picture."""
    code: str
    """Python code for the same measurement."""
    taught_in: str
    """Chapters and exercises of the book that teach the method."""
    size: tuple[float, float] = (7.0, 3.4)
    """Width and height in inches."""


@torch.no_grad()
def predictions(source: TourInput) -> Stop:
    """Show the most likely next tokens and a greedy continuation."""
    top = source.model(source.tokens)[0, -1].softmax(dim=-1).topk(8)
    guesses = {source.tokenizer.decode([i]): p.item() for p, i in zip(*top, strict=True)}
    written = generate(source.model, source.tokens, 12)[0].tolist()
    likeliest, probability = next(iter(guesses.items()))
    return Stop(
        "predictions",
        "Which token comes next?",
        f"The most likely next token is {likeliest!r}, with probability {probability:.2f}. The "
        f"greedy continuation is {source.tokenizer.decode(written)!r}.",
        lambda figure: bars(figure.subplots(), guesses, label="probability of the next token"),
        f"Bars of the eight most likely next tokens; first {likeliest!r} with {probability:.2f}.",
        "model(tokens)[0, -1].softmax(-1).topk(8)",
        "chapter 2, exercises 2.14, 2.17 and 2.23",
        (6.4, 2.8),
    )


@torch.no_grad()
def logit_lens(source: TourInput) -> Stop:
    """Apply the logit lens: unembed the residual stream after each third layer."""
    deepest = source.model.config.n_layers - 1
    layers = [*range(0, deepest, 3), deepest]
    names = [f"blocks.{layer}.hook_resid_post" for layer in layers]
    last = range(max(0, len(source.words) - 9), len(source.words))
    _, cache = source.model.run_with_cache(
        source.tokens, names=names, positions=list(last), stop_at_layer=deepest + 1
    )
    resid = torch.cat([cache[name] for name in reversed(names)])
    best = source.model.unembed_resid(resid).softmax(dim=-1).max(dim=-1)
    guesses = [[source.tokenizer.decode([i]) for i in row] for row in best.indices.tolist()]

    def draw(figure: Figure) -> None:
        heatmap(
            figure.subplots(),
            best.values.numpy(),
            rows=[f"layer {layer}" for layer in reversed(layers)],
            columns=[source.words[position] for position in last],
            words=guesses,
            label="probability",
        )

    return Stop(
        "logit_lens",
        "When does the prediction form?",
        f"At the last position the logit lens gives {guesses[0][-1]!r} after layer {layers[-1]}, "
        f"and {guesses[len(layers) // 2][-1]!r} after layer {layers[len(layers) // 2]}.",
        draw,
        "A table of layers by positions with the most likely token in each cell.",
        'model.unembed_resid(cache["blocks.15.hook_resid_post"]).softmax(-1)',
        "chapter 2, exercise 2.3 and the page on a real model; chapter 3, exercise 3.5",
        (7.4, 4.2),
    )


@torch.no_grad()
def heads(source: TourInput) -> Stop:
    """Find three heads on this prompt by where they attend."""
    _, cache = source.model.run_with_cache(
        source.tokens,
        names=lambda name: name.endswith("hook_pattern"),
        stop_at_layer=source.model.config.n_layers,
    )
    patterns = torch.stack([pattern[0] for pattern in cache.values()])
    elsewhere = patterns[:, :, -1].clone()
    elsewhere[..., 0] = elsewhere[..., -2:] = 0
    scores = {
        "previous token": patterns.diagonal(-1, dim1=2, dim2=3).mean(-1),
        "first position": patterns[:, :, 1:, 0].mean(-1),
        "farther back, from the end": elsewhere.max(-1).values,
    }
    found = {kind: divmod(int(s.argmax()), s.shape[1]) for kind, s in scores.items()}

    def draw(figure: Figure) -> None:
        rows = figure.subplots(1, len(found))
        for axes, (kind, (layer, head)) in zip(rows, found.items(), strict=True):
            pattern = patterns[layer, head].numpy()
            attention_pattern(axes, pattern, source.words, title=f"{kind}: {layer}.{head}")

    return Stop(
        "heads",
        "Where do heads attend?",
        "Of all heads, these three attend most to the position in their title on your prompt. "
        "One prompt is a hint, not a finding: check whether they do so on other prompts.",
        draw,
        "Attention patterns of three heads, queries as rows and keys as columns.",
        'model.run_with_cache(tokens, names="blocks.16.attn.hook_pattern")',
        "chapter 2, exercises 2.8 to 2.12; chapter 4, exercises 4.1 to 4.3",
        (9.0, 3.6),
    )


@torch.no_grad()
def ablation(source: TourInput) -> Stop:
    """Zero-ablate each attention layer and each MLP; measure the most likely token's log-prob."""
    model, layers = source.model, range(source.model.config.n_layers)
    token, cost = ablation_costs(model, source.tokens)
    part, layer = max(((p, i) for p in cost for i in layers), key=lambda at: cost[at[0]][at[1]])
    axis = ("ablated layer", f"log-probability lost by {source.tokenizer.decode([token])!r}")
    return Stop(
        "ablation",
        "Which layers does the prediction depend on?",
        f"Ablating the {part} of layer {layer} costs the most likely token most, "
        f"{cost[part][layer]:.1f} nats. A layer on which everything else depends, such as the "
        "first MLP, costs a lot without being specific to this answer: see chapter 5.",
        lambda figure: lines(figure.subplots(), layers, cost, labels=axis),
        "Two lines over layers: the log-probability lost by ablating each attention and each MLP.",
        'patch_sweep(model, tokens, [[Intervention.zero(Site("hook_attn_out", 17))]], metric)',
        "chapter 2, exercises 2.1 and 2.2; chapter 5, exercises 5.1 to 5.8",
    )


def ablation_costs(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"]
) -> tuple[int, dict[str, list[float]]]:
    """Return the most likely next token, and the log-prob it loses by each part and layer.

    The ablations run in one batch, each from its own layer on (`patch_sweep`).
    """
    layers = range(model.config.n_layers)

    def log_probs(resid: Float[Tensor, "patch batch d_model"]) -> Float[Tensor, "patch batch d"]:
        return model.unembed_resid(resid).log_softmax(dim=-1)

    clean = log_probs(model(tokens, stop_at_layer=len(layers))[:, -1:])[0, 0]
    token = int(clean.argmax())
    patches = [
        [Intervention.zero(Site(f"hook_{part}_out", layer))] for part in PARTS for layer in layers
    ]
    left = patch_sweep(model, tokens, patches, lambda resid: log_probs(resid)[..., token])
    lost = (clean[token] - left[:, 0]).unflatten(0, (len(PARTS), len(layers)))
    return token, dict(zip(PARTS, lost.tolist(), strict=True))
