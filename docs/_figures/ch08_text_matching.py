"""Draw how similar dictionaries are: across two models (activations) and SAE seeds (rows)."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.monosemanticity import dictionaries, matching, units
from docs._figures.monosemanticity.dictionaries import (
    L1,
    L1_SEEDS,
    MAIN,
    TOPK,
    Run,
    alive,
    random_dictionary,
    trained,
)
from docs._figures.monosemanticity.matching import (
    best_correlations,
    displaced,
    matched_cosines,
    shuffled_rows,
    summary,
)
from docs._figures.monosemanticity.text_models import held_out_windows
from docs._figures.monosemanticity.units import (
    HELD_OUT_WINDOWS,
    UNITS,
    X,
    draw_units,
    encoder,
    rows_of,
    strongest_only,
)
from solutions.ch08_saes.sae import AbstractSAE

MOVED = 6_000
"""Rows by which the control moves the activations of one model."""
SEEDS = {TOPK: (0, 1, 2), L1: L1_SEEDS}
"""SAE seeds of each variant; each pair of them is matched."""
NEEDED = tuple(
    run
    for variant, seeds in SEEDS.items()
    for run in (
        *(Run("A", seed=seed, variant=variant) for seed in seeds),
        Run("B", variant=variant),
    )
)
Similarities = Mapping[str, Sequence[Tensor]]
"""Kind of unit -> similarity of each unit, for each pair of dictionaries."""


def main() -> None:
    """Train or load, match, draw."""
    torch.set_num_threads(1)
    saes = trained(NEEDED)
    across_models, across_seeds = universality(saes), stability(saes)
    said = [
        f"{name} {torch.cat(list(pairs)).mean():.2f}"
        for name, pairs in {**across_models, **across_seeds}.items()
    ]
    publish(
        "ch08_text_matching",
        lambda figure: draw(figure, across_models, across_seeds),
        alt="Mean over units. Across models, correlation with the best match; across SAE seeds, "
        f"cosine of matched decoder rows: {'; '.join(said)}.",
        numbers={
            "models": {name: described(pairs) for name, pairs in across_models.items()},
            "seeds": {name: described(pairs) for name, pairs in across_seeds.items()},
            "latents": MAIN,
        },
        seeds=SEEDS[TOPK],
        sources=[__file__, dictionaries.__file__, matching.__file__, units.__file__],
        size=(8.4, 4.6),
    )


def described(pairs: Sequence[Tensor]) -> dict[str, object]:
    """Summarize similarities of one or several pairs of dictionaries."""
    values = torch.cat(list(pairs))
    return {
        **summary(pairs),
        "above .7": (values > 0.7).double().mean(),
        "above .9": (values > 0.9).double().mean(),
        "values": values,
    }


def universality(saes: Mapping[Run, AbstractSAE]) -> Similarities:
    """Correlate units of A with their best match in B, on the same held-out tokens."""
    windows = held_out_windows(HELD_OUT_WINDOWS)
    rows = {name: rows_of(name, windows) for name in ("A", "B")}
    random = [encoder(random_dictionary(name, 0))(rows[name]) for name in ("A", "B")]
    strong = [strongest_only(rows[name])(rows[name]) for name in ("A", "B")]
    found: dict[str, list[Tensor]] = {}
    for variant, seeds in SEEDS.items():
        form = "" if variant == TOPK else f", {variant}"
        first, second = (
            encoder(saes[Run(name, variant=variant)])(rows[name]) for name in ("A", "B")
        )
        chosen = first[:, draw_units(first)]
        found[f"features{form}"] = [best_correlations(chosen, second)]
        again = [saes[Run("A", seed=seed, variant=variant)] for seed in seeds[1:]]
        if again:
            found[f"another SAE seed of A{form}"] = [
                best_correlations(chosen, encoder(sae)(rows["A"])) for sae in again
            ]
        found[f"features, moved tokens{form}"] = [
            best_correlations(chosen, displaced(second, MOVED))
        ]
    return found | {
        "neurons": [best_of_some(rows["A"], rows["B"])],
        "neurons, strongest": [best_of_some(*strong)],
        "random dictionaries": [best_of_some(*random)],
    }


def best_of_some(x: X, y: X) -> Tensor:
    """Match UNITS random units of x with all units of y."""
    return best_correlations(x[:, draw_units(x, n=UNITS)], y)


def stability(saes: Mapping[Run, AbstractSAE]) -> Similarities:
    """Match decoder rows of live latents one to one, for each pair of SAE seeds of model A."""
    x = rows_of("A", held_out_windows(HELD_OUT_WINDOWS))
    matched: dict[str, list[Tensor]] = {}
    for variant, seeds in SEEDS.items():
        form = "" if variant == TOPK else f", {variant}"
        found = (saes[Run("A", seed=seed, variant=variant)] for seed in seeds)
        used = [sae.W_dec[alive(sae, x)] for sae in found]
        if not (pairs := list(itertools.combinations(used, 2))):
            continue  # one seed
        matched[f"SAE seeds{form}"] = [matched_cosines(one, other) for one, other in pairs]
        matched[f"shuffled rows{form}"] = [
            matched_cosines(one, shuffled_rows(other, 0)) for one, other in pairs
        ]
    return matched


def draw(figure: Figure, models: Similarities, seeds: Similarities) -> None:
    """Draw the distributions as curves: share of units above a similarity."""
    left, right = figure.subplots(1, 2, sharey=True)
    curves(left, models)
    left.set(xlabel="correlation with the best match in the other model", ylabel="share of units")
    curves(right, seeds)
    right.set(xlabel="cosine of the matched decoder row")


def curves(axes: Axes, similarities: Similarities) -> None:
    """Draw, for each set, the share of units whose similarity is larger than x; L1 is dashed."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    kinds = list(dict.fromkeys(name.removesuffix(f", {L1}") for name in similarities))
    for name, pairs in similarities.items():
        values, x = torch.cat(list(pairs)), torch.linspace(0, 1, 101)
        share = (values[:, None] > x).double().mean(dim=0)
        kind = name.removesuffix(f", {L1}")
        colour, style = colours[kinds.index(kind)], "-" if kind == name else "--"
        axes.plot(x, share, color=colour, ls=style, lw=1.6, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(linewidth=0.5, alpha=0.3)
    axes.legend(
        frameon=False,
        fontsize=7.5,
        ncols=2,
        columnspacing=1,
        loc="lower left",
        bbox_to_anchor=(-0.05, 1),
    )


if __name__ == "__main__":
    main()
