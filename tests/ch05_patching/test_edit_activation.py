"""Graders of edit_activation (5.1): take the part at a site, apply the operation, write it back."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.tiny_models import TOKENS

OTHER = torch.tensor([[2, 1, 4, 7, 6], [9, 3, 6, 0, 1], [5, 7, 12, 11, 2]])
BATCH, POS, HEADS, D = 3, 6, 4, 5
OPERATIONS = {
    "zero": lambda part, new: 0 * part,
    "replace": lambda part, new: new,
    "add": lambda part, new: part + new,
    "scale": lambda part, new: part * new,
}
POSITIONS = {
    "one": (2, [[2]] * 3),
    "the last": (-1, [[5]] * 3),
    "two": ((4, 1), [[4, 1]] * 3),
    "one per example": (((0,), (-2,), (5,)), [[0], [4], [5]]),
    "all": (None, [list(range(POS))] * 3),
}


def edited(x, rows, heads, action, new):
    """x with the operation applied at every position of every head, one after the other."""
    out = x.clone()
    for example, row in enumerate(rows):
        for i, position in enumerate(row):
            for j, head in enumerate(heads):
                at = (example, position) if head is None else (example, position, head)
                operand = new[example, i] if head is None else new[example, i, j]
                out[at] = OPERATIONS[action](x[at], operand)
    return out


@pytest.fixture
def check_edit(interventions, impl):
    """Run edit_activation on a copy of x, and judge what it returns and what it leaves in x."""

    def check_edit(x, intervention, expected, claim, start=0):
        left, point = x.clone(), impl("ch02_transformer.hooks").HookPoint()
        try:
            actual = interventions.edit_activation(left, point, intervention, {}, start)
        except IndexError as error:
            pytest.fail(
                f"{error}: `where` counts positions of the text, and x begins at position {start}."
            )
        assert torch.is_tensor(actual) and actual.shape == x.shape, (
            f"expected the edited x, of shape {list(x.shape)}; got "
            f"{list(actual.shape) if torch.is_tensor(actual) else actual!r}"
        )
        assert_close(actual, expected, claim)
        claim = "The edit happens in place: x itself must be changed, since a sweep passes views."
        assert_close(left, expected, claim)

    return check_edit


@exercise("5.1")
@pytest.mark.parametrize("action", OPERATIONS)
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("head", [None, 2, (3, 1)])
def test_the_operation_is_applied_at_the_site(
    interventions, check_edit, Site, action, position, head
):
    position, rows = POSITIONS[position]
    heads = {None: range(HEADS), 2: [2]}.get(head, head)
    x = normal(BATCH, POS, HEADS, D, seed=1)
    new = normal(BATCH, len(rows[0]), len(heads), D, seed=2)
    site = Site("attn.hook_z", 1, head=head, position=position)
    change = interventions.Intervention(site, action, None if action == "zero" else new)
    claim = f"{action} at head {head}, position {position} of [batch, pos, head, d_head] is wrong."
    check_edit(x, change, edited(x, rows, heads, action, new), claim)


@exercise("5.1")
@pytest.mark.parametrize("start, position, rows", [(2, 4, [[2]] * 3), (3, -1, [[5]] * 3)])
@pytest.mark.parametrize("action", ["replace", "add", "scale"])
def test_x_begins_at_position_start(interventions, check_edit, Site, start, position, rows, action):
    x, new = normal(BATCH, POS, D, seed=3), normal(BATCH, 1, D, seed=4)
    site = Site("hook_resid_pre", 0, position=position)
    change = interventions.Intervention(site, action, new)
    claim = f"x begins at position {start} of the text: {action} at position {position} is wrong."
    check_edit(x, change, edited(x, rows, [None], action, new), claim, start)


@exercise("5.1")
@pytest.mark.parametrize("action", ["replace", "add", "scale"])
def test_other_numbers_stay_and_gradients_pass(interventions, impl, Site, action):
    point = impl("ch02_transformer.hooks").HookPoint()
    start, new = 1e-9 * normal(1, POS, D, seed=8), normal(1, 1, D, seed=9)
    start[0, 0, 0] = torch.nan
    start.requires_grad_()
    change = interventions.Intervention(Site("hook_mlp_out", 0, position=2), action, new)
    actual = interventions.edit_activation(start.clone(), point, change, {})
    claim = f"{action} at position 2 of one prompt, whose numbers are near 1e-9 or NaN, is wrong."
    assert_close(actual, edited(start, [[2]], [None], action, new), claim, scale=1e-9)
    slope = torch.ones_like(start)
    slope[:, 2] = {"replace": torch.zeros_like(new), "add": torch.ones_like(new), "scale": new}[
        action
    ][:, 0]
    claim = f"The gradient through {action} at position 2 is wrong."
    assert_close(torch.autograd.grad(actual.sum(), start)[0], slope, claim)


@exercise("5.1")
def test_only_the_subspace_is_replaced(interventions, check_edit, Site):
    x, new = normal(BATCH, POS, D, seed=5), normal(BATCH, 1, 2, seed=6)
    basis = torch.linalg.qr(normal(D, 2, seed=7))[0].T
    site = Site("hook_resid_mid", 1, position=3).along(basis)
    expected = x.clone()
    for example in range(BATCH):
        for row, coordinate in zip(basis, new[example, 0], strict=True):
            expected[example, 3] += (coordinate - x[example, 3] @ row) * row
    claim = "Coordinates along two directions are replaced at position 3."
    check_edit(x, interventions.Intervention.put(site, new), expected, claim)


@exercise("5.1")
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_patching_all_of_a_layer_gives_the_other_run(
    activation, interventions, Site, build, family
):
    model = build(family, n_layers=3)
    here, other = model(TOKENS), model(OTHER)

    def run(site, tokens=OTHER):
        change = interventions.Intervention.patch(site, "other")
        return activation.run_with_interventions(model, TOKENS, [change], {"other": tokens})

    for layer in range(3):
        whole = Site("hook_resid_pre", layer)
        claim = f"The residual stream before layer {layer} is patched at all positions."
        assert_close(run(whole), other, claim)
        assert_close(run(whole, TOKENS), here, "A patch from the same prompts changes nothing.")
    expected = torch.cat([here[:, :-1], other[:, -1:]], dim=1)
    claim = "The residual stream after the last layer is patched at the last position only."
    assert_close(run(Site("hook_resid_post", 2, position=-1)), expected, claim)


@exercise("5.1")
def test_each_example_is_patched_at_its_own_position(activation, interventions, Site, build):
    model, positions = build("llama", n_layers=2), (1, 4, 2)
    _, cache = model.run_with_cache(OTHER)

    def by_hand(x, point):
        for example, p in enumerate(positions):
            at = (example, 3, p) if point.name.endswith("pattern") else (example, p, 3)
            x[at] = cache[point.name][at]

    for hook in ("attn.hook_pattern", "attn.hook_z", "attn.hook_q"):
        site = Site(hook, 1, head=3, position=tuple((p,) for p in positions))
        change = interventions.Intervention.patch(site, "other")
        actual = activation.run_with_interventions(model, TOKENS, [change], {"other": OTHER})
        expected = model.run_with_hooks(TOKENS, hooks={site.name: by_hand})
        claim = f"{hook} of head 3 at positions 1, 4 and 2 of three prompts, from other prompts."
        assert_close(actual, expected, claim)
