"""Roles in the two toys of chapter 7: who writes the answer, where it looks, and who tells it."""

from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.sites import Site
from solutions.ch05_patching import path_patch
from solutions.ch05_patching.metrics import ResidMetric, logit_diff, metric_from_logits
from solutions.ch07_ioi import IOIPrompts, abc_corruption, draw_prompts
from solutions.ch07_ioi.circuit import CircuitEvaluator, Node, abc_means
from solutions.ch07_ioi.heads import (
    path_effects,
    receivers,
    role_attention,
    select_significant,
    site_positions,
)
from toy_models import folder
from toy_models.ioi_pointer import train as pointer
from toy_models.ioi_shortcut import train as shortcut

SEEDS, N, SURE = (0, 1, 2), 200, 3.0
SHARE, SHARE_OF_WRITERS = 0.03, 0.01
"""Least effect of one head; of pointers less, since each says what the others say too."""
TOYS = {"ioi_pointer": pointer.RECIPE, "ioi_shortcut": shortcut.RECIPE}
SHOWN = {"pointer": "ioi_pointer", "shortcut": "ioi_shortcut", "pointer, untrained": "untrained"}
LOOKS = {
    "writers: END to IO": "writers_to_io",
    "writers: END to S2": "writers_to_s2",
    "who steers writers: END to S2": "inhibition_to_s2",
    "at S2, strongest: S2 to S1": "duplicate_to_s1",
}
PATHS = {
    "writers to logits": "direct",
    "END to writers' queries": "queries",
    "S2 to writers' keys": "keys",
    "S2 to S-inhibition values": "inhibition_values",
}
Head = tuple[int, int]


class Bench:
    """A model, prompts with ABC partners, and the logit difference."""

    def __init__(self, model: HookedTransformer, n: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.model, self.names = model, torch.arange(pointer.N_NAMES)
        self.prompts = draw_prompts(pointer.tokenizer(), n, generator)
        self.corrupted = abc_corruption(self.prompts, self.names, generator)
        self.where = self.prompts.positions
        self.read = reader(model, self.prompts)
        self.clean = self.read(model(self.prompts.tokens, stop_at_layer=3)[None, :, -1])[0]

    def single(self, role: str, into: Sequence[Site] = ()) -> Tensor:
        """Effect of each head at a role, [layer, head, batch]."""
        places = getattr(self.where, role)
        found = path_effects(self.model, self.prompts, self.corrupted, places, into, self.read)
        return found.unflatten(0, (len(self.model.blocks), -1))

    def together(self, heads: Sequence[Head], role: str, into: Sequence[Site] = ()) -> float:
        """Logits that are lost when these heads at a role are corrupted on the way to receivers."""
        if not heads:
            return 0.0
        places = site_positions(getattr(self.where, role))
        sites = [Site("attn.hook_z", layer, head=head, position=places) for layer, head in heads]
        patched = path_patch(
            self.model, self.prompts.tokens, self.corrupted.tokens, [sites], into, self.read
        )
        return (self.clean - patched[0]).mean().item()

    def told(self, heads: Sequence[Head], inhibition: Sequence[Head]) -> float:
        """Logits lost through the values that S-inhibition heads read at S2; 0 without any."""
        return self.together(heads, "s2", self.into(inhibition, "v", "s2")) if inhibition else 0.0

    def into(self, heads: Sequence[Head], side: str, role: str) -> list[Site]:
        """Queries, keys or values of heads at a role."""
        return receivers(self.model, heads, side, getattr(self.where, role))

    def found(self, effects: Tensor, share: float = SHARE) -> list[Head]:
        """Heads whose effect is large and certain, and hurts."""
        flat = effects.flatten(0, 1)
        numbers = select_significant(flat, self.clean, share, SURE).tolist()
        hurts = [number for number in numbers if flat[number].mean() < 0]
        return [divmod(number, effects.shape[1]) for number in sorted(hurts)]


def reader(model: HookedTransformer, prompts: IOIPrompts) -> ResidMetric:
    """Logit difference through the whole output of the model: a pointer takes a logarithm."""
    return metric_from_logits(
        model, lambda logits: logit_diff(logits, prompts.io_token, prompts.s_token)
    )


def main() -> None:
    """Measure the three seeds of both toys, and the pointer before training."""
    facts: dict[str, list[dict[str, Any]]] = {}
    for name, recipe in TOYS.items():
        facts[name] = [measure(load_pretrained(folder(name, seed))[0]) for seed in SEEDS]
        if name == "ioi_pointer":
            facts["untrained"] = [measure(untrained(recipe, seed)) for seed in SEEDS]
    io = [f"{row['writers_to_io']:.2f}" for row in facts["ioi_pointer"]]
    publish(
        "ch07_toys",
        lambda figure: draw(figure, facts),
        alt="Left: attention. Heads that write the answer look at IO in the pointer toy "
        f"({', '.join(io)}) and not in the shortcut toy. Right: logits lost along paths.",
        numbers=facts,
        sources=[__file__],
        seeds=SEEDS,
        size=(10.0, 4.6),
    )


def untrained(recipe: pointer.Recipe, seed: int) -> HookedTransformer:
    """First weights: copying is there, knowing where to look is not."""
    model = HookedTransformer(recipe.sizes, recipe.parts, seed=seed)
    pointer.begin(model, seed)
    recipe.prepare(model)
    return model


@torch.no_grad()
def measure(model: HookedTransformer) -> dict[str, Any]:
    """Find heads on some prompts, measure them on others."""
    finding, judging = Bench(model, N, 11), Bench(model, N, 12)
    layers, n_heads = len(model.blocks), model.config.n_heads
    every = [(layer, head) for layer in range(layers) for head in range(n_heads)]
    direct = finding.single("end")
    writers = finding.found(direct, SHARE_OF_WRITERS) or every[-n_heads:]
    lower = [head for head in every if head not in writers]
    queries = finding.single("end", finding.into(writers, "q", "end"))
    inhibition = finding.found(queries)
    at_s2 = finding.single("s2", finding.into(writers, "k", "s2")).mean(dim=-1)
    if inhibition:
        at_s2 = at_s2 + finding.single("s2", finding.into(inhibition, "v", "s2")).mean(dim=-1)
    weight, steer = weights_of(direct), weights_of(queries)

    def looks(query: str, key: str) -> Tensor:
        return role_attention(model, judging.prompts, query, key).mean(dim=-1)

    to_s2, strongest = looks("end", "s2"), divmod(int(at_s2.argmin()), n_heads)
    logits = model(judging.prompts.tokens)[:, -1]
    return {
        "accuracy": (logits.argmax(dim=-1) == judging.prompts.io_token).float().mean().item(),
        "logit_difference": judging.clean.mean().item(),
        "lowest": judging.clean.min().item(),
        "writers": writers,
        "inhibition": inhibition,
        "strongest_at_s2": strongest,
        "writers_to_io": (weight * looks("end", "io")).sum().item(),
        "writers_to_s1": (weight * looks("end", "s1")).sum().item(),
        "writers_to_s2": (weight * to_s2).sum().item(),
        "inhibition_to_s2": (steer * to_s2).sum().item(),
        "duplicate_to_s1": looks("s2", "s1")[strongest].item(),
        "direct": judging.together(writers, "end"),
        "queries": judging.together(lower, "end", judging.into(writers, "q", "end")),
        "keys": judging.together(lower, "s2", judging.into(writers, "k", "s2")),
        "values": judging.together(lower, "s2", judging.into(writers, "v", "s2")),
        "inhibition_values": judging.told(lower, inhibition),
        "circuit": circuit(finding, writers, inhibition),
    }


def weights_of(effects: Tensor) -> Tensor:
    """Each head's part in all that works for the answer; the parts sum to 1."""
    works = (-effects.mean(dim=-1)).clamp(min=0)
    return works / works.sum().clamp(min=1e-9)


def circuit(bench: Bench, writers: list[Head], inhibition: list[Head]) -> dict[str, Any]:
    """Classes of nodes found backwards from the logits, and what class-mean knock-outs say."""
    below = {"s2": bench.found(bench.single("s2", bench.into(writers, "k", "s2")))}
    if inhibition:
        more = bench.found(bench.single("s2", bench.into(inhibition, "v", "s2")))
        below["s2"] = sorted({*below["s2"], *more})
    below["s1"] = bench.found(bench.single("s1", bench.into(writers, "k", "s1")))
    classes = {
        "name movers": [Node(*head, "end") for head in writers],
        "S-inhibition": [Node(*head, "end") for head in inhibition if head not in writers],
        "duplicate token": [Node(*head, role) for role in below for head in below[role]],
    }
    nodes = [node for members in classes.values() for node in members]
    evaluator = judge(bench.model)
    whole = evaluator.full_model().mean()
    generator = torch.Generator().manual_seed(5)
    roles = list(bench.where._asdict())
    every = [Node(*head, role) for role in roles for head in heads_of(bench.model)]
    random = [
        (evaluator.keep_only([every[i] for i in lot[: len(nodes)]]).mean() / whole).item()
        for lot in (torch.randperm(len(every), generator=generator).tolist() for _ in range(20))
    ]
    return {
        "nodes": {name: [list(node) for node in members] for name, members in classes.items()},
        "size": [len(nodes), len(every)],
        "faithfulness": (evaluator.keep_only(nodes).mean() / whole).item(),
        "without": {
            name: (evaluator.ablate(members).mean() / whole).item()
            for name, members in classes.items()
        },
        "random_circuits": random,
    }


def heads_of(model: HookedTransformer) -> list[Head]:
    """Every head."""
    return [(n, head) for n in range(len(model.blocks)) for head in range(model.config.n_heads)]


def judge(model: HookedTransformer) -> CircuitEvaluator:
    """New prompts, and ABC means of their templates over six times as many."""
    generator = torch.Generator().manual_seed(13)
    prompts = draw_prompts(pointer.tokenizer(), N, generator)
    many = draw_prompts(pointer.tokenizer(), 6 * N, generator)
    means = abc_means(
        model, abc_corruption(many, torch.arange(pointer.N_NAMES), generator), prompts.template
    )
    return CircuitEvaluator(model, prompts, means, reader(model, prompts))


def draw(figure: Figure, facts: dict[str, list[dict[str, Any]]]) -> None:
    """Attention on the left, effects along paths on the right."""
    left, right = figure.subplots(1, 2)
    for axes, rows, label, reach in (
        (left, LOOKS, "share of attention", (-0.03, 1.15)),
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
