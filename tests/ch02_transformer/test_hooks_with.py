"""Graders of the `with` block that puts hooks on and takes them off again (2.2).

Every hook here writes its letter, so what ran is a string, and "ab" at a point means a before b.
"""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

FIRST, SECOND = "first.hook_x", "second.hook_x"


class Interrupt(BaseException):
    """No Exception, like the KeyboardInterrupt of Ctrl-C."""


@pytest.fixture
def toy(hooks):
    """A model with two hook points; `ran()` runs it and tells the letters at each of them."""

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


def same(ran, expected, claim, mistakes=None):
    """Refuses other letters than the expected ones, by the mistake that leads to them."""
    hint = (mistakes or {}).get(ran, "")
    shown = [repr(letters) if letters else "no hook" for letters in (expected, ran)]
    assert ran == expected, f"{claim} Expected {shown[0]}, but {shown[1]} ran. {hint}".rstrip()


@exercise("2.2")
def test_hooks_act_inside_the_block_and_not_after_it(toy):
    x = normal(2, 3, seed=1)
    with toy.hooks({FIRST: lambda tensor, point: 10 * tensor}):
        inside = toy(x)
    assert_close(inside, 10 * x + 1, "A hook must act while its block runs.")
    assert_close(toy(x), x + 1, "After the block the model must compute as before it.")


@exercise("2.2")
def test_several_hooks_on_a_point_run_in_the_order_given(toy):
    a, b, c = (toy.letter(letter) for letter in "abc")
    with toy.hooks({SECOND: c, FIRST: [a, b]}):
        mistakes = {
            "": "Is the yield inside the loop over the points? Put all hooks on, then yield once.",
            "ba": "Are the hooks put on in reverse?",
            "abab": "Is each hook put on twice?",
            "a": "Is only the first hook of a list put on?",
            "b": "Does each hook of a list replace the one before it?",
            "cab": "Do the hooks of all points go on every point?",
        }
        same(toy.ran(), "ab", f"{FIRST} was given the hooks [a, b].", mistakes)
        mistakes = {
            "": "Do the hooks of all points go on one point?",
            "ab": "Does each point get its own list?",
        }
        same(toy.ran(SECOND), "c", f"{SECOND} was given the hook c alone.", mistakes)
    same(toy.ran() + toy.ran(SECOND), "", "All hooks must be off after the block.")


@exercise("2.2")
def test_hooks_are_the_very_ones_and_other_points_keep_theirs(toy):
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
    copied = "Is it a copy of the hook that runs (deepcopy)? Copy the list, not what is in it."
    for counter, expected, words in [
        (inside, 1, f"The block's own hook must run in the block alone. {copied}"),
        (before, 2, f"A hook that was on before must run in the block and after it. {copied}"),
        (elsewhere, 2, "A hook on a point that the block does not name must stay. Are all points "
         "emptied on exit?"),
    ]:  # fmt: skip
        assert counter.calls == expected, (
            f"{words} Of two passes, one in the block and one after it, it should have counted "
            f"{expected}; it counted {counter.calls}."
        )


@exercise("2.2")
def test_the_block_gets_the_model(toy):
    with toy.hooks({FIRST: toy.letter("a")}) as model:
        assert model is toy, (
            "`with model.hooks(...) as m` must give the model itself, but m is a "
            f"{type(model).__name__}. A bare `yield` gives None; yield self."
        )


@exercise("2.2")
@pytest.mark.parametrize("error", [ValueError, Interrupt], ids=lambda error: error.__name__)
def test_hooks_come_off_when_the_block_raises(toy, error):
    def fail(x, point):
        raise error("raised by the grader")

    came = None
    toy.first.hook_x.hooks = [toy.letter("o")]
    try:
        with toy.hooks({FIRST: toy.letter("a"), SECOND: fail}):
            toy(torch.ones(2, 3))
    except error as raised:
        came = raised
    assert came is not None, (
        f"The block raised {error.__name__}, and it must come out of the block; it was swallowed. "
        "`finally` lets it pass, `except` and a `return` in `finally` do not."
    )
    try:
        left = repr(toy.ran() + toy.ran(SECOND))
    except error:
        left = "the hook that raised, with 'o' and 'a',"
    because = "`except Exception` misses what Ctrl-C raises." if error is Interrupt else ""
    assert left == "'o'", (
        f"Before a block that raised {error.__name__} 'o' was on, and 'o' alone must be on after "
        f"it, but {left} is. What stands after the yield runs only if it is in a `finally`. "
        f"{because}"
    )


@exercise("2.2")
def test_an_empty_list_of_hooks_changes_nothing(toy):
    with toy.hooks({FIRST: toy.letter("a")}):
        with toy.hooks({FIRST: [], SECOND: []}):
            same(toy.ran() + toy.ran(SECOND), "a", "Block [a] encloses a block with an empty list.")
        lost = {"": "list[-0:] is the whole list: is that what is deleted?"}
        same(toy.ran(), "a", "After the block with an empty list a is still on.", lost)


@exercise("2.2")
def test_an_enclosing_block_keeps_its_hooks_and_they_run_first(toy):
    a, b = toy.letter("a"), toy.letter("b")
    with toy.hooks({FIRST: a}):
        with toy.hooks({FIRST: b}):
            mistakes = {
                "ba": "Are the new hooks put before those that are there already?",
                "b": "Does the inner block throw the outer one's hooks off?",
            }
            same(toy.ran(), "ab", "Block [a] encloses block [b]: a runs, then b.", mistakes)
        mistakes = {
            "": "Is the list of hooks emptied on exit? The outer block's were there before.",
            "b": "Which hooks does the inner block take off?",
            "ab": "The hook of the inner block was never taken off: if a list was remembered on "
            "entry, was that same list extended afterwards?",
        }
        same(toy.ran(), "a", "After the inner block only a is on.", mistakes)
    same(toy.ran(), "", "After both blocks no hook is on.", {"a": "Is the outer hook put back?"})


@exercise("2.2")
def test_an_equal_hook_in_an_enclosing_block_keeps_its_place(toy):
    a, b = toy.letter("a"), toy.letter("b")
    with toy.hooks({FIRST: [a, b]}):
        with toy.hooks({FIRST: a}):
            mistakes = {"ab": "Is a left out because it is on already? It was asked for twice."}
            same(toy.ran(), "aba", "Block [a, b] encloses block [a]: a, b and a run.", mistakes)
        mistakes = {
            "ba": "Was the outer block's a taken off instead of the inner one's? list.remove takes "
            "the first equal entry away.",
            "b": "Are all hooks equal to the inner one taken off, also the outer block's?",
        }
        same(toy.ran(), "ab", "After the inner block a and b are on, in this order.", mistakes)


@exercise("2.2")
def test_every_point_gets_its_own_hooks_back(toy):
    a, b, c = (toy.letter(letter) for letter in "abc")
    toy.first.hook_x.hooks, toy.second.hook_x.hooks = [a], [b, c]
    for _ in range(2):
        with toy.hooks({FIRST: c, SECOND: a}):
            same(toy.ran() + toy.ran(SECOND), "acbca", "Hooks that were on stay on, and run first.")
        for name, expected in ((FIRST, "a"), (SECOND, "bc")):
            mistakes = {
                "": "Are all hooks of the point cleared on exit, also those that were there?",
                "a": "That is what the first point had: does each point get its own list back?",
                "bc": "That is what the second point had: does each point get its own list back?",
                expected + "ca"[name == SECOND]: "The hook of the block is still on.",
            }
            claim = f"{name} had the hooks {expected!r} before the block, and must have them after."
            same(toy.ran(name), expected, claim, mistakes)
