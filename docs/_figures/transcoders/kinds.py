"""Replace all four MLPs of text_4l by transcoders of several kinds: how much of the model is left?

Kinds have equal features, equal L0 and equal training tokens; one has as many parameters as the CLT
instead. Baselines know nothing of features: an affine map per layer, and the mean output. In the
control the encoders stay random, and only the decoders are trained.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.models import load_with_tokenizer
from solutions import ch11_transcoders as ch11
from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes.metrics import fraction_unexplained
from solutions.ch08_saes.train import SAETrainConfig, train_saes
from solutions.ch11_transcoders import crosslayer, fast_pass, replacement, skip, transcoder
from solutions.ch11_transcoders.replacement import error_by_layer, measure_replacement, replace_mlps
from toy_models.real_text import excerpt, full_text
from toy_models.text_4l.train import as_tokens, windows_of
from toy_models.toys import folder

SEEDS = (0, 1, 2)
N_WINDOWS, N_HELD_OUT, WINDOW = 1700, 50, 128
STEPS, BATCH, LR = 800, 256, 2e-3
N_LATENTS, N_MORE, K = 1024, 1792, 16
KINDS = ("per layer", "per layer, more latents", "with skip", "cross-layer", "random encoder")
BASELINES = ("affine map", "mean")
SOURCES = [
    str(module.__file__) for module in (transcoder, skip, crosslayer, fast_pass, replacement)
]


class Rows(NamedTuple):
    """Inputs and outputs of all MLPs on the same tokens, [token, layer, d_model], in float16."""

    x: Tensor
    """Inputs."""
    y: Tensor
    """Outputs."""


class RandomEncoder(ch11.TopKTranscoder):
    """A control: the encoder stays random, and only the decoder is trained."""

    def constrain_gradients(self) -> None:
        """Drop the encoder's gradients."""
        self.W_enc.grad = self.b_enc.grad = None


@torch.no_grad()
def collect(model: HookedTransformer, windows: Tensor) -> Rows:
    """Run the model on windows; position 0 is left out."""
    seen: list[tuple[Tensor, Tensor]] = []
    handles = [
        block.get_submodule("mlp").register_forward_hook(
            lambda _module, inputs, output: seen.append((inputs[0], output))
        )
        for block in model.blocks
    ]
    xs, ys = [], []
    for batch in tqdm(windows.split(32), desc="collect", leave=False):
        seen.clear()
        model(batch, stop_at_layer=len(model.blocks))
        pairs = [torch.stack(side, dim=2)[:, 1:] for side in zip(*seen, strict=True)]
        x, y = (side.flatten(0, 1).half() for side in pairs)
        xs.append(x)
        ys.append(y)
    for handle in handles:
        handle.remove()
    return Rows(torch.cat(xs), torch.cat(ys))


def training_windows(tokenizer: Any, seed: int) -> Tensor:
    """Draw windows of the full text."""
    windows = windows_of(as_tokens(tokenizer, full_text()), WINDOW)
    chosen = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    return windows[chosen[:N_WINDOWS]]


def held_out_windows(tokenizer: Any) -> Tensor:
    """Cut the first windows of each kind of text that no model was trained on."""
    kinds = []
    for kind in ("verse", "prose", "code"):
        documents = [one for one in excerpt("held_out") if one.name.startswith(kind)]
        kinds.append(windows_of(as_tokens(tokenizer, documents), WINDOW)[:N_HELD_OUT])
    return torch.cat(kinds)


def stream_of(rows: Rows, layers: slice, seed: int) -> Callable[[int], Tensor]:
    """Give batches of inputs and outputs side by side, in an order that the seed decides."""
    order = torch.randperm(len(rows.x), generator=torch.Generator().manual_seed(seed))

    def batch(step: int) -> Tensor:
        start = step * BATCH % (len(order) - BATCH)
        chosen = order[start : start + BATCH]
        return torch.stack([rows.x[chosen, layers], rows.y[chosen, layers]], 1).flatten(1).float()

    return batch


def fit(kind: str, rows: Rows, seed: int) -> replacement.Replacements:
    """Train one kind on all layers."""
    n_layers, d_model = rows.x.shape[1:]
    config = SAETrainConfig(STEPS, lr=LR, lr_warmup=50, lr_decay=STEPS // 3, seed=seed)
    if kind == "cross-layer":
        clt = ch11.TopKCLT(n_layers, d_model, N_LATENTS, K, seed)
        stream = stream_of(rows, slice(None), seed)
        for _ in train_saes({kind: clt}, stream, config, training_pass=ch11.sparse_clt_pass):
            pass
        return clt
    if kind in BASELINES:
        return {
            layer: Affine(rows.x[:, layer], rows.y[:, layer], kind) for layer in range(n_layers)
        }
    made: dict[int, transcoder.AbstractTranscoder] = {}
    for layer in range(n_layers):
        n_latents = N_MORE if kind == "per layer, more latents" else N_LATENTS
        classes = {"with skip": ch11.SkipTranscoder, "random encoder": RandomEncoder}
        one = classes.get(kind, ch11.TopKTranscoder)(
            d_model, d_model, n_latents, K, 10 * seed + layer
        )
        stream = stream_of(rows, slice(layer, layer + 1), seed)
        for _ in train_saes({kind: one}, stream, config, training_pass=ch11.sparse_pair_pass):
            pass
        made[layer] = one
    return made


class Affine(ch11.SkipTranscoder):
    """A baseline without latents: the best affine map, or the mean."""

    def __init__(self, x: Tensor, y: Tensor, kind: str) -> None:
        super().__init__(x.shape[1], y.shape[1], 1, 1)
        made = ch11.fit_affine(x.float(), y.float(), ridge=1e-6)
        with torch.no_grad():
            if kind == "affine map":
                self.W_skip.copy_(made.W)
            self.b_dec.copy_(made.b if kind == "affine map" else y.float().mean(dim=0))


@torch.no_grad()
def fvu_by_layer(by: replacement.Replacements, rows: Rows) -> list[float]:
    """Compute each layer's error on the model's own inputs."""
    x, y = rows.x.float(), rows.y.float()
    if isinstance(by, crosslayer.AbstractCLT):
        y_hat = by(x).y_hat
    else:
        y_hat = torch.stack([by[layer](x[:, layer]).y_hat for layer in range(x.shape[1])], dim=1)
    return [fraction_unexplained(y[:, i], y_hat[:, i]).item() for i in range(x.shape[1])]


def measure(kind: str, seed: int, model: HookedTransformer, data: dict[str, Any]) -> dict[str, Any]:
    """Train one kind with one seed; measure it on held-out text."""
    rows = data["rows"](seed)
    by = fit(kind, rows, seed)
    tokens = data["held_out"]
    scores = measure_replacement(model, by, tokens)
    with replace_mlps(model, by), torch.no_grad():
        logits = model(tokens)[:, :-1]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).item()
    modules = [by] if isinstance(by, nn.Module) else list(by.values())
    return {
        **scores._asdict(),
        "loss": loss,
        "fvu": fvu_by_layer(by, data["held_out_rows"]),
        "growth": error_by_layer(model, by, tokens).tolist(),
        "parameters": sum(p.numel() for one in modules for p in one.parameters()),
    }


def measure_all() -> dict[str, list[dict[str, Any]]]:
    """Return kind -> scores of each seed; from the cache where they were measured before."""
    torch.set_num_threads(1)
    model, tokenizer = load_with_tokenizer(folder("text_4l"))
    held_out = held_out_windows(tokenizer)
    cached: dict[int, Rows] = {}

    def rows_of(seed: int) -> Rows:
        if seed not in cached:
            cached.clear()
            cached[seed] = collect(model, training_windows(tokenizer, seed))
        return cached[seed]

    data = {"rows": rows_of, "held_out": held_out, "held_out_rows": collect(model, held_out)}
    given = [N_WINDOWS, N_HELD_OUT, STEPS, BATCH, LR, N_LATENTS, N_MORE, K]
    runs = [(kind, seed) for seed in SEEDS for kind in (*KINDS, *BASELINES)]
    steps = CachedSteps("ch11_kinds", len(runs), given, [__file__, *SOURCES])
    results: dict[str, list[dict[str, Any]]] = {kind: [] for kind in (*KINDS, *BASELINES)}
    for kind, seed in runs:
        one = partial(measure, kind, seed, model, data)
        results[kind].append(steps(f"{kind} {seed}", one))
    return results
