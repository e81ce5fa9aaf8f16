"""Draw the circuit of the two-layer models as read from weights: composition and copying."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch03_circuits import all_composition_scores, copying_score
from solutions.ch03_circuits.circuits import full_ov, random_copying_scores
from solutions.ch03_circuits.composition import random_composition_scores
from solutions.ch04_induction import head_scores, repeated_segments
from toy_models import folder

SEEDS, PERIOD, RANDOM = (0, 1, 2), 20, 400
KINDS = {"k": "through keys", "q": "through queries", "v": "through values"}


def main() -> None:
    """Measure three trained models, an untrained one, and random weights of the same sizes."""
    models = [measure(load_pretrained(folder("induction_2l", seed))[0]) for seed in SEEDS]
    fresh = measure(load_pretrained(folder("induction_2l", step=1))[0])
    generator = torch.Generator().manual_seed(0)
    pairs = random_composition_scores(64, 32, RANDOM, generator) - 64**-0.5
    heads = random_copying_scores(64, 64, 32, RANDOM, generator)
    facts = {
        "models": models,
        "untrained": fresh,
        "baseline": 64**-0.5,
        "random_composition_interval": interval(pairs),
        "random_copying_interval": interval(heads),
        "random_copying_std": heads.std().item(),
    }
    mean = {kind: sum(sum(m[kind]) for m in models) / 12 for kind in KINDS}
    low = min(min(model["copying"][1]) for model in models)
    publish(
        "ch04_mechanism",
        lambda figure: draw(figure, facts),
        alt=f"Left: composition above the baseline, {mean['k']:.2f} through keys, "
        f"{mean['q']:.2f} through queries, {mean['v']:.2f} through values. Right: heads of layer 1 "
        f"have copying scores of {low:.2f} and above. Shaded: 95 % of random weights.",
        numbers=facts,
        sources=[__file__],
        seeds=SEEDS,
        size=(9.0, 3.6),
    )


def interval(values: Tensor) -> list[float]:
    """Return the interval of the middle 95 %."""
    return [values.quantile(q).item() for q in (0.025, 0.975)]


def draw(figure: Figure, facts: dict[str, Any]) -> None:
    """Draw composition on the left, copying on the right; the range of random weights is shaded."""
    left, right = figure.subplots(1, 2)
    models, fresh = facts["models"], facts["untrained"]
    trained = [[value for model in models for value in model[kind]] for kind in KINDS]
    series = {"3 trained models": trained, "after one step": [fresh[kind] for kind in KINDS]}
    rows, label = list(KINDS.values()), "composition above the baseline"
    dot_plot(left, rows, series, label=label, reach=(-0.11, 0.16))
    left.axvspan(*facts["random_composition_interval"], alpha=0.2, linewidth=0)
    left.axvline(0, linewidth=0.6)
    legend_above(left)
    layers = [[c for m in models for c in m["copying"][layer]] for layer in (0, 1)]
    series = {"3 trained models": layers, "after one step": fresh["copying"]}
    dot_plot(right, ["layer 0", "layer 1"], series, label="copying score", reach=(-1.25, 1.35))
    right.axvspan(*facts["random_copying_interval"], alpha=0.2, linewidth=0)


def measure(model: HookedTransformer) -> dict:
    """Measure composition above the baseline (all four pairs), copying, and head scores."""
    repeats = repeated_segments(64, 64, PERIOD, 3, torch.Generator().manual_seed(6))
    scores = head_scores(model, repeats, PERIOD)
    found = all_composition_scores(model, 0, 1)._asdict()
    copying = [copying_score(full_ov(model, layer).eigenvalues()).tolist() for layer in (0, 1)]
    return {
        **{kind: (table - 64**-0.5).flatten().tolist() for kind, table in found.items()},
        "copying": copying,
        "previous": scores.previous[0].tolist(),
        "prefix": scores.prefix[1].tolist(),
    }


if __name__ == "__main__":
    main()
