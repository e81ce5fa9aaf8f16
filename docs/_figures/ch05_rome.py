"""Edit facts of three toys with ROME: at the traced location, with controls, and elsewhere."""

from collections.abc import Callable

import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.ch05_tracing import effects, trace
from docs._figures.lib.dot_plot import MARKERS, dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch05_patching.edit_evaluation import (
    EditScores,
    RomeUpdate,
    evaluate_edit,
    key_samples,
    rome_update,
    sample_edit,
)
from solutions.ch05_patching.fact_world import make_world
from solutions.ch05_patching.rome import EditLocation, rome_edit, second_moment, with_edited_mlp
from toy_models import folder

SEEDS, EDITS, EDITS_A_PLACE = (0, 1, 2), 24, 6
FACTS, RIDGE = make_world(), 0.01
TRACED = EditLocation(layer=0, position=-3)
ELSEWHERE = [EditLocation(layer, position) for layer in range(3) for position in (-4, -3, -2, -1)]
POSITIONS = {-4: "first name", -3: "last name", -2: "first question word", -1: "last word"}
Write = Callable[[Tensor, Tensor, RomeUpdate, torch.Generator], Tensor]


def by_rome(W: Tensor, C: Tensor, update: RomeUpdate, _: torch.Generator) -> Tensor:
    """Edit as the paper does."""
    return rome_edit(W, C, update.key, update.key @ W + update.change)


def without_moment(W: Tensor, C: Tensor, update: RomeUpdate, _: torch.Generator) -> Tensor:
    """Edit with C = 1, as if all directions of keys were equally usual."""
    return by_rome(W, torch.eye(len(C)).to(C), update, _)


def random_key(W: Tensor, C: Tensor, update: RomeUpdate, generator: torch.Generator) -> Tensor:
    """Edit at a random key with the norm of the right one."""
    key = torch.randn(update.key.shape, generator=generator).to(update.key)
    key *= update.key.norm() / key.norm()
    return rome_edit(W, C, key, key @ W + update.change)


WAYS: dict[str, Write] = {
    "ROME": by_rome,
    "C left out": without_moment,
    "random key": random_key,
}


def edit_all(
    model: HookedTransformer, location: EditLocation, n: int, ways: dict[str, Write]
) -> dict[str, list[EditScores]]:
    """Evaluate the same n random edits at a location, each made in several ways."""
    generator = torch.Generator().manual_seed(1)
    edits = [sample_edit(FACTS, generator) for _ in range(n)]
    C = second_moment(key_samples(model, FACTS, location.layer, generator), RIDGE)
    W: Tensor = model.blocks[location.layer].mlp.W_out.double()  # type: ignore
    found: dict[str, list[EditScores]] = {way: [] for way in ways}
    for edit in tqdm(edits, desc=f"{tuple(location)}", leave=False):
        update = rome_update(model, FACTS, edit, location, generator)
        for way, write in ways.items():
            edited = with_edited_mlp(model, location.layer, write(W, C, update, generator).float())
            found[way].append(evaluate_edit(edited, FACTS, edit, generator))
    return found


def means(scores: list[EditScores]) -> dict[str, float]:
    """Average each score over edits."""
    columns = zip(*scores, strict=True)
    return {
        name: sum(column) / len(column)
        for name, column in zip(EditScores._fields, columns, strict=True)
    }


def main() -> None:
    """Draw both panels: several ways at one location, and one way at every location."""
    models = [load_pretrained(folder("facts", seed))[0] for seed in SEEDS]
    runs = [edit_all(model.requires_grad_(False), TRACED, EDITS, WAYS) for model in models]
    ways = {way: [means(run[way]) for run in runs] for way in WAYS}
    places = [everywhere(model) for model in models]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        rows = ["success", "paraphrases", "neighbors", "namesakes", "other_facts"]
        series = {way: [[one[row] for one in found] for row in rows] for way, found in ways.items()}
        names = [row.replace("_", " ") for row in rows]
        dot_plot(left, names, series, label="share of prompts", reach=(-0.03, 1.2))
        legend_above(left, columns=3)
        for marker, position in zip(MARKERS, POSITIONS, strict=True):
            chosen = [one for model in places for one in model if one["place"][1] == position]
            x, y = ([one[key] for one in chosen] for key in ("indirect", "paraphrases"))
            right.plot(x, y, marker, label=POSITIONS[position], alpha=0.8, ms=5)
        right.set(xlabel="indirect effect of the MLP there", ylabel="paraphrases with new answer")
        legend_above(right)

    mean = {way: sum(one["paraphrases"] for one in found) / 3 for way, found in ways.items()}
    publish(
        "ch05_rome",
        draw,
        alt="Edits of single facts. Paraphrases that give the new answer: "
        + ", ".join(f"{way} {value:.2f}" for way, value in mean.items())
        + ". Next to it edits at twelve locations: edits work at several with almost no indirect "
        "effect as well as at the traced one.",
        numbers={
            "ways": ways,
            "edits": EDITS,
            "worst_edit": [min(s.paraphrases for s in run["ROME"]) for run in runs],
            "places": places,
            "edits_a_place": EDITS_A_PLACE,
            "correlation": [correlation(model) for model in places],
        },
        sources=[__file__],
        seeds=SEEDS,
        size=(9.6, 3.9),
    )


def everywhere(model: HookedTransformer) -> list[dict]:
    """Measure for each location how edits work there, and its indirect effect."""
    traced = effects(trace(model, "mlp_out"))
    found = []
    for place in ELSEWHERE:
        scores = means(edit_all(model, place, EDITS_A_PLACE, {"ROME": by_rome})["ROME"])
        found.append({"place": place, "indirect": traced[place].item(), **scores})
    return found


def correlation(places: list[dict]) -> float:
    """Correlate indirect effect and paraphrases over locations."""
    values = torch.tensor([[one["indirect"], one["paraphrases"]] for one in places])
    return torch.corrcoef(values.T)[0, 1].item()


if __name__ == "__main__":
    main()
