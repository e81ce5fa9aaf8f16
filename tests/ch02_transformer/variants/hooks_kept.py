"""Answers to 2.2 that copy hooks, forget a point, or loop over the yield."""

from tests.grading.variants import Right, Wrong

WITH = "HookedModule.hooks"
BEFORE = "[point.hooks for point in points]"

WRONG = [
    Wrong(
        "2.2",
        "one point inside the other's yield",
        body={
            WITH: """
            for point, added in zip(points, lists, strict=True):
                before = point.hooks
                point.hooks = [*before, *added]
                try:
                    yield self
                finally:
                    point.hooks = before
            """
        },
        says="Is the yield inside the loop over the points?",
    ),
    Wrong(
        "2.2",
        "a zip that is used up on entry",
        body={
            WITH: """
            pairs = zip(points, lists, [point.hooks for point in points], strict=True)
            try:
                for point, added, before in pairs:
                    point.hooks = [*before, *added]
                yield self
            finally:
                for point, _, before in pairs:
                    point.hooks = before
            """
        },
        says="it was never taken off",
    ),
    Wrong(
        "2.2",
        "hooks copied on entry",
        {f"before = {BEFORE}": f"from copy import deepcopy\n        before = deepcopy({BEFORE})"},
        says="A hook that was on before must run in the block and after it. Is it a copy",
    ),
    Wrong(
        "2.2",
        "the block's own hooks copied",
        {
            f"before = {BEFORE}": f"from copy import deepcopy\n        before = {BEFORE}",
            "[*point.hooks, *added]": "[*point.hooks, *deepcopy(added)]",
        },
        says="The block's own hook must run in the block alone. Is it a copy",
    ),
    Wrong(
        "2.2",
        "all points emptied on exit",
        {
            "finally:\n": "finally:\n            for point in self.hook_points().values():\n"
            "                point.hooks = []\n"
        },
        says="Are all points emptied on exit?",
    ),
    Wrong(
        "2.2",
        "only the last point's list is remembered",
        {BEFORE: "[points[-1].hooks] * len(points)"},
        says="That is what the second point had",
    ),
]

RIGHT = [
    Right(
        "2.2",
        "an ExitStack",
        body={
            WITH: """
            from contextlib import ExitStack

            with ExitStack() as stack:
                for point, added in zip(points, lists, strict=True):
                    stack.callback(setattr, point, "hooks", point.hooks)
                    point.hooks = point.hooks + added
                yield self
            """
        },
    ),
    Right(
        "2.2",
        "appended one by one, and popped",
        body={
            WITH: """
            for point, added in zip(points, lists, strict=True):
                point.hooks += added
            try:
                yield self
            finally:
                for point, added in zip(points, lists, strict=True):
                    for _ in added:
                        point.hooks.pop()
            """
        },
    ),
]
