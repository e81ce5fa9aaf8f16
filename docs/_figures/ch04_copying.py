"""Draw what a repeat does to the loss of the real model, and which of its heads copy directly."""

import torch
from einops import einsum
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.ch04_real import PERIOD, TEXTS, WEIGHTS, texts
from docs._figures.lib.plotting import lines, publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.attention import repeat_kv_heads
from solutions.ch04_induction import head_scores, token_losses
from solutions.ch04_induction.scores import copying_score_on_text

SEEDS = range(3)
COPIED = 2
"""Number of texts of each set on which copying is measured."""
SHIFTS = {(17, 3): (-26, 2), (17, 5): (4, -11)}
"""Places of labels that would print over each other, in points from their dots."""
COPIES = ("first copy", "second copy", "third copy")


@torch.no_grad()
def main() -> None:
    """Measure losses and scores on three sets of texts, and draw both figures."""
    model, _ = load_pretrained("smollm2-135m")
    draw_losses(model)
    draw_copying(model)


def draw_losses(model: HookedTransformer) -> None:
    """Draw the loss of each token of a segment, in its first, second and third copy."""
    sets = []
    for seed in SEEDS:
        tokens = texts(seed, TEXTS)[:, : 1 + 3 * PERIOD]
        sets.append(token_losses(model(tokens), tokens).mean(dim=0).unflatten(0, (3, PERIOD)))
    losses = torch.stack(sets)  # [seed, copy, token]
    means = losses.mean(dim=2)  # [seed, copy]

    def draw(figure: Figure) -> None:
        by_copy = {name: losses[:, copy] for copy, name in enumerate(COPIES)}
        lines(
            figure.subplots(),
            range(1, PERIOD + 1),
            {name: found.mean(dim=0) for name, found in by_copy.items()},
            bands={name: (x.amin(dim=0), x.amax(dim=0)) for name, x in by_copy.items()},
            labels=("token of the segment", "loss (nats)"),
        )

    first, second, third = means.mean(dim=0).tolist()
    publish(
        "ch04_repeat_loss",
        draw,
        alt=f"Mean loss {first:.1f} nats in the first copy of a random segment, {second:.1f} in "
        f"the second and {third:.1f} in the third; in the second it falls within a few tokens.",
        numbers={
            "model": WEIGHTS,
            "texts": TEXTS,
            "uniform": torch.tensor(model.config.d_vocab).log().item(),
            "mean": means.tolist(),
            "second_copy": losses[:, 1].tolist(),
        },
        sources=[__file__],
        seeds=SEEDS,
    )


def copying(model: HookedTransformer, tokens: Tensor) -> Tensor:
    """Measure the direct copying score of every head, [layer, head].

    tokens: a start token and a segment. The division by the final norm's scale is left out: it is
    one positive number for all logits of a key, and the score is a ratio.
    """
    _, cache = model.run_with_cache(tokens, names=lambda name: name.endswith("hook_v"))
    scores = []
    for layer, block in enumerate(tqdm(model.blocks, desc="layers", unit="layer")):
        attn = block.attn
        v = repeat_kv_heads(cache[f"blocks.{layer}.attn.hook_v"], model.config.n_heads)[:, 1:]
        axes = "batch key head d_head, head d_head d_model -> batch key head d_model"
        raised = (einsum(v, attn.W_O, axes) * model.ln_final.w) @ model.unembed.W_U
        scores.append(copying_score_on_text(raised, tokens[:, 1:]))
    return torch.stack(scores)


def draw_copying(model: HookedTransformer) -> None:
    """Draw prefix matching against copying for all heads, and name those that match."""
    prefix, copied = [], []
    for seed in SEEDS:
        prefix.append(head_scores(model, texts(seed, TEXTS), PERIOD, n_bos=1).prefix)
        copied.append(copying(model, texts(seed, COPIED)[:, : 1 + PERIOD]))
    match, copy = torch.stack(prefix).mean(dim=0), torch.stack(copied).mean(dim=0)
    named = (match > 0.5).nonzero().tolist()

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.scatter(match.flatten(), copy.flatten(), s=14, alpha=0.6, linewidths=0)
        for layer, head in named:
            x, y = match[layer, head].item(), copy[layer, head].item()
            shift = SHIFTS.get((layer, head), (4, 4))
            axes.annotate(f"{layer}.{head}", (x, y), shift, textcoords="offset points")
        axes.axhline(0, linewidth=0.8, color="C5")
        axes.set(xlabel="prefix matching", ylabel="copying", ylim=(-1, 1), xlim=(0, 1))

    heads: dict[str, dict] = {
        f"{layer}.{head}": {
            "prefix": match[layer, head].item(),
            "copying": [found[layer, head].item() for found in copied],
        }
        for layer, head in named
    }
    said = ", ".join(f"{name} {sum(one['copying']) / 3:.2f}" for name, one in heads.items())
    publish(
        "ch04_copying",
        draw,
        alt=f"Prefix matching against copying of 270 heads. Copying of the heads above .5: {said}.",
        numbers={
            "model": WEIGHTS,
            "texts": COPIED,
            "heads": heads,
            "quantiles_of_all_heads": copy.flatten().quantile(torch.tensor([0.05, 0.95])).tolist(),
            "above_half": [f"{a}.{b}" for a, b in (copy > 0.5).nonzero().tolist()],
        },
        sources=[__file__],
        seeds=SEEDS,
    )


if __name__ == "__main__":
    main()
