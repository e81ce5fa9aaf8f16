"""Graders of 7.8 and 7.9: means within templates, and the mask of what is kept."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

from .random_prompts import random_prompts

TEMPLATES = torch.tensor([7, 2, 7, 7, 30, 2, 3])
"""30 has one prompt, which is its own mean; 2 and 3 are one frame in two orders."""


def means_by_loop(acts, template):
    """Average over the prompts of the same template, one prompt after the other."""
    rows = []
    for one in template.tolist():
        chosen = [row for row, other in zip(acts, template.tolist(), strict=True) if other == one]
        rows.append(sum(chosen) / len(chosen))
    return torch.stack(rows)


def acts_and_templates(prompts, d):
    return normal(prompts, d, seed=4), torch.arange(prompts) * 5 % 7 // 2


@exercise("7.8")
@pytest.mark.parametrize("shape", [(5, 3, 4), (5,), (), (2, 5, 3, 2)])
def test_each_prompt_gets_the_mean_of_its_own_template(circuit, shape):
    acts = normal(7, *shape, seed=len(shape))
    expected, claim = means_by_loop(acts, TEMPLATES), "Means within templates are wrong."
    check(circuit.template_means, acts, TEMPLATES, expected=expected, claim=claim)


@exercise("7.8")
def test_template_means_on_odd_inputs(circuit):
    # A NaN in one prompt may reach other templates, as in a product with zero weights.
    check_odd(circuit.template_means, means_by_loop, acts_and_templates, skip="nan", prompts=8, d=3)


@exercise("7.8")
def test_templates_with_different_means_never_mix(circuit):
    template = torch.tensor([4, 5, 4, 5, 9])
    acts = 100.0 * template[:, None].double() + torch.tensor([[1.0], [2.0], [3.0], [6.0], [5.0]])
    expected = torch.tensor([[402.0], [504.0], [402.0], [504.0], [905.0]]).double()
    claim = "Prompts of template t are near 100 t, so their mean must be."
    check(circuit.template_means, acts, template, expected=expected, claim=claim)


LAYERS, HEADS, BATCH, POS = 4, 6, 5, 9
SETS = [
    [(1, 2, "end")],
    [(0, 3, "s2")],
    [(3, 4, "s1")],
    [(2, 1, "s1_next"), (0, 0, "io")],
    [(0, 5, "s2"), (0, 5, "s2")],
    [(3, 2, "s1"), (3, 2, "s2"), (1, 0, "end"), (2, 3, "end"), (3, 1, "s2")],
    [],
]


def mask_by_loop(prompts, nodes):
    """Set the mask entry by entry."""
    positions = prompts.positions._asdict()
    mask = torch.zeros(LAYERS, BATCH, POS, HEADS, dtype=torch.bool)
    for layer, b, pos, head in torch.cartesian_prod(*map(torch.arange, mask.shape)).tolist():
        mask[layer, b, pos, head] = any(
            (layer, head) == node[:2] and pos == positions[node[2]][b] for node in nodes
        )
    return mask


@exercise("7.9")
@pytest.mark.parametrize("nodes", SETS)
def test_a_node_is_kept_at_its_role_in_every_prompt(prompts, circuit, build, nodes):
    model = build("attention-only", n_layers=LAYERS, n_heads=HEADS)
    drawn = random_prompts(prompts, BATCH, POS, 12, seed=len(nodes))
    actual = circuit.keep_mask(model, drawn, [circuit.Node(*node) for node in nodes])
    assert_close(actual, mask_by_loop(drawn, nodes), f"The mask of {len(nodes)} nodes is wrong.")


@exercise("7.9")
def test_nodes_may_be_a_generator(prompts, circuit, build):
    model = build("attention-only", n_layers=LAYERS, n_heads=HEADS)
    drawn = random_prompts(prompts, BATCH, POS, 12, seed=9)
    nodes = [circuit.Node(*node) for node in SETS[4]]
    expected = mask_by_loop(drawn, SETS[4])
    assert_close(circuit.keep_mask(model, drawn, nodes), expected, "The mask of a list is wrong.")
    actual = circuit.keep_mask(model, drawn, (node for node in nodes))
    claim = "The mask is right for a list of nodes, and another for a generator of the same nodes."
    assert_close(actual, expected, claim)
