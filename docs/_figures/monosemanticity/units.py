"""The sets of units that are compared: neurons, features, and controls, on the same tokens."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.monosemanticity.contexts import (
    Partition,
    frequent_pairs,
    partitions,
    vocabulary,
)
from docs._figures.monosemanticity.dictionaries import (
    L1,
    MAIN,
    SAE_SEEDS,
    Run,
    encode,
    random_dictionary,
)
from docs._figures.monosemanticity.labels import Labels, Scores, find_labels, score_labels
from docs._figures.monosemanticity.text_models import (
    SHUFFLED,
    Windows,
    held_out_windows,
    label_windows,
    mlp_activations,
    model,
    tokenizer,
)
from solutions.ch08_saes.sae import AbstractSAE

X = Float[Tensor, "row neuron"]
SOURCES: list[Path | str] = [
    __file__,
    *(Path(__file__).with_name(f"{name}.py") for name in ("labels", "contexts")),
]
UNITS = 256
"""Units drawn at random from each set."""
LABEL_WINDOWS, HELD_OUT_WINDOWS = 96, 48
"""Texts of each kind on which labels are found and scored."""
ALIVE = 30
"""Positions of the label text at which a unit must be active to be drawn."""
DENSITY = 1 / 128
"""Share of positions at which neurons are active after thresholding: K / MAIN, as for features."""


class UnitSet(NamedTuple):
    """Units of one kind, of one model and one seed."""

    group: str
    """Kind, such as "features"; sets of a group differ in their seeds."""
    model: str
    """Name of the model."""
    acts: Callable[[X], Tensor]
    """Activations of all units, [row, unit], from those of the neurons."""


class Data(NamedTuple):
    """Tokens with the phrases that hold at them."""

    windows: Windows
    """Texts."""
    partitions: list[Partition]
    """Phrases."""


def rows_of(name: str, windows: Windows) -> X:
    """Compute a model's activations at positions 1 to 126."""
    return mlp_activations(model(name), windows.tokens)[:, 1:-1].flatten(0, 1)


def both_texts() -> tuple[Data, Data]:
    """Return the text on which labels are found, and the held-out text."""
    words, first = vocabulary(tokenizer()), label_windows(LABEL_WINDOWS)
    pairs = frequent_pairs(first, len(words))
    second = held_out_windows(HELD_OUT_WINDOWS)
    return Data(first, partitions(first, words, pairs)), Data(
        second, partitions(second, words, pairs)
    )


def strongest_only(x: X) -> Callable[[X], X]:
    """Make a function that keeps each neuron's strongest activations; a threshold from x."""
    n = max(1, round(len(x) * DENSITY))
    threshold = x.topk(n, dim=0).values[-1]
    return lambda rows: torch.where(rows >= threshold, rows, 0) * (rows > 0)


def unit_sets(saes: Mapping[Run, AbstractSAE], label_rows: Mapping[str, X]) -> list[UnitSet]:
    """List all sets. Features are those of the dictionaries of MAIN latents."""
    sets = []
    for name in ("A", "B", f"{SHUFFLED}A"):
        prefix = "shuffled model, " if name.startswith(SHUFFLED) else ""
        sets.append(UnitSet(f"{prefix}neurons", name, lambda x: x))
        if not prefix:
            sets.append(UnitSet("neurons, strongest", name, strongest_only(label_rows[name])))
    for run, sae in saes.items():
        prefix = "shuffled model, " if run.model.startswith(SHUFFLED) else ""
        if run.width == MAIN:
            form = ", L1" if run.variant == L1 else ""
            sets.append(UnitSet(f"{prefix}features{form}", run.model, encoder(sae)))
    for seed in SAE_SEEDS:
        sae = random_dictionary("A", seed)
        sets.append(UnitSet("random dictionary", "A", encoder(sae)))
    return sets


def encoder(sae: AbstractSAE) -> Callable[[X], Tensor]:
    """Return a dictionary's encoder."""
    return lambda x: encode(sae, x)


def draw_units(acts: Tensor, seed: int = 0, n: int = UNITS) -> Int[Tensor, " unit"]:
    """Draw units at random from those that are alive, without regard to what they do."""
    alive = (acts > 0).sum(dim=0).ge(ALIVE).nonzero()[:, 0]
    order = torch.randperm(len(alive), generator=torch.Generator().manual_seed(seed))
    return alive[order[:n]]


class Judged(NamedTuple):
    """The labels of a set's units, and how well they hold."""

    group: str
    """Kind of unit."""
    model: str
    """Name of the model."""
    eligible: float
    """Share of the set's units that are alive."""
    units: Int[Tensor, " unit"]
    """Units that were drawn."""
    labels: Labels
    """Their labels."""
    scores: Scores
    """How well the labels hold."""
    swapped: Float[Tensor, " unit"]
    """Score of each unit with the label of another one: the null."""


def judge(one: UnitSet, rows: tuple[X, X], texts: tuple[Data, Data]) -> Judged:
    """Label the units of a set, and score the labels; rows and texts: for labels, held out."""
    acts = one.acts(rows[0])
    units = draw_units(acts)
    alive = (acts > 0).sum(dim=0).ge(ALIVE).double().mean().item()
    labels = find_labels(acts[:, units].contiguous(), texts[0].partitions)
    held_out = one.acts(rows[1])[:, units].contiguous()
    scores = score_labels(held_out, texts[1].partitions, labels)
    others = Labels(*(part.roll(1) for part in labels))
    swapped = score_labels(held_out, texts[1].partitions, others).correlation
    return Judged(one.group, one.model, alive, units, labels, scores, swapped)


def judge_all(saes: Mapping[Run, AbstractSAE]) -> list[Judged]:
    """Judge every set; each is cached."""
    torch.set_num_threads(1)
    texts = both_texts()
    names = sorted({run.model for run in saes})
    label_rows, held_out_rows = (
        {name: rows_of(name, text.windows) for name in names} for text in texts
    )
    rows = {name: (label_rows[name], held_out_rows[name]) for name in names}
    sets = unit_sets(saes, label_rows)
    given = [UNITS, ALIVE, DENSITY, LABEL_WINDOWS, HELD_OUT_WINDOWS]
    steps = CachedSteps("ch08_text_units", len(sets), given, SOURCES)
    judged = []
    for number, one in enumerate(sets):
        probe = one.acts(rows[one.model][1][:64]).double().sum(dim=1).tolist()
        made = steps(
            f"{number} {one.group} {one.model}",
            lambda: to_plain(judge(one, rows[one.model], texts)),
            probe,
        )
        judged.append(from_plain(made))
    return judged


def to_plain(one: Judged) -> list[Any]:
    """Turn nested tuples into lists, which can be saved."""
    return [list(part) if isinstance(part, tuple) else part for part in one]


def from_plain(made: list[Any]) -> Judged:
    """Turn them back."""
    group, name, eligible, units, labels, scores, swapped = made
    return Judged(group, name, eligible, units, Labels(*labels), Scores(*scores), swapped)
