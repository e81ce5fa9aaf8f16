"""Is an automatic supernode the same with another dictionary, and is it better than one latent?

1. For every question of two_hop, build the graph and group its latents (`group_units`).
2. Match the latents of two CLTs by the correlation of their activations over all questions
   (Hungarian algorithm). Compare the groups of matched latents that are active in both graphs, by
   the adjusted Rand index over pairs at the same layer and position, pooled over questions.
   Null: the second CLT's groups permuted within each layer and position.
3. Compare what the leading supernodes of two CLTs of one model write.
4. Swap the leading supernode of layer 0 at the city with that of a city in another state.
Axes: question, unit, pair (two nodes of one place), layer, d_model.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from docs._figures.attribution.text_cases import Traced, rescaled, total_effects, written
from solutions.ch02_transformer import HookedTransformer
from solutions.ch11_transcoders.crosslayer import AbstractCLT
from solutions.ch11_transcoders.geography import Geography
from solutions.ch11_transcoders.state_swaps import swapped_answers
from solutions.ch12_graphs import attribution_graph, clt_basis, freeze, logit_targets
from solutions.ch12_graphs.influence import node_influence
from solutions.ch12_graphs.supernodes import group_units

LEAST = 0.5
"""Smallest correlation of a match."""
CITY = (0, 0)
"""Layer and position where two_hop finds the state."""
Place = tuple[int, int]


class Grouped(NamedTuple):
    """One question's graph and its groups."""

    traced: Traced
    """Graph of the answer's logit."""
    influence: Float[Tensor, " node"]
    """Influence of each latent."""
    labels: dict[tuple[int, int, int], int]
    """(layer, position, unit) -> number of its group; a latent alone has a number of its own."""

    def at(self, place: Place) -> list[int]:
        """List the latents of a layer and position, the most influential first."""
        units = self.traced.basis.nodes
        here = ((units.layer == place[0]) & (units.pos == place[1])).nonzero()[:, 0].tolist()
        return sorted(here, key=lambda node: -float(self.influence[node]))

    def leading(self, place: Place) -> list[int]:
        """List the group of the most influential latent of a layer and position."""
        units, here = self.traced.basis.nodes, self.at(place)
        label = {node: self.labels[(*place, int(units.unit[node]))] for node in here}
        return [node for node in here if label[node] == label[here[0]]]

    def drawn(self, generator: torch.Generator) -> list[int]:
        """Draw as many latents of layer 0 at the city as its leading group has."""
        here = self.at(CITY)
        order = torch.randperm(len(here), generator=generator).tolist()
        return [here[i] for i in order[: len(self.leading(CITY))]]

    def writes(self, nodes: list[int]) -> Float[Tensor, "layer pos d_model"]:
        """Compute what some latents write to the MLPs' outputs."""
        return written(self.traced, torch.tensor(nodes))


@torch.no_grad()
def group_question(
    model: HookedTransformer, clt: AbstractCLT, tokens: Int[Tensor, " pos"]
) -> Grouped:
    """Build one question's graph, and group its latents."""
    frozen = freeze(model, tokens[None])
    basis = clt_basis(frozen, clt)
    made = attribution_graph(frozen, basis, logit_targets(frozen, most=1))
    units = made.indices("latent").tolist()
    group_of = {node: units[0] + i for i, node in enumerate(units)}
    for group in group_units(made):
        group_of |= dict.fromkeys(group, group_of[group[0]])
    labels = {
        (made.nodes[i].layer, made.nodes[i].pos, made.nodes[i].unit): group_of[i] for i in units
    }
    influence = node_influence(made.edges, made.weights)[units]
    return Grouped(Traced(tokens, frozen, basis, made, total_effects(made)), influence, labels)


@torch.no_grad()
def all_acts(
    model: HookedTransformer, clt: AbstractCLT, questions: Int[Tensor, "question pos"]
) -> Float[Tensor, "layer row unit"]:
    """Compute all latents at all positions of all questions."""
    names = [f"blocks.{layer}.ln2.hook_normalized" for layer in range(clt.n_layers)]
    _, cache = model.run_with_cache(questions, names=names)
    acts = [
        clt.activate(clt.pre_activations(cache[name], layer), layer)
        for layer, name in enumerate(names)
    ]
    return torch.stack(acts).flatten(1, 2)


def match(
    one: Float[Tensor, "layer row unit"], two: Float[Tensor, "layer row unit"]
) -> tuple[dict[tuple[int, int], int], list[float]]:
    """Match the latents of each layer one to one; return (layer, unit) -> unit, and correlations.

    Only latents that are active somewhere count; matches below LEAST are not kept.
    """
    matched, correlations = {}, []
    for layer, (x, y) in enumerate(zip(one, two, strict=True)):
        alive = x.any(dim=0).nonzero()[:, 0], y.any(dim=0).nonzero()[:, 0]
        x, y = x[:, alive[0]], y[:, alive[1]]
        cosine = F.normalize(x - x.mean(0), dim=0).T @ F.normalize(y - y.mean(0), dim=0)
        for row, column in zip(*linear_sum_assignment(cosine, maximize=True), strict=True):
            correlations.append(float(cosine[row, column]))
            if cosine[row, column] >= LEAST:
                matched[layer, int(alive[0][row])] = int(alive[1][column])
    return matched, correlations


class PairCounts(NamedTuple):
    """Counts of pairs of nodes of one question that are in one group."""

    both: float
    """In one group with both dictionaries."""
    expected: float
    """The same, expected for random groups of the same sizes at each place."""
    mean: float
    """In one group, mean of the two dictionaries."""


def adjusted_rand(counts: Float[Tensor, "question 3"]) -> float:
    """Compute the adjusted Rand index from counts that are summed over questions."""
    both, expected, mean = counts.sum(dim=0).tolist()
    return float((both - expected) / (mean - expected))


def count_pairs(
    one: Grouped, two: Grouped, matched: dict[tuple[int, int], int], generator: torch.Generator
) -> tuple[PairCounts, PairCounts, float]:
    """Count pairs of one question, and pairs with permuted groups; and the share of nodes compared.

    A node is compared if its match is active at the same position in the other graph.
    """
    found: dict[Place, list[tuple[int, int]]] = {}
    for (layer, pos, unit), label in one.labels.items():
        partner = (layer, pos, matched.get((layer, unit), -1))
        if partner in two.labels:
            found.setdefault((layer, pos), []).append((label, two.labels[partner]))
    real, null = torch.zeros(3), torch.zeros(3)
    for rows in found.values():
        labels = torch.tensor(rows)
        shuffled = labels[torch.randperm(len(labels), generator=generator), 1]
        for counts, other in ((real, labels[:, 1]), (null, shuffled)):
            upper = torch.triu_indices(len(labels), len(labels), 1).unbind()
            a = (labels[:, None, 0] == labels[:, 0])[upper].float()
            b = (other[:, None] == other)[upper].float()
            expected = a.sum() * b.sum() / max(1, len(a))
            counts += torch.stack([(a * b).sum(), expected, (a.sum() + b.sum()) / 2])
    share = sum(map(len, found.values())) / len(one.labels)
    return PairCounts(*real.tolist()), PairCounts(*null.tolist()), share


def cosines(one: Grouped, two: Grouped, generator: torch.Generator) -> dict[str, float]:
    """Compare what two CLTs of one model write at the city: supernode, latent, random groups."""
    chosen = {
        "supernode": [grouped.leading(CITY) for grouped in (one, two)],
        "latent": [grouped.at(CITY)[:1] for grouped in (one, two)],
        "random": [grouped.drawn(generator) for grouped in (one, two)],
        "all": [grouped.at(CITY) for grouped in (one, two)],
    }
    return {
        name: F.cosine_similarity(
            one.writes(nodes[0]).flatten(), two.writes(nodes[1]).flatten(), dim=0
        ).item()
        for name, nodes in chosen.items()
    }


def swap_rates(
    model: HookedTransformer,
    world: Geography,
    grouped: dict[tuple[int, int], Grouped],
    questions: Int[Tensor, "question pos"],
    generator: torch.Generator,
) -> dict[str, Float[Tensor, " question"]]:
    """Swap what nodes write at the city with another state's; 1 where that state's answer follows.

    A gain is the supernode's 1 or 0 minus another change's, question by question.
    grouped: of every question, by its tokens. Random changes have the supernode's length.
    """
    changes: dict[str, list[Tensor]] = {}
    targets, sizes = [], []
    for city, relation in questions.tolist():
        far = [
            one
            for one, asked in grouped
            if asked == relation and world.state_of[one] != world.state_of[city]
        ]
        other = far[int(torch.randint(len(far), (1,), generator=generator))]
        pair = grouped[city, relation], grouped[other, relation]
        sizes.append(float(len(pair[0].leading(CITY))))
        targets.append(world.answers(torch.tensor([[other, relation]])))

        def change(*nodes: list[int], pair: tuple[Grouped, Grouped] = pair) -> Tensor:
            out, into = (one.writes(some) for one, some in zip(pair, nodes, strict=True))
            return into[:, CITY[1]] - out[:, CITY[1]]

        supernode = change(*(one.leading(CITY) for one in pair))
        latent = change(*(one.at(CITY)[:1] for one in pair))
        noise = torch.randn(supernode.shape, generator=generator)
        for name, one in {
            "supernode": supernode,
            "latent": latent,
            "latent, same length": rescaled(latent, supernode),
            "random group": rescaled(change(*(one.drawn(generator) for one in pair)), supernode),
            "random direction": rescaled(noise, supernode),
            "all latents": change(*(one.at(CITY) for one in pair)),
        }.items():
            changes.setdefault(name, []).append(one)
    target = torch.cat(targets)
    found = {
        name: (swapped_answers(model, questions, torch.stack(some)) == target).double()
        for name, some in changes.items()
    }
    gains = {f"gain over {name}": found["supernode"] - found[name] for name in found}
    return found | gains | {"size": torch.tensor(sizes, dtype=torch.float64)}
