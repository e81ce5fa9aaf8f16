"""Rank the latents of drawn dictionaries in three ways: how many drivers of answer 0 come first?"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.plotting import bars, publish
from solutions.ch08_saes.suspects import (
    Case,
    CaseBatch,
    answers_of,
    answers_without,
    draw_case,
    open_case,
)

SEEDS, INPUTS = range(1000, 1200), 1500
NOTHING, ONLY = 0.02, 0.98
NAMES = (
    "predicts that concept 0 is present",
    "writes in the direction of answer 0",
    "changes answer 0 when it alone is removed",
)


def main() -> None:
    """Draw dictionaries, rank, count."""
    torch.set_num_threads(1)
    found = torch.tensor([shares(seed) for seed in tqdm(SEEDS, desc="dictionaries")])
    means = found.mean(dim=0)
    half = 1.96 * found.std(dim=0) / len(found) ** 0.5
    low, high = (means - half).tolist(), (means + half).tolist()
    values = dict(zip(NAMES, means.tolist(), strict=True))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        errors = dict(zip(NAMES, zip(low, high, strict=True), strict=True))
        bars(axes, values, errors=errors, label="share of the drivers among the first latents")
        axes.set(xlim=(0, 1))

    publish(
        "ch08_rankings",
        draw,
        alt="Share of the drivers that a ranking puts first. "
        + "; ".join(f"{name}: {value:.2f}" for name, value in values.items())
        + ".",
        numbers={"share": found, "all drivers first": (found == 1).double().mean(dim=0)},
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 2.4),
    )


@torch.no_grad()
def shares(seed: int) -> list[float]:
    """Compute the share of a dictionary's drivers that each ranking puts first."""
    case = open_case(seed)
    batch = draw_case(case, INPUTS, torch.Generator().manual_seed(seed))
    acts, changes = case.sae.encode(batch.x), changes_by_latent(case, batch)
    fires, present = acts > 0, batch.present[:, 0]
    only = (fires & present[:, None]).sum(dim=0) > ONLY * fires.sum(dim=0)
    drivers = fires.any(dim=0) & only & (changes.abs().amax(dim=(1, 2)) > NOTHING)
    rankings = (
        torch.corrcoef(torch.cat([present[None].float(), acts.T]))[0, 1:].nan_to_num(),
        F.normalize(case.sae.W_dec, dim=1) @ case.concepts[0],
        changes[..., 0].mean(dim=1),
    )
    n = int(drivers.sum())
    return [drivers[score.topk(n).indices].double().mean().item() for score in rankings]


def changes_by_latent(case: Case, batch: CaseBatch) -> Float[Tensor, "latent batch answer"]:
    """Compute by how much each answer falls when each latent alone is removed."""
    clean = answers_of(case, batch.x)
    each = [answers_without(case, batch.x, [latent]) for latent in range(case.sae.d_sae)]
    return clean - torch.stack(each)


if __name__ == "__main__":
    main()
