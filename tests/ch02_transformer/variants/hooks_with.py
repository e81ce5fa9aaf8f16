"""Answers to 2.2, the block that keeps hooks on."""

from tests.grading.variants import Right, Wrong

WITH = "HookedModule.hooks"

WRONG = [
    Wrong(
        "2.2",
        "nothing is certain",
        body={
            WITH: """
            before = [point.hooks for point in points]
            for point, added in zip(points, lists, strict=True):
                point.hooks = [*point.hooks, *added]
            yield self
            for point, found in zip(points, before, strict=True):
                point.hooks = found
            """
        },
        says="runs only if it is in a `finally`",
    ),
    Wrong(
        "2.2",
        "Ctrl-C leaves them on",
        body={
            WITH: """
            before = [point.hooks for point in points]
            for point, added in zip(points, lists, strict=True):
                point.hooks = [*point.hooks, *added]
            try:
                yield self
            except Exception:
                for point, found in zip(points, before, strict=True):
                    point.hooks = found
                raise
            for point, found in zip(points, before, strict=True):
                point.hooks = found
            """
        },
        says="misses what Ctrl-C raises",
    ),
    Wrong(
        "2.2",
        "errors are swallowed",
        {"        finally:": "        except BaseException:\n            pass\n        finally:"},
        says="it was swallowed",
    ),
    Wrong(
        "2.2",
        "return in finally",
        {"point.hooks = found": "point.hooks = found\n            return"},
        says="it was swallowed",
    ),
    Wrong(
        "2.2",
        "cleared on exit",
        {"point.hooks = found": "point.hooks = []"},
        says="Is the list of hooks emptied on exit?",
    ),
    Wrong(
        "2.2",
        "removed by value",
        body={
            WITH: """
            try:
                for point, added in zip(points, lists, strict=True):
                    point.hooks = [*point.hooks, *added]
                yield self
            finally:
                for point, added in zip(points, lists, strict=True):
                    for hook in added:
                        point.hooks.remove(hook)
            """
        },
        says="Was the outer block's a taken off",
    ),
    Wrong(
        "2.2",
        "as many as were added cut off the end",
        {"point.hooks = found": "del point.hooks[-len(lists[points.index(point)]) :]"},
        says="list[-0:] is the whole list",
    ),
    Wrong(
        "2.2",
        "one taken off",
        {"point.hooks = found": "point.hooks.pop() if point.hooks else None"},
        says="All hooks must be off after the block.",
    ),
    Wrong(
        "2.2",
        "all equal ones removed",
        {
            "point.hooks = found": "point.hooks = [h for h in point.hooks if h not in "
            "lists[points.index(point)]]"
        },
        says="Are all hooks equal to the inner one taken off",
    ),
    Wrong(
        "2.2",
        "new hooks in front",
        {"[*point.hooks, *added]": "[*added, *point.hooks]"},
        says="Are the new hooks put before those that are there already?",
    ),
    Wrong(
        "2.2",
        "reversed",
        {"[*point.hooks, *added]": "[*point.hooks, *reversed(added)]"},
        says="Are the hooks put on in reverse?",
    ),
    Wrong(
        "2.2",
        "put on twice",
        {"[*point.hooks, *added]": "[*point.hooks, *added, *added]"},
        says="Is each hook put on twice?",
    ),
    Wrong(
        "2.2",
        "no hook twice",
        {"[*point.hooks, *added]": "[*point.hooks, *(h for h in added if h not in point.hooks)]"},
        says="Is a left out because it is on already?",
    ),
    Wrong(
        "2.2",
        "the outer block's are replaced",
        {"[*point.hooks, *added]": "added"},
        says="Does the inner block throw the outer one's hooks off?",
    ),
    Wrong(
        "2.2",
        "the remembered list is extended",
        {"point.hooks = [*point.hooks, *added]": "point.hooks += added"},
        says="was never taken off",
    ),
    Wrong(
        "2.2",
        "all points get the first one's list back",
        {"point.hooks = found": "point.hooks = before[0]"},
        says="That is what the first point had",
    ),
    Wrong(
        "2.2",
        "all hooks on every point",
        {"[*point.hooks, *added]": "[*point.hooks, *sum(lists, [])]"},
        says="Do the hooks of all points go on every point?",
    ),
    Wrong("2.2", "yields nothing", {"yield self": "yield"}, says="A bare `yield` gives None"),
    Wrong(
        "2.2",
        "put on after the block",
        body={
            WITH: """
            before = [point.hooks for point in points]
            yield self
            for point, added in zip(points, lists, strict=True):
                point.hooks = [*point.hooks, *added]
            for point, found in zip(points, before, strict=True):
                point.hooks = found
            """
        },
        says="is it put on before the yield?",
    ),
]

RIGHT = [
    Right(
        "2.2",
        "extended in place and cut back",
        body={
            WITH: """
            lengths = [len(point.hooks) for point in points]
            try:
                for point, added in zip(points, lists, strict=True):
                    point.hooks.extend(added)
                yield self
            finally:
                for point, length in zip(points, lengths, strict=True):
                    del point.hooks[length:]
            """
        },
    ),
    Right(
        "2.2",
        "except everything, and again",
        body={
            WITH: """
            before = {point: list(point.hooks) for point in points}
            for point, added in zip(points, lists, strict=True):
                point.hooks = point.hooks + added
            try:
                yield self
            except BaseException:
                for point in points:
                    point.hooks = before[point]
                raise
            for point in points:
                point.hooks = before[point]
            """
        },
    ),
]
