"""Train the induction toys of chapter 4: one or two layers, plain or smeared keys.

1. Train each seed on texts that repeat a segment of 16 to 32 tokens, starting anywhere in it.
2. Every EVERY steps measure loss, in-context score, head scores and K-composition (`runs.json`),
   and the loss of a few hundred fixed tokens (`token_losses.safetensors`).
3. Keep the weights at a few steps (`snapshots.safetensors`, float16) and at the end of the first
   seed (`model.safetensors`). After an interruption, finished seeds are not trained again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch04_induction import markov_texts, repeated_segments, shifted_repeats
from solutions.ch04_induction.training import measure, small_model, train_on_texts
from toy_models.recipes.files import (
    read_tensors,
    recipe_parser,
    start_run,
    use_one_thread,
    write_model,
    write_tensors,
    write_text,
)

POS, PERIOD, EVERY = 64, 20, 25
SEEDS = (0, 1, 2)
VOCABULARY = {"repeats": 64, "markov": 16}
STEPS = {"repeats": 1000, "markov": 1500}
N_TOKENS = 500
"""Number of tokens whose individual losses are kept, the same at all steps."""


def draw(task: str, batch: int, generator: torch.Generator) -> Int[Tensor, "batch pos"]:
    """Draw texts of a task: repeats of a random segment, or a new Markov chain per text."""
    if task == "repeats":
        return shifted_repeats(VOCABULARY[task], batch, POS, 16, 32, generator)
    return markov_texts(VOCABULARY[task], batch, POS, 0.2, generator)


def settings(task: str, seed: int) -> TrainConfig:
    """Make the hyperparameters, which all runs share."""
    return TrainConfig(
        steps=STEPS[task],
        batch_size=32,
        window=POS,
        lr=3e-3,
        warmup=100,
        weight_decay=0.01,
        betas=(0.9, 0.98),
        seed=seed,
    )


def half(model: HookedTransformer) -> dict[str, Tensor]:
    """Round the weights to float16, as they are stored."""
    return {name: w.detach().half().contiguous() for name, w in model.named_parameters()}


class Run(NamedTuple):
    """The training of one seed on one task."""

    records: list[dict[str, Any]]
    """Measurements, one per measured step."""
    losses: Float[Tensor, "snapshot token"]
    """Losses of the N_TOKENS tokens at these steps."""
    weights: dict[str, Tensor]
    """Weights to keep, under `seed/step/name`."""


def train_seed(model: HookedTransformer, task: str, seed: int, keep_steps: tuple[int, ...]) -> Run:
    """Train one seed, measure it on the way, and keep its weights at the given steps."""
    fixed = torch.Generator().manual_seed(99)
    texts = draw(task, 128, fixed)
    period = min(PERIOD, VOCABULARY[task] - 4)
    repeats = repeated_segments(VOCABULARY[task], 32, period, 3, fixed)
    chosen = torch.randperm(texts.shape[0] * (POS - 1), generator=fixed)[:N_TOKENS]
    records, losses = [], []
    weights: dict[str, Tensor] = {}
    config = settings(task, seed)
    steps = train_on_texts(model, lambda n, g: draw(task, n, g), config)
    for step, _ in tqdm(steps, total=config.steps, unit="step", disable=None):
        if step in keep_steps:
            weights |= {f"{seed}/{step}/{name}": w for name, w in half(model).items()}
        if step == 1 or step % EVERY == 0:
            found = measure(model, texts, repeats[:, :POS], period)
            by_token = found.token_losses  # [batch, predicted position]
            losses.append(by_token.flatten()[chosen])
            record = {k: v for k, v in found._asdict().items() if k != "token_losses"}
            record["by_index"] = by_token.mean(dim=0)
            plain = {k: v.tolist() if isinstance(v, Tensor) else v for k, v in record.items()}
            records.append({"step": step, **plain})
    return Run(records, torch.stack(losses), weights)


def rounded(value: Any) -> Any:
    """Round every number in nested lists and dictionaries to four decimals."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return value


def train_toy(
    name: str,
    n_layers: int,
    *,
    smeared: bool,
    arguments: list[str] | None,
    tasks: tuple[str, ...] = ("repeats",),
    keep: Mapping[int, tuple[int, ...]] | None = None,
) -> None:
    """Train all seeds of one toy on its tasks, and write its folder.

    keep: seed -> the steps whose weights are kept besides the last, on repeats.
    """
    chosen = recipe_parser(name, seed=None).parse_args(arguments)
    out = chosen.out
    start_run(chosen)
    use_one_thread()
    runs: dict[str, Any] = {}
    for task in tasks:
        for seed in SEEDS:
            done = out / f"{task}_{seed}.safetensors"
            if read_tensors(done) is None or read_records(done) is None:
                model = small_model(n_layers, VOCABULARY[task], seed, smeared=smeared)
                steps = (keep or {}).get(seed, ()) if task == "repeats" else ()
                run = train_seed(model, task, seed, steps)
                final = {f"final/{name}": w for name, w in half(model).items()}
                write_text(done.with_suffix(".json"), json.dumps(rounded(run.records)))
                write_tensors(done, run.weights | final | {"losses": run.losses.half()})
            runs.setdefault(task, []).append(read_records(done))
    parts = "smeared" if smeared else "attention-only-normed"
    sizes = asdict(small_model(n_layers, VOCABULARY["repeats"], seed=0).config)
    write_toy(out, runs, {"architectures": ["HookedTransformer"], "parts": parts, **sizes})
    print(f"saved in {out}")


def read_records(done: Path) -> list[dict[str, Any]] | None:
    """Read the measurements of a seed; None if they are missing or not whole."""
    try:
        return json.loads(done.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError):
        return None


def write_toy(out: Path, runs: dict[str, Any], config: dict[str, Any]) -> None:
    """Write the finished seeds as the files of a toy; the last step of each is a snapshot too."""
    kept: dict[str, Tensor] = {}
    losses: dict[str, Tensor] = {}
    final: dict[str, Tensor] = {}
    for task in runs:
        for seed in SEEDS:
            tensors = load_file(out / f"{task}_{seed}.safetensors")
            losses[f"{task}/{seed}"] = tensors.pop("losses")
            if (task, seed) == ("repeats", 0):
                final = {k.removeprefix("final/"): v for k, v in tensors.items() if "final/" in k}
            if task == "repeats":
                last = f"{seed}/{STEPS[task]}"
                kept |= {k.replace("final", last): v for k, v in tensors.items()}
    write_tensors(out / "snapshots.safetensors", kept)
    write_tensors(out / "token_losses.safetensors", losses)
    write_text(out / "runs.json", json.dumps(runs) + "\n")
    write_model(out, config, final)
