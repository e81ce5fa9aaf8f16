"""Train clt_text_4l: a cross-layer transcoder of all four MLPs of text_4l.

1. Draw windows of the full training text, verse, prose and code in turn.
2. Run text_4l on one chunk of windows after the other, and train on inputs and outputs of its MLPs
   (`ChunkedRows`). Every token is used once.
3. Outputs of layer 0 are doubled while the CLT trains, which gives their error four times the
   weight: later layers read mostly what layer 0 wrote. The decoders take the factor over.
4. Round to 8 bits, save, and measure what was saved on held-out text.

Run it as `python -m toy_models train clt_text_4l`. An interrupted run goes on where it stopped.
"""

import json
import time
from pathlib import Path

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch08_saes import SAETrainConfig, train_in_folder
from solutions.ch08_saes.metrics import fraction_unexplained
from solutions.ch11_transcoders import TopKCLT, measure_replacement, sparse_clt_pass
from solutions.ch11_transcoders.crosslayer import AbstractCLT
from solutions.ch11_transcoders.eight_bits import load_clt, save_clt
from toy_models.real_text import checksum, excerpt, full_text
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread
from toy_models.recipes.mlp_rows import ChunkedRows, Windows, mlp_rows
from toy_models.recipes.real_activations import KINDS, checksum_of, training_windows
from toy_models.text_4l.train import as_tokens, windows_of
from toy_models.toys import folder

D_SAE, K, BATCH, CHUNK = 2_048, 32, 256, 256
FIRST_LAYER = 2.0
"""Factor on the outputs of layer 0 while the CLT trains."""
PER_KIND = 50
"""Held-out windows of each kind of text."""


def settings(steps: int, seed: int) -> SAETrainConfig:
    """Make the hyperparameters; a step takes 256 tokens."""
    return SAETrainConfig(
        steps=steps,
        lr=2e-3,
        lr_warmup=min(50, steps // 4),
        lr_decay=steps // 2,
        dead_after=400,
        checkpoint_every=250,
        seed=seed,
    )


class WeightedRows:
    """A stream of rows in which the outputs of layer 0 are multiplied with a factor."""

    def __init__(self, rows: ChunkedRows, n_layers: int) -> None:
        self.rows, self.n_layers = rows, n_layers

    def __call__(self, step: int) -> Float[Tensor, "batch row"]:
        """Return the batch of a step."""
        batch = self.rows(step).unflatten(1, (2, self.n_layers, -1))
        batch[:, 1, 0] *= FIRST_LAYER
        return batch.flatten(1)


@torch.no_grad()
def fold_factor(clt: AbstractCLT) -> None:
    """Divide what writes to layer 0 by the factor."""
    clt.W_dec[0][0] /= FIRST_LAYER
    clt.b_dec[0] /= FIRST_LAYER


def held_out_texts(tokenizer: Tokenizer) -> Windows:
    """Cut the first windows of each kind of text that nothing was trained on."""
    kinds = []
    for kind in KINDS:
        documents = [one for one in excerpt("held_out") if one.name.startswith(kind)]
        kinds.append(windows_of(as_tokens(tokenizer, documents), 128)[:PER_KIND])
    return torch.cat(kinds)


@torch.no_grad()
def report(model: HookedTransformer, clt: AbstractCLT, windows: Windows) -> dict[str, object]:
    """Measure the replacement model, and each layer's error, on held-out windows."""
    x, y = mlp_rows(model, windows).float().unbind(dim=1)
    made = clt(x)
    layers = range(clt.n_layers)
    fvu = [fraction_unexplained(y[:, i], made.y_hat[:, i]).item() for i in layers]
    kinds = windows.split(PER_KIND)
    by_kind = {kind: measure_replacement(model, clt, part).kl for kind, part in zip(KINDS, kinds)}
    return {
        **measure_replacement(model, clt, windows)._asdict(),
        "kl_by_kind": by_kind,
        "fvu": fvu,
        "never": [(made.acts[:, i] == 0).all(dim=0).float().mean().item() for i in layers],
    }


def main(arguments: list[str] | None = None) -> None:
    """Train, save, and print the saved CLT's scores."""
    parser = recipe_parser("clt_text_4l")
    add = parser.add_argument
    add("--text", choices=("full", "excerpt"), default="full", help="excerpt needs no network")
    add("--steps", type=int, default=3_900, help="of 256 tokens each")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    finished = start_run(chosen, last="config.json")
    model, tokenizer = load_pretrained(folder("text_4l"))
    assert tokenizer is not None
    model.requires_grad_(False)
    if not finished:
        train_clt(model, tokenizer, chosen.text, settings(chosen.steps, chosen.seed), chosen.out)
    print(json.dumps(report(model, load_clt(chosen.out), held_out_texts(tokenizer)), indent=1))
    print(f"saved in {chosen.out}")


def train_clt(
    model: HookedTransformer, tokenizer: Tokenizer, text: str, config: SAETrainConfig, out: Path
) -> None:
    """Train one CLT into a folder."""
    began = time.process_time()
    documents = full_text() if text == "full" else excerpt("train")
    n_windows = (config.steps * BATCH // (CHUNK * 127 // BATCH * BATCH) + 1) * CHUNK
    windows = training_windows(tokenizer, documents, n_windows)
    order = torch.randperm(n_windows, generator=torch.Generator().manual_seed(config.seed))
    n_layers, d_model = model.config.n_layers, model.config.d_model
    rows = WeightedRows(ChunkedRows(model, windows[order], BATCH, CHUNK), n_layers)
    clt = TopKCLT(n_layers, d_model, D_SAE, K, config.seed)
    train_in_folder({"clt": clt}, rows, config, out / "run", 50, sparse_clt_pass)
    fold_factor(clt)
    seconds = round(time.process_time() - began)
    about = {
        "model": "text_4l",
        "seed": config.seed,
        "tokens": config.steps * BATCH,
        "text": f"{text}, sha256 {checksum(documents)}",
        "windows_sha256": checksum_of(windows),
        "licence": "MIT",
    }
    save_clt(clt, out, about)
    print(f"trained in {seconds} CPU seconds, collection included")


if __name__ == "__main__":
    main()
