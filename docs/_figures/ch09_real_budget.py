"""Draw what more CPU minutes add to a dictionary of the real model, on held-out text."""

import torch
from matplotlib.figure import Figure

from docs._figures import ch09_real_quality
from docs._figures.ch09_real_quality import score
from docs._figures.lib.plotting import publish
from docs._figures.real_sae import budget
from docs._figures.real_sae.budget import FADE, SEED, SOURCES, STOPS, TOKENS, measure_all


def main() -> None:
    """Train, measure at every stop, and draw error and added loss."""
    torch.set_num_threads(1)
    found = measure_all()
    clean = found["base"]["clean"].mean().item()
    points = []
    for stop in STOPS:
        one = found[str(stop)]
        timed = {key: one[key] for key in ("steps", "seconds", "epochs")}
        timed["minutes"] = (one["seconds"] + found["collecting"]) / 60
        points.append(timed | score(found["base"], one))

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        minutes = [point["minutes"] for point in points]
        left.plot(minutes, [point["fvu"] for point in points], marker="o", ms=5)
        left.set(ylabel="variance unexplained")
        right.plot(minutes, [point["recovered"] for point in points], marker="o", ms=5)
        low, high = ([point[f"recovered_{end}"] for point in points] for end in ("low", "high"))
        right.fill_between(minutes, low, high, alpha=0.22, linewidth=0)
        right.set(ylabel="loss recovered")
        for axes in (left, right):
            axes.set(xlabel="CPU minutes, collecting included")
            axes.grid(axis="y", linewidth=0.5, alpha=0.35)

    said = "; ".join(
        f"{point['minutes']:.0f} minutes, {point['fvu']:.3f} unexplained, "
        f"{point['recovered']:.3f} recovered"
        for point in points
    )
    publish(
        "ch09_real_budget",
        draw,
        alt=f"Real model, held-out text: {said}.",
        numbers={
            "tokens": TOKENS,
            "held-out tokens": found["base"]["tokens"],
            "collecting, minutes": found["collecting"] / 60,
            "loss": clean,
            "loss, mean ablation": found["base"]["mean"].mean(),
            "fade": FADE,
            "points": points,
        },
        seeds=(SEED,),
        sources=[__file__, ch09_real_quality.__file__, budget.__file__, *SOURCES],
        size=(7.4, 3.1),
    )


if __name__ == "__main__":
    main()
