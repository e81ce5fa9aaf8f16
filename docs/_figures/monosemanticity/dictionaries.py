"""Train the dictionaries of the experiment, and measure how well they reconstruct.

One step of the cache is one dictionary; a run that is interrupted goes on from its checkpoint.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

import solutions.ch08_saes as ch08
import solutions.ch09_sparsity as ch09
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.monosemanticity import text_models
from docs._figures.monosemanticity.text_models import (
    HOOK,
    N_NEURONS,
    SHUFFLED,
    ActivationStream,
    held_out_windows,
    mlp_activations,
    model,
    moments,
)
from solutions.ch08_saes import ReconstructionSums, SAETrainConfig, train_saes
from solutions.ch08_saes.fidelity import measure_fidelity
from solutions.ch08_saes.sae import AbstractSAE
from solutions.ch08_saes.train import dense_pass
from solutions.ch08_saes.vanilla import VanillaSAE, fold_decoder_norm, fold_input_scale
from solutions.ch09_sparsity import TopKSAE
from solutions.ch09_sparsity.topk import sparse_pass

WIDTHS, MAIN, K, STEPS = (512, 2048), 2048, 16, 1000
SAE_SEEDS = (0, 1)
TOPK, L1 = "TopK", "L1"
L1_SEEDS = (0,)
L1_COEFFICIENT, L1_WARMUP = 4.0, 100
"""Coefficient of the L1 penalty, and steps over which its weight grows."""


class Run(NamedTuple):
    """One dictionary."""

    model: str
    """Name of its model, for `text_models.model`."""
    width: int = MAIN
    """Latents."""
    seed: int = 0
    """Seed of its first weights and of its batches."""
    variant: str = TOPK
    """TOPK or L1."""


RUNS = (
    *(Run("A", seed=seed) for seed in SAE_SEEDS),
    Run("B"),
    Run(f"{SHUFFLED}A"),
    *(Run("A", width) for width in WIDTHS if width != MAIN),
    *(Run("A", seed=seed, variant=L1) for seed in L1_SEEDS),
    Run("B", variant=L1),
    Run(f"{SHUFFLED}A", variant=L1),
)
SOURCES: list[Path | str] = [
    str(text_models.__file__),
    *(
        Path(str(module.__file__)).parent / f"{name}.py"
        for module, names in ((ch08, ("sae", "train", "vanilla")), (ch09, ("topk",)))
        for name in names
    ),
]


def trained(runs: Sequence[Run] = RUNS) -> dict[Run, AbstractSAE]:
    """Train the dictionaries, or load them; they read unscaled activations, with unit rows."""
    torch.set_num_threads(1)
    steps = CachedSteps("ch08_text_saes", len(runs), STEPS, SOURCES)
    saes: dict[Run, AbstractSAE] = {}
    for run in runs:
        given = [digest(run.model), K if run.variant == TOPK else [L1_COEFFICIENT, L1_WARMUP]]
        checkpoint = steps.path(str(tuple(run)), given).with_suffix(".run")
        made = steps(str(tuple(run)), lambda: train(run, checkpoint), given)
        checkpoint.unlink(missing_ok=True)
        sae = build(run)
        sae.load_state_dict(made["state"])
        fold_input_scale(sae, made["scale"])
        fold_decoder_norm(sae)
        saes[run] = sae.requires_grad_(False)
    return saes


def digest(name: str) -> list[float]:
    """Identify the weights of a model."""
    return [weight.double().sum().item() for weight in model(name).parameters()]


def build(run: Run) -> AbstractSAE:
    """Make the dictionary before its training."""
    if run.variant == L1:
        return VanillaSAE(N_NEURONS, run.width, L1_COEFFICIENT, run.seed)
    return TopKSAE(N_NEURONS, run.width, K, run.seed, aux_k=64, dead_after=200)


def train(run: Run, checkpoint: Path) -> dict[str, Any]:
    """Train one dictionary; b_dec starts at the mean."""
    found = moments(model(run.model))
    sae, scale = build(run), found.scale()
    with torch.no_grad():
        sae.b_dec.copy_(found.mean() * scale)
    stream = ActivationStream(model(run.model), scale, 50 + run.seed)
    config = SAETrainConfig(
        STEPS,
        lr=2e-3,
        lr_warmup=STEPS // 60,
        lr_decay=STEPS * 3 // 10,
        sparsity_warmup=L1_WARMUP,
        dead_after=200,
        seed=run.seed,
    )
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    one_pass = sparse_pass if run.variant == TOPK else dense_pass
    for _ in train_saes({"sae": sae}, stream.batch, config, checkpoint, one_pass):
        pass
    return {"state": sae.state_dict(), "scale": scale}


def random_dictionary(name: str, seed: int) -> TopKSAE:
    """Make the control: random unit directions, the K largest projections are active."""
    sae = TopKSAE(N_NEURONS, MAIN, K, 100 + seed)
    with torch.no_grad():
        sae.b_dec.copy_(moments(model(name)).mean())
    return sae.requires_grad_(False)


@torch.no_grad()
def encode(
    sae: AbstractSAE, x: Float[Tensor, "row neuron"], chosen: Tensor | None = None
) -> Float[Tensor, "row latent"]:
    """Compute the activations of the chosen latents, in pieces."""
    pieces = (sae.encode(rows) for rows in x.split(4096))
    return torch.cat([acts if chosen is None else acts[:, chosen] for acts in pieces])


def alive(
    sae: AbstractSAE, x: Float[Tensor, "row neuron"], at_least: int = 30
) -> Bool[Tensor, " latent"]:
    """Find the latents that are active at enough rows."""
    counts = torch.stack([(encode(sae, rows) > 0).sum(dim=0) for rows in x.split(4096)])
    return counts.sum(dim=0) >= at_least


@torch.no_grad()
def quality(run: Run, sae: AbstractSAE) -> dict[str, float]:
    """Measure sparsity, error and what the model keeps, on held-out text."""
    tokens = held_out_windows(48).tokens
    sums = ReconstructionSums(sae.d_in, sae.d_sae)
    for batch in tokens.split(32):
        x = mlp_activations(model(run.model), batch)[:, 1:].flatten(0, 1)
        acts = sae.encode(x)
        sums.add(x, sae.decode(acts), acts)
    report = sums.report()
    fidelity = measure_fidelity(model(run.model), HOOK, sae, tokens[::3])
    return {
        "l0": report.l0,
        "fvu": report.fvu,
        "gamma": report.gamma,
        "dead": report.dead,
        "loss": fidelity.clean,
        "loss_spliced": fidelity.spliced,
        "loss_zero": fidelity.zero,
        "loss_mean": fidelity.mean,
        "kl": fidelity.kl,
        "recovered_from_zero": fidelity.recovered_from_zero,
        "recovered_from_mean": fidelity.recovered_from_mean,
    }
