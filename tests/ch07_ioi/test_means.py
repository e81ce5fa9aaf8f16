"""Graders of 7.8 and 7.9: what a knock-out puts in place, and what stays."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

from .random_prompts import random_prompts

TEMPLATES = torch.tensor([7, 2, 7, 30, 2, 3, 7])
"""30 has one prompt, which is its own mean; 2 and 3 are one frame in two orders."""


def mean_of(acts, kept):
    """For each prompt the mean over the prompts that `kept(b, c)` names, one after the other."""
    rows = []
    for b in range(len(acts)):
        chosen = [acts[c] for c in range(len(acts)) if kept(b, c)]
        rows.append(sum(chosen) / max(len(chosen), 1) + torch.zeros_like(acts[b]))
    return torch.stack(rows)


def averages(acts, template):
    """Words -> what the usual mistakes about means give."""
    right = mean_of(acts, lambda b, c: template[b] == template[c])
    counts = (template[:, None] == template).sum(1).reshape(-1, *[1] * (acts.ndim - 1))
    found = {
        "It is a mean over ALL prompts: templates must not mix.": (
            acts.mean(0, keepdim=True).expand_as(acts)
        ),
        "It is a mean over the OTHER templates.": (
            mean_of(acts, lambda b, c: template[b] != template[c])
        ),
        "It is a mean over the frame in both orders: each order is a template of its own.": (
            mean_of(acts, lambda b, c: template[b] // 2 == template[c] // 2)
        ),
        "The prompt itself is left out: it belongs to its template.": (
            mean_of(acts, lambda b, c: template[b] == template[c] and b != c)
        ),
        "It is a sum, not a mean.": right * counts,
        "The sum is divided by the number of all prompts, not of the template's.": (
            right * counts / len(acts)
        ),
        "Nothing is averaged.": acts,
        "Only the template's first prompt counts.": (
            acts[[template.tolist().index(t) for t in template.tolist()]]
        ),
    }
    if acts.ndim > 1:
        found["The mean runs over positions too: each position has its own."] = right.mean(
            1, keepdim=True
        ).expand_as(right)
        found["The mean runs over positions, not prompts."] = acts.mean(1, keepdim=True).expand_as(
            acts
        )
    return {words: value for words, value in found.items() if not torch.allclose(value, right)}


@exercise("7.8")
@pytest.mark.parametrize("shape", [(5, 3, 4), (5,), (), (2, 5, 3, 2)])
def test_each_prompt_gets_the_mean_of_its_own_template(circuit, shape):
    acts = normal(7, *shape, seed=len(shape))
    before = acts.clone()
    came = circuit.template_means(acts, TEMPLATES)
    right = mean_of(before, lambda b, c: TEMPLATES[b] == TEMPLATES[c])
    assert_close(came, right, "Means within templates are wrong.", averages(before, TEMPLATES))
    assert torch.equal(acts, before), "The activations that came in are changed."


@exercise("7.8")
def test_templates_with_different_means_never_mix(circuit):
    template = torch.tensor([4, 5, 4, 5, 9])
    acts = 100.0 * template[:, None].double() + torch.tensor([[1.0], [2.0], [3.0], [6.0], [5.0]])
    right = torch.tensor([[402.0], [504.0], [402.0], [504.0], [905.0]]).double()
    came = circuit.template_means(acts, template)
    claim = "Prompts of template t hold 100 t and a little: their mean must lie there too."
    assert_close(came, right, claim, averages(acts, template))


@exercise("7.8")
def test_a_template_of_one_prompt_is_that_prompt(circuit):
    acts = normal(4, 3, 2, seed=5)
    claim = "With one prompt a template the mean is the prompt: that is resample ablation."
    assert_close(circuit.template_means(acts, torch.tensor([8, 1, 6, 2])), acts, claim)


@exercise("7.8")
def test_the_order_of_prompts_does_not_matter(circuit):
    acts, order = normal(7, 3, seed=6), torch.tensor([5, 0, 6, 3, 1, 4, 2])
    straight = circuit.template_means(acts, TEMPLATES)
    mixed = circuit.template_means(acts[order], TEMPLATES[order])
    claim = "Prompts in another order must have the same means, in that order."
    assert_close(mixed, straight[order], claim)


LAYERS, HEADS, BATCH, POS = 4, 6, 5, 9
SETS = [
    [(1, 2, "end")],
    [(0, 3, "s2")],
    [(2, 1, "s1_next"), (0, 0, "io")],
    [(0, 5, "s2"), (0, 5, "s2")],
    [(3, 2, "s1"), (3, 2, "s2"), (1, 0, "end"), (2, 3, "end"), (3, 1, "s2")],
    [],
]


def marked(prompts, nodes, keep):
    """A mask set entry by entry where `keep(layer, b, pos, head, node)` is true of some node."""
    where = prompts.positions._asdict()
    mask = torch.zeros(LAYERS, BATCH, POS, HEADS, dtype=torch.bool)
    for entry in torch.cartesian_prod(*map(torch.arange, mask.shape)).tolist():
        mask[tuple(entry)] = any(keep(*entry, node, where) for node in nodes)
    return mask


def here(layer, b, pos, head, node, where):
    return (layer, head) == node[:2] and pos == where[node[2]][b]


RULES = {
    "The heads stay at ALL positions: a node is a head at one role.": (
        lambda layer, b, pos, head, node, where: (layer, head) == node[:2]
    ),
    "Every prompt has the first one's position: use each prompt's own.": (
        lambda layer, b, pos, head, node, where: (
            (layer, head) == node[:2] and pos == where[node[2]][0]
        )
    ),
    "Each prompt has the positions of ALL prompts: pair prompts with positions.": (
        lambda layer, b, pos, head, node, where: (layer, head) == node[:2] and pos in where[node[2]]
    ),
    "Layer and head are exchanged.": (
        lambda layer, b, pos, head, node, where: here(head, b, pos, layer, node, where)
    ),
    "All heads of the layer stay.": (
        lambda layer, b, pos, head, node, where: layer == node[0] and pos == where[node[2]][b]
    ),
    "The head stays in every layer.": (
        lambda layer, b, pos, head, node, where: head == node[1] and pos == where[node[2]][b]
    ),
    "Heads stand at END, whatever their role.": (
        lambda layer, b, pos, head, node, where: (
            (layer, head) == node[:2] and pos == where["end"][b]
        )
    ),
    "Only the first prompt is marked.": (
        lambda layer, b, pos, head, node, where: b == 0 and here(layer, b, pos, head, node, where)
    ),
    "All positions up to the node's stay: a node is a head at one role.": (
        lambda layer, b, pos, head, node, where: (
            (layer, head) == node[:2] and pos <= where[node[2]][b]
        )
    ),
    "A node is marked one position too far to the right.": (
        lambda layer, b, pos, head, node, where: here(layer, b, pos - 1, head, node, where)
    ),
}
"""Words -> when the usual mistakes mark an entry."""


def mask_mistakes(prompts, nodes):
    """Words -> what the usual mistakes of keep_mask give."""
    right = marked(prompts, nodes, here)
    found = {words: marked(prompts, nodes, rule) for words, rule in RULES.items()}
    twice = [node for node in nodes if nodes.count(node) % 2]
    found["A node that is listed twice is lost: set True, do not toggle."] = marked(
        prompts, twice, here
    )
    found["It is the reverse: true is what stays."] = ~right
    found["Only the first node is marked."] = marked(prompts, nodes[:1], here)
    found["Only the last node is marked."] = marked(prompts, nodes[-1:], here)
    return {words: value for words, value in found.items() if not torch.equal(value, right)}


@exercise("7.9")
@pytest.mark.parametrize("nodes", SETS)
def test_a_node_stays_at_its_role_in_every_prompt(prompts, circuit, build, nodes):
    model = build("attention-only", n_layers=LAYERS, n_heads=HEADS)
    drawn = random_prompts(prompts, BATCH, POS, 12, seed=len(nodes))
    right = marked(drawn, nodes, here)
    came = circuit.keep_mask(model, drawn, [circuit.Node(*node) for node in nodes])
    if not torch.equal(came, right):
        named = {w: v for w, v in mask_mistakes(drawn, nodes).items() if v.equal(came)}
        assert_close(came, right, f"The mask of {len(nodes)} nodes is wrong.", named)


@exercise("7.9")
def test_nodes_may_come_one_by_one(prompts, circuit, build):
    model = build("attention-only", n_layers=LAYERS, n_heads=HEADS)
    drawn = random_prompts(prompts, BATCH, POS, 12, seed=9)
    came = circuit.keep_mask(model, drawn, (circuit.Node(*node) for node in SETS[4]))
    assert_close(came, marked(drawn, SETS[4], here), "Nodes that come from a generator are lost.")
