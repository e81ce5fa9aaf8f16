"""Trains induction_2l, and holds the recipe of its three siblings: one layer, smeared keys, both.

1. Train each seed on texts that repeat a segment of 16 to 32 tokens, starting anywhere in it.
2. Every EVERY steps measure loss, in-context score, head scores and K-composition (`runs.json`),
   and the loss of a few hundred fixed tokens (`token_losses.safetensors`).
3. Keep the weights at a few steps (`snapshots.safetensors`, float16) and at the end of the first
   seed (`model.safetensors`). A seed that is done is not trained again after an interruption.

`python -m toy_models train induction_2l` writes to the cache, never here.
"""

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch04_induction import markov_texts, repeated_segments, shifted_repeats
from solutions.ch04_induction.training import measure, small_model, training
from toy_models.cache import cache_folder

POS, PERIOD, EVERY = 64, 20, 25
SEEDS = (0, 1, 2)
KEEP = {0: (1, 200, 225, 250, 300, 400)}
"""Seed -> steps whose weights are kept, besides the last."""
VOCABULARY = {"repeats": 64, "markov": 16}
STEPS = {"repeats": 1000, "markov": 1500}
N_TOKENS = 500
"""Single tokens whose losses are kept, the same for all snapshots."""


def draw(task: str, batch: int, generator: torch.Generator) -> Int[Tensor, "batch pos"]:
    """Texts of a task: repeats of a random segment, or Markov chains, fresh for each text."""
    if task == "repeats":
        return shifted_repeats(VOCABULARY[task], batch, POS, 16, 32, generator)
    return markov_texts(VOCABULARY[task], batch, POS, 0.2, generator)


def settings(task: str, seed: int) -> TrainConfig:
    """How every run is trained."""
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
    """The weights as they are shipped."""
    return {name: w.detach().half().contiguous() for name, w in model.named_parameters()}


def train_seed(
    model: HookedTransformer, task: str, seed: int, keep: tuple[int, ...]
) -> tuple[list[dict[str, Any]], Float[Tensor, "snapshot token"], dict[str, Tensor]]:
    """Train one seed; return what was measured, the tokens' losses, and the weights to keep."""
    fixed = torch.Generator().manual_seed(99)
    texts = draw(task, 128, fixed)
    period = min(PERIOD, VOCABULARY[task] - 4)
    repeats = repeated_segments(VOCABULARY[task], 32, period, 3, fixed)
    chosen = torch.randperm(texts.shape[0] * (POS - 1), generator=fixed)[:N_TOKENS]
    records, losses = [], []
    kept: dict[str, Tensor] = {}
    config = settings(task, seed)
    for step in tqdm(training(model, lambda n, g: draw(task, n, g), config), total=config.steps):
        if step in keep:
            kept |= {f"{seed}/{step}/{name}": w for name, w in half(model).items()}
        if step == 1 or step % EVERY == 0:
            found = measure(model, texts, repeats[:, :POS], period)
            by_token = found.token_losses
            losses.append(by_token.flatten()[chosen])
            record = {k: v for k, v in found._asdict().items() if k != "token_losses"}
            record["by_index"] = by_token.mean(dim=0)
            plain = {k: v.tolist() if isinstance(v, Tensor) else v for k, v in record.items()}
            records.append({"step": step, **plain})
    return records, torch.stack(losses), kept


def rounded(value: Any) -> Any:
    """Numbers to four digits behind the point, all the way down."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return value


def write(path: Path, content: str) -> None:
    """Write beside, then rename."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(content, encoding="utf-8")
    os.replace(beside, path)


def recipe(
    name: str,
    n_layers: int,
    smeared: bool,
    arguments: list[str] | None,
    tasks: tuple[str, ...] = ("repeats",),
    keep: Mapping[int, tuple[int, ...]] | None = None,
) -> None:
    """Train all seeds of one kind on its tasks, and write the folder.

    keep: seed -> the steps whose weights are kept besides the last, on repeats.
    """
    parser = argparse.ArgumentParser(prog=f"python -m toy_models train {name}")
    default = cache_folder() / "trained" / name
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # so that the numbers are the same on every run of one machine
    runs: dict[str, Any] = {}
    for task in tasks:
        for seed in SEEDS:
            done = out / f"{task}_{seed}.safetensors"
            record = done.with_suffix(".json")
            if not done.is_file():
                model = small_model(n_layers, smeared, VOCABULARY[task], seed)
                steps = (keep or {}).get(seed, ()) if task == "repeats" else ()
                records, losses, kept = train_seed(model, task, seed, steps)
                final = {f"final/{name}": w for name, w in half(model).items()}
                write(record, json.dumps(rounded(records)))
                save_file(kept | final | {"losses": losses.half()}, done)
            runs.setdefault(task, []).append(json.loads(record.read_text("utf-8")))
    gather(out, runs, small_model(n_layers, smeared, VOCABULARY["repeats"], 0), smeared)
    print(f"saved in {out}")


def gather(out: Path, runs: dict[str, Any], model: HookedTransformer, smeared: bool) -> None:
    """Turn the finished seeds into the files of a toy; the last step of each is a snapshot too."""
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
    parts = "smeared" if smeared else "attention-only-normed"
    config = {"architectures": ["HookedTransformer"], "parts": parts, **asdict(model.config)}
    save_file(final, out / "model.safetensors", metadata={"format": "pt"})
    save_file(kept, out / "snapshots.safetensors")
    save_file(losses, out / "token_losses.safetensors")
    write(out / "config.json", json.dumps(config, indent=2) + "\n")
    write(out / "runs.json", json.dumps(runs) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds; what is done is not done again."""
    recipe("induction_2l", 2, False, arguments, tuple(STEPS), KEEP)


if __name__ == "__main__":
    main()
