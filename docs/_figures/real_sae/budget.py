"""One dictionary of the real model that trains on: what more CPU minutes add on held-out text.

1. Collect TOKENS activations, once.
2. Train with a constant learning rate, in stretches that end at STOPS.
3. At each stop, train a copy for FADE more steps, while its learning rate falls to zero, and score
   the copy on the held-out documents.

Each stretch and each copy starts with a fresh Adam and WARMUP steps of warm-up, and is kept in the
cache with its CPU seconds, so an interrupted run goes on. The seconds of collecting are those of
the rows that were collected last, scaled to all rows.
"""

import argparse
import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.real_sae import runs
from docs._figures.real_sae.runs import HeldOut
from solutions.ch08_saes import ActivationStore, SAETrainConfig, train_saes
from solutions.ch08_saes.collect import read_manifest
from solutions.ch08_saes.vanilla import fold_input_scale
from solutions.ch09_sparsity import TopKSAE, sparse_pass
from toy_models.sae_smollm2.train import BATCH, PER_KIND, make_sae, prepare

TOKENS, SEED = 200_000, 0
TIMED = 50_000
"""Rows by whose collection the time is measured."""
STOPS, FADE, WARMUP, LR = (1_500, 5_000, 11_000, 20_000), 1_000, 50, 1e-3
"""Steps of 256 tokens before each copy, steps of each copy, and their learning rate."""
SOURCES: list[Path | str] = [runs.__file__, *runs.SOURCES]


def collected(tokens: int) -> tuple[Any, Any, Any]:
    """Collect this many activations, and return the model, the tokenizer and the folder."""
    chosen = argparse.Namespace(text="full", tokens=tokens, epochs=1.0, seed=SEED)
    return prepare(chosen)[:3]


def time_collecting() -> dict[str, float]:
    """Collect the last rows, and scale their CPU seconds to all of them."""
    rows, marks = [], []
    for tokens in (TOKENS - TIMED, TOKENS, TOKENS):  # the last one only loads and tokenizes
        folder = collected(tokens)[2]
        rows.append(sum(shard["rows"] for shard in read_manifest(folder)["shards"]))
        marks.append(time.process_time())
    preparing = marks[2] - marks[1]
    per_row = (marks[1] - marks[0] - preparing) / (rows[1] - rows[0])
    return {"seconds": preparing + per_row * rows[1]}


def train_on(
    state: Mapping[str, Tensor] | None, store: ActivationStore, first: int, config: SAETrainConfig
) -> dict[str, Any]:
    """Train from a state, or from the start; `first` is the number of steps that were before."""
    sae = make_sae(store, SEED)
    if state is not None:
        sae.load_state_dict(state)
    begun = time.process_time()
    stream = functools.partial(batch_from, store, first)
    for _ in train_saes({"sae": sae}, stream, config, None, sparse_pass):
        pass
    return {"state": sae.state_dict(), "seconds": time.process_time() - begun}


def batch_from(store: ActivationStore, first: int, step: int) -> Tensor:
    """Return the batch of a step that is counted from `first`."""
    return store.batch(first + step)


def score_copy(state: Mapping[str, Tensor], store: ActivationStore, on: HeldOut) -> dict[str, Any]:
    """Score a dictionary on the held-out windows."""
    sae: TopKSAE = make_sae(store, SEED)
    sae.load_state_dict(state)
    with torch.no_grad():
        fold_input_scale(sae, store.scale)
    return on.scores(sae)


def measure_all() -> dict[str, Any]:
    """Return the time of collecting, the scores at every stop, the loss and its mean ablation."""
    given = [TOKENS, SEED, TIMED, FADE, WARMUP, LR, BATCH, PER_KIND]
    step = CachedSteps("real_budget", 3 * len(STOPS) + 2, given, [__file__, *SOURCES])
    collecting = step("collect", time_collecting)
    model, tokenizer, folder = collected(TOKENS)
    store = ActivationStore(folder, BATCH, seed=SEED, shards_in_memory=16)
    held_out = functools.cache(lambda: HeldOut(model, tokenizer))

    def base() -> dict[str, Any]:
        mean = held_out().x.mean(dim=0)
        return {
            "clean": held_out().losses(lambda x: x),
            "mean": held_out().losses(lambda x: mean.expand_as(x)),
            "tokens": len(held_out().x),
        }

    found: dict[str, Any] = {"base": step("base", base), "collecting": collecting["seconds"]}
    state, before, seconds = None, 0, 0.0
    for stop in STOPS:
        constant = SAETrainConfig(stop - before, LR, lr_warmup=WARMUP, clip=None, dead_after=200)
        stretch = step(f"to {stop}", functools.partial(train_on, state, store, before, constant))
        state, before = stretch["state"], stop
        seconds += stretch["seconds"]
        falling = SAETrainConfig(
            FADE, LR, lr_warmup=WARMUP, lr_decay=FADE - WARMUP, clip=None, dead_after=200
        )
        copy = step(f"copy {stop}", functools.partial(train_on, state, store, stop, falling))
        scores = functools.partial(score_copy, copy["state"], store, held_out())
        found[str(stop)] = {
            **step(f"scores {stop}", scores),
            "steps": stop + FADE,
            "seconds": seconds + copy["seconds"],
            "epochs": (stop + FADE) * BATCH / store.n_rows,
        }
    return found
