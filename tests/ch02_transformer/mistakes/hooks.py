"""Mistakes in the hook point (2.1), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOKS, OBSERVERS = (
    "for hook in self.hooks:",
    "for observer in self.observers:\n    observer(x, self)",
)
CHOSEN, CHECK = (
    "copy if returned is None else returned",
    "check_replacement(replacement, x, hook, self)",
)

HOOK_POINT = mistakes(
    "2.1",
    "HookPoint.forward",
    {
        "Do the hooks run in reverse order?": {"in self.hooks:": "in reversed(self.hooks):"},
        "Does each hook get the original tensor, instead of what the hook before it returned?": {
            HOOKS: f"first = x\n{HOOKS}",
            "copy = x.clone()": "copy = first.clone()",
        },
        "Is the return value tested for truth, as `or` does? A zero is false: compare with None.": {
            CHOSEN: "returned or copy"
        },
        "Does the hook get x itself? It must get a copy (clone).": {"x.clone()": "x"},
        "Do all hooks share one copy? Each must get its own.": [
            {f"{HOOKS}\n    copy = x.clone()": f"x = x.clone()\n{HOOKS}\n    copy = x"},
            {"copy = x.clone()": "copy = x if hook is not self.hooks[0] else x.clone()"},
        ],
        "Is only x copied, and not what a hook returned?": {
            HOOKS: f"ours = False\n{HOOKS}",
            "copy = x.clone()": "copy = x if ours else x.clone()",
            "x = replacement": "x, ours = replacement, returned is not None",
        },
        "Is x returned, instead of the copy that the hook has edited?": {
            "copy if returned is None": "x if returned is None"
        },
        "Does only the first hook run, or only the first return value count?": {
            "x = replacement": "x = replacement\n    if returned is not None:\n        break"
        },
        "Are the observers called before the hooks?": {
            HOOKS: f"{OBSERVERS}\n{HOOKS}",
            f"x = replacement\n{OBSERVERS}": "x = replacement",
        },
        "Is what an observer returns used as a replacement?": {
            "observer(x, self)": "new = observer(x, self)\n    x = x if new is None else new"
        },
        "Is None passed on as if it were a replacement?": {CHOSEN: "returned"},
        "Is x cloned although there is no hook?": {HOOKS: f"x = x.clone()\n{HOOKS}"},
        "Is x cloned for the observers? They must get the tensor that is returned.": [
            {OBSERVERS: f"x = x.clone() if self.observers else x\n{OBSERVERS}"},
            {"observer(x, self)": "observer(x.clone(), self)"},
            {"return x": "return x.clone() if self.hooks else x"},
        ],
        "Is the copy made without the graph (detach)? clone keeps the graph.": {
            "x.clone()": "x.detach().clone()"
        },
        "Are the observers never called?": {OBSERVERS: ""},
        "Are the observers called inside the loop over the hooks?": {
            OBSERVERS: "    for observer in self.observers:\n        observer(x, self)"
        },
        "Is `return` inside the loop over the observers?": {
            "observer(x, self)": "observer(x, self)\n    return x"
        },
        "Is hook(...) called twice? Give what it returns a name.": {
            "returned = hook(copy, self)": "hook(copy, self)\n    returned = hook(copy, self)"
        },
        "Does a pass use up the hooks (pop)?": {
            "in self.hooks:": "in [self.hooks.pop(0) for _ in list(self.hooks)]:"
        },
        "Does a pass use up the observers (pop)?": {
            "in self.observers:": "in [self.observers.pop(0) for _ in list(self.observers)]:"
        },
        "Is a return value that is not a tensor ignored? It must fail in check_replacement.": {
            CHOSEN: "returned if torch.is_tensor(returned) else copy"
        },
    },
    unnamed={
        "Is check_replacement called after each hook?": [
            {f"    {CHECK}\n": ""},
            {CHECK: "check_replacement(x, replacement, hook, self)"},
            {CHECK: "check_replacement(replacement, replacement, hook, self)"},
            {
                HOOKS: f"old, hook = x, None\n{HOOKS}",
                f"    {CHECK}\n": "",
                OBSERVERS: f"if hook:\n    check_replacement(x, old, hook, self)\n{OBSERVERS}",
            },
        ],
        "Expected the hook point as second argument": {"hook(copy, self)": "hook(copy, self.name)"},
        "two positional arguments": {"hook(copy, self)": "hook(copy, point=self)"},
    },
)
RIGHT = right_answers(
    "2.1",
    "HookPoint.forward",
    {
        "written out": """
            for hook in list(self.hooks):
                mine = torch.empty_like(x).copy_(x)
                out = hook(mine, self)
                if out is None:
                    out = mine
                check_replacement(out, x, hook, self)
                x = out
            [observer(x, self) for observer in self.observers]
            return x
            """,
        "copied by adding nothing": {"x.clone()": "x + 0"},
        "None is never checked": {
            "replacement = copy if returned is None else returned": "replacement = copy",
            CHECK: f"if returned is not None:\n        replacement = returned\n        {CHECK}",
        },
        "by reduce": """
            from functools import reduce

            def step(old, hook):
                mine = old.clone()
                new = hook(mine, self)
                new = mine if new is None else new
                check_replacement(new=new, old=old, hook=hook, point=self)
                return new

            x = reduce(step, self.hooks, x)
            for number in range(len(self.observers)):
                self.observers[number](x, self)
            return x
            """,
    },
)
