"""Which neurons of the toy `addition` depend on the ones digits alone, and what swapping them does.

1. Run all 2,500 pairs; keep every neuron's activation at the second number.
2. For each neuron, measure the share of its variance that a quantity explains: the ones digits of
   both numbers, the tens digits of both, one number, the sum. A neuron has the first quantity of
   QUANTITIES that explains SHARE of its variance.
3. Swap: give a group of neurons the values of another pair, and count how often each digit of the
   answer becomes the other pair's digit. Control: as many random neurons of each layer.
4. Graphs of N_GRAPHS held-out pairs: the direct effects of each group on the two digits' logits.
Axes: pair, layer, neuron.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, HookPoint, load_pretrained
from solutions.ch11_transcoders import JumpReLUCLT
from solutions.ch12_graphs import clt_basis, direct_effects, direction_targets, freeze
from toy_models.addition import train as recipe
from toy_models.addition.train import FIRST_ONES, FIRST_TENS, all_pairs, digit_logits
from toy_models.hand_set.blank import blocks_of
from toy_models.toys import folder

SEEDS, SHARE, DRAWS, N_GRAPHS = (0, 1, 2), 0.8, 10, 50
QUANTITIES = (
    "the sum's ones digit",
    "one number's ones digit",
    "both ones digits",
    "the sum's tens digit",
    "the sum",
    "one number",
    "both tens digits",
)
"""In the order in which they are tried; the coarser ones come first."""
ONES = QUANTITIES[:3]
"""What depends on the ones digits alone."""
SIZE = ("the sum's tens digit", "the sum")
"""What depends on how large the sum is."""
SOURCES = [__file__, str(recipe.__file__)]
Acts = Float[Tensor, "pair layer neuron"]
Group = Bool[Tensor, "layer neuron"]


def quantities() -> dict[str, list[Int[Tensor, " pair"]]]:
    """Return the values of each quantity; several where it may be of either number."""
    a, b = all_pairs().tokens.T
    return {
        "the sum's ones digit": [(a + b) % 10],
        "one number's ones digit": [a % 10, b % 10],
        "both ones digits": [(a % 10) * 10 + b % 10],
        "the sum's tens digit": [(a + b) // 10],
        "the sum": [a + b],
        "one number": [a, b],
        "both tens digits": [(a // 10) * 10 + b // 10],
    }


@torch.no_grad()
def neuron_acts(model: HookedTransformer) -> Acts:
    """Compute all neurons' activations at the second number."""
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(len(model.blocks))]
    _, cache = model.run_with_cache(all_pairs().tokens, names=names)
    return torch.stack([cache[name][:, 1] for name in names], dim=1)


def explained(acts: Acts, value: Int[Tensor, " pair"]) -> Float[Tensor, "layer neuron"]:
    """Compute the share of each neuron's variance between the values of a quantity."""
    cells = torch.nn.functional.one_hot(value).to(acts)
    means = torch.einsum("pc,pln->cln", cells, acts) / cells.sum(dim=0)[:, None, None].clamp(min=1)
    within = (acts - means[value]).square().sum(dim=0)
    return 1 - within / (acts - acts.mean(dim=0)).square().sum(dim=0)


def label_neurons(acts: Acts, shuffled: bool = False) -> Int[Tensor, "layer neuron"]:
    """Give each neuron the number of its quantity, or -1; -2 if it is active on too few pairs.

    shuffled: permute the pairs first, as a control.
    """
    labels = torch.full(acts.shape[1:], -1)
    order = torch.randperm(len(acts), generator=torch.Generator().manual_seed(1))
    for number, values in reversed(list(enumerate(quantities().values()))):
        for value in values:
            share = explained(acts, value[order] if shuffled else value)
            labels[share > SHARE] = number
    labels[(acts > 0).sum(dim=0) < 10] = -2
    return labels


@torch.no_grad()
def swap_group(
    model: HookedTransformer, acts: Acts, group: Group, source: Int[Tensor, " pair"]
) -> dict[str, float]:
    """Give a group of neurons the values of other pairs; count the digits that follow and stay.

    A digit follows if it becomes the other pair's; only pairs where it differs are counted.
    """
    pairs = all_pairs()

    def setting(layer: int, post: Tensor, _point: HookPoint) -> Tensor:
        post = post.clone()
        post[:, 1] = torch.where(group[layer], acts[source, layer], post[:, 1])
        return post

    hooks = {
        f"blocks.{layer}.mlp.hook_post": (lambda x, point, layer=layer: setting(layer, x, point))
        for layer in range(len(model.blocks))
    }
    parts = digit_logits(model.run_with_hooks(pairs.tokens, hooks=hooks))
    found = {}
    for place, (name, part) in enumerate(zip(("ones", "tens"), parts, strict=True)):
        own, other = pairs.digits[:, place], pairs.digits[source, place]
        answer, differs = part.argmax(dim=1), own != other
        found[f"{name} follow"] = (answer == other)[differs].double().mean().item()
        found[f"{name} stay"] = (answer == own)[differs].double().mean().item()
    return found


def random_group(group: Group, allowed: Group, generator: torch.Generator) -> Group:
    """Draw as many neurons of each layer, of those that are allowed."""
    lots = torch.rand(group.shape, generator=generator).masked_fill(~allowed, -1.0)
    rank = lots.argsort(dim=1, descending=True).argsort(dim=1)
    return (rank < group.sum(dim=1, keepdim=True)) & allowed


def study(seed: int) -> dict[str, Any]:
    """Label the neurons of one model, and swap those that depend on the ones digits alone."""
    model = load_pretrained(folder("addition", seed))[0].requires_grad_(False)
    acts = neuron_acts(model)
    labels = label_neurons(acts)
    active = labels > -2
    ones = (labels >= 0) & (labels < len(ONES))
    size = torch.isin(labels, torch.tensor([QUANTITIES.index(name) for name in SIZE]))
    generator = torch.Generator().manual_seed(seed)
    sources = [torch.randperm(len(acts), generator=generator) for _ in range(DRAWS)]
    groups = {
        "ones": [ones] * DRAWS,
        "size": [size] * DRAWS,
        "both": [ones | size] * DRAWS,
        "random, as many as ones": [random_group(ones, active & ~ones, generator) for _ in sources],
    }
    return {
        "accuracy": recipe.report(model),
        "active": int(active.sum()),
        "labels": {
            name: [int((labels[layer] == number).sum()) for layer in range(len(labels))]
            for number, name in enumerate(QUANTITIES)
        },
        "labels, shuffled": int((label_neurons(acts, shuffled=True) >= 0).sum()),
        "sizes": {name: int(some[0].sum()) for name, some in groups.items()},
        "graph": graph_parts(model, labels),
        "swaps": {
            name: averaged(
                [swap_group(model, acts, g, s) for g, s in zip(some, sources, strict=True)]
            )
            for name, some in groups.items()
        },
    }


@torch.no_grad()
def exact_clt(model: HookedTransformer) -> JumpReLUCLT:
    """Make a CLT whose latents are the model's neurons, so that a graph has no error."""
    config = model.config
    sizes = config.n_layers, config.d_model, config.d_mlp
    clt = JumpReLUCLT(*sizes, coefficient=0.0, threshold=1e-9)
    for layer, block in enumerate(blocks_of(model)):
        clt.W_enc[layer], clt.b_enc[layer] = block.mlp.W_in, block.mlp.b_in
        clt.W_dec[layer][0], clt.b_dec[layer] = block.mlp.W_out, block.mlp.b_out
    return clt.requires_grad_(False)


def graph_parts(model: HookedTransformer, labels: Int[Tensor, "layer neuron"]) -> dict[str, Any]:
    """Sum the direct effects of groups of neurons on both digits, as means over held-out pairs.

    A digit's target is its logit minus the mean of the ten logits of its place.
    """
    pairs, clt = all_pairs(), exact_clt(model)
    held_out = pairs.held_out.nonzero()[:: int(pairs.held_out.sum()) // N_GRAPHS, 0]
    sums: dict[str, Tensor] = {}
    gap = 0.0
    for pair in held_out.tolist():
        frozen = freeze(model, pairs.tokens[pair : pair + 1])
        basis = clt_basis(frozen, clt)
        firsts = torch.tensor([FIRST_ONES, FIRST_TENS])
        W = frozen.W_U.T  # [d_vocab, d_model]
        groups = torch.stack([W[first : first + 10] for first in firsts.tolist()])
        biases = torch.stack([frozen.b_U[first : first + 10] for first in firsts.tolist()])
        digit = pairs.digits[pair]
        place = torch.arange(2)
        targets = direction_targets(
            frozen,
            groups[place, digit] - groups.mean(dim=1),
            biases[place, digit] - biases.mean(dim=1),
        )
        effects = direct_effects(frozen, basis, targets)
        gap = max(gap, float((effects.total() - targets.values).abs().max()))
        units = basis.nodes
        kind = labels[units.layer, units.unit]
        ones = (kind >= 0) & (kind < len(ONES))
        size = torch.isin(kind, torch.tensor([QUANTITIES.index(name) for name in SIZE]))
        late = units.pos == 1
        parts = {
            "neurons of the ones digits": ones & late,
            "neurons of the size": size & late,
            "other neurons at the second number": ~(ones | size) & late,
            "neurons at the first number": ~late,
        }
        shown = {name: effects.nodes[:, mask].sum(dim=1) for name, mask in parts.items()}
        shown["tokens, positions, biases"] = targets.values - effects.nodes.sum(dim=1)
        shown["the digit's value"] = targets.values
        for name, value in shown.items():
            sums[name] = sums.get(name, torch.zeros(2)) + value / len(held_out)
    return {"gap": gap, "effects": {name: value.tolist() for name, value in sums.items()}}


def averaged(found: list[dict[str, float]]) -> dict[str, float]:
    """Average over draws."""
    return {key: sum(one[key] for one in found) / len(found) for key in found[0]}
