"""Dictionaries of the real model from several amounts of text and seeds, measured on held-out text.

Every run trains with the recipe of sae_smollm2 and is kept in the cache, as are the activations; an
interrupted experiment goes on. The control has a decoder of fixed random rows; all else is trained.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.figure_files import ROOT
from docs._figures.sparsity.variants import RandomDictionary
from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes import AbstractSAE, ActivationStore, ReconstructionSums, train_in_folder
from solutions.ch08_saes.collect import activations_of, keep_mask
from solutions.ch08_saes.vanilla import fold_input_scale
from solutions.ch09_sparsity import sparse_pass
from toy_models.cache import cache_folder
from toy_models.real_text import excerpt
from toy_models.recipes.real_activations import CONFIG, held_out_windows, losses_with
from toy_models.sae_smollm2.train import BATCH, D_SAE, HOOK, LAYER, K, make_sae, prepare, settings

EPOCHS, PER_KIND = 4.0, 8
TRAINED, RANDOM = "trained", "random decoder"
Run = tuple[str, int, int]
"""What is trained, on how many tokens, and with which seed."""
SOURCES = [
    ROOT / "toy_models" / path for path in ("sae_smollm2/train.py", "recipes/real_activations.py")
] + [ROOT / "solutions" / path for path in ("ch09_sparsity/topk.py", "ch08_saes/train.py")]


class HeldOut:
    """Held-out windows and their activations, computed once."""

    @torch.no_grad()
    def __init__(self, model: HookedTransformer, tokenizer: Any) -> None:
        by_kind = held_out_windows(tokenizer, excerpt("held_out"), PER_KIND)
        self.model, self.windows = model, torch.cat(list(by_kind.values()))
        self.resid = torch.cat([activations_of(model, HOOK, w) for w in self.windows.split(8)])
        self.x = self.resid[keep_mask(self.resid, self.windows, CONFIG)]

    def losses(self, replace: Any) -> Tensor:
        """Compute the loss of each window with the residual stream replaced."""
        found = losses_with(self.model, LAYER, self.resid, self.windows, {"it": replace})
        return found["it"]

    @torch.no_grad()
    def scores(self, sae: AbstractSAE) -> dict[str, Any]:
        """Measure reconstruction, and the loss of each window on the reconstruction."""
        sums, acts = ReconstructionSums(sae.d_in, sae.d_sae), sae.encode(self.x)
        sums.add(self.x, sae.decode(acts), acts)
        report = sums.report()
        spliced = self.losses(lambda x: sae.decode(sae.encode(x)))
        return {"fvu": report.fvu, "l0": report.l0, "never": report.dead, "losses": spliced}


def train_one(kind: str, tokens: int, seed: int) -> AbstractSAE:
    """Train one dictionary of unscaled activations."""
    chosen = argparse.Namespace(text="full", tokens=tokens, epochs=EPOCHS, seed=seed)
    store = ActivationStore(prepare(chosen)[2], BATCH, seed=seed, shards_in_memory=16)
    sae: AbstractSAE = make_sae(store, seed)
    if kind == RANDOM:
        control = RandomDictionary(store.d_in, D_SAE, K, seed)
        control.b_dec.data = sae.b_dec.data
        sae = control
    config = settings(store.n_rows, EPOCHS, seed)
    folder = cache_folder() / "runs/real_quality" / f"{kind} {tokens} {seed}"
    train_in_folder({"sae": sae}, store.batch, config, folder, 50, sparse_pass)
    with torch.no_grad():
        fold_input_scale(sae, store.scale)
    return sae


def measure_all(runs: Sequence[Run]) -> dict[str, Any]:
    """Train and measure every run, and measure the model and its mean ablation."""
    step = CachedSteps("real_quality", len(runs) + 1, [EPOCHS, PER_KIND], [__file__, *SOURCES])
    model, tokenizer, _, _ = prepare(
        argparse.Namespace(text="full", tokens=50_000, epochs=EPOCHS, seed=0)
    )
    held_out: list[HeldOut] = []

    def on() -> HeldOut:
        held_out.extend([HeldOut(model, tokenizer)] if not held_out else [])
        return held_out[0]

    def measure_base() -> dict[str, Any]:
        mean = on().x.mean(dim=0)
        return {
            "clean": on().losses(lambda x: x),
            "mean": on().losses(lambda x: mean.expand_as(x)),
            "tokens": len(on().x),
        }

    def measure(kind: str, tokens: int, seed: int) -> dict[str, Any]:
        return on().scores(train_one(kind, tokens, seed))

    found: dict[str, Any] = {"base": step("base", measure_base)}
    for run in runs:
        found["{} {} {}".format(*run)] = step(str(run), partial(measure, *run))
    return found
