"""Two prompts that differ in one word: which neurons carry the difference?

A neuron that is active in both prompts tells nothing about the word. So a neuron's score is the
change of its activation from one prompt to the other, times the gradient of the logit difference,
which is averaged over both prompts. Scores have signs: a neuron that pushes against the answer of
its own prompt is a brake. A group that is to change the answer is ranked by signed scores; by size
alone brakes would be chosen too, and cancel the rest.
Axes: batch (the two prompts of a pair), layer, pos, d_mlp.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from .local import LocalModel, Vectors, freeze, norm_transpose
from .relp import NeuronLayer, Where, neuron_layers, total_effects

SINK = 0
"""Position that attention uses as a sink; its neurons are left out of groups."""


class Pair(NamedTuple):
    """Two prompts of one length, and the right next token of each."""

    tokens: Int[Tensor, "2 pos"]
    """Tokens."""
    answers: Int[Tensor, "2"]
    """Right answer of each prompt, which is the wrong one of the other."""


class Run(NamedTuple):
    """One prompt of a pair, frozen."""

    local: LocalModel
    """The local replacement model."""
    layers: list[NeuronLayer]
    """Its neurons."""

    def acts(self) -> Float[Tensor, "layer pos d_mlp"]:
        """Stack the activations of all layers."""
        return torch.stack([layer.acts for layer in self.layers])


def run_prompt(model: HookedTransformer, tokens: Int[Tensor, " pos"]) -> Run:
    """Freeze one prompt, with its neurons."""
    local = freeze(model, tokens[None])
    return Run(local, neuron_layers(model, local))


def answer_row(local: LocalModel, answer: int, wrong: int) -> Vectors:
    """Return the direction of a logit difference at the last position, before the final norm."""
    row = torch.zeros_like(local.embed)
    row[-1] = local.W_U[:, answer] - local.W_U[:, wrong]
    return norm_transpose(local.norm_final, row[None])[0]


@torch.no_grad()
def contrast_scores(model: HookedTransformer, pair: Pair) -> Float[Tensor, "layer pos d_mlp"]:
    """Attribute the change of the logit difference between the two prompts to neurons.

    The logit difference is that of the first prompt's answer to the second's, in both prompts.

    Units: logits. Positive: the neuron pushes each prompt toward its own answer.
    """
    runs = [run_prompt(model, tokens) for tokens in pair.tokens]
    answer, wrong = pair.answers.tolist()
    # exercise 12.14
    gradients = [
        total_effects(layers, local, answer_row(local, answer, wrong)).neurons
        for local, layers in runs
    ]
    change = runs[0].acts() - runs[1].acts()
    return (gradients[0] + gradients[1]) / 2 * change


@torch.no_grad()
def group_scores(
    scores: Sequence[Float[Tensor, "layer _ d_mlp"]],
) -> Float[Tensor, "layer d_mlp"]:
    """Combine the contrast scores of several pairs into one score per neuron.

    Positions are added, without the sink. Each pair is divided by the sum of its scores' sizes, so
    that a pair with large logits does not decide alone; then the mean over pairs is taken.

    Raises: ValueError without pairs.
    """
    if not scores:
        raise ValueError("expected the scores of at least one pair, got none")
    # exercise 12.14
    summed = [one[:, SINK + 1 :].sum(dim=1) for one in scores]
    return torch.stack([one / one.abs().sum() for one in summed]).mean(dim=0)


def top_neurons(scores: Float[Tensor, "layer d_mlp"], k: int) -> list[tuple[int, int]]:
    """Return the k neurons with the highest signed scores, as (layer, neuron), best first."""
    # exercise 12.14
    best = scores.flatten().topk(k).indices.tolist()
    return [divmod(index, scores.shape[1]) for index in best]


def largest_nodes(scores: Float[Tensor, "layer pos d_mlp"], k: int) -> Where:
    """Return the k neurons at positions with the largest scores by size, brakes too, by layer.

    The sink's neurons are left out.
    """
    sizes = scores.abs().clone()
    sizes[:, SINK] = -1
    best = sizes.flatten().topk(k).indices.sort().values
    _, n_pos, d_mlp = scores.shape  # torch.unravel_index takes 2 s when it is first called
    return Where(best // (n_pos * d_mlp), best // d_mlp % n_pos, best % d_mlp)
