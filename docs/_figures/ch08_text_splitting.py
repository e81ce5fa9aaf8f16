"""Draw how latents of a small dictionary split in larger ones of the same model."""

import itertools
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import publish
from docs._figures.monosemanticity import dictionaries, matching, units
from docs._figures.monosemanticity.dictionaries import MAIN, Run, alive, encode, trained
from docs._figures.monosemanticity.labels import find_labels
from docs._figures.monosemanticity.matching import (
    NEAR,
    children,
    shuffled_rows,
    summary,
)
from docs._figures.monosemanticity.units import both_texts, rows_of
from solutions.ch08_saes.metrics import cosines
from solutions.ch08_saes.sae import AbstractSAE

WIDTHS, SEEDS = (512, 1024, MAIN, 4096), (0, 1, 2)
NEEDED = (
    *(Run("A", width) for width in WIDTHS),
    *(Run("A", seed=seed) for seed in SEEDS[1:]),
)
FAMILIES = 3
"""Parents with most children whose labels are listed."""


def main() -> None:
    """Train or load, count, draw."""
    torch.set_num_threads(1)
    saes = trained(NEEDED)
    label_text, _ = both_texts()
    x = rows_of("A", label_text.windows)
    used = {run: alive(sae, x) for run, sae in saes.items()}
    rows = {run: sae.W_dec[used[run]] for run, sae in saes.items()}
    parents = rows[Run("A", WIDTHS[0])]
    larger_rows = {str(width): rows[Run("A", width)] for width in WIDTHS[1:]}
    counts = {name: children(parents, found) for name, found in larger_rows.items()}
    chance = {
        name: children(parents, shuffled_rows(found, 0)) for name, found in larger_rows.items()
    }
    main_rows = [rows[Run("A", seed=seed)] for seed in SEEDS]
    pairs = itertools.combinations(main_rows, 2)
    of_main = {f"{MAIN}, another seed": [children(*pair) for pair in pairs]} | {
        str(width): [children(one, rows[Run("A", width)]) for one in main_rows]
        for width in WIDTHS
        if width > MAIN
    }
    numbers = {
        "widths": WIDTHS,
        "alive": {str(tuple(run)): int(mask.sum()) for run, mask in used.items()},
        "children": {name: described(found) for name, found in counts.items()},
        "shuffled": {name: described(found) for name, found in chance.items()},
        "of main": {
            name: summary([found.float() for found in group]) for name, group in of_main.items()
        },
        "nearest": nearest(rows),
        "families": families(saes, x, used),
    }
    said = ", ".join(f"{found.float().mean():.2f}" for found in counts.values())
    publish(
        "ch08_text_splitting",
        lambda figure: draw(figure, counts, chance, of_main),
        alt=f"Latents with a cosine above {NEAR} per latent of the smallest dictionary, in "
        f"dictionaries of {', '.join(counts)} latents: {said}.",
        numbers=numbers,
        seeds=SEEDS,
        sources=[__file__, dictionaries.__file__, matching.__file__, units.__file__],
        size=(7.4, 3.5),
    )


def described(found: Tensor) -> dict[str, Any]:
    """Summarize counts of children."""
    return {
        **summary([found.float()]),
        "none": (found == 0).double().mean(),
        "two or more": (found >= 2).double().mean(),
        "largest": int(found.max()),
    }


def nearest(rows: Mapping[Run, Tensor]) -> dict[str, dict[str, Any]]:
    """Summarize the cosine of each latent of a larger dictionary with its nearest parent."""
    parents = rows[Run("A", WIDTHS[0])]
    found = {}
    for width in WIDTHS[1:]:
        latents = rows[Run("A", width)]
        close = cosines(parents, latents).max(dim=0).values
        control = cosines(parents, shuffled_rows(latents, 0)).max(dim=0).values
        found[str(width)] = {"trained": summary([close]), "shuffled": summary([control])}
    return found


def families(
    saes: Mapping[Run, AbstractSAE], x: Tensor, used: Mapping[Run, Tensor]
) -> list[dict[str, Any]]:
    """List the labels of the parents with most children in the largest dictionary, and of those."""
    small, large = Run("A", WIDTHS[0]), Run("A", WIDTHS[-1])
    similar = cosines(saes[small].W_dec, saes[large].W_dec)
    similar[~used[small]] = similar[:, ~used[large]] = 0
    most = (similar > NEAR).sum(dim=1).topk(FAMILIES).indices
    partitions = both_texts()[0].partitions
    listed = []
    for parent in most.tolist():
        found = (similar[parent] > NEAR).nonzero()[:, 0]
        found = found[similar[parent, found].argsort(descending=True)][:8]
        mine = encode(saes[small], x, torch.tensor([parent]))
        theirs = encode(saes[large], x, found)
        labels = find_labels(torch.cat([mine, theirs], dim=1), partitions)
        texts = [labels.text(i, partitions) for i in range(len(found) + 1)]
        covered = (theirs[mine[:, 0] > 0] > 0).any(dim=1).double().mean().item()
        listed.append({
            "parent": parent, "label": texts[0], "covered": covered,
            "children": [
                {"latent": int(latent), "cosine": similar[parent, latent], "label": text}
                for latent, text in zip(found, texts[1:], strict=True)
            ],
        })  # fmt: skip
    return listed


def draw(
    figure: Figure,
    counts: Mapping[str, Tensor],
    chance: Mapping[str, Tensor],
    of_main: Mapping[str, list[Tensor]],
) -> None:
    """Draw children per parent: of 512 latents to the left, of 2,048 to the right."""
    left, right = figure.subplots(1, 2)
    first, second = mpl.rcParams["axes.prop_cycle"].by_key()["color"][:2]
    for series, colour, name in ((counts, first, "trained"), (chance, second, "shuffled rows")):
        means = [found.float().mean() for found in series.values()]
        left.plot(range(len(series)), means, "o-", color=colour, label=name)
    left.set_xticks(range(len(counts)), counts)
    left.set(xlabel="latents of the larger dictionary", ylim=(0, None))
    left.set(ylabel=f"latents with a cosine above {NEAR}", title=f"per latent of {WIDTHS[0]}")
    left.legend(frameon=False)
    for place, group in enumerate(of_main.values()):
        means = [one.float().mean() for one in group]
        right.plot([place] * len(group), means, "o", color=first, alpha=0.7, clip_on=False)
    right.set_xticks(range(len(of_main)), of_main)
    right.set(xlim=(-0.5, len(of_main) - 0.5), ylim=(0, None), title=f"per latent of {MAIN}")


if __name__ == "__main__":
    main()
