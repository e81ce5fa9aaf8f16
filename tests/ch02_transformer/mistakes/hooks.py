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
        "Does the hook get x itself, or a view of it? It must get a copy (clone).": {
            "x.clone()": "x"
        },
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
        "Do the observers get another tensor (clone, detach)? They must get what is returned.": [
            {OBSERVERS: f"x = x.clone() if self.observers else x\n{OBSERVERS}"},
            {"observer(x, self)": "observer(x.clone(), self)"},
            {"return x": "return x.clone() if self.hooks else x"},
        ],
        "Do the hooks run without the graph (detach, no_grad)? clone keeps the graph.": {
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
        "Do all hooks get the same copy of the first x? Copy inside the loop.": {
            f"{HOOKS}\n    copy = x.clone()": f"copy = x.clone()\n{HOOKS}"
        },
        "Do the observers get the x from before the hooks?": {
            HOOKS: f"first = x\n{HOOKS}",
            "observer(x, self)": "observer(first, self)",
        },
        "Is check_replacement left out?": {f"    {CHECK}\n": ""},
        "Are the arguments of check_replacement exchanged? The new tensor is first.": {
            CHECK: "check_replacement(x, replacement, hook, self)"
        },
        "Is the hook called without its point? Call hook(copy, self).": {
            "hook(copy, self)": "hook(copy)"
        },
        "Is the point given by keyword? Hooks may call it otherwise: hook(copy, self).": {
            "hook(copy, self)": "hook(copy, point=self)"
        },
        "Are the hook's arguments exchanged? The tensor is first.": {
            "hook(copy, self)": "hook(self, copy)"
        },
        "Does the hook get the name of the point? It must get the point, self.": {
            "hook(copy, self)": "hook(copy, self.name)"
        },
        "Does only the first hook run (break)?": {"x = replacement": "x = replacement\n    break"},
        "Is `return` inside the loop over the hooks?": {
            "x = replacement": "x = replacement\n    return x"
        },
        "Does x become what an observer returns, or None?": {
            "    observer(x, self)": "    x = observer(x, self)"
        },
        "Are the observers left out where there are no hooks?": {
            HOOKS: f"if not self.hooks:\n    return x\n{HOOKS}"
        },
        "Are the hooks left out where there are no observers?": {
            HOOKS: f"if not self.hooks or not self.observers:\n    return x\n{HOOKS}"
        },
        "Are the observers left out where there are hooks?": {
            OBSERVERS: "for observer in self.observers if not self.hooks else []:\n    observer(x, self)"
        },
        "Does the hook get x, and the copy stay unused? The hook must edit the copy.": {
            "hook(copy, self)": "hook(x, self)"
        },
        "Is x never set to the replacement?": {"    x = replacement\n": ""},
        "Are observers run as hooks? They get x itself, and what they return is ignored.": {
            HOOKS: "for hook in [*self.hooks, *self.observers]:",
            OBSERVERS: "",
        },
        "Is the replacement added to x? It takes the place of x.": {
            "x = replacement": "x = x + replacement"
        },
        "Is the replacement copied into x? That changes the caller's tensor.": {
            "x = replacement": "x.copy_(replacement)"
        },
        "Are the observers called twice, before and after the hooks?": {
            HOOKS: f"{OBSERVERS}\n{HOOKS}"
        },
        "Is x cloned on return?": {"return x": "return x.clone()"},
        "Does the hook get x itself without its graph (detach)? It must get a copy (clone).": {
            "x.clone()": "x.detach()"
        },
        "Is a hook that is attached twice run once (set)?": {
            "in self.hooks:": "in dict.fromkeys(self.hooks):"
        },
        "Do the observers get the name of the point? They must get the point, self.": {
            "observer(x, self)": "observer(x, self.name)"
        },
        "Are the observers called without the point? Call observer(x, self).": {
            "observer(x, self)": "observer(x)"
        },
        "Does only the last hook run?": {"in self.hooks:": "in self.hooks[-1:]:"},
        "Is the x from before the hooks returned?": {
            HOOKS: f"first = x\n{HOOKS}",
            "return x": "return first",
        },
    },
    unnamed={
        "Is check_replacement called after each hook?": [
            {CHECK: "check_replacement(replacement, replacement, hook, self)"},
            {
                HOOKS: f"old, hook = x, None\n{HOOKS}",
                f"    {CHECK}\n": "",
                OBSERVERS: f"if hook:\n    check_replacement(x, old, hook, self)\n{OBSERVERS}",
            },
        ],
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
