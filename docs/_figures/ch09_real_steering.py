"""Clamp labelled latents of the real model: do the label's words become more likely, at what price?

An interrupted run goes on with the first label that was not finished.
"""

import argparse
import json
from functools import partial
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure

import toy_models
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.plotting import publish
from docs._figures.real_sae import steering, steering_runs
from docs._figures.real_sae.steering import SEED, STRENGTHS, Bench, share_of_words
from docs._figures.real_sae.steering_runs import (
    KINDS,
    LABELS,
    WRITTEN,
    measure,
    measure_base,
    open_bench,
)

SHOWN = {"clamp": "clamp", "shuffled": "row of another label", "random": "random direction"}


def main(arguments: list[str] | None = None) -> None:
    """Measure every label, and draw effect and price against strength."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, help="measure this many labels; all by default")
    first = parser.parse_args(arguments).first
    torch.set_num_threads(1)
    bench, largest = open_bench()
    sources = [steering.__file__, steering_runs.__file__]
    given = [json.loads(LABELS.read_text("utf-8")), toy_models.toys.checksums_of("sae_smollm2")]
    measured = bench.labels[:first]
    step = CachedSteps("real_steering", len(measured) + 1, given, sources)
    base = step("base", lambda: measure_base(bench))
    found = {
        label.latent: step(str(label.latent), partial(measure, bench, label, largest))
        for label in measured
    }
    draw_effects(summarize(bench, base, found), sources)


def draw_effects(numbers: dict[str, Any], sources: list[str]) -> None:
    """Draw effect and price of clamps and controls against strength."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        for kind, colour in zip(KINDS, colours, strict=False):
            for axes, name in ((left, "effect"), (right, "price")):
                rows = torch.tensor(numbers["mean over labels"][kind][name])
                axes.errorbar(
                    STRENGTHS, rows[:, 0], rows[:, 1], marker="o", ms=4, lw=1.2, color=colour,
                    capsize=3, label=SHOWN[kind],
                )  # fmt: skip
        left.set(xlabel="strength: multiple of the largest activation")
        right.set(
            xlabel="strength: multiple of the largest activation",
            ylabel="loss added (nats per token)",
        )
        left.set_ylabel("change of log P(label's words), nats")
        left.legend(frameon=False)

    means = numbers["mean over labels"]
    said = "; ".join(
        f"{SHOWN[kind]} {', '.join(f'{row[0]:.2f}' for row in means[kind]['effect'])} nats "
        f"at a price of {', '.join(f'{row[0]:.2f}' for row in means[kind]['price'])}"
        for kind in KINDS
    )
    publish(
        "ch09_real_steering",
        draw,
        alt=f"Change of the log-probability of a label's words at strengths {STRENGTHS}: {said}.",
        numbers=numbers,
        seeds=[SEED],
        sources=[__file__, *sources, LABELS],
        size=(8.0, 3.6),
    )


def mean_and_error(values: torch.Tensor) -> list[float]:
    """Return the mean of values and its standard error."""
    return [values.mean().item(), values.std().item() / len(values) ** 0.5]


def summarize(bench: Bench, base: dict[str, Any], found: dict[int, Any]) -> dict[str, Any]:
    """Collect effects, prices and shares: of each label, and the mean over labels with its error.

    Errors of single labels are over prompts, those of the mean over labels.
    """
    per_label: list[dict[str, Any]] = []
    for column, label in enumerate(bench.labels[: len(found)]):
        one: dict[str, Any] = {"latent": label.latent, "label": label.text}
        own = found[label.latent]
        for kind in KINDS:
            change = [own["log_probs"][f"{kind} {s}"] - base["log_probs"] for s in STRENGTHS]
            one[kind] = {
                "effect": [mean_and_error(x[..., column].mean(dim=0)) for x in change],
                "effect of single controls": [x[..., column].mean(dim=1) for x in change],
                "other labels": [x.mean(dim=(0, 1)) for x in change],
                "price": [
                    (own["loss"][f"{kind} {s}"] - base["loss"]).mean().item() for s in STRENGTHS
                ],
            }
        for kind in WRITTEN:
            texts = own["texts"][kind]
            one[kind]["share"] = mean_and_error(share_of_words(texts, label.words))
            one[kind]["example"] = texts[0]
        one["share without a change"] = mean_and_error(share_of_words(base["texts"], label.words))
        per_label.append(one)
    means: dict[str, Any] = {
        kind: {
            "effect": over_labels([[v[0] for v in one[kind]["effect"]] for one in per_label]),
            "price": over_labels([one[kind]["price"] for one in per_label]),
        }
        for kind in KINDS
    }
    for kind in WRITTEN:
        shares = torch.tensor([one[kind]["share"][0] for one in per_label])
        means[kind]["share"] = mean_and_error(shares)
    return {
        "strengths": STRENGTHS,
        "labels": per_label,
        "mean over labels": means,
        "without a change": {
            "loss": base["loss"].mean().item(),
            "example": base["texts"][0],
            "share": mean_and_error(
                torch.tensor([one["share without a change"][0] for one in per_label])
            ),
        },
    }


def over_labels(rows: list[list[float]]) -> list[list[float]]:
    """Return the mean over labels and its standard error, for each strength."""
    return [mean_and_error(column) for column in torch.tensor(rows).T]


if __name__ == "__main__":
    main()
