"""Mistakes in the `with` block of hooks (2.2), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

BEFORE = "before = [point.hooks for point in points]\n"
ATTACH = """for point, added in zip(points, lists, strict=True):
    point.hooks = [*point.hooks, *added]
"""
RESTORE = """for point, found in zip(points, before, strict=True):
    point.hooks = found
"""
TRY = """try:
    for point, added in zip(points, lists, strict=True):
        point.hooks = [*point.hooks, *added]
    yield self
"""
ADDED, FOUND = "[*point.hooks, *added]", "point.hooks = found"

WITH_HOOKS = mistakes(
    "2.2",
    "HookedModule.hooks",
    {
        "Are the hooks never removed? Is the old list extended (+=), read too late, or a zip read twice?": [
            {f"point.hooks = {ADDED}": "point.hooks += added"},
            """
            pairs = zip(points, lists, [point.hooks for point in points], strict=True)
            try:
                for point, added, before in pairs:
                    point.hooks = [*before, *added]
                yield self
            finally:
                for point, _, before in pairs:
                    point.hooks = before
            """,
        ],
        "Are the hooks attached after the yield?": f"{BEFORE}yield self\n{ATTACH}{RESTORE}",
        "Are the hooks removed only if no error occurs? Use `finally`.": (
            f"{BEFORE}{ATTACH}yield self\n{RESTORE}"
        ),
        "Does `except Exception` miss what Ctrl-C raises? Use `finally`.": f"""
{BEFORE}{TRY}except Exception:
    for point, found in zip(points, before, strict=True):
        point.hooks = found
    raise
{RESTORE}""",
        "Is the error caught? `finally` passes it on; `return` in `finally` does not.": [
            {"finally:": "except BaseException:\n    pass\nfinally:"},
            {"finally:": "except Exception:\n    pass\nfinally:"},
            {FOUND: f"{FOUND}\n    return"},
        ],
        "Are all hooks of a point removed, and not only those of the block?": {
            FOUND: "point.hooks = []"
        },
        "Does list.remove remove the enclosing block's hook? It takes the first equal entry.": f"""
{TRY}finally:
    for point, added in zip(points, lists, strict=True):
        for hook in added:
            point.hooks.remove(hook)
""",
        "Is list[-0:] deleted? That is the whole list.": {
            FOUND: "del point.hooks[-len(lists[points.index(point)]) :]"
        },
        "Is one hook removed per point, however many there are?": [
            {FOUND: "point.hooks.pop() if point.hooks else None"},
            {FOUND: "point.hooks.pop()"},
        ],
        "Are all hooks removed that are equal to one of the block?": {
            FOUND: "point.hooks = [h for h in point.hooks if h not in lists[points.index(point)]]"
        },
        "Are the new hooks put before those that are there already?": {
            ADDED: "[*added, *point.hooks]"
        },
        "Are the hooks attached in reverse order?": {ADDED: "[*point.hooks, *reversed(added)]"},
        "Is each hook attached twice?": {ADDED: "[*point.hooks, *added, *added]"},
        "Is a hook left out because it is attached already?": [
            {ADDED: "[*point.hooks, *(h for h in added if h not in point.hooks)]"},
            {ADDED: "list(dict.fromkeys([*point.hooks, *added]))"},
        ],
        "Does a block detach the hooks of the enclosing block?": {ADDED: "added"},
        "Does every point get the old hooks of the first one?": {FOUND: "point.hooks = before[0]"},
        "Does every point get the old hooks of the last one?": {
            "[point.hooks for point in points]": "[points[-1].hooks] * len(points)"
        },
        "Does every point get the hooks of all points?": {ADDED: "[*point.hooks, *sum(lists, [])]"},
        "Does a bare `yield` give None? Write `yield self`.": {"yield self": "yield"},
        "Is the yield inside the loop over the points? Attach all hooks, then yield once.": """
            for point, added in zip(points, lists, strict=True):
                before = point.hooks
                point.hooks = [*before, *added]
                try:
                    yield self
                finally:
                    point.hooks = before
            """,
        "Are the old hooks copied (deepcopy)? Copy the list, not what is in it.": {
            BEFORE: "from copy import deepcopy\nbefore = deepcopy([point.hooks for point in points])\n"
        },
        "Are the new hooks copied (deepcopy)? Copy the list, not what is in it.": {
            BEFORE: f"from copy import deepcopy\n{BEFORE}",
            ADDED: "[*point.hooks, *deepcopy(added)]",
        },
        "Are all points emptied on exit, also those that the block does not name?": {
            "finally:\n": "finally:\n    for point in self.hook_points().values():\n        point.hooks = []\n"
        },
        "Is the list of hooks appended as one entry? Add each of its hooks.": {
            ADDED: "[*point.hooks, added]"
        },
        "Does the block get the points? Write `yield self`.": {"yield self": "yield points"},
        "Are the hooks removed only after an error? Use `finally`.": {
            "finally:\n": "except BaseException:\n",
            FOUND: f"{FOUND}\n    raise",
        },
        "Is only the last point restored?": {
            "finally:\n    for point, found in zip(points, before, strict=True):\n        point.hooks = found": "finally:\n    point.hooks = before[-1]"
        },
        "Does each point get back the hooks of another one?": {
            "(points, before, strict=True)": "(points, reversed(before), strict=True)"
        },
        "Is only the first hook of each list attached?": {ADDED: "[*point.hooks, *added[:1]]"},
        "Are the observers removed as well?": {FOUND: f"{FOUND}\n        point.observers = []"},
        "Are the hooks attached to torch's own list? They belong in point.hooks.": """
            handles = [
                point.register_forward_hook(lambda module, given, out, hook=hook: hook(out, module))
                for point, added in zip(points, lists)
                for hook in added
            ]
            try:
                yield self
            finally:
                for handle in handles:
                    handle.remove()
            """,
        "Are the first hooks of a point removed? The old ones are first.": {
            FOUND: "point.hooks = point.hooks[len(lists[points.index(point)]) :]"
        },
        "Do the new hooks take the place of the old ones in the block?": {
            ADDED: "added or point.hooks"
        },
        "Does every point of the model get the hooks, also those that the block does not name?": """
            before = {point: point.hooks for point in self.hook_points().values()}
            try:
                for point in before:
                    for added in lists:
                        point.hooks = [*point.hooks, *added]
                yield self
            finally:
                for point, found in before.items():
                    point.hooks = found
            """,
        "Are gradients switched off in the block?": {
            "    yield self": "    with torch.no_grad():\n        yield self"
        },
        "Is the model put into evaluation mode?": {"yield self": "yield self.eval()"},
    },
)
RIGHT = right_answers(
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
