"""Train sae_smollm2: 4,096 latents on the real model's residual stream, in under ten CPU minutes.

1. Draw windows of text and collect the residual stream after block 15 of smollm2-135m, on which
   most of the time is spent. The activations stay in the cache, for other seeds and other SAEs.
2. Train a TopK SAE on them: chapter 8's trainer, chapter 9's sparse step.
3. Turn it into an SAE of unscaled activations, round it to float16, and save it in SAELens's
   format, with a record of how it was made.
4. Measure what was saved on the held-out documents.

Run it as `python -m toy_models train sae_smollm2`. An interrupted run goes on where it stopped.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch08_saes import (
    AbstractSAE,
    ActivationStore,
    ReconstructionSums,
    SAETrainConfig,
    train_in_folder,
)
from solutions.ch08_saes.collect import activations_of, keep_mask
from solutions.ch08_saes.metrics import loss_recovered
from solutions.ch08_saes.vanilla import fold_input_scale
from solutions.ch09_sparsity import TopKSAE, load_sae, save_sae, sparse_pass
from toy_models import fetch
from toy_models.real_text import checksum, excerpt, full_text
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread, write_tensors
from toy_models.recipes.real_activations import (
    CONFIG,
    checksum_of,
    collect_activations,
    held_out_windows,
    losses_with,
    training_windows,
)

LAYER = 15
HOOK = f"blocks.{LAYER}.hook_resid_post"
D_SAE, K, BATCH = 4_096, 32, 256
PER_KIND = 8
"""Held-out windows of each kind of text."""


def settings(tokens: int, epochs: float, seed: int) -> SAETrainConfig:
    """Make the hyperparameters; a step takes 256 tokens."""
    steps = max(1, round(tokens * epochs / BATCH))
    return SAETrainConfig(
        steps=steps,
        lr=1e-3,
        lr_warmup=min(50, steps // 4),
        lr_decay=3 * steps // 10,
        clip=None,
        dead_after=200,
        checkpoint_every=200,
        seed=seed,
    )


def make_sae(store: ActivationStore, seed: int) -> TopKSAE:
    """Create a random TopK SAE whose decoder's bias is the mean activation."""
    sae = TopKSAE(store.d_in, D_SAE, K, seed, aux_k=64, dead_after=200)
    sae.b_dec.data = (store.moments.mean() * store.scale).float()
    return sae


@torch.no_grad()
def save(sae: TopKSAE, scale: float, folder: Path, metadata: dict[str, Any]) -> None:
    """Save an SAE of unscaled activations, rounded to float16."""
    fold_input_scale(sae, scale)
    save_sae(sae, folder, metadata)
    weights = folder / "sae_weights.safetensors"
    half = {name: value.half() for name, value in load_file(weights).items()}
    write_tensors(weights, half, {"format": "pt"})


@torch.no_grad()
def report(model: HookedTransformer, sae: AbstractSAE, tokenizer: Tokenizer) -> dict[str, float]:
    """Measure an SAE on the held-out documents.

    The share of the loss recovered is that of mean ablation. Its standard error is over windows.
    """
    windows = torch.cat(list(held_out_windows(tokenizer, excerpt("held_out"), PER_KIND).values()))
    resid = torch.cat([activations_of(model, HOOK, part) for part in windows.split(8)])
    keep = keep_mask(resid, windows, CONFIG)
    x = resid[keep]
    sums, mean = ReconstructionSums(sae.d_in, sae.d_sae), x.mean(dim=0)
    acts = sae.encode(x)
    sums.add(x, sae.decode(acts), acts)
    measured = sums.report()

    def reconstruct(x: Float[Tensor, "batch pos d"]) -> Float[Tensor, "batch pos d"]:
        return sae.decode(sae.encode(x))

    losses = losses_with(
        model,
        LAYER,
        resid,
        windows,
        {"clean": lambda x: x, "spliced": reconstruct, "mean": lambda x: mean.expand_as(x)},
    )
    clean, spliced, ablated = (losses[name].mean().item() for name in losses)
    share = (losses["mean"] - losses["spliced"]) / (losses["mean"] - losses["clean"])
    return {
        "tokens": measured.tokens,
        "l0": measured.l0,
        "fvu": measured.fvu,
        "never": measured.dead,
        "loss": clean,
        "loss_spliced": spliced,
        "loss_mean_ablated": ablated,
        "recovered": loss_recovered(clean, spliced, ablated),
        "recovered_error": share.std().item() / len(share) ** 0.5,
    }


def prepare(
    chosen: argparse.Namespace,
) -> tuple[HookedTransformer, Tokenizer, Path, dict[str, Any]]:
    """Load the model, collect activations, and describe both."""
    documents = full_text() if chosen.text == "full" else excerpt("train")
    model, tokenizer = load_pretrained("smollm2-135m")
    assert tokenizer is not None
    model.requires_grad_(False)
    n_windows = chosen.tokens // 120 + 80  # of 127 rows each, less a few massive ones
    windows = training_windows(tokenizer, documents, n_windows)
    name = f"smollm2-135m_layer{LAYER}_{chosen.text}_{checksum(documents)[:8]}"
    folder = collect_activations(model, name, HOOK, windows, chosen.tokens)
    about = {
        "model_name": "smollm2-135m",
        "model_sha256": fetch.SMOLLM2.sha256,
        "hook_name": HOOK,
        "seed": chosen.seed,
        "tokens_stored": chosen.tokens,
        "epochs": chosen.epochs,
        "text": f"{chosen.text}, sha256 {checksum(documents)}",
        "windows_sha256": checksum_of(windows),
        "licence": "MIT",
    }
    return model, tokenizer, folder, about


def main(arguments: list[str] | None = None) -> None:
    """Collect, train, save, and print the saved SAE's scores."""
    parser = recipe_parser("sae_smollm2")
    add = parser.add_argument
    add("--text", choices=("full", "excerpt"), default="full", help="excerpt needs no network")
    add("--tokens", type=int, default=100_000, help="activations to collect")
    add("--epochs", type=float, default=4.0, help="times that training uses each of them")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    finished = start_run(chosen, last="cfg.json")
    began = time.process_time()
    model, tokenizer, folder, about = prepare(chosen)
    print(f"activations in {folder}, {time.process_time() - began:.0f} CPU seconds")
    if not finished:
        began = time.process_time()
        store = ActivationStore(folder, BATCH, seed=chosen.seed, shards_in_memory=16)
        sae = make_sae(store, chosen.seed)
        config = settings(store.n_rows, chosen.epochs, chosen.seed)
        train_in_folder({"sae": sae}, store.batch, config, chosen.out / "run", 50, sparse_pass)
        save(sae, store.scale, chosen.out, about | {"steps": config.steps})
        print(f"trained in {time.process_time() - began:.0f} CPU seconds")
    began = time.process_time()
    print(json.dumps(report(model, load_sae(chosen.out), tokenizer), indent=1))
    print(f"measured in {time.process_time() - began:.0f} CPU seconds; saved in {chosen.out}")


if __name__ == "__main__":
    main()
