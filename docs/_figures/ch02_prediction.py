"""Draw how the real model predicts " Paris": next tokens, logit lens, residual norms."""

import torch
from matplotlib.figure import Figure
from tokenizers import Tokenizer

from docs._figures.lib.models import load_with_tokenizer
from docs._figures.lib.plotting import bars, heatmap, lines, publish
from solutions.ch02_transformer import HookedTransformer

PROMPT = "The capital of France is"
PROMPTS = (
    PROMPT,
    "My grandmother baked bread every Sunday and",
    "def mean(values):\n    return",
    "When the ship left the harbour, the wind was",
    "The opposite of hot is",
)
WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
LAYERS = (0, 5, 10, 15, 20, 23, 25, 26, 27, 28, 29)


def main() -> None:
    """Run the model once, draw three figures."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    ids = tokenizer.encode(PROMPT).ids
    words = [tokenizer.decode([i]) for i in ids]
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(model.config.n_layers)]
    logits, cache = model.run_with_cache(torch.tensor([ids]), names=names)
    draw_next_tokens(logits[0, -1], tokenizer)
    draw_lens(model, tokenizer, words, [cache[name][0] for name in names])
    draw_sizes(model, [tokenizer.encode(prompt).ids for prompt in PROMPTS])


def draw_next_tokens(logits: torch.Tensor, tokenizer: Tokenizer) -> None:
    """Draw bars of the eight likeliest next tokens."""
    top = logits.softmax(dim=-1).topk(8)
    values = {tokenizer.decode([i]): p for p, i in zip(*map(torch.Tensor.tolist, top), strict=True)}

    def draw(figure: Figure) -> None:
        bars(figure.subplots(), values, label=f'probability after "{PROMPT}"')

    first, second, *_ = values.items()
    publish(
        "ch02_next_token",
        draw,
        alt=f"Of the eight likeliest next tokens,{first[0]} has probability {first[1]:.2f} and the "
        f"next one,{second[0]}, {second[1]:.2f}.",
        numbers={"prompt": PROMPT, "model": WEIGHTS, "probabilities": values},
        sources=[__file__],
        size=(6.0, 2.8),
    )


def draw_lens(
    model: HookedTransformer, tokenizer: Tokenizer, words: list[str], resid_post: list
) -> None:
    """Draw the logit lens: the likeliest token after each layer, at each position."""
    with torch.no_grad():
        logits = [model.unembed_resid(resid_post[layer][None])[0] for layer in LAYERS]
    best = [row.softmax(dim=-1).max(dim=-1) for row in logits]
    values = torch.stack([b.values for b in best]).flip(0).numpy()
    guesses = [[tokenizer.decode([i]) for i in b.indices.tolist()] for b in best][::-1]
    rows = [f"layer {layer}" for layer in LAYERS][::-1]

    def draw(figure: Figure) -> None:
        heatmap(
            figure.subplots(),
            values,
            rows=rows,
            columns=words,
            words=guesses,
            label="probability of the likeliest token",
        )

    publish(
        "ch02_logit_lens",
        draw,
        alt="A table of layers by positions. At the last position the likeliest token is a space "
        "or a full stop through most layers, then ' the', then ' capital', and ' Paris' only "
        "after the last layer.",
        numbers={"model": WEIGHTS, "layers": LAYERS[::-1], "words": guesses, "values": values},
        sources=[__file__],
        size=(7.0, 4.4),
    )


def draw_sizes(model: HookedTransformer, prompts: list[list[int]]) -> None:
    """Draw the norm of the residual stream by layer: at position 0, and at all others."""
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(model.config.n_layers)]
    first, others = [], []
    for ids in prompts:
        _, cache = model.run_with_cache(torch.tensor([ids]), names=names)
        norms = torch.stack([cache[name][0].norm(dim=-1) for name in names])
        first.append(norms[:, 0])
        others.append(norms[:, 1:])
    start = torch.stack(first).median(dim=0).values
    rest = torch.cat(others, dim=1)
    low, middle, high = rest.quantile(torch.tensor([0.05, 0.5, 0.95]), dim=1)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        series = {"position 0": start.tolist(), "all other positions": middle.tolist()}
        bands = {"all other positions": (low.tolist(), high.tolist())}
        lines(
            axes,
            range(len(names)),
            series,
            bands=bands,
            labels=("layer", "norm of the residual stream"),
        )
        axes.set_yscale("log")

    publish(
        "ch02_residual_norms",
        draw,
        alt="On a logarithmic scale the norm of the residual stream at position 0 jumps to over "
        "ten thousand in the middle layers and falls at the end; at all other positions it grows "
        "slowly from about 40 to about 700.",
        numbers={
            "model": WEIGHTS,
            "prompts": PROMPTS,
            "position_0_median": start,
            "others_median": middle,
            "others_5_percent": low,
            "others_95_percent": high,
        },
        sources=[__file__],
        size=(6.4, 3.2),
    )


if __name__ == "__main__":
    main()
