"""Does the graph hold in the model? Swap, keep and remove neurons, and compare with predictions.

1. `swap`: a group of neurons takes its values from the other prompt of a pair. If it carries what
   distinguishes the prompts, the answer switches.
2. `keep_and_remove`: all neurons but a set take the other prompt's values, or the set alone does.
3. `predicted_and_measured`: each node of a graph in turn takes the other prompt's value. The
   prediction is its gradient in the linearized model, times the change.
Axes: group, batch (the two prompts of a pair), layer, pos, d_mlp.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint, Site
from ..ch05_patching import Intervention, cache_sites, logit_diff_from_resid, patch_sweep
from ..ch05_patching.metrics import ResidMetric, unpatched
from .contrast import SINK, Pair, answer_row, run_prompt
from .relp import Where, total_effects

Group = Sequence[tuple[int, int]]
"""Neurons as (layer, neuron), each meant at every position but the sink."""


def pair_metric(model: HookedTransformer, pair: Pair) -> ResidMetric:
    """Return the logit difference of each prompt's own answer to the other prompt's."""
    return logit_diff_from_resid(model, pair.answers, pair.answers.flip(0))


def swap_interventions(group: Group, n_pos: int) -> list[Intervention]:
    """Let a group of neurons take its values from the run "other", from the second position on.

    One intervention per layer. Position 0 is the sink and is left out.

    Raises: ValueError for an empty group, or prompts of one token.
    """
    if not group or n_pos < SINK + 2:
        raise ValueError(
            f"expected at least one neuron and two positions, got {len(group)} and {n_pos}"
        )
    # exercise 12.17
    raise NotImplementedError("exercise 12.17")


class Swaps(NamedTuple):
    """Logit differences of the two prompts of a pair, each of its own answer to the other's."""

    before: Float[Tensor, " batch"]
    """Without intervention; positive where the model is right."""
    after: Float[Tensor, "group batch"]
    """With each group swapped; negative where the answer has switched."""


@torch.no_grad()
def swap(model: HookedTransformer, pair: Pair, groups: Sequence[Group]) -> Swaps:
    """Swap each group of neurons between the two prompts of a pair, in both prompts at once."""
    metric, n_pos = pair_metric(model, pair), pair.tokens.shape[1]
    patches = [swap_interventions(group, n_pos) for group in groups]
    # exercise 12.17
    raise NotImplementedError("exercise 12.17")


class SwitchRates(NamedTuple):
    """How often a swap switches the answer, over the cases that can tell."""

    cases: int
    """Prompts of pairs in which the model is right in both."""
    switched: list[float]
    """Share of the cases in which the answer switched, per group."""
    moved: list[float]
    """How far the logit difference moved, per group: 0 as before, 1 as the other prompt."""


def switch_rates(results: Sequence[Swaps]) -> SwitchRates:
    """Summarize swaps over pairs. A pair counts if the model is right in both of its prompts.

    Raises: ValueError when no pair counts.
    """
    # exercise 12.17
    raise NotImplementedError("exercise 12.17")


def random_group(group: Group, d_mlp: int, generator: torch.Generator) -> list[tuple[int, int]]:
    """Draw as many other neurons from each layer as a group has there."""
    drawn = []
    for layer in sorted({layer for layer, _ in group}):
        own = {neuron for place, neuron in group if place == layer}
        order = torch.randperm(d_mlp, generator=generator).tolist()
        free = [neuron for neuron in order if neuron not in own]
        drawn += [(layer, neuron) for neuron in free[: len(own)]]
    return drawn


class Faithfulness(NamedTuple):
    """Logit differences of a prompt with some neurons kept, the others from the other prompt."""

    kept: Float[Tensor, " set"]
    """Only the set keeps its own values."""
    removed: Float[Tensor, " set"]
    """Only the set takes the other prompt's values."""
    whole: float
    """Nothing is changed."""
    empty: float
    """All neurons take the other prompt's values."""

    def faithfulness(self) -> Float[Tensor, " set"]:
        """Return the share of the effect that each set carries alone: 0 as none, 1 as all."""
        return (self.kept - self.empty) / (self.whole - self.empty)

    def completeness(self) -> Float[Tensor, " set"]:
        """Return the share of the effect that is left without each set: 0 is complete."""
        return (self.removed - self.empty) / (self.whole - self.empty)


@torch.no_grad()
def keep_and_remove(
    model: HookedTransformer, pair: Pair, kept: Bool[Tensor, "set layer pos d_mlp"]
) -> Faithfulness:
    """Measure the first prompt's logit difference with sets of neurons kept, and removed.

    Kept neurons are live: they react to what the others were set to. Attention is live too.

    Raises: ValueError without sets.
    """
    if not len(kept):
        raise ValueError("expected at least one set of neurons, got none")
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(len(model.blocks))]
    _, other = model.run_with_cache(pair.tokens[1:], names=names)
    nothing = torch.zeros_like(kept[:1])
    # exercise 12.18
    raise NotImplementedError("exercise 12.18")


def matched_random(
    kept: Bool[Tensor, "layer pos d_mlp"], generator: torch.Generator
) -> Bool[Tensor, "layer pos d_mlp"]:
    """Draw as many other neurons at each layer and position as a set has there."""
    lots = torch.rand(kept.shape, generator=generator).masked_fill(kept, -1.0)
    order = lots.argsort(dim=-1, descending=True).argsort(dim=-1)  # rank of each neuron
    return order < kept.sum(dim=-1, keepdim=True)


class Agreement(NamedTuple):
    """How well predictions match measured effects."""

    correlation: float
    """Pearson correlation."""
    slope: float
    """Least-squares slope through zero of measured on predicted; 1 where sizes are right."""
    sign: float
    """Share of predictions with the right sign."""


def agreement(predicted: Float[Tensor, " node"], measured: Float[Tensor, " node"]) -> Agreement:
    """Compare predicted effects with measured ones.

    Raises: ValueError for fewer than two nodes, or predictions that are all equal.
    """
    if len(predicted) < 2 or (predicted == predicted[0]).all():
        raise ValueError("expected at least two different predictions, got fewer")
    x, y = predicted.double(), measured.double()
    # exercise 12.18
    raise NotImplementedError("exercise 12.18")


class NodeEffects(NamedTuple):
    """Effects on the logit difference of setting each node to its value in the other prompt."""

    predicted: Float[Tensor, " node"]
    """Gradient in the linearized model, times the change."""
    measured: Float[Tensor, " node"]
    """In the model, with everything else live."""


@torch.no_grad()
def predicted_and_measured(model: HookedTransformer, pair: Pair, where: Where) -> NodeEffects:
    """Set each node to its value in the other prompt, one at a time; predict and measure."""
    run, other = (run_prompt(model, tokens) for tokens in pair.tokens)
    row = answer_row(run.local, *pair.answers.tolist())
    gradient = total_effects(run.layers, run.local, row).neurons
    predicted = (gradient * (other.acts() - run.acts()))[tuple(where)]
    removed = torch.zeros(len(where.unit), *gradient.shape, dtype=torch.bool)
    removed[torch.arange(len(where.unit)), *where] = True
    found = keep_and_remove(model, pair, removed)
    return NodeEffects(predicted, found.removed - found.whole)
