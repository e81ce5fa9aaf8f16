"""Train every variant of chapter 9 on the residual stream of text_4l after block 1.

The text is the committed excerpt: its `train` documents for the SAEs, its `held_out` ones for all
scores. Activations are collected once, and the scores of each run are cached.
"""

import functools
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

import solutions.ch08_saes as ch08
import solutions.ch09_sparsity as ch09
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.sparsity.variants import SAE_SEED, SOURCES, Make, RandomDictionary
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch08_saes import (
    ActivationStore,
    CollectConfig,
    ReconstructionSums,
    SAETrainConfig,
    collect,
    train_saes,
)
from solutions.ch08_saes.collect import activations_of
from solutions.ch08_saes.fidelity import measure_fidelity
from solutions.ch08_saes.sae import AbstractSAE
from solutions.ch08_saes.train import dense_pass
from solutions.ch08_saes.vanilla import fold_input_scale
from solutions.ch09_sparsity import sparse_pass
from solutions.ch09_sparsity.matryoshka import nested_sparse_pass
from toy_models import folder
from toy_models.cache import cache_folder
from toy_models.real_text import EXCERPT_SHA256, excerpt
from toy_models.text_4l.train import as_tokens, windows_of

SEEDS = (0, 1)
HOOK, D_IN, D_SAE, WINDOW = "blocks.1.hook_resid_post", 128, 512, 128
STEPS, BATCH, HELD_OUT = 600, 256, 30
PREFIXES = (32, 128, D_SAE)
SELECTED = (8, 16, 32)
LEVELS: dict[str, tuple[float, ...]] = {
    "TopK": SELECTED,
    "BatchTopK": SELECTED,
    "L1": (1.0, 2.0, 4.0),
    "gated": (2.0, 4.0, 8.0),
    "JumpReLU": (0.5, 2.0, 8.0),
    "Matryoshka": SELECTED,
    "random dictionary": (16,),
}
"""Variant -> its k, or the coefficients of its penalty."""
MAKE: dict[str, Make] = {
    "TopK": lambda level, seed: ch09.TopKSAE(D_IN, D_SAE, int(level), seed),
    "BatchTopK": lambda level, seed: ch09.BatchTopKSAE(D_IN, D_SAE, int(level), seed),
    "L1": lambda level, seed: ch08.VanillaSAE(D_IN, D_SAE, level, seed),
    "gated": lambda level, seed: ch09.GatedSAE(D_IN, D_SAE, level, seed),
    "JumpReLU": lambda level, seed: ch09.JumpReLUSAE(
        D_IN, D_SAE, level, seed, threshold=0.5, width=1.0
    ),
    "Matryoshka": lambda level, seed: ch09.MatryoshkaSAE(D_IN, D_SAE, int(level), PREFIXES, seed),
    "random dictionary": lambda level, seed: RandomDictionary(D_IN, D_SAE, int(level), seed),
}
SPARSE = {
    "TopK": sparse_pass,
    "BatchTopK": sparse_pass,
    "random dictionary": sparse_pass,
    "Matryoshka": nested_sparse_pass,
}
SEEDS_OF = dict.fromkeys(LEVELS, SEEDS)
"""Seeds of a variant."""
Scores = dict[str, float]


@functools.cache
def model() -> HookedTransformer:
    """Load the model."""
    loaded, _ = load_pretrained(folder("text_4l"))
    loaded.requires_grad_(False)
    return loaded


def windows(split: str) -> Int[Tensor, "window pos"]:
    """Cut the documents of a split into windows."""
    _, tokenizer = load_pretrained(folder("text_4l"))
    assert tokenizer is not None
    return windows_of(as_tokens(tokenizer, excerpt(split)), WINDOW)


@functools.cache
def activations() -> Path:
    """Collect the activations of the training documents, or go on where it stopped."""
    place = cache_folder() / "runs" / "ch09_text_activations"
    config = CollectConfig(rows_per_shard=32_768)
    for _ in collect(
        model(), HOOK, windows("train").split(32), place, config, EXCERPT_SHA256["train"]
    ):
        pass
    return place


@functools.cache
def stream(seed: int) -> ActivationStore:
    """Open the activations, shuffled by a seed."""
    return ActivationStore(activations(), BATCH, seed=seed, shards_in_memory=8)


@functools.cache
def held_out() -> Int[Tensor, "window pos"]:
    """Draw windows of the held-out documents."""
    every = windows("held_out")
    return every[torch.randperm(len(every), generator=torch.Generator().manual_seed(0))[:HELD_OUT]]


def measure_all() -> dict[str, list[list[Scores]]]:
    """Return variant -> seed -> level -> scores; each run is cached."""
    torch.set_num_threads(1)
    runs = [
        (seed, name, level)
        for seed in SEEDS
        for name in LEVELS
        for level in LEVELS[name]
        if seed in SEEDS_OF[name]
    ]
    given = [D_SAE, WINDOW, STEPS, BATCH, HELD_OUT, PREFIXES, SAE_SEED, EXCERPT_SHA256]
    steps = CachedSteps("ch09_text_variants", len(runs), given, SOURCES)
    measured: dict[str, list[list[Scores]]] = {
        name: [[] for _ in SEEDS_OF[name]] for name in LEVELS
    }
    for seed, name, level in runs:
        scores = steps(f"{name} {level} {seed}", lambda: measure(name, level, seed))
        measured[name][SEEDS_OF[name].index(seed)].append(scores)
    return measured


def measure(name: str, level: float, seed: int) -> Scores:
    """Train one SAE, and score it on the held-out documents."""
    store = stream(seed)
    sae = MAKE[name](level, SAE_SEED + seed)
    sae.b_dec.data = (store.moments.mean() * store.scale).float()
    config = SAETrainConfig(
        STEPS, lr=2e-3, lr_warmup=50, lr_decay=200, sparsity_warmup=100, seed=seed
    )
    one_pass = SPARSE.get(name, dense_pass)
    for _ in train_saes({name: sae}, store.batch, config, training_pass=one_pass):
        pass
    if isinstance(sae, ch09.BatchTopKSAE):
        ch09.fit_threshold(sae, (store.batch(STEPS + i) for i in range(20)))
    fold_input_scale(sae, store.scale)
    return score(sae.eval())


@torch.no_grad()
def score(sae: AbstractSAE) -> Scores:
    """Score an SAE of unscaled activations."""
    sums = ReconstructionSums(sae.d_in, sae.d_sae)
    for tokens in held_out().split(16):
        x = activations_of(model(), HOOK, tokens)[:, 1:].flatten(0, 1)
        acts = sae.encode(x)
        sums.add(x, sae.decode(acts), acts)
    report, fidelity = sums.report(), measure_fidelity(model(), HOOK, sae, held_out())
    return {
        "l0": report.l0,
        "fvu": report.fvu,
        "gamma": report.gamma,
        "dead": report.dead,
        "recovered": fidelity.recovered_from_mean,
        "kl": fidelity.kl,
        "clean": fidelity.clean,
        "mean": fidelity.mean,
    }


def collect_scores(measured: dict[str, list[list[Scores]]], name: str, key: str) -> Tensor:
    """Collect one score, [seed, level]."""
    return torch.tensor([[scores[key] for scores in run] for run in measured[name]])


def text_sources(*scripts: str) -> list[Any]:
    """List what a figure depends on."""
    own = [path for path in SOURCES if path.parent.name == "ch09_sparsity"]
    return [*scripts, __file__, *own]
