"""Draw the direct contributions of the real model's heads and layers to the right capital.

A contribution is a dot product with the direction "answer minus another capital", the final norm's
scale held fixed. Null: contributions to logit differences of random pairs of tokens. Bands reach
from the 5th to the 95th percentile, over prompts or over random pairs.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.models import load_with_tokenizer
from docs._figures.lib.plotting import lines, publish
from docs._figures.lib.theme import colour_scale
from solutions.ch02_transformer import HookedTransformer
from solutions.ch03_circuits.decompose import direct_logit_attribution

CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Germany": "Berlin",
    "Japan": "Tokyo",
    "Spain": "Madrid",
    "Russia": "Moscow",
    "Greece": "Athens",
    "Egypt": "Cairo",
}
WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
PAIRS = 12


def main() -> None:
    """Attribute the logit difference of each prompt, and random ones; draw heads and layers."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    answers = list(CAPITALS.values())
    found, null, errors = [], [], []
    for number, (country, capital) in enumerate(tqdm(CAPITALS.items(), unit="prompt")):
        tokens = torch.tensor([tokenizer.encode(f"The capital of {country} is").ids])
        other = answers[(number + 1) % len(answers)]
        pair = [tokenizer.encode(f" {name}").ids[0] for name in (capital, other)]
        generator = torch.Generator().manual_seed(number)
        pairs = torch.randint(1_000, 40_000, (PAIRS, 2), generator=generator)
        names, contributions, error = measure(
            model, tokens, torch.cat([torch.tensor([pair]), pairs])
        )
        found.append(contributions[:, 0])
        null.append(contributions[:, 1:])
        errors.append(error)
    contributions, random = torch.stack(found, dim=1), torch.cat(null, dim=1)
    publish_contributions(model, names, contributions, random, max(errors))


@torch.no_grad()
def measure(
    model: HookedTransformer, tokens: Tensor, pairs: Tensor
) -> tuple[list[str], Float[Tensor, "component pair"], float]:
    """Compute contributions to each pair's difference at the last position, and the sum's error."""
    pos = tokens.shape[1]
    batch, (token, against) = tokens.expand(len(pairs), -1), pairs.T[:, :, None].expand(-1, -1, pos)
    found = direct_logit_attribution(model, batch, token, against)
    logits = model(tokens)[0, -1]
    difference = logits[pairs[:, 0]] - logits[pairs[:, 1]]
    contributions = found.contributions[:, :, -1]
    return found.names, contributions, (contributions.sum(dim=0) - difference).abs().max().item()


def by_layer(
    names: list[str], contributions: Tensor, kind: str, n_layers: int
) -> Float[Tensor, "l n"]:
    """Sum contributions over the components of a kind ("head" or "mlp") in each layer."""
    of = [[f"{kind} {layer}"] for layer in range(n_layers)]
    if kind == "head":
        of = [[n for n in names if n.startswith(f"head {layer}.")] for layer in range(n_layers)]
    return torch.stack([contributions[[names.index(n) for n in group]].sum(dim=0) for group in of])


def publish_contributions(
    model: HookedTransformer, names: list[str], contributions: Tensor, random: Tensor, error: float
) -> None:
    """Summarize contributions: means of heads, and of the heads and MLP of each layer."""
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    rows = [i for i, name in enumerate(names) if name.startswith("head ")]
    heads = contributions[rows].mean(dim=1).view(n_layers, n_heads)
    series = {
        "heads": by_layer(names, contributions, "head", n_layers),
        "MLP": by_layer(names, contributions, "mlp", n_layers),
        "heads, random tokens": by_layer(names, random, "head", n_layers),
    }
    means = {name: values.mean(dim=1).tolist() for name, values in series.items()}
    ends = torch.tensor([0.05, 0.95])
    bands = {name: tuple(v.quantile(ends, dim=1).tolist()) for name, v in series.items()}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 2.1))
        scale, colours = colour_scale(heads.numpy(), diverging=True)
        image = left.imshow(heads.numpy(), cmap=colours, norm=scale, aspect="auto")
        left.set(xlabel="head", ylabel="layer", xticks=range(n_heads))
        left.tick_params(length=0)
        left.set_title("mean of each head (logits)", fontsize=9)
        figure.colorbar(image, ax=left).outline.set_visible(False)
        lines(right, range(n_layers), means, bands=bands, labels=("layer", "contribution (logits)"))

    numbers = {"layers": means, "layer_bands": bands, "largest_error_of_the_sum": error}
    numbers["head_std_random_tokens"] = random[rows[20 * n_heads :]].std().item()
    numbers["after_layer_20"] = {n: v[20:].sum(dim=0).mean().item() for n, v in series.items()}
    order = contributions.mean(dim=1).argsort(descending=True).tolist()
    best = {names[i]: contributions[i].mean().item() for i in order[:8]}
    numbers["largest_over_prompts"] = {names[i]: contributions[i] for i in order[:8]}
    numbers["lowest"] = {names[i]: contributions[i].mean().item() for i in order[-3:]}
    publish_draw(draw, best, contributions.sum(dim=0), numbers)


def publish_draw(
    draw: Callable[[Figure], None], best: dict[str, float], sums: Tensor, numbers: dict
) -> None:
    """Publish the figure with its alt text and numbers."""
    first, second = list(best.items())[:2]
    publish(
        "ch03_attribution",
        draw,
        alt=f"The right capital's logit is {sums.mean():.1f} above another's, on average over "
        "eight prompts. Nearly all of that is contributed by the last third of the layers; "
        f"{first[0]} contributes {first[1]:.1f}, {second[0]} {second[1]:.1f}. For random pairs of "
        "tokens the means are near zero, but one layer contributes up to three logits of either "
        "sign to single pairs.",
        numbers={
            "model": WEIGHTS,
            "prompts": [f"The capital of {country} is" for country in CAPITALS],
            "difference": sums,
            "largest": best,
            **numbers,
        },
        seeds=range(len(CAPITALS)),
        sources=[__file__],
        size=(8.2, 4.0),
    )


if __name__ == "__main__":
    main()
