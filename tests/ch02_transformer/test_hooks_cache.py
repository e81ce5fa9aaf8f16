"""Graders of the cache (2.3): what is kept, of which positions, and with or without its graph."""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, difference, normal

BATCH, HEAD, POS, WIDTH = 2, 3, 5, 4
STREAM, HEADS, TABLE = "stream.hook_x", "heads.hook_x", "table.hook_x"
AXES = {"hook_in": 1, STREAM: 1, HEADS: 1, TABLE: 2}


@pytest.fixture
def toy(hooks):
    """A model with [batch, pos, width], [batch, pos, head, width] and [batch, head, query, key].

    `toy.own` holds the very tensors that passed the points.
    """

    class Part(nn.Module):
        def __init__(self, pos_axis):
            super().__init__()
            self.hook_x = hooks.HookPoint(pos_axis)

        def forward(self, x):
            return self.hook_x(x)

    class Toy(hooks.HookedModule):
        def __init__(self):
            super().__init__()
            self.hook_in = hooks.HookPoint()
            self.stream, self.heads, self.table = Part(1), Part(1), Part(2)
            self.w = nn.Parameter(normal(HEAD, WIDTH, seed=1))
            self.own = {}

        def forward(self, x):
            x = self.own["hook_in"] = self.hook_in(x)
            x = self.own[STREAM] = self.stream(torch.sin(x))
            q = self.own[HEADS] = self.heads(x[:, :, None] * self.w)
            # Keys times queries, transposed: not every activation is contiguous.
            scores = x.flip(-1)[:, None] @ q.permute(0, 2, 3, 1)
            table = self.own[TABLE] = self.table(scores.transpose(2, 3))
            return table.pow(2).sum()

    return Toy()


def what_passes(toy, x):
    """The values at the four points for an input, entry by entry."""
    x, w = x.detach().clone(), toy.w.detach()
    stream = x.sin()
    heads = torch.empty(BATCH, POS, HEAD, WIDTH, dtype=torch.float64)
    table = torch.empty(BATCH, HEAD, POS, POS, dtype=torch.float64)
    for head in range(HEAD):
        for query in range(POS):
            heads[:, query, head] = stream[:, query] * w[head]
            for key in range(POS):
                products = heads[:, query, head] * stream[:, key].flip(-1)
                table[:, head, query, key] = products.sum(-1)
    return {"hook_in": x, STREAM: stream, HEADS: heads, TABLE: table}


def stored(cache, name):
    """One entry of a cache."""
    assert name in cache, (
        f"The activation at {name!r} must be in the cache under that name, but the cache has "
        f"{sorted(map(str, cache))}. The key is point.name."
    )
    return cache[name]


def choose(x, positions, axis):
    """The slices of a tensor at these positions of an axis, stacked along it."""
    return torch.stack([x.select(axis, position) for position in positions], axis)


@exercise("2.3")
def test_the_cache_has_every_activation_by_its_full_name(toy):
    x = normal(BATCH, POS, WIDTH, seed=2)
    x[0, 0, 0] = 1e6
    _, cache = toy.run_with_cache(x)
    for name, expected in what_passes(toy, x).items():
        assert_close(stored(cache, name), expected, f"The cache must hold what passed {name}.")
    _, cache = toy.run_with_cache(x, names=TABLE)
    assert list(cache) == [TABLE], (
        f"Asked for {TABLE} alone, the cache must hold it alone, but it holds {sorted(cache)}."
    )


@exercise("2.3")
@pytest.mark.parametrize(
    "positions", [[-1], [0, 3], [4, -4, 1], slice(1, 4), slice(-2, None), (2,)]
)
def test_positions_are_selected_along_the_axis_of_each_point(toy, positions):
    x = normal(BATCH, POS, WIDTH, seed=3)
    _, cache = toy.run_with_cache(x, positions=positions)
    chosen = list(range(POS))[positions] if isinstance(positions, slice) else positions
    for name, whole in what_passes(toy, x).items():
        axis = AXES[name]
        expected = choose(whole, chosen, axis)
        claim = f"positions={positions} must keep these positions of {name} along axis {axis}."
        assert_close(stored(cache, name), expected, claim)


@exercise("2.3")
def test_a_cache_leaves_the_global_random_state_alone(toy):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    toy.run_with_cache(normal(BATCH, POS, WIDTH, seed=11))
    assert torch.equal(torch.get_rng_state(), state), "Caching must not seed or draw."


@exercise("2.3")
@pytest.mark.parametrize("batch", [BATCH, 1])
@pytest.mark.parametrize("positions", [[-1], slice(1, 3), slice(4, None)])
def test_selected_positions_do_not_keep_the_whole_activation(toy, positions, batch):
    _, cache = toy.run_with_cache(normal(batch, POS, WIDTH, seed=4), positions=positions)
    for name in AXES:
        kept = stored(cache, name)
        own, held = kept.numel() * kept.element_size(), kept.untyped_storage().nbytes()
        assert held <= own, (
            f"With positions={positions} the cached {name} needs {own} bytes but keeps {held} in "
            "memory: it is a view. index_select and clone copy; a slice does not, nor does "
            "contiguous() of a batch of one."
        )


@exercise("2.3")
def test_without_positions_nothing_is_copied(toy):
    _, cache = toy.run_with_cache(normal(BATCH, POS, WIDTH, seed=5))
    for name in AXES:
        assert stored(cache, name).data_ptr() == toy.own[name].data_ptr(), (
            f"The cached {name} must share the memory of the model's own tensor, but it is a copy "
            "(clone?)."
        )


@exercise("2.3")
@pytest.mark.parametrize("positions", [None, [1, -1]])
def test_without_gradients_nothing_keeps_the_graph(toy, positions):
    def with_graph(x, point):
        with torch.enable_grad():
            return x * toy.w[0]

    x = normal(BATCH, POS, WIDTH, seed=6).requires_grad_()
    with toy.hooks({STREAM: with_graph}):
        _, cache = toy.run_with_cache(x, positions=positions)
    for name in AXES:
        assert not stored(cache, name).requires_grad, (
            f"Without gradients=True what is cached must be detached, but the cached {name} "
            "requires a gradient and keeps its graph."
        )


@exercise("2.3")
@pytest.mark.parametrize("needs", [True, False])
def test_without_gradients_the_models_tensors_are_unchanged(toy, needs):
    x = normal(BATCH, POS, WIDTH, seed=10).requires_grad_(needs)
    toy.run_with_cache(x)
    for name in AXES:
        expected, actual = needs and name == "hook_in", toy.own[name].requires_grad
        assert actual == expected, (
            f"Without gradients=True the model's own tensor at {name} must stay as it is: expected "
            f"requires_grad={expected}, got {actual}. detach() gives another tensor; "
            "requires_grad_() and detach_() change the model's own."
        )


@exercise("2.3")
@pytest.mark.parametrize("seed", [7, 8])
def test_with_gradients_each_cached_tensor_collects_its_own(toy, seed):
    x = normal(BATCH, POS, WIDTH, seed=seed)
    values = what_passes(toy, x)
    out, cache = toy.run_with_cache(x, gradients=True)
    for name in AXES:
        kind = (
            "the model's own tensor" if stored(cache, name) is toy.own[name] else "another tensor"
        )
        assert cache[name].requires_grad, (
            f"With gradients=True the cached {name}, {kind}, must require a gradient. Is it "
            "detached, or was requires_grad_() forgotten?"
        )
    out.backward()
    slopes = {TABLE: 2 * values[TABLE], HEADS: torch.zeros(BATCH, POS, HEAD, WIDTH).double()}
    slopes[STREAM] = torch.zeros(BATCH, POS, WIDTH).double()
    for head in range(HEAD):
        above = slopes[TABLE][:, head]
        slopes[HEADS][:, :, head] = above @ values[STREAM].flip(-1)
        slopes[STREAM] += slopes[HEADS][:, :, head] * toy.w[head].detach()
        slopes[STREAM] += (above.transpose(1, 2) @ values[HEADS][:, :, head]).flip(-1)
    slopes["hook_in"] = slopes[STREAM] * values["hook_in"].cos()
    for name, slope in slopes.items():
        grad = cache[name].grad
        kind = "the model's own tensor" if cache[name] is toy.own[name] else "another tensor"
        assert grad is not None, (
            f"After backward the .grad of the cached {name}, {kind}, is None: either retain_grad() "
            "was not called, or a copy was cached, on which the output does not depend."
        )
        assert (grad - slope).abs().max() < 1e-9, (
            f"The cached {name} has the wrong gradient. {difference(grad, slope)}"
        )


@exercise("2.3")
@pytest.mark.gpu
def test_positions_are_taken_on_a_gpu_too(toy):
    device = "cuda" if torch.cuda.is_available() else "mps"
    x = normal(BATCH, POS, WIDTH, seed=9).float().to(device)
    _, cache = toy.float().to(device).run_with_cache(x, positions=[-1])
    kept = stored(cache, STREAM)
    assert kept.device == x.device, f"x is on {x.device}, but what is cached is on {kept.device}."
    assert_close(kept, x.sin()[:, -1:], "positions=[-1] keeps the last position.", tolerance=1e-5)
