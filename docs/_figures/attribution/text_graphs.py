"""Graphs of text_4l on held-out prompts: what closes the gap, what the scores notice, pruning.

1. Train a CLT and transcoders per layer, of equal numbers of latents, on each seed's own texts.
2. On each prompt, build the graph of all active latents and the likely next tokens.
3. Controls: decoders shuffled among active latents, and dictionaries whose training never began
   (random encoders; decoders with the lengths of the trained ones, in random directions).
"""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.models import load_with_tokenizer
from docs._figures.transcoders.kinds import (
    Rows,
    collect,
    held_out_windows,
    stream_of,
    training_windows,
)
from solutions import ch11_transcoders as ch11
from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes.train import SAETrainConfig, train_saes
from solutions.ch11_transcoders.crosslayer import AbstractCLT
from solutions.ch11_transcoders.replacement import Replacements
from solutions.ch12_graphs import (
    edges,
    graph,
    influence,
    local,
    logits,
    nodes,
    pruning,
    scores,
    supernodes,
)
from solutions.ch12_graphs.edges import Effects
from solutions.ch12_graphs.graph import Graph
from solutions.ch12_graphs.local import LocalModel
from solutions.ch12_graphs.nodes import Basis
from toy_models.toys import folder

SEEDS = (0, 1, 2)
KINDS = ("per layer", "cross-layer")
CONTROLS = ("trained", "shuffled", "untrained")
N_LATENTS, K, STEPS, LR, WINDOWS = 512, 16, 250, 2e-3, 500
LENGTH, PER_KIND = 20, 2
"""Tokens of a prompt; prompts of verse, prose and code each."""
NODE_SHARES = (1.0, 0.9, 0.8, 0.6, 0.4, 0.2)
MODULES = (edges, graph, influence, local, logits, nodes, pruning, scores, supernodes)
SOURCES = [str(module.__file__) for module in MODULES]
PAPER = ("tokens", "nodes", "errors")
STEPS_TO_CLOSE = {
    "tokens, latents, errors": PAPER,
    "and positions": (*PAPER, "positions"),
    "and biases of layers": (*PAPER, "positions", "biases"),
    "and the target's own": (*PAPER, "positions", "biases", "constants"),
}


class Setting(NamedTuple):
    """What all measurements of one seed share."""

    model: HookedTransformer
    """text_4l."""
    rows: Rows
    """Inputs and outputs of the MLPs on training texts."""
    prompts: Tensor
    """Held-out texts."""
    seed: int
    """Seed."""


def fit(kind: str, setting: Setting) -> Replacements:
    """Train one kind of dictionary for all layers."""
    rows = setting.rows
    n_layers, d_model = rows.x.shape[1:]
    config = SAETrainConfig(STEPS, lr=LR, lr_warmup=50, lr_decay=STEPS // 3, seed=setting.seed)
    if kind == "cross-layer":
        clt = ch11.TopKCLT(n_layers, d_model, N_LATENTS, K, setting.seed)
        stream = stream_of(rows, slice(None), setting.seed)
        for _ in train_saes({kind: clt}, stream, config, training_pass=ch11.sparse_clt_pass):
            pass
        return clt
    made: dict[int, Any] = {}
    for layer in range(n_layers):
        one = ch11.TopKTranscoder(d_model, d_model, N_LATENTS, K, 10 * setting.seed + layer)
        stream = stream_of(rows, slice(layer, layer + 1), setting.seed)
        for _ in train_saes({kind: one}, stream, config, training_pass=ch11.sparse_pair_pass):
            pass
        made[layer] = one
    return made


@torch.no_grad()
def forget(by: Replacements, seed: int) -> Replacements:
    """Make a dictionary of the same kind that learned nothing but the lengths of its decoders."""
    generator = torch.Generator().manual_seed(100 + seed)

    def redirect(W: Tensor) -> Tensor:
        drawn = torch.randn(W.shape, generator=generator)
        return drawn / drawn.norm(dim=-1, keepdim=True) * W.norm(dim=-1, keepdim=True)

    if isinstance(by, AbstractCLT):
        clt = ch11.TopKCLT(by.n_layers, by.b_dec.shape[1], N_LATENTS, K, 50 + seed)
        for new, old in zip(clt.W_dec, by.W_dec, strict=True):
            new.copy_(redirect(old))
        clt.b_dec.copy_(by.b_dec)
        return clt
    made: dict[int, Any] = {}
    for layer, one in by.items():
        fresh = ch11.TopKTranscoder(one.d_in, one.d_out, N_LATENTS, K, 50 + 10 * seed + layer)
        fresh.W_dec.copy_(redirect(one.W_dec))
        fresh.b_dec.copy_(one.b_dec)
        made[layer] = fresh
    return made


def basis_of(frozen: LocalModel, by: Replacements) -> Basis:
    """Divide the MLPs' outputs by a dictionary."""
    if isinstance(by, AbstractCLT):
        return nodes.clt_basis(frozen, by)
    return nodes.transcoder_basis(frozen, by)


def unexplained(frozen: LocalModel, basis: Basis) -> float:
    """Compute the errors' share of the MLP outputs' variance over positions, all layers summed."""
    outputs = torch.stack([layer.mlp_out for layer in frozen.layers])
    spread = (outputs - outputs.mean(dim=1, keepdim=True)).square().sum()
    return float(basis.error.square().sum() / spread)


def without_first(effects: Effects, basis: Basis, values: Tensor) -> float:
    """Measure the gap if latents and errors of position 0 are left out, as one tool does."""
    late = (basis.nodes.pos > 0).float()
    fewer = effects._replace(nodes=effects.nodes * late, errors=effects.errors.clone())
    fewer.errors[:, :, 0] = 0
    rows = torch.cat([basis.nodes.pos > 0, torch.ones(len(values) - len(late)).bool()])
    chosen = Effects(*(field[rows] for field in fewer))
    return edges.unclosed(chosen, values[rows], PAPER)


def grouped(made: Graph, seed: int) -> dict[str, float]:
    """Group latents of the pruned graph automatically, and judge the groups."""
    small = pruning.prune(made, 0.6, 0.98)
    groups = supernodes.group_units(small, 0.6)
    if not groups:
        return {"groups": 0.0, "share": 0.0, "within": float("nan"), "random": float("nan")}
    generator = torch.Generator().manual_seed(seed)
    quality = supernodes.cohesion(small, groups, generator)
    share = sum(map(len, groups)) / len(small.indices("latent"))
    return {"groups": float(len(groups)), "share": share, **quality._asdict()}


@torch.no_grad()
def measure_prompt(
    model: HookedTransformer, prompt: Tensor, by: Replacements, control: str, seed: int
) -> dict[str, Any]:
    """Measure one graph."""
    frozen = local.freeze(model, prompt[None])
    basis = basis_of(frozen, by)
    if control == "shuffled":
        generator = torch.Generator().manual_seed(seed)
        basis = scores.shuffle_decoders(frozen, basis, generator)
    likely = logits.logit_targets(frozen)
    made = graph.attribution_graph(frozen, basis, likely)
    targets = nodes.join([basis.nodes.targets, likely.targets])
    effects, values = edges.direct_effects(frozen, basis, targets), targets.values
    found: dict[str, Any] = {
        "scores": scores.graph_scores(made)._asdict(),
        "unexplained": unexplained(frozen, basis),
        "ends": scores.flow_ends(made),
        "gaps": {
            name: edges.unclosed(effects, values, fields) for name, fields in STEPS_TO_CLOSE.items()
        },
        "without_first": without_first(effects, basis, values),
        "latents": len(basis.nodes.unit),
    }
    if control == "trained":
        found["pruned"] = []
        for share in NODE_SHARES:
            small = pruning.prune(made, share, 0.98)
            found["pruned"].append([len(small.indices("latent")), *scores.graph_scores(small)])
        found["groups"] = grouped(made, seed)
    return found


def measure(kind: str, setting: Setting) -> dict[str, list[dict[str, Any]]]:
    """Train one kind with one seed, and measure it and its controls on every prompt."""
    trained = fit(kind, setting)
    by = {"trained": trained, "shuffled": trained, "untrained": forget(trained, setting.seed)}
    return {
        control: [
            measure_prompt(setting.model, prompt, one, control, place)
            for place, prompt in enumerate(setting.prompts)
        ]
        for control, one in by.items()
    }


def measure_all() -> dict[str, list[dict[str, list[dict[str, Any]]]]]:
    """Return kind -> control -> prompt -> measurements, for each seed; cached."""
    torch.set_num_threads(1)
    model, tokenizer = load_with_tokenizer(folder("text_4l"))
    windows = held_out_windows(tokenizer)
    third = len(windows) // 3
    chosen = torch.cat([torch.arange(PER_KIND) + start * third for start in range(3)])
    prompts = windows[chosen][:, :LENGTH]
    given = [N_LATENTS, K, STEPS, LR, WINDOWS, LENGTH, PER_KIND, NODE_SHARES]
    steps = CachedSteps("ch12_text", len(SEEDS) * len(KINDS), given, [__file__, *SOURCES])
    results: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for seed in SEEDS:
        rows = collect(model, training_windows(tokenizer, seed)[:WINDOWS])
        setting = Setting(model, rows, prompts, seed)
        for kind in KINDS:
            results[kind].append(steps(f"{kind} {seed}", partial(measure, kind, setting)))
    return results
