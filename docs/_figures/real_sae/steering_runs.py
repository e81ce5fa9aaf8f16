"""Measure clamps and their controls, label by label: effects, prices, written texts."""

import json
from pathlib import Path
from typing import Any

import torch

import toy_models
from docs._figures.lib.models import load_with_tokenizer
from docs._figures.real_sae.steering import (
    N_TOKENS,
    PROMPTS,
    STRENGTHS,
    WRITING_STRENGTH,
    Bench,
    Change,
    Label,
    controls,
)
from solutions.ch09_sparsity import load_sae
from toy_models.real_text import excerpt
from toy_models.recipes.real_activations import held_out_windows
from toy_models.sae_smollm2.train import LAYER

LABELS = Path(__file__).with_name("labels.json")
N_CONTROLS = 2
KINDS = ("clamp", "shuffled", "random")
WRITTEN = ("clamp", "shuffled")
"""Changes under which text is written."""
WINDOWS_PER_KIND, PRICE_TOKENS = 1, 96


@torch.no_grad()
def open_bench() -> tuple[Bench, dict[int, float]]:
    """Load model, dictionary and labels, and run what does not depend on a change."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    model.requires_grad_(False)
    sae = load_sae(toy_models.folder("sae_smollm2")).requires_grad_(False)
    rows = json.loads(LABELS.read_text("utf-8"))["steered"]
    labels = [Label(row["latent"], row["label"], row["words"]) for row in rows]
    prompts = torch.tensor([tokenizer.encode(text).ids[:N_TOKENS] for text in PROMPTS])
    kinds = held_out_windows(tokenizer, excerpt("held_out"), WINDOWS_PER_KIND).values()
    windows = torch.cat([rows[:, :PRICE_TOKENS] for rows in kinds])
    before = [model(tokens, stop_at_layer=LAYER) for tokens in (prompts, windows)]
    bench = Bench(model, tokenizer, sae, labels, prompts, before[0], windows, before[1])
    return bench, {row["latent"]: row["largest"] for row in rows}


def measure_base(bench: Bench) -> dict[str, Any]:
    """Measure the model without a change."""
    return {
        "log_probs": bench.word_log_probs(None),
        "loss": bench.loss(None),
        "texts": bench.write(None),
    }


def measure(bench: Bench, label: Label, largest: dict[int, float]) -> dict[str, Any]:
    """Measure the clamp of one latent and its controls at every strength; write at one."""
    found: dict[str, Any] = {"log_probs": {}, "loss": {}, "texts": {}}
    for strength in STRENGTHS:
        target = strength * largest[label.latent]
        changes = [Change("clamp", label.latent, target)]
        changes += controls(bench.sae, label, bench.labels, target, N_CONTROLS)
        for kind in KINDS:
            own = [change for change in changes if change.kind == kind]
            found["log_probs"][f"{kind} {strength}"] = torch.stack(
                [bench.word_log_probs(change) for change in own]
            )
            found["loss"][f"{kind} {strength}"] = bench.loss(own[0])
            if strength == WRITING_STRENGTH and kind in WRITTEN:
                found["texts"][kind] = bench.write(own[0])
    return found
