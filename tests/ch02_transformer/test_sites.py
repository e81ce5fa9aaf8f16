"""Sites: what is taken and put, entry by entry, and which sites raise an error."""

import itertools

import pytest
import torch

from tests.grading import tiny_models
from tests.grading.assertions import normal

pytestmark = pytest.mark.project

BATCH, POS, HEADS, KV, D = 3, 5, 4, 2, 6
SHAPES = {
    "attn.hook_z": (BATCH, POS, HEADS, D),
    "attn.hook_q": (BATCH, POS, HEADS, D),
    "attn.hook_k": (BATCH, POS, KV, D),
    "attn.hook_rot_k": (BATCH, POS, KV, D),
    "attn.hook_result": (BATCH, POS, HEADS, 7),
    "attn.hook_pattern": (BATCH, HEADS, POS, 8),
    "attn.hook_attn_scores": (BATCH, HEADS, POS, 8),
    "hook_resid_pre": (BATCH, POS, 7),
    "mlp.hook_post": (BATCH, POS, 11),
    "ln1.hook_scale": (BATCH, POS, 1),
}
POSITIONS = [None, 2, -1, (4, 0), (-2, 1), ((0,), (3,), (-1,)), ((1, 4), (0, 2), (3, -5))]
SELECTIONS = [{}, {"neuron": 0}, {"neuron": (3, 1)}, {"head": 1}, {"head": (1, 0)}]
SELECTIONS += [{"head": (1, 0), "neuron": 4}, {"head": 0, "neuron": (5, 0, 2)}]


def cases():
    """Every kind of point with every position and whatever part it has."""
    for hook, position, chosen in itertools.product(SHAPES, POSITIONS, SELECTIONS):
        heads = len(SHAPES[hook]) == 4
        if ("head" in chosen and not heads) or ("neuron" in chosen and SHAPES[hook][-1] == 1):
            continue
        yield hook, position, chosen


def point_of(hooks, hook):
    """A hook point as the model has it there."""
    return hooks.HookPoint(pos_axis=2 if hook.endswith(("pattern", "scores")) else 1)


def listed(given, size):
    """List the indices that are selected; None selects all."""
    return list(range(size)) if given is None else list(torch.tensor(given).reshape(-1).tolist())


def addresses(hook, position, head=None, neuron=None):
    """For each entry of the part, in order, its place in the tensor."""
    shape, rows = SHAPES[hook], position
    batch, four = shape[0], len(shape) == 4
    if position is None:
        rows = tuple(range(POS))
    elif type(position) is int:
        rows = (position,)
    if type(rows[0]) is int:
        rows = (rows,) * batch
    pattern = hook.endswith(("pattern", "scores"))
    heads = listed(head, shape[1 if pattern else 2]) if four else [None]
    for example in range(batch):
        for place, one, entry in itertools.product(rows[example], heads, listed(neuron, shape[-1])):
            place = place if place >= 0 else POS + place
            if pattern:
                yield (example, one, place, entry)
            else:
                yield (example, place, *([] if one is None else [one]), entry)


@pytest.mark.parametrize("hook", SHAPES)
def test_take_gives_the_selected_entries(sites, hooks, hook):
    x, point = normal(*SHAPES[hook], seed=1), point_of(hooks, hook)
    for _, position, chosen in (case for case in cases() if case[0] == hook):
        site = sites.Site(hook, 1, position=position, **chosen)
        part = site.take(x, point, site.resolve_positions(BATCH, POS))
        right = [x[address].item() for address in addresses(hook, position, **chosen)]
        assert part.reshape(-1).tolist() == right, f"{position}, {chosen}: another part is taken"
        assert part.ndim == len(SHAPES[hook]) and len(part) == BATCH
        part.zero_()
        assert (x != 0).all(), "take must give a copy"


@pytest.mark.parametrize("hook", SHAPES)
def test_put_changes_the_selected_entries_in_place(sites, hooks, hook):
    point = point_of(hooks, hook)
    for _, position, chosen in (case for case in cases() if case[0] == hook):
        x, site = normal(*SHAPES[hook], seed=1), sites.Site(hook, 1, position=position, **chosen)
        right, where = x.clone(), site.resolve_positions(BATCH, POS)
        part = normal(*site.take(x, point, where).shape, seed=2)
        for address, number in zip(
            addresses(hook, position, **chosen), part.reshape(-1), strict=True
        ):
            right[address] = number
        assert site.put(x, point, where, part) is x
        assert torch.equal(x, right), f"{position}, {chosen}: another part is changed"
        assert torch.equal(site.take(x, point, where), part)


def test_a_number_is_put_whatever_its_precision(sites, hooks):
    x, site = normal(BATCH, POS, D, seed=1), sites.Site("hook_resid_pre", 0, position=1)
    site.put(x, hooks.HookPoint(), site.resolve_positions(BATCH, POS), torch.zeros(()))
    assert x[:, 1].eq(0).all() and x.ne(0).sum() == x.numel() - BATCH * D


@pytest.mark.parametrize("hook", ["attn.hook_z", "hook_resid_pre", "attn.hook_pattern"])
@pytest.mark.parametrize("position", POSITIONS)
def test_directions_are_coordinates_and_the_rest_stays(sites, hooks, hook, position):
    point, x = point_of(hooks, hook), normal(*SHAPES[hook], seed=3)
    basis = torch.linalg.qr(normal(SHAPES[hook][-1], 2, seed=4))[0].T
    whole = sites.Site(hook, 1, position=position)
    site, where, before = whole.along(basis), whole.resolve_positions(BATCH, POS), x.clone()
    taken, part = site.take(x, point, where), whole.take(x, point, where)
    for number, row in enumerate(basis):
        assert torch.allclose(taken[..., number], (part * row).sum(-1), rtol=0, atol=1e-12)
    new = normal(*taken.shape, seed=5)
    site.put(x, point, where, new)
    assert torch.allclose(site.take(x, point, where), new, rtol=0, atol=1e-12)
    project = basis.T @ basis
    rest, was = (y - y @ project for y in (whole.take(x, point, where), part))
    assert torch.allclose(rest, was, rtol=0, atol=1e-12), "the orthogonal rest is touched"
    outside = torch.ones_like(x, dtype=torch.bool)
    whole.put(outside, point, where, torch.tensor(False))
    assert torch.equal(x[outside], before[outside]), "other places are touched"


def test_places_are_counted_from_the_start_for_each_example(sites):
    def places(position):
        return sites.Site("hook_embed", position=position).resolve_positions(2, 4).tolist()

    assert places(None) == [[0, 1, 2, 3]] * 2
    assert places(-1) == [[3]] * 2 and places((0, -4)) == [[0, 0]] * 2
    assert places(((1, -1), (-2, 0))) == [[1, 3], [2, 0]]


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"layer": -1}, "expected a layer from 0 on, got -1"),
        ({"head": -1}, "expected different heads from 0 on, or None, got -1"),
        ({"head": (1, 1)}, r"expected different heads from 0 on, or None, got \(1, 1\)"),
        ({"head": ()}, "expected different heads"),
        ({"neuron": (2, -3)}, "expected different neurons"),
        ({"hook": "hook_resid_pre", "head": 0}, r"blocks\.1\.hook_resid_pre has no heads; .* 0"),
        ({"position": ()}, "expected at least one position"),
        ({"position": ((), ())}, "expected at least one position"),
        (
            {"position": ((1, 2), (3,))},
            r"equally many positions per example, got \(\(1, 2\), \(3,\)\)",
        ),
        ({"position": (1, (2, 3))}, "equally many positions"),
        ({"position": True}, "expected whole numbers as positions"),
        ({"direction": ((1.0, 0.0),), "neuron": 1}, "expected neurons or directions, got both"),
        ({"direction": ((1.0, 0.0), (1.0,))}, "rows of one length"),
        ({"direction": ((1.0, 1.0),)}, "products are off by 1;"),
        ({"direction": ((1.0, 0.0), (0.6, 0.8))}, r"orthonormal directions, .* off by 0\.6;"),
        ({"direction": ((float("nan"), 0.0),)}, "expected orthonormal"),
    ],
)
def test_a_site_of_no_model_is_refused(sites, fields, says):
    with pytest.raises(ValueError, match=says):
        sites.Site(**{"hook": "attn.hook_z", "layer": 1} | fields)


def test_a_site_that_does_not_fit_a_tensor_is_refused(sites, hooks):
    x, point = normal(BATCH, POS, HEADS, D, seed=1), hooks.HookPoint()
    every = sites.Site("attn.hook_z", 0).resolve_positions(BATCH, POS)
    with pytest.raises(ValueError, match=r"expected entries in 0\.\.5 .* got \(2, 6\)"):
        sites.Site("attn.hook_z", 0, neuron=(2, 6)).take(x, point, every)
    with pytest.raises(ValueError, match="expected directions of 6 entries .* got 2"):
        sites.Site("attn.hook_z", 0, direction=((0.6, 0.8),)).take(x, point, every)
    for position in (5, -6, (0, 7)):
        with pytest.raises(ValueError, match=r"blocks\.0\.attn\.hook_z: .* positions in -5\.\.4, "):
            sites.Site("attn.hook_z", 0, position=position).resolve_positions(BATCH, POS)
    with pytest.raises(ValueError, match="expected positions for 3 examples, got 2 rows"):
        sites.Site("attn.hook_z", 0, position=((1,), (2,))).resolve_positions(BATCH, POS)


def test_a_site_that_this_model_lacks_is_refused(sites, impl):
    model = tiny_models.build(impl, "llama")
    with pytest.raises(KeyError, match=r"blocks\.1\.attn\.hook_zz'; the nearest are blocks\.1\."):
        sites.Site("attn.hook_zz", 1).check(model)
    with pytest.raises(KeyError, match=r"no hook point 'blocks\.2\.attn\.hook_z'"):
        sites.Site("attn.hook_z", 2).check(model)
    with pytest.raises(KeyError, match=r"no hook point 'attn\.hook_z'"):
        sites.Site("attn.hook_z").check(model)
    with pytest.raises(ValueError, match=r"expected heads in 0\.\.5 .* got \(0, 6\)"):
        sites.Site("attn.hook_z", 1, head=(0, 6)).check(model)
    with pytest.raises(ValueError, match=r"expected key heads in 0\.\.1 at .*hook_k, got 2"):
        sites.Site("attn.hook_k", 0, head=2).check(model)
    for hook in ("attn.hook_rot_q", "attn.hook_pattern", "hook_mlp_out", "mlp.hook_pre_linear"):
        sites.Site(hook, 1).check(model)
    sites.Site("ln_final.hook_normalized").check(model)


def test_a_site_on_a_real_forward_is_the_part_that_a_cache_has(sites, impl):
    model = tiny_models.build(impl, "llama")
    _, cache = model.run_with_cache(tiny_models.TOKENS)
    points = model.hook_points()
    for hook in ("attn.hook_z", "attn.hook_v", "attn.hook_pattern"):
        site = sites.Site(hook, 1, head=1, position=((0,), (4,), (2,)))
        x = cache[site.name]
        part = site.take(x, points[site.name], site.resolve_positions(3, 5))
        for text, place in enumerate((0, 4, 2)):
            right = x[text, 1, place] if hook == "attn.hook_pattern" else x[text, place, 1]
            assert torch.equal(part[text, 0, 0], right)
