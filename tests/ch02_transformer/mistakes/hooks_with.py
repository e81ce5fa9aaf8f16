"""Mistakes in the exercises of hooks_with, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOKEDMODULE_HOOKS = mistakes(
    "2.2",
    "HookedModule.hooks",
    {
        "That is the value with the hook: it was never taken off.": {
            "point.hooks = [*point.hooks, *added]": "point.hooks += added"
        },
        "That is the value without the hook: is it put on before the yield?": """
            before = [point.hooks for point in points]
            yield self
            for point, added in zip(points, lists, strict=True):
                point.hooks = [*point.hooks, *added]
            for point, found in zip(points, before, strict=True):
                point.hooks = found
            """,
    },
    unnamed={
        "runs only if it is in a `finally`": """
            before = [point.hooks for point in points]
            for point, added in zip(points, lists, strict=True):
                point.hooks = [*point.hooks, *added]
            yield self
            for point, found in zip(points, before, strict=True):
                point.hooks = found
            """,
        "misses what Ctrl-C raises": """
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
            """,
        "it was swallowed": [
            {"        finally:": "        except BaseException:\n    pass\nfinally:"},
            {"point.hooks = found": "point.hooks = found\n    return"},
        ],
        "Is the list of hooks emptied on exit?": {"point.hooks = found": "point.hooks = []"},
        "Was the outer block's a taken off": """
            try:
                for point, added in zip(points, lists, strict=True):
                    point.hooks = [*point.hooks, *added]
                yield self
            finally:
                for point, added in zip(points, lists, strict=True):
                    for hook in added:
                        point.hooks.remove(hook)
            """,
        "list[-0:] is the whole list": {
            "point.hooks = found": "del point.hooks[-len(lists[points.index(point)]) :]"
        },
        "All hooks must be off after the block.": {
            "point.hooks = found": "point.hooks.pop() if point.hooks else None"
        },
        "Are all hooks equal to the inner one taken off": {
            "point.hooks = found": "point.hooks = [h for h in point.hooks if h not in lists[points.index(point)]]"
        },
        "Are the new hooks put before those that are there already?": {
            "[*point.hooks, *added]": "[*added, *point.hooks]"
        },
        "Are the hooks put on in reverse?": {
            "[*point.hooks, *added]": "[*point.hooks, *reversed(added)]"
        },
        "Is each hook put on twice?": {"[*point.hooks, *added]": "[*point.hooks, *added, *added]"},
        "Is a left out because it is on already?": {
            "[*point.hooks, *added]": "[*point.hooks, *(h for h in added if h not in point.hooks)]"
        },
        "Does the inner block throw the outer one's hooks off?": {
            "[*point.hooks, *added]": "added"
        },
        "That is what the first point had": {"point.hooks = found": "point.hooks = before[0]"},
        "Do the hooks of all points go on every point?": {
            "[*point.hooks, *added]": "[*point.hooks, *sum(lists, [])]"
        },
        "A bare `yield` gives None": {"yield self": "yield"},
    },
)
RIGHT_2_2 = right_answers(
    "2.2",
    "HookedModule.hooks",
    {
        "extended in place and cut back": """
            lengths = [len(point.hooks) for point in points]
            try:
                for point, added in zip(points, lists, strict=True):
                    point.hooks.extend(added)
                yield self
            finally:
                for point, length in zip(points, lengths, strict=True):
                    del point.hooks[length:]
            """,
        "except everything, and again": """
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
            """,
    },
)
