"""Draw swaps of states in two_hop models of three fresh seeds, with intervals over cities.

The models are trained by the toy's recipe with a longer warm-up, which was chosen on seed 4. All
questions that a model answers right are asked once for each other state, and once with a random
change of the same length, DRAWS times.
"""

from dataclasses import replace
from functools import partial

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.plotting import publish
from solutions.ch00_looking import bootstrap_interval
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch11_transcoders import JumpReLUCLT, geography, state_swaps
from solutions.ch11_transcoders.formats import load_transcoders
from solutions.ch11_transcoders.geography import FIRST_RELATION, N_CITIES, N_STATES, Geography
from solutions.ch11_transcoders.state_swaps import city_acts, state_latents, swapped_answers
from toy_models.cache import cache_folder
from toy_models.two_hop import train as recipe

SEEDS, WARMUP, DRAWS = (6, 7, 8), 300, 5
SWAPPED, OTHERS, RANDOM = "states swapped", "two other latents", "random direction"
SOURCES = [__file__, *(str(one.__file__) for one in (recipe, state_swaps, geography))]


def trained(seed: int) -> tuple[HookedTransformer, JumpReLUCLT]:
    """Train a model and its CLT, or load them."""
    folder = cache_folder() / "runs/two_hop_fresh" / f"seed {seed}"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "clt/config.yaml").is_file():
        recipe.train_toy(folder, replace(recipe.settings(seed), warmup=WARMUP))
    clt = load_transcoders(folder / "clt")
    assert isinstance(clt, JumpReLUCLT)
    return load_pretrained(folder)[0].requires_grad_(False), clt


def other_changes(
    acts: Tensor, used: Tensor, clt: JumpReLUCLT, generator: torch.Generator
) -> Tensor:
    """Switch one of the city's latents outside the states' groups off, and write it elsewhere."""
    free = ((acts > 0).any(dim=0) & ~used).double()
    free = free + 1e-9 * (free.sum(dim=1, keepdim=True) == 0)
    on, off = (torch.multinomial(free, 1, generator=generator)[:, 0] for _ in range(2))
    rows = torch.arange(len(used))
    change = acts.new_zeros(len(used), acts.shape[1])
    change[rows, on], change[rows, off] = 1.0, -1.0
    change[rows, on] += (on == off).to(change)
    return torch.einsum("ql,tld->qtd", change, clt.W_dec[0])


def shares(model: HookedTransformer, clt: JumpReLUCLT, world: Geography) -> dict[str, Tensor]:
    """Compute for each city the share of its answers that become another state's."""
    with torch.enable_grad():
        chosen = state_latents(model, clt, world)
    generator = torch.Generator().manual_seed(0)
    questions = torch.cat([world.questions(held_out) for held_out in (False, True)])
    right = model(questions)[:, -1].argmax(dim=1) == world.answers(questions)
    questions = questions[right]
    city, relation = questions[:, 0], questions[:, 1] - FIRST_RELATION
    state, acts = world.state_of[city], city_acts(model, clt)
    means = torch.stack([acts[world.state_of == one].mean(dim=0) for one in range(N_STATES)])
    counts = {name: torch.zeros(2, N_CITIES) for name in (SWAPPED, OTHERS, RANDOM)}
    for step in range(1, N_STATES):
        other = (state + step) % N_STATES
        change = (means * chosen)[other] - acts[city] * chosen[state]
        written = torch.einsum("ql,tld->qtd", change, clt.W_dec[0])
        used = chosen[state] | chosen[other]
        made = {SWAPPED: [written]}
        made[OTHERS] = [other_changes(acts, used, clt, generator) for _ in range(DRAWS)]
        made[RANDOM] = [torch.randn(written.shape, generator=generator) for _ in range(DRAWS)]
        for name, changes in made.items():
            for one in changes:
                length = written.flatten(1).norm(dim=1) / one.flatten(1).norm(dim=1)
                answers = swapped_answers(model, questions, one * length[:, None, None])
                hit = (answers == world.answer[other, relation]).float()
                counts[name][0].index_add_(0, city, hit)
                counts[name][1].index_add_(0, city, torch.ones_like(hit))
    return {name: (hits / asked)[asked > 0] for name, (hits, asked) in counts.items()}


def measure(seed: int) -> dict[str, dict[str, float]]:
    """Train one seed, and measure it."""
    model, clt = trained(seed)
    world = geography.make_geography()
    report = recipe.report(model, clt, world)
    found: dict[str, dict[str, float]] = {"report": report}
    for name, values in shares(model, clt, world).items():
        generator = torch.Generator().manual_seed(0)
        low, mean, high = bootstrap_interval(values.double(), 2000, 0.95, generator)
        found[name] = {"low": low, "mean": mean, "high": high}
    return found


def main() -> None:
    """Measure all seeds, and draw."""
    torch.set_num_threads(1)
    steps = CachedSteps("ch11_fresh_seeds", len(SEEDS), [WARMUP, DRAWS], SOURCES)
    measured = {seed: steps(f"seed {seed}", partial(measure, seed)) for seed in SEEDS}

    def draw(figure: Figure) -> None:
        axes, colors = figure.subplots(), mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        for number, name in enumerate((SWAPPED, OTHERS, RANDOM)):
            for row, found in enumerate(measured.values()):
                y, one = row + (number - 1) * 0.2, found[name]
                axes.plot([one["low"], one["high"]], [y, y], color=colors[number], lw=2)
                label = name if row == 0 else None
                axes.plot([one["mean"]], [y], "os^"[number], color=colors[number], label=label)
        axes.set_yticks(range(len(SEEDS)), [f"seed {seed}" for seed in SEEDS])
        axes.set(xlabel="share of answers that become the other state's", xlim=(-0.02, 1.02))
        axes.invert_yaxis()
        axes.legend(frameon=False, loc="center")

    said = "; ".join(
        f"seed {seed}: "
        + ", ".join(f"{name} {found[name]['mean']:.2f}" for name in (SWAPPED, OTHERS, RANDOM))
        for seed, found in measured.items()
    )
    publish(
        "ch11_fresh_seeds",
        draw,
        alt=f"Share of answers that become the other state's. {said}.",
        numbers={"seeds": {str(seed): found for seed, found in measured.items()}},
        seeds=SEEDS,
        sources=SOURCES,
        size=(7.0, 2.6),
    )


if __name__ == "__main__":
    main()
