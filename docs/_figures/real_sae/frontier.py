"""TopK and JumpReLU dictionaries of the real model, and a dictionary of its shuffled weights.

Every run has the text, the steps and the optimizer of the recipe of sae_smollm2, with half of its
tokens. The control is the same recipe on a model whose weight matrices have their entries permuted:
it has learned nothing. Results are kept in the cache, so an interrupted experiment goes on.
"""

import argparse
import functools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.figure_files import ROOT
from docs._figures.monosemanticity.text_models import shuffle_weights
from docs._figures.real_sae import contexts, runs
from docs._figures.real_sae.contexts import Firings, draw_latents, find_firings
from docs._figures.real_sae.runs import EPOCHS, PER_KIND, HeldOut
from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes import AbstractSAE, ActivationStore, ReconstructionSums, train_in_folder
from solutions.ch08_saes.train import dense_pass
from solutions.ch08_saes.vanilla import fold_input_scale
from solutions.ch09_sparsity import JumpReLUSAE, TopKSAE, sparse_pass
from toy_models.cache import cache_folder
from toy_models.real_text import full_text
from toy_models.recipes.real_activations import Windows, collect_activations, training_windows
from toy_models.sae_smollm2.train import BATCH, D_SAE, HOOK, prepare, settings

TOKENS = 50_000
TOPK, JUMPRELU, SHUFFLED = "TopK", "JumpReLU", "TopK, shuffled weights"
THRESHOLD, WIDTH = 1.5, 1.0
"""First threshold of JumpReLU and the width of its kernel, in units of the scaled activations."""
N_LATENTS, N_FIRINGS = 256, 20
"""Latents whose tokens are compared, and firings of each."""
SOURCES: list[Path | str] = [
    *runs.SOURCES,
    runs.__file__,
    contexts.__file__,
    ROOT / "solutions/ch09_sparsity/jumprelu.py",
]


class Run(NamedTuple):
    """One dictionary."""

    kind: str
    """TOPK, JUMPRELU or SHUFFLED."""
    level: float
    """Active latents per token, or the coefficient of the penalty."""
    seed: int = 0
    """Seed of its first weights and of the order of its batches."""


class Source(NamedTuple):
    """A model with its text and activations."""

    model: HookedTransformer
    """Model."""
    tokenizer: Tokenizer
    """Tokenizer."""
    folder: Path
    """Activations."""
    windows: Windows
    """Windows that they were collected from."""


@functools.cache
def source(shuffled: bool) -> Source:
    """Load the model, shuffled or not, and collect activations or go on where it stopped."""
    chosen = argparse.Namespace(text="full", tokens=TOKENS, epochs=EPOCHS, seed=0)
    model, tokenizer, folder, _ = prepare(chosen)
    windows = training_windows(tokenizer, full_text(), TOKENS // 120 + 80)
    if shuffled:
        shuffle_weights(model, seed=0)
        name = folder.name.replace("smollm2-135m", "smollm2-135m_shuffled").partition("_first")[0]
        folder = collect_activations(model, name, HOOK, windows, TOKENS)
    return Source(model, tokenizer, folder, windows)


def build(run: Run, d_in: int) -> AbstractSAE:
    """Make a dictionary before its training."""
    if run.kind == JUMPRELU:
        return JumpReLUSAE(d_in, D_SAE, run.level, run.seed, threshold=THRESHOLD, width=WIDTH)
    return TopKSAE(d_in, D_SAE, int(run.level), run.seed, aux_k=64, dead_after=200)


def train_one(run: Run) -> tuple[AbstractSAE, ActivationStore]:
    """Train one dictionary of unscaled activations; its decoder's bias begins at the mean."""
    folder = source(run.kind == SHUFFLED).folder
    store = ActivationStore(folder, BATCH, seed=run.seed, shards_in_memory=16)
    sae = build(run, store.d_in)
    sae.b_dec.data = (store.moments.mean() * store.scale).float()
    one_pass = dense_pass if run.kind == JUMPRELU else sparse_pass
    place = cache_folder() / "runs/real_frontier" / f"{run.kind} {run.level} {run.seed}"
    config = settings(store.n_rows, EPOCHS, run.seed)
    train_in_folder({"sae": sae}, store.batch, config, place, 50, one_pass)
    with torch.no_grad():
        fold_input_scale(sae, store.scale)
    return sae.requires_grad_(False), store


def measure(run: Run, held_out: HeldOut) -> dict[str, Any]:
    """Train one dictionary, and score it; a shuffled model has no loss to recover."""
    sae, store = train_one(run)
    if run.kind == SHUFFLED:
        sums, acts = ReconstructionSums(sae.d_in, sae.d_sae), sae.encode(held_out.x)
        sums.add(held_out.x, sae.decode(acts), acts)
        report = sums.report()
        scores: dict[str, Any] = {"fvu": report.fvu, "l0": report.l0, "never": report.dead}
    else:
        scores = held_out.scores(sae)
    if run.kind != JUMPRELU:
        scores["tokens"] = shares_of_one_token(sae, store, source(run.kind == SHUFFLED).windows)
    return scores


def measure_all(chosen: Sequence[Run]) -> dict[Run | str, dict[str, Any]]:
    """Train and measure every run, and measure the model and its mean ablation."""
    given = [TOKENS, EPOCHS, PER_KIND, N_LATENTS, N_FIRINGS]
    step = CachedSteps("real_frontier", len(chosen) + 1, given, [__file__, *SOURCES])
    held_out = functools.cache(lambda shuffled: HeldOut(*source(shuffled)[:2]))

    def measure_base() -> dict[str, Any]:
        mean = held_out(False).x.mean(dim=0)
        return {
            "clean": held_out(False).losses(lambda x: x),
            "mean": held_out(False).losses(lambda x: mean.expand_as(x)),
            "tokens": len(held_out(False).x),
        }

    found: dict[Run | str, dict[str, Any]] = {"base": step("base", measure_base)}
    for run in chosen:
        make = partial(lambda one: measure(one, held_out(one.kind == SHUFFLED)), run)
        found[run] = step(str(tuple(run)), make)
    return found


def shares_of_one_token(
    sae: AbstractSAE, store: ActivationStore, windows: Windows
) -> dict[str, Float[Tensor, " latent"]]:
    """Compute for random latents how many firings are on one token: of the strongest, at random.

    Firings are in different windows. "chance" has positions of the text, drawn as often.
    """
    firings = find_firings(sae, store)
    generator = torch.Generator().manual_seed(0)
    shares: dict[str, list[float]] = {"strongest": [], "random": [], "chance": []}
    for latent in draw_latents(firings, sae.d_sae, N_LATENTS, seed=1):
        own = (firings.latent == latent).nonzero().flatten()
        ranked = own[firings.act[own].argsort(descending=True)]
        shuffled = own[torch.randperm(len(own), generator=generator)]
        anywhere = torch.randint(len(firings.act), (4 * N_FIRINGS,), generator=generator)
        for name, order in zip(shares, (ranked, shuffled, anywhere), strict=True):
            shares[name].append(largest_share(tokens_at(firings, order, windows)))
    return {name: torch.tensor(found) for name, found in shares.items()}


def tokens_at(firings: Firings, order: Tensor, windows: Windows) -> Tensor:
    """Return the tokens of the first N_FIRINGS firings of an order that are in new windows."""
    taken: set[int] = set()
    tokens: list[Tensor] = []
    for window, position in firings.place[order].tolist():
        if window not in taken and len(tokens) < N_FIRINGS:
            taken.add(window)
            tokens.append(windows[window, position])
    return torch.stack(tokens)


def largest_share(tokens: Tensor) -> float:
    """Compute the share of the most frequent token."""
    return (tokens.bincount().max() / len(tokens)).item()
