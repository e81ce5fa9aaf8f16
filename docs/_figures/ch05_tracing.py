"""Trace the facts toy: residual stream, MLPs, attention; with nulls and common mistakes."""

from typing import get_args

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import heatmap, publish
from solutions.ch00_looking import bootstrap_interval
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch05_patching.fact_world import fact_model, make_world, sample_prompts
from solutions.ch05_patching.tracing import (
    STATE_HOOKS,
    State,
    Trace,
    causal_trace,
    corrupt_subject,
    indirect_effect,
    total_effect,
)
from toy_models import folder

SEEDS, TEXTS, SAMPLES = (0, 1, 2), 64, 10
ROLES = ("prefix", "prefix", "first name", "last name", "question", "question")
LAST_NAME, END = 3, 5
PROMPTS = sample_prompts(make_world(), TEXTS, torch.Generator().manual_seed(9), length=2)


def trace(
    model: HookedTransformer,
    kind: State = "resid",
    width: int = 1,
    where: Tensor = PROMPTS.subject,
    scale: float = 3.0,
) -> Trace:
    """Trace all questions at once, with the same draws of noise every time."""
    generator = torch.Generator().manual_seed(3)
    corrupted_resid = corrupt_subject(model, PROMPTS.tokens, where, SAMPLES, generator, scale)
    return causal_trace(
        model, PROMPTS.tokens, PROMPTS.answers, corrupted_resid, kind=kind, width=width
    )


def effects(found: Trace) -> Tensor:
    """Average the indirect effects over questions, [layer, position]."""
    return indirect_effect(found).mean(dim=-1)


def measure(model: HookedTransformer) -> dict:
    """Measure everything that the page reports about one model."""
    single = {kind: trace(model, kind) for kind in get_args(State)}
    peak = indirect_effect(single["mlp_out"])[0, LAST_NAME]
    interval = bootstrap_interval(peak, 2000, 0.95, torch.Generator().manual_seed(0))
    mlp = effects(single["mlp_out"])
    everywhere = torch.ones_like(PROMPTS.subject)
    whole = trace(model, "mlp_out", where=everywhere)
    return {
        "clean": single["resid"].clean.mean(),
        "corrupted": single["resid"].corrupted.mean(),
        "total": total_effect(single["resid"]).mean(),
        "indirect": {kind: effects(found) for kind, found in single.items()},
        "mlp_peak_interval": interval._asdict(),
        "mlp_windows_of_3": effects(trace(model, "mlp_out", width=3))[1],
        "mlp_sum_of_single_layers": mlp.sum(dim=0),
        "noise_everywhere": {"corrupted": whole.corrupted.mean(), "mlp_out": effects(whole)},
        "noise_of_one_deviation": total_effect(trace(model, scale=1.0)).mean(),
        "noise_of_ten_deviations": {
            "total": total_effect(trace(model, scale=10.0)).mean(),
            "mlp_out": effects(trace(model, "mlp_out", scale=10.0)),
        },
    }


@torch.no_grad()
def main() -> None:
    """Trace three trained models, and three untrained ones as a null."""
    models = [load_pretrained(folder("facts", seed))[0] for seed in SEEDS]
    found = [measure(model.requires_grad_(False)) for model in models]
    nulls = [fact_model(seed) for seed in SEEDS]
    mean = {
        kind: torch.stack([one["indirect"][kind] for one in found]).mean(dim=0)
        for kind in STATE_HOOKS
    }

    def figure(canvas: Figure) -> None:
        titles = {"resid": "residual stream", "mlp_out": "MLP", "attn_out": "attention"}
        for axes, (kind, title) in zip(canvas.subplots(1, 3), titles.items(), strict=True):
            rows = [f"layer {layer}" for layer in range(3)]
            heatmap(axes, mean[kind].numpy().round(2) + 0.0, rows=rows, columns=ROLES)
            axes.set_title(title)
            axes.set_xticklabels(ROLES, rotation=45, ha="right")

    peak, late = mean["mlp_out"][0, LAST_NAME].item(), mean["mlp_out"][2, END].item()
    publish(
        "ch05_tracing",
        figure,
        alt=f"Probability that one restored state brings back, by layer and word. MLPs: "
        f"{peak:.2f} in layer 0 at the last name, {late:.2f} in layer 2 at the last word, little "
        "elsewhere. Residual stream: at the last name in early layers, at the last word in late "
        "ones.",
        numbers={
            "models": found,
            "untrained": [
                {"total": total_effect(trace(m)).mean(), "mlp_out": effects(trace(m, "mlp_out"))}
                for m in nulls
            ],
            "roles": ROLES,
            "texts": TEXTS,
            "samples": SAMPLES,
        },
        sources=[__file__],
        seeds=SEEDS,
        size=(9.6, 3.1),
    )


if __name__ == "__main__":
    main()
