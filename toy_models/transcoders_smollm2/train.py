"""Train transcoders_smollm2: a skip transcoder for each of the 30 MLPs of smollm2-135m.

1. Draw windows of the full training text, verse, prose and code in turn.
2. Run the model on one chunk of windows after the other; train all transcoders at once on inputs
   and outputs of its MLPs (`ChunkedRows`). Position 0 and massive tokens are left out.
3. Begin with the affine map that fits the first chunk best, so latents learn what is not linear.
4. Save in circuit-tracer's format, and measure the replacement model on held-out text.

    python -m toy_models train transcoders_smollm2 --steps 20000

A step takes 256 tokens, and most of its time: 20,000 steps are a night of one core. The same
command goes on after an interruption. On a GPU give `--device cuda`, more latents and more steps.
Nothing is in the repository: what minutes of CPU train does not deserve it (see `card.md`).
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch08_saes import LossParts, SAETrainConfig, train_in_folder
from solutions.ch08_saes.metrics import fraction_unexplained
from solutions.ch08_saes.sae import TrainedModule
from solutions.ch08_saes.splice import put_module
from solutions.ch08_saes.train import TrainingPass
from solutions.ch11_transcoders import SkipTranscoder, fit_affine, pair_pass, sparse_pair_pass
from solutions.ch11_transcoders.formats import About, load_transcoders, save_transcoders
from solutions.ch11_transcoders.replacement import agreement
from solutions.ch11_transcoders.transcoder import AbstractTranscoder
from toy_models.real_text import excerpt, full_text
from toy_models.recipes.files import recipe_parser, start_run, use_one_thread
from toy_models.recipes.mlp_rows import ChunkedRows, Windows, massive_tokens, mlp_rows
from toy_models.recipes.real_activations import held_out_windows, training_windows

BATCH, CHUNK, MASSIVE = 256, 64, 5.0
PER_KIND = 8
"""Held-out windows of each kind of text."""


def settings(steps: int, seed: int) -> SAETrainConfig:
    """Make the hyperparameters; a step takes 256 tokens."""
    return SAETrainConfig(
        steps=steps,
        lr=1e-3,
        lr_warmup=min(50, steps // 4),
        lr_decay=3 * steps // 10,
        clip=None,
        dead_after=400,
        checkpoint_every=200,
        seed=seed,
    )


class TranscoderSet(TrainedModule):
    """One skip transcoder per layer, trained together on rows of all layers.

    Inputs and outputs are scaled to mean squared entry 1 in each layer while it trains.
    """

    scales: Float[Tensor, "side layer"]

    def __init__(self, n_layers: int, d_model: int, d_sae: int, k: int, seed: int) -> None:
        super().__init__()
        each = [
            SkipTranscoder(d_model, d_model, d_sae, k, 1_000 * seed + i) for i in range(n_layers)
        ]
        self.layers = nn.ModuleList(each)
        self.register_buffer("scales", torch.ones(2, n_layers))
        self.register_buffer("silent_for", torch.zeros(n_layers * d_sae, dtype=torch.long))

    def each(self) -> Iterator[SkipTranscoder]:
        """Yield the transcoders in order."""
        return (cast(SkipTranscoder, one) for one in self.layers)

    @property
    def row_size(self) -> int:
        """Numbers in one row of its training data: inputs of all MLPs, then outputs."""
        return sum(one.row_size for one in self.each())

    def constrain_gradients(self) -> None:
        """Leave gradients as they are."""

    def constrain_weights(self) -> None:
        """Leave weights as they are."""

    @torch.no_grad()
    def start_linear(self, rows: Float[Tensor, "row side layer d_model"]) -> None:
        """Set the scales, and the bypasses to the affine maps that fit these rows best."""
        self.scales.copy_(rows.float().square().mean(dim=(0, 3)).sqrt().clamp(min=1e-12))
        for layer, one in enumerate(self.each()):
            x, y = (rows[:, :, layer].float() / self.scales[:, layer, None]).unbind(dim=1)
            fitted = fit_affine(x, y, ridge=0.01)
            one.W_skip.copy_(fitted.W)
            one.b_dec.copy_(fitted.b)

    @torch.no_grad()
    def unscaled(self) -> dict[int, AbstractTranscoder]:
        """Return transcoders of the model's own inputs and outputs."""
        made: dict[int, AbstractTranscoder] = {}
        for layer, (one, (of_x, of_y)) in enumerate(zip(self.each(), self.scales.T, strict=True)):
            copy = SkipTranscoder(one.d_in, one.d_out, one.d_sae, one.k)
            copy.load_state_dict(one.state_dict())
            copy.W_enc /= of_x.cpu()
            copy.W_skip *= (of_y / of_x).cpu()
            copy.W_dec *= of_y.cpu()
            copy.b_dec *= of_y.cpu()
            made[layer] = copy
        return made


def set_pass(made: TranscoderSet, rows: Float[Tensor, "batch row"]) -> TrainingPass:
    """Run all transcoders on the inputs of their layers; losses are added."""
    n_layers = len(made.layers)
    sides = rows.unflatten(1, (2, n_layers, -1)) / made.scales[:, :, None]
    one_pass = sparse_pair_pass if rows.device.type == "cpu" else pair_pass
    passes = [one_pass(one, sides[:, :, layer].flatten(1)) for layer, one in enumerate(made.each())]
    loss = LossParts(*(torch.stack(parts).sum() for parts in zip(*(p.loss for p in passes))))
    return TrainingPass(loss, torch.cat([one.n_active for one in passes]))


class SparingTranscoder(nn.Module):
    """A transcoder in the place of an MLP, which still serves position 0 and massive tokens."""

    def __init__(self, mlp: nn.Module, transcoder: AbstractTranscoder) -> None:
        super().__init__()
        self.mlp, self.transcoder = mlp, transcoder

    def forward(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """Predict the MLP's output where the transcoder was trained to."""
        y = self.mlp(x)
        spared = massive_tokens(y[:, 1:].flatten(0, 1), MASSIVE).unflatten(0, (len(x), -1))
        spared = torch.cat([torch.ones_like(spared[:, :1]), spared], dim=1)
        out: Tensor = torch.where(spared[:, :, None], y, self.transcoder(x).y_hat)
        return out


@contextmanager
def spliced(
    model: HookedTransformer, by: dict[int, AbstractTranscoder]
) -> Iterator[HookedTransformer]:
    """Replace the MLPs of these layers while a `with` block runs, except at massive tokens."""
    mlps = {layer: model.get_submodule(f"blocks.{layer}.mlp") for layer in by}
    try:
        for layer, mlp in mlps.items():
            put_module(model, f"blocks.{layer}.mlp", SparingTranscoder(mlp, by[layer]))
        yield model
    finally:
        for layer, mlp in mlps.items():
            put_module(model, f"blocks.{layer}.mlp", mlp)


@torch.no_grad()
def report(
    model: HookedTransformer, by: dict[int, AbstractTranscoder], windows: Windows
) -> dict[str, object]:
    """Measure each layer's error, and the model with all MLPs replaced, on held-out windows."""
    x, y = mlp_rows(model, windows, MASSIVE).float().unbind(dim=1)
    fvu = [fraction_unexplained(y[:, i], one(x[:, i]).y_hat).item() for i, one in by.items()]
    original = model(windows)
    with spliced(model, by):
        replaced = model(windows)
    return {**agreement(replaced, original)._asdict(), "mean_fvu": sum(fvu) / len(fvu), "fvu": fvu}


def train_set(
    model: HookedTransformer,
    windows: Windows,
    made: TranscoderSet,
    config: SAETrainConfig,
    out: Path,
) -> None:
    """Train all transcoders into a folder, and save them there."""
    rows = ChunkedRows(model, windows, BATCH, CHUNK, MASSIVE)
    if not (out / "run" / "checkpoint.safetensors").is_file():
        made.start_linear(rows.load(0))
    began = time.process_time()
    train_in_folder({"set": made}, rows, config, out / "run", 20, set_pass)
    save_transcoders(made.unscaled(), out / "transcoders", About(model_name="smollm2-135m"))
    print(f"trained in {time.process_time() - began:.0f} CPU seconds, collection included")


def main(arguments: list[str] | None = None) -> None:
    """Train, save, and print the saved transcoders' scores."""
    parser = recipe_parser("transcoders_smollm2")
    add = parser.add_argument
    add("--text", choices=("full", "excerpt"), default="full", help="excerpt needs no network")
    add("--steps", type=int, default=20_000, help="of 256 tokens each")
    add("--latents", type=int, default=1_024, help="per layer")
    add("--k", type=int, default=32, help="active latents per token and layer")
    add("--device", default="cpu", help="cuda runs everything on a GPU")
    chosen = parser.parse_args(arguments)
    use_one_thread()
    finished = start_run(chosen, last="transcoders/config.yaml")
    model, tokenizer = load_pretrained("smollm2-135m")
    assert tokenizer is not None
    model.requires_grad_(False).to(chosen.device)
    if not finished:
        documents = full_text() if chosen.text == "full" else excerpt("train")
        n_windows = min(chosen.steps * BATCH // 100 // CHUNK + 1, 400) * CHUNK
        windows = training_windows(tokenizer, documents, n_windows)
        sizes = model.config.n_layers, model.config.d_model, chosen.latents, chosen.k
        made = TranscoderSet(*sizes, chosen.seed).to(chosen.device)
        train_set(model, windows, made, settings(chosen.steps, chosen.seed), chosen.out)
    by = load_transcoders(chosen.out / "transcoders")
    assert isinstance(by, dict)
    windows = torch.cat([*held_out_windows(tokenizer, excerpt("held_out"), PER_KIND).values()])
    print(json.dumps(report(model.cpu(), by, windows), indent=1))
    print(f"saved in {chosen.out}")


if __name__ == "__main__":
    main()
