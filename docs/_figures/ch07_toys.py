"""Measure how chapter 7's toys solve the task: where heads attend, and effects along paths."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, Site, load_pretrained
from solutions.ch04_induction.ablate import Head
from solutions.ch05_patching import path_patch
from solutions.ch05_patching.metrics import (
    ResidMetric,
    logit_diff,
    metric_from_logits,
    unpatched,
)
from solutions.ch07_ioi import IOIPrompts, abc_corruption, draw_prompts
from solutions.ch07_ioi.circuit import CircuitEvaluator, Node, abc_means
from solutions.ch07_ioi.heads import (
    path_effects,
    receivers,
    role_attention,
    select_significant,
    senders,
    site_positions,
)
from toy_models import folder
from toy_models.ioi_pointer import train as pointer
from toy_models.ioi_shortcut import train as shortcut
from toy_models.recipes import ioi
from toy_models.recipes.ioi import Recipe

SEEDS, N, MIN_Z = (0, 1, 2), 200, 3.0
MIN_EFFECT_SHARE, MIN_EFFECT_SHARE_OF_WRITERS = 0.03, 0.01
"""Least effect of one head; less for the pointer's last layer, whose heads do the same."""
TOYS = {"ioi_pointer": pointer.RECIPE, "ioi_shortcut": shortcut.RECIPE}
SHOWN = {"pointer": "ioi_pointer", "shortcut": "ioi_shortcut", "pointer, untrained": "untrained"}
ATTENTION = {
    "writers: END to IO": "writers_to_io",
    "writers: END to S2": "writers_to_s2",
    "act on queries: END to S2": "inhibition_to_s2",
    "strongest at S2: S2 to S1": "duplicate_to_s1",
}
PATHS = {
    "writers to logits": "direct",
    "END to writers' queries": "queries",
    "S2 to writers' keys": "keys",
    "S2 to S-inhibition values": "inhibition_values",
}


class Bench:
    """A model with prompts, their ABC corruptions, and the logit difference."""

    def __init__(self, model: HookedTransformer, n: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.model, self.names = model, torch.arange(ioi.N_NAMES)
        self.prompts = draw_prompts(ioi.tokenizer(), n, generator)
        self.corrupted = abc_corruption(self.prompts, self.names, generator)
        self.positions = self.prompts.positions
        self.metric = logit_diff_metric(model, self.prompts)
        self.clean = unpatched(model, self.prompts.tokens, self.metric)

    def effects(self, role: str, into: Sequence[Site] = ()) -> Tensor:
        """Measure the effect of each head at a role, [layer, head, batch]."""
        sites = senders(self.model, getattr(self.positions, role))
        effects = path_effects(self.model, self.prompts, self.corrupted, sites, into, self.metric)
        return effects.unflatten(0, (len(self.model.blocks), -1))

    def loss(self, heads: Sequence[Head], role: str, into: Sequence[Site] = ()) -> float:
        """Measure the loss when the paths from all these heads at a role are corrupted together."""
        if not heads:
            return 0.0
        position = site_positions(getattr(self.positions, role))
        sites = [Site("attn.hook_z", layer, head=head, position=position) for layer, head in heads]
        patched = path_patch(
            self.model, self.prompts.tokens, self.corrupted.tokens, [sites], into, self.metric
        )
        return (self.clean - patched[0]).mean().item()

    def receivers(
        self, heads: Sequence[Head], side: Literal["q", "k", "v"], role: str
    ) -> list[Site]:
        """List queries, keys or values of heads at a role."""
        return receivers(self.model, heads, side, getattr(self.positions, role))

    def helpful(self, effects: Tensor, min_effect_share: float = MIN_EFFECT_SHARE) -> list[Head]:
        """Select the heads with a significant effect that work for the answer."""
        flat = effects.flatten(0, 1)
        chosen = select_significant(flat, self.clean, min_effect_share, MIN_Z).tolist()
        helpful = [sender for sender in chosen if flat[sender].mean() < 0]
        return [divmod(sender, effects.shape[1]) for sender in sorted(helpful)]


def logit_diff_metric(model: HookedTransformer, prompts: IOIPrompts) -> ResidMetric:
    """Compute the logit difference through the whole output, which is a logarithm in a pointer."""
    return metric_from_logits(
        model, lambda logits: logit_diff(logits, prompts.io_token, prompts.s_token)
    )


def main() -> None:
    """Measure the three seeds of both toys, and the pointer before training."""
    facts: dict[str, list[dict[str, Any]]] = {}
    for name, recipe in TOYS.items():
        parts = recipe.parts
        facts[name] = [
            measure(load_pretrained(folder(name, seed), parts=parts)[0]) for seed in SEEDS
        ]
        if name == "ioi_pointer":
            facts["untrained"] = [measure(untrained(recipe, seed)) for seed in SEEDS]
    io = [f"{row['writers_to_io']:.2f}" for row in facts["ioi_pointer"]]
    publish(
        "ch07_toys",
        lambda figure: draw(figure, facts),
        alt="Left: attention. Heads that write the answer attend to IO in the pointer toy "
        f"({', '.join(io)}) and not in the shortcut toy. Right: logits lost along paths.",
        numbers=facts,
        sources=[__file__],
        seeds=SEEDS,
        size=(10.0, 4.6),
    )


def untrained(recipe: Recipe, seed: int) -> HookedTransformer:
    """Initialise a pointer: its output copies already, but its attention is not learned."""
    model = HookedTransformer(recipe.sizes, recipe.parts, seed=seed)
    ioi.initialize(model, seed)
    recipe.prepare(model)
    return model


@torch.no_grad()
def measure(model: HookedTransformer) -> dict[str, Any]:
    """Find heads on some prompts and measure them on others."""
    finding, judging = Bench(model, N, 11), Bench(model, N, 12)
    layers, n_heads = len(model.blocks), model.config.n_heads
    every = [(layer, head) for layer in range(layers) for head in range(n_heads)]
    direct = finding.effects("end")
    writers = finding.helpful(direct, MIN_EFFECT_SHARE_OF_WRITERS) or every[-n_heads:]
    lower = [head for head in every if head not in writers]
    queries = finding.effects("end", finding.receivers(writers, "q", "end"))
    inhibition = finding.helpful(queries)
    at_s2 = finding.effects("s2", finding.receivers(writers, "k", "s2")).mean(dim=-1)
    if inhibition:
        values = finding.receivers(inhibition, "v", "s2")
        at_s2 = at_s2 + finding.effects("s2", values).mean(dim=-1)
    weight, steer = effect_shares(direct), effect_shares(queries)

    def attention(query: str, key: str) -> Tensor:
        return role_attention(model, judging.prompts, query, key).mean(dim=-1)

    to_s2, strongest = attention("end", "s2"), divmod(int(at_s2.argmin()), n_heads)
    logits = model(judging.prompts.tokens)[:, -1]
    return {
        "accuracy": (logits.argmax(dim=-1) == judging.prompts.io_token).float().mean().item(),
        "logit_difference": judging.clean.mean().item(),
        "lowest": judging.clean.min().item(),
        "writers": writers,
        "inhibition": inhibition,
        "strongest_at_s2": strongest,
        "writers_to_io": (weight * attention("end", "io")).sum().item(),
        "writers_to_s1": (weight * attention("end", "s1")).sum().item(),
        "writers_to_s2": (weight * to_s2).sum().item(),
        "inhibition_to_s2": (steer * to_s2).sum().item(),
        "duplicate_to_s1": attention("s2", "s1")[strongest].item(),
        "direct": judging.loss(writers, "end"),
        "queries": judging.loss(lower, "end", judging.receivers(writers, "q", "end")),
        "keys": judging.loss(lower, "s2", judging.receivers(writers, "k", "s2")),
        "values": judging.loss(lower, "s2", judging.receivers(writers, "v", "s2")),
        "inhibition_values": judging.loss(lower, "s2", judging.receivers(inhibition, "v", "s2"))
        if inhibition
        else 0.0,
        "circuit": circuit(finding, writers, inhibition),
    }


def effect_shares(effects: Tensor) -> Tensor:
    """Compute each head's share of all effects that work for the answer; they sum to 1."""
    works = (-effects.mean(dim=-1)).clamp(min=0)
    return works / works.sum().clamp(min=1e-9)


def circuit(bench: Bench, writers: list[Head], inhibition: list[Head]) -> dict[str, Any]:
    """Classify nodes backwards from the logits, and ablate each class and its complement."""
    below = {"s2": bench.helpful(bench.effects("s2", bench.receivers(writers, "k", "s2")))}
    if inhibition:
        more = bench.helpful(bench.effects("s2", bench.receivers(inhibition, "v", "s2")))
        below["s2"] = sorted({*below["s2"], *more})
    below["s1"] = bench.helpful(bench.effects("s1", bench.receivers(writers, "k", "s1")))
    classes = {
        "name movers": [Node(*head, "end") for head in writers],
        "S-inhibition": [Node(*head, "end") for head in inhibition if head not in writers],
        "duplicate token": [Node(*head, role) for role in below for head in below[role]],
    }
    nodes = [node for members in classes.values() for node in members]
    evaluator = make_evaluator(bench.model)
    full = evaluator.full_model().mean()
    generator = torch.Generator().manual_seed(5)
    layers, heads = range(len(bench.model.blocks)), range(bench.model.config.n_heads)
    every = [
        Node(layer, head, role)
        for role in bench.positions._fields
        for layer in layers
        for head in heads
    ]
    random = [
        (evaluator.keep_only([every[i] for i in order[: len(nodes)]]).mean() / full).item()
        for order in (torch.randperm(len(every), generator=generator).tolist() for _ in range(20))
    ]
    return {
        "nodes": {name: [list(node) for node in members] for name, members in classes.items()},
        "size": [len(nodes), len(every)],
        "faithfulness": (evaluator.keep_only(nodes).mean() / full).item(),
        "without": {
            name: (evaluator.ablate(members).mean() / full).item()
            for name, members in classes.items()
        },
        "random_circuits": random,
    }


def make_evaluator(model: HookedTransformer) -> CircuitEvaluator:
    """Make an evaluator on new prompts, with ABC means over six times as many."""
    generator = torch.Generator().manual_seed(13)
    prompts = draw_prompts(ioi.tokenizer(), N, generator)
    many = draw_prompts(ioi.tokenizer(), 6 * N, generator)
    corrupted = abc_corruption(many, torch.arange(ioi.N_NAMES), generator)
    means = abc_means(model, corrupted, prompts.template)
    return CircuitEvaluator(model, prompts, means, logit_diff_metric(model, prompts))


def draw(figure: Figure, facts: dict[str, list[dict[str, Any]]]) -> None:
    """Draw attention on the left, effects along paths on the right."""
    left, right = figure.subplots(1, 2)
    for axes, rows, label, reach in (
        (left, ATTENTION, "attention", (-0.03, 1.15)),
        (right, PATHS, "logit difference lost", (-1.0, 17.0)),
    ):
        series = {
            shown: [[row[key] for row in facts[name]] for key in rows.values()]
            for shown, name in SHOWN.items()
        }
        dot_plot(axes, list(rows), series, label=label, reach=reach)
    legend_above(left, columns=3)


if __name__ == "__main__":
    main()
