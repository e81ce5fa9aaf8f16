"""Graders of hook points (2.1)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal


def twice(x, point):
    return 2 * x


def add_three(x, point):
    return x + 3


def just_look(x, point):
    return None


def erase(x, point):
    x.zero_()


def mean_over_batch(x, point):
    return x.mean(dim=0, keepdim=True)


def a_number(x, point):
    return 7


def point_with(hooks, *added, observers=()):
    """A hook point named `layer.hook_x` with these hooks and observers on it."""
    point = hooks.HookPoint()
    point.name = "layer.hook_x"
    point.hooks = list(added)
    point.observers = list(observers)
    return point


@exercise("2.1")
def test_without_hooks_the_tensor_itself_goes_on(hooks):
    x = normal(2, 5, 3, seed=1)
    for observers in ([], [just_look]):
        out = point_with(hooks, observers=observers)(x)
        assert_close(out, x, "A point without hooks must hand its tensor on.")
        assert out.data_ptr() == x.data_ptr(), (
            f"A point with no hook and {len(observers)} observers must hand on the very tensor "
            "that came, but a copy came out. Is x cloned although there is no hook? Every "
            "activation would be there twice."
        )


@exercise("2.1")
def test_what_a_hook_returns_goes_on_even_if_it_is_zero(hooks):
    x = normal(1, seed=2)
    out = point_with(hooks, lambda tensor, point: 0 * tensor)(x)
    assert_close(
        out,
        torch.zeros(1),
        "The hook returned 0, so 0 must go on.",
    )


@exercise("2.1")
def test_hooks_run_in_order_each_on_what_the_one_before_left(hooks):
    x = normal(2, 5, 3, seed=5)
    out = point_with(hooks, twice, add_three)(x)
    assert_close(out, 2 * x + 3, "Two hooks, doubling and then adding 3, must give 2 x + 3.")


@exercise("2.1")
@pytest.mark.parametrize("seed", [3, 4])
def test_a_hook_that_returns_none_changes_nothing(hooks, seed):
    x = normal(4, 2, 3, seed=seed)
    for added in ([just_look], [just_look, twice], [twice, just_look]):
        try:
            out = point_with(hooks, *added)(x)
        except (ValueError, TypeError, AttributeError) as error:
            pytest.fail(
                "A hook that returns None only looked: the tensor it was given must go on. "
                f"Instead: {type(error).__name__}. Is None passed on as if it were a replacement?"
            )
        assert_close(
            out, x * 2 ** (len(added) - 1), "A hook that returns None must change nothing."
        )


@exercise("2.1")
def test_a_hook_is_called_with_the_tensor_and_its_point(hooks):
    calls = []
    x = normal(2, 3, seed=6)
    point = point_with(hooks, lambda *given, **named: calls.append((given, named)))
    point(x)
    assert len(calls) == 1, f"Each hook runs once in a pass; this one ran {len(calls)} times."
    given, named = calls[0]
    assert len(given) == 2 and not named, (
        "A hook is called with two positional arguments, hook(tensor, point); it got "
        f"{len(given)} and the names {sorted(named)}."
    )
    assert given[1] is point, (
        "The second argument of a hook must be the hook point itself, so that one function can "
        f"serve many points and tell them apart; it got a {type(given[1]).__name__}."
    )
    assert_close(
        given[0], x, "The first argument of a hook is the tensor that arrives at the point."
    )


@exercise("2.1")
def test_every_hook_and_listener_runs_once_in_every_pass(hooks):
    ran = []
    hook = lambda tensor, point: ran.append("hook") or 2 * tensor  # noqa: E731
    point = point_with(hooks, hook, hook, observers=[lambda *_: ran.append("observer")])
    for number in (1, 2):
        ran.clear()
        point(normal(2, 3, seed=15))
        hint = ""
        if ran.count("hook") > 2:
            hint = "Is hook(...) written twice? Call it once, and give what it returns a name."
        elif number == 2:
            hint = "Does a pass use them up (pop)? They stay until somebody takes them off."
        assert ran == ["hook", "hook", "observer"], (
            f"Two hooks and an observer must run once each in every pass. In pass {number} there "
            f"ran: {', '.join(ran) or 'none of them'}. {hint}"
        )


@exercise("2.1")
def test_editing_in_place_counts_but_leaves_the_original_alone(hooks):
    x = normal(3, 2, 4, seed=7)
    before = x.clone()
    out = point_with(hooks, erase)(x)
    assert_close(
        x,
        before,
        "A hook's edit in place must not reach the tensor that came in, which may be cached "
        "already.",
    )
    assert_close(
        out,
        torch.zeros(3, 2, 4),
        "A hook that sets its tensor to zero in place and returns None must have its edit go on.",
    )


@exercise("2.1")
def test_each_hook_gets_a_copy_of_its_own(hooks):
    seen, replacement = [], normal(3, 2, seed=8)
    before = replacement.clone()
    keep = lambda tensor, point: seen.append(tensor)  # noqa: E731
    x = normal(3, 2, seed=9)
    point_with(hooks, keep, erase)(x)
    assert_close(
        seen[0],
        x,
        "The first hook kept what it saw; the second edits its own tensor in place, and what was "
        "kept must not change.",
    )
    point_with(hooks, lambda tensor, point: replacement, erase)(x)
    assert_close(
        replacement,
        before,
        "The tensor that one hook returned must not be edited by the hook after it.",
    )


@exercise("2.1")
@pytest.mark.parametrize("bad", [mean_over_batch, a_number])
def test_a_replacement_of_another_shape_is_refused(hooks, bad):
    x = normal(4, 3, seed=10)
    for added in ([bad], [twice, bad], [bad, lambda tensor, point: x]):
        words = ""
        try:
            point_with(hooks, *added)(x)
        except ValueError as error:
            words = str(error)
        except (TypeError, AttributeError):  # what happens later to a replacement let through
            pass
        assert bad.__name__ in words and "layer.hook_x" in words, (
            f"The hook {bad.__name__!r} returned no tensor of the shape that came in, so the point "
            "must raise the ValueError of check_replacement, with this hook and this point, before "
            "anybody else sees the replacement. Is check_replacement called after each hook? Its "
            "arguments are new, old, hook, self: old is what the hook was given."
        )


@exercise("2.1")
def test_gradients_flow_through_hooks(hooks):
    x = normal(3, 4, seed=11).requires_grad_()
    weights = normal(3, 4, seed=12)
    out = point_with(hooks, twice, just_look, add_three)(x)
    assert out.requires_grad, (
        "No gradient can reach what came before the point. Is the copy made without the graph "
        "(detach, data, torch.tensor)? clone keeps the graph."
    )
    (out * weights).sum().backward()
    assert_close(x.grad, 2 * weights, "A doubling hook must double the gradient that flows back.")


@exercise("2.1")
def test_listeners_see_what_the_rest_of_the_model_sees(hooks):
    x = normal(2, 5, 3, seed=13)
    for added in ([twice, add_three], [just_look], []):
        seen = []
        listen = lambda tensor, point: seen.append((tensor, point))  # noqa: E731
        point = point_with(hooks, *added, observers=[listen, listen])
        out = point(x)
        assert len(seen) == 2, (
            f"Two observers on a point with {len(added)} hooks must be called once each in a pass; "
            f"there were {len(seen)} calls. Are they called inside the loop over the hooks, or "
            "only where there are hooks?"
        )
        assert_close(seen[0][0], out, "A observer must see what leaves the point.")
        assert seen[0][0] is out, (
            "A observer must get the very tensor that leaves the point, not a copy: a copy costs "
            "memory, and collects no gradient."
        )
        assert seen[0][1] is point, (
            "A observer is called like a hook, observer(tensor, point); its second argument must "
            f"be the hook point, not a {type(seen[0][1]).__name__}."
        )


@exercise("2.1")
def test_what_a_listener_returns_is_ignored(hooks):
    x = normal(2, 5, 3, seed=14)
    seen = []
    observers = [twice, lambda tensor, point: seen.append(tensor)]
    out = point_with(hooks, twice, observers=observers)(x)
    assert_close(out, 2 * x, "What an observer returns must be ignored.")
    assert_close(seen[0], 2 * x, "What an observer returns must not reach the next one.")
