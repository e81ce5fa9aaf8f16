"""Mistakes in the exercises of hooks_kept, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOKEDMODULE_HOOKS = mistakes(
    "2.2",
    "HookedModule.hooks",
    {
        "That is the value with the hook: it was never taken off.": """
            pairs = zip(points, lists, [point.hooks for point in points], strict=True)
            try:
                for point, added, before in pairs:
                    point.hooks = [*before, *added]
                yield self
            finally:
                for point, _, before in pairs:
                    point.hooks = before
            """,
    },
    unnamed={
        "Is the yield inside the loop over the points?": """
            for point, added in zip(points, lists, strict=True):
                before = point.hooks
                point.hooks = [*before, *added]
                try:
                    yield self
                finally:
                    point.hooks = before
            """,
        "A hook that was on before must run in the block and after it. Is it a copy": {
            "before = [point.hooks for point in points]": "from copy import deepcopy\nbefore = deepcopy([point.hooks for point in points])"
        },
        "The block's own hook must run in the block alone. Is it a copy": {
            "before = [point.hooks for point in points]": "from copy import deepcopy\nbefore = [point.hooks for point in points]",
            "[*point.hooks, *added]": "[*point.hooks, *deepcopy(added)]",
        },
        "Are all points emptied on exit?": {
            "finally:\n": "finally:\n    for point in self.hook_points().values():\n        point.hooks = []\n"
        },
        "That is what the second point had": {
            "[point.hooks for point in points]": "[points[-1].hooks] * len(points)"
        },
    },
)
RIGHT_2_2 = right_answers(
    "2.2",
    "HookedModule.hooks",
    {
        "an ExitStack": """
            from contextlib import ExitStack

            with ExitStack() as stack:
                for point, added in zip(points, lists, strict=True):
                    stack.callback(setattr, point, "hooks", point.hooks)
                    point.hooks = point.hooks + added
                yield self
            """,
        "appended one by one, and popped": """
            for point, added in zip(points, lists, strict=True):
                point.hooks += added
            try:
                yield self
            finally:
                for point, added in zip(points, lists, strict=True):
                    for _ in added:
                        point.hooks.pop()
            """,
    },
)
