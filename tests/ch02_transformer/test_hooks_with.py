"""Graders of the `with` block that attaches hooks and restores every point (2.2).

Every hook here writes its letter, so what ran is a string, and "ab" at a point means a before b.
"""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

FIRST, SECOND = "first.hook_x", "second.hook_x"


class Interrupt(BaseException):
    """Not an Exception, like the KeyboardInterrupt of Ctrl-C."""


@pytest.fixture
def toy(hooks):
    """A model with two hook points; `ran()` runs it and gives the letters at one of them."""

    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.hook_x = hooks.HookPoint()

        def forward(self, x):
            return self.hook_x(x)

    class Toy(hooks.HookedModule):
        def __init__(self):
            super().__init__()
            self.first, self.second = Part(), Part()
            self.letters = {}

        def forward(self, x):
            return self.second(self.first(x) + 1)

        def letter(self, letter):
            def hook(x, point):
                self.letters[point.name] = self.letters.get(point.name, "") + letter

            return hook

        def ran(self, name=FIRST):
            self.letters = {}
            self(torch.ones(2, 3))
            return self.letters.get(name, "")

    model = Toy()
    model.hook_points()
    return model


def same(actual, expected, claim):
    """Fail unless these letters ran."""
    assert actual == expected, f"{claim} Expected {expected!r} to run, got {actual!r}."


@exercise("2.2")
def test_hooks_act_inside_the_block_and_not_after_it(toy):
    x = normal(2, 3, seed=1)
    with toy.hooks({FIRST: lambda tensor, point: 10 * tensor}):
        inside, names = toy(x), toy.hooked_names()
    assert names == [FIRST], f"In the block expected a hook in the list of {FIRST}, got {names}."
    assert_close(inside, 10 * x + 1, "A hook must act while its block runs.")
    assert_close(toy(x), x + 1, "After the block the model must compute as before it.")


@exercise("2.2")
def test_several_hooks_at_a_point_run_in_the_order_given(toy):
    a, b, c = (toy.letter(letter) for letter in "abc")
    with toy.hooks({SECOND: c, FIRST: [a, b]}):
        same(toy.ran(), "ab", f"{FIRST} was given the hooks [a, b].")
        same(toy.ran(SECOND), "c", f"{SECOND} was given the hook c alone.")
    same(toy.ran() + toy.ran(SECOND), "", "All hooks must be removed after the block.")


@exercise("2.2")
def test_hooks_are_not_copied_and_other_points_keep_theirs(toy):
    """Hooks here are objects that count their calls; `copy.deepcopy` would make others of them."""

    class Counter:
        calls = 0

        def __call__(self, x, point):
            self.calls += 1

    inside, before, elsewhere = Counter(), Counter(), Counter()
    toy.first.hook_x.hooks, toy.second.hook_x.hooks = [before], [elsewhere]
    with toy.hooks({FIRST: inside}):
        toy(torch.ones(2, 3))
    toy(torch.ones(2, 3))
    for counter, expected, claim in [
        (inside, 1, "The block's own hook must run in the block alone."),
        (before, 2, "A hook that was attached before must run in the block and after it."),
        (elsewhere, 2, "A hook at a point that the block does not name must stay."),
    ]:
        assert counter.calls == expected, (
            f"{claim} Of one pass in the block and one after it, expected {expected} calls, got "
            f"{counter.calls}."
        )


@exercise("2.2")
def test_the_block_gets_the_model(toy):
    for one in (toy, type(toy)()):
        with one.hooks({FIRST: one.letter("a")}) as model:
            assert model is one, (
                f"`with model.hooks(...) as m` must give the model, got a {type(model).__name__}."
            )


@exercise("2.2")
def test_all_but_the_points_stays_as_it_is(toy):
    torch.manual_seed(7)
    state, a = torch.get_rng_state(), toy.letter("a")
    observers = toy.first.hook_x.observers = [lambda x, point: None]
    given = {FIRST: [a], SECOND: a}
    with toy.hooks(given):
        toy.ran()
        assert torch.is_grad_enabled(), "Gradients must stay on in the block."
        assert toy.training, "The model must stay in its mode, training or evaluation."
    assert given == {FIRST: [a], SECOND: a}, "The dict of hooks must stay: the caller reuses it."
    assert toy.first.hook_x.observers == observers != [], "The observers of a point must stay."
    assert torch.equal(torch.get_rng_state(), state), "Attaching hooks must not seed or draw."
    assert torch.is_grad_enabled(), "Attaching hooks must not switch gradients off."


@exercise("2.2")
@pytest.mark.parametrize("error", [ValueError, Interrupt], ids=lambda error: error.__name__)
def test_hooks_are_removed_when_the_block_raises(toy, error):
    def fail(x, point):
        raise error("raised by the grader")

    raised = False
    toy.first.hook_x.hooks = [toy.letter("o")]
    try:
        with toy.hooks({FIRST: toy.letter("a"), SECOND: fail}):
            toy(torch.ones(2, 3))
    except error:
        raised = True
    assert raised, f"The block raised {error.__name__}, and the caller must get it."
    try:
        left = toy.ran() + toy.ran(SECOND)
    except error:
        left = "o, a and the hook that raised"
    claim = f"After a block that raised {error.__name__}, the hook o of before it must be left."
    same(left, "o", claim)


@exercise("2.2")
def test_an_empty_list_of_hooks_changes_nothing(toy):
    with toy.hooks({FIRST: toy.letter("a")}):
        with toy.hooks({FIRST: [], SECOND: []}):
            same(toy.ran() + toy.ran(SECOND), "a", "Block [a] encloses a block with an empty list.")
        same(toy.ran(), "a", "After the block with an empty list a is still attached.")


@exercise("2.2")
def test_the_hooks_of_an_enclosing_block_stay_and_run_first(toy):
    a, b = toy.letter("a"), toy.letter("b")
    with toy.hooks({FIRST: a}):
        with toy.hooks({FIRST: b}):
            same(toy.ran(), "ab", "Block [a] encloses block [b]: a runs, then b.")
        same(toy.ran(), "a", "After the inner block only a is attached.")
    same(toy.ran(), "", "After both blocks no hook is attached.")


@exercise("2.2")
def test_an_equal_hook_of_an_enclosing_block_keeps_its_place(toy):
    a, b = toy.letter("a"), toy.letter("b")
    with toy.hooks({FIRST: [a, b]}):
        with toy.hooks({FIRST: a}):
            same(toy.ran(), "aba", "Block [a, b] encloses block [a]: a, b and a run.")
        same(toy.ran(), "ab", "After the inner block a and b are attached, in this order.")


@exercise("2.2")
def test_every_point_gets_its_own_hooks_back(toy):
    a, b, c = (toy.letter(letter) for letter in "abc")
    toy.first.hook_x.hooks, toy.second.hook_x.hooks = [a], [b, c]
    for _ in range(2):
        with toy.hooks({FIRST: c, SECOND: a}):
            same(toy.ran() + toy.ran(SECOND), "acbca", "Hooks of before stay, and run first.")
        for name, expected in ((FIRST, "a"), (SECOND, "bc")):
            claim = f"{name} had the hooks {expected!r} before the block, and must have them after."
            same(toy.ran(name), expected, claim)


@pytest.mark.project
def test_a_run_for_observers_ends_after_the_last_of_them(toy):
    seen = []
    read = lambda x, point: seen.append((point.name, x[0, 0].item()))  # noqa: E731
    with toy.hooks({SECOND: toy.letter("a")}):
        toy.run_until_observed(torch.ones(2, 3), names=[FIRST], observer=read)
    assert (seen, toy.letters) == ([(FIRST, 1.0)], {}), "No point after the observed one may run."
    toy.run_until_observed(torch.ones(2, 3), names=[SECOND, FIRST], observer=read)
    assert seen[1:] == [(FIRST, 1.0), (SECOND, 2.0)], "Each observed point must run."
    assert not any(point.has_hooks for point in toy.hook_points().values())
