"""Graders of hook points (2.1)."""

import pytest

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal


def twice(x, point):
    return 2 * x


def add_three(x, point):
    return x + 3


def only_read(x, point):
    return None


def erase(x, point):
    x.zero_()


def mean_over_batch(x, point):
    return x.mean(dim=0, keepdim=True)


def a_number(x, point):
    return 7


def point_with(hooks, *added, observers=()):
    """Build a hook point named `layer.hook_x` with these hooks and observers."""
    point = hooks.HookPoint()
    point.name = "layer.hook_x"
    point.hooks, point.observers = list(added), list(observers)
    return point


@exercise("2.1")
def test_without_hooks_the_tensor_itself_is_returned(hooks):
    x, seen = normal(2, 5, 3, seed=1), []
    for observers in ([], [lambda tensor, point: seen.append(point)]):
        actual = point_with(hooks, observers=observers)(x)
        assert len(seen) == len(observers), (
            f"Expected {len(observers)} calls of observers without hooks, got {len(seen)}."
        )
        assert_close(actual, x, "Without hooks a point is the identity.")
        assert actual.data_ptr() == x.data_ptr(), (
            f"With 0 hooks and {len(observers)} observers a point must return the tensor itself, "
            "but it returned a copy: every activation would be in memory twice."
        )


@exercise("2.1")
@pytest.mark.parametrize(
    "added, expected, claim",
    [
        ([lambda x, point: 0 * x], lambda x: 0 * x, "A hook that returns 0 replaces x by 0."),
        ([twice, add_three], lambda x: 2 * x + 3, "Hooks that double and add 3 give 2 x + 3."),
        ([only_read], lambda x: x, "A hook that returns None changes nothing."),
        ([only_read, twice], lambda x: 2 * x, "A hook that returns None changes nothing."),
        ([twice, only_read], lambda x: 2 * x, "A hook that returns None changes nothing."),
        ([erase], lambda x: 0 * x, "A hook that edits in place and returns None sets x to 0."),
    ],
)
def test_hooks_act_in_order(hooks, added, expected, claim):
    for x in (normal(1, seed=2), normal(2, 5, 3, seed=3)):
        check(point_with(hooks, *added), x, expected=expected(x), claim=claim)


@exercise("2.1")
def test_a_hook_is_called_with_the_tensor_and_its_point(hooks):
    calls = []
    x = normal(2, 3, seed=6)
    point = point_with(hooks, lambda *given, **named: calls.append((given, named)))
    point(x)
    assert len(calls) == 1, f"A hook runs once per pass; this one ran {len(calls)} times."
    given, named = calls[0]
    assert len(given) == 2 and not named, (
        f"Expected two positional arguments, hook(tensor, point), got {len(given)} and the names "
        f"{sorted(named)}."
    )
    assert given[1] is point, (
        f"Expected the hook point as second argument of a hook, got a {type(given[1]).__name__}."
    )
    assert_close(given[0], x, "The first argument of a hook is the activation.")


@exercise("2.1")
def test_hooks_and_observers_run_once_in_every_pass(hooks):
    ran = []
    hook = lambda tensor, point: ran.append("hook") or 2 * tensor  # noqa: E731
    point = point_with(hooks, hook, hook, observers=[lambda *_: ran.append("observer")])
    for number in (1, 2):
        ran.clear()
        point(normal(2, 3, seed=15))
        assert ran == ["hook", "hook", "observer"], (
            f"Expected two hooks and then an observer in pass {number}, "
            f"got {', '.join(ran) or 'nothing'}."
        )


@exercise("2.1")
def test_each_hook_gets_its_own_copy(hooks):
    seen, replacement, x = [], normal(3, 2, seed=8), normal(3, 2, seed=9)
    before = replacement.clone()
    point_with(hooks, lambda tensor, point: seen.append(tensor), erase)(x)
    claim = "The second hook edits its own tensor in place, not what the first one kept."
    assert_close(seen[0], x, claim)
    point_with(hooks, lambda tensor, point: replacement, erase)(x)
    claim = "A hook must not edit the tensor that the hook before it returned."
    assert_close(replacement, before, claim)


@exercise("2.1")
@pytest.mark.parametrize("bad", [mean_over_batch, a_number])
def test_a_replacement_of_another_shape_fails(hooks, bad):
    x = normal(4, 3, seed=10)
    for added in ([bad], [twice, bad], [bad, lambda tensor, point: x]):
        words, got = "", "no error"
        try:
            point_with(hooks, *added)(x)
        except ValueError as error:
            words, got = str(error), "another ValueError"
        except (TypeError, AttributeError) as error:  # a wrong replacement that was let through
            got = f"a {type(error).__name__}"
        assert bad.__name__ in words and "layer.hook_x" in words, (
            f"The hook {bad.__name__!r} returned no tensor of the shape of x: expected the "
            f"ValueError of check_replacement with this hook and this point, got {got}. Is "
            "check_replacement called after each hook? Its arguments are new, old, hook, self; old "
            "is what the hook was given."
        )


@exercise("2.1")
def test_gradients_flow_through_hooks(hooks):
    x = normal(3, 4, seed=11).requires_grad_()
    weights = normal(3, 4, seed=12)
    out = point_with(hooks, twice, only_read, add_three)(x)
    assert out.requires_grad, "Gradients must flow through a point with hooks."
    (out * weights).sum().backward()
    assert_close(x.grad, 2 * weights, "A hook that doubles x doubles the gradient.")


@exercise("2.1")
def test_observers_get_the_tensor_that_is_returned(hooks):
    for added in ([twice, add_three], [only_read], []):
        seen = []
        observe = lambda tensor, point: seen.append((tensor, point))  # noqa: E731
        point = point_with(hooks, *added, observers=[observe, observe])
        out = point(normal(2, 5, 3, seed=13))
        assert len(seen) == 2, (
            f"Expected two observers to be called once each on a point with {len(added)} hooks, "
            f"got {len(seen)} calls."
        )
        assert_close(seen[0][0], out, "An observer must get what the point returns.")
        assert seen[0][0] is out, "An observer must get the tensor itself, not a copy."
        assert seen[0][1] is point, (
            f"Expected the hook point as second argument, got a {type(seen[0][1]).__name__}."
        )


@exercise("2.1")
def test_what_an_observer_returns_is_ignored(hooks):
    x, seen = normal(2, 5, 3, seed=14), []
    observers = [twice, lambda tensor, point: seen.append(tensor)]
    actual = point_with(hooks, twice, observers=observers)(x)
    assert_close(actual, 2 * x, "What an observer returns must be ignored.")
    assert_close(seen[0], 2 * x, "What an observer returns must not reach the next one.")
