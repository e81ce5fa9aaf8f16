"""Ablate heads of the two-layer models in two ways: everything recomputed, or patterns held."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.dot_plot import dot_plot
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch04_induction import (
    full_ablation,
    head_scores,
    in_context_score,
    pattern_preserving_ablation,
    repeated_segments,
    shifted_repeats,
    token_losses,
)
from solutions.ch04_induction.ablate import zero_ablation_hooks
from toy_models import folder

SEEDS, POS, PERIOD = (0, 1, 2), 64, 20
EARLY, LATE = POS // 10, POS - 12
INDUCTION, PREVIOUS = [(1, 0), (1, 1)], [(0, 0), (0, 1)]
ROWS = {
    "whole": None,
    "no induction heads, full": (full_ablation, INDUCTION),
    "no induction heads, patterns held": (pattern_preserving_ablation, INDUCTION),
    "no previous-token heads, full": (full_ablation, PREVIOUS),
    "no previous-token heads, patterns held": (pattern_preserving_ablation, PREVIOUS),
}


def main() -> None:
    """Measure three trained models and, as a null, one after a single step."""
    models = [load_pretrained(folder("induction_2l", seed))[0] for seed in SEEDS]
    found = [measure(model) for model in models]
    prefix = [prefix_without(model) for model in models]
    fresh = measure(load_pretrained(folder("induction_2l", step=1))[0])
    scores = {row: [one[row]["in_context"] for one in found] for row in ROWS}
    losses = {row: [one[row]["late"] for one in found] for row in ROWS}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        reversed_scores = {
            "three seeds": [[-value for value in values] for values in scores.values()]
        }
        label = "in-context score, sign reversed (nats)"
        dot_plot(left, list(ROWS), reversed_scores, label=label, reach=(-0.5, 6.0))
        late = {"three seeds": list(losses.values())}
        dot_plot(right, list(ROWS), late, label="loss at the late token (nats)", reach=(-0.5, 9.5))

    means = {row: sum(values) / len(values) for row, values in scores.items()}
    publish(
        "ch04_ablation",
        draw,
        alt="In-context score of three two-layer models, sign reversed so that right is better: "
        + "; ".join(f"{row} {-value:.2f}" for row, value in means.items())
        + " nats. On the right the loss at the late token.",
        numbers={
            "in_context": scores,
            "late_loss": losses,
            "one_head_of_layer_0": [one["singles"] for one in found],
            "prefix_matching_of_layer_1": prefix,
            "untrained_in_context": {row: fresh[row]["in_context"] for row in ROWS},
            "early_and_late": [EARLY, LATE],
        },
        sources=[__file__],
        seeds=SEEDS,
        size=(9.0, 3.4),
    )


def measure(model: HookedTransformer) -> dict:
    """Measure a model whole and ablated, and without each single head of layer 0."""
    texts = shifted_repeats(64, 512, POS, 16, 32, torch.Generator().manual_seed(5))

    def facts(logits: Tensor) -> dict[str, float]:
        losses = token_losses(logits, texts)
        score = in_context_score(losses, EARLY, LATE).item()
        return {"in_context": score, "late": losses[:, LATE].mean().item()}

    with torch.no_grad():
        whole = facts(model(texts))
    found: dict = {"whole": whole}
    for row, way in ROWS.items():
        if way:
            found[row] = facts(way[0](model, texts, way[1]))
    found["singles"] = {
        f"{layer}.{head}": facts(pattern_preserving_ablation(model, texts, [(layer, head)]))
        for layer, head in PREVIOUS
    }
    return found


def prefix_without(model: HookedTransformer) -> dict[str, list[float]]:
    """Score prefix matching in layer 1: whole, and with heads of layer 0 ablated fully."""
    repeats = repeated_segments(64, 64, PERIOD, 3, torch.Generator().manual_seed(6))
    found = {"whole": head_scores(model, repeats, PERIOD).prefix[1].tolist()}
    ablated = {"no 0.0": PREVIOUS[:1], "no 0.1": PREVIOUS[1:], "neither": PREVIOUS}
    for name, heads in ablated.items():
        with model.hooks(zero_ablation_hooks(model, heads)):
            found[name] = head_scores(model, repeats, PERIOD).prefix[1].tolist()
    return found


if __name__ == "__main__":
    main()
