"""Traces the toy that knows facts: stream, MLPs, attention; with nulls and the usual mistakes."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import heatmap, publish
from solutions.ch00_looking import bootstrap_interval
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch05_patching.fact_world import draw, fact_model, world
from solutions.ch05_patching.tracing import (
    KINDS,
    Trace,
    causal_trace,
    corrupt_subject,
    indirect_effect,
    total_effect,
)
from toy_models import folder

SEEDS, TEXTS, SAMPLES = (0, 1, 2), 64, 10
ROLES = ("prefix", "prefix", "first name", "last name", "asks", "asks")
LAST_NAME, END = 3, 5
PROMPTS = draw(world(), TEXTS, torch.Generator().manual_seed(9), length=2)


def trace(
    model: HookedTransformer,
    kind: str = "resid",
    width: int = 1,
    where: Tensor = PROMPTS.subject,
    scale: float = 3.0,
) -> Trace:
    """All questions at once, with the same draws of noise every time."""
    generator = torch.Generator().manual_seed(3)
    noisy = corrupt_subject(model, PROMPTS.tokens, where, SAMPLES, generator, scale)
    return causal_trace(model, PROMPTS.tokens, PROMPTS.answers, noisy, kind, width)


def effects(found: Trace) -> Tensor:
    """Indirect effects, [layer, place], averaged over questions."""
    return indirect_effect(found).mean(dim=-1)


def measure(model: HookedTransformer) -> dict:
    """Everything that is said about one model."""
    single = {kind: trace(model, kind) for kind in KINDS}
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
    """Three trained models, and as a null three that have not been trained."""
    models = [load_pretrained(folder("facts", seed))[0] for seed in SEEDS]
    found = [measure(model.requires_grad_(False)) for model in models]
    nulls = [fact_model(seed) for seed in SEEDS]
    mean = {
        kind: torch.stack([one["indirect"][kind] for one in found]).mean(dim=0) for kind in KINDS
    }

    def figure(canvas: Figure) -> None:
        titles = {"resid": "stream", "mlp_out": "MLP", "attn_out": "attention"}
        for axes, (kind, title) in zip(canvas.subplots(1, 3), titles.items(), strict=True):
            rows = [f"layer {layer}" for layer in range(3)]
            heatmap(axes, mean[kind].numpy().round(2) + 0.0, rows=rows, columns=ROLES)
            axes.set_title(title)
            axes.set_xticklabels(ROLES, rotation=45, ha="right")

    peak, late = mean["mlp_out"][0, LAST_NAME].item(), mean["mlp_out"][2, END].item()
    publish(
        "ch05_tracing",
        figure,
        alt=f"Probability that comes back when one state is restored, by layer and word. MLPs: "
        f"{peak:.2f} in layer 0 at the last name, {late:.2f} in layer 2 at the last word, little "
        "elsewhere. The stream: at the last name early, at the last word late.",
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
