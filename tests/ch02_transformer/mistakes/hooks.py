"""Mistakes in the exercises of hooks, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOKPOINT_FORWARD = mistakes(
    "2.1",
    "HookPoint.forward",
    {
        "Do the hooks run in reverse order?": {"in self.hooks:": "in reversed(self.hooks):"},
        "Does each hook get the tensor that came in, instead of what the hook before it returned?": {
            "for hook in self.hooks:": "first = x\nfor hook in self.hooks:",
            "copy = x.clone()": "copy = first.clone()",
        },
        "That is what came in: is the return value compared with None, or is its truth asked for, as `or` does? A zero is false.": {
            "copy if returned is None else returned": "returned or copy"
        },
        "Does the hook get x itself? It must get a copy (clone).": {"x.clone()": "x"},
        "Do all hooks share one copy? Each must get its own.": [
            {
                "for hook in self.hooks:\n    copy = x.clone()": "x = x.clone()\nfor hook in self.hooks:\n    copy = x"
            },
            {"copy = x.clone()": "copy = x if hook is not self.hooks[0] else x.clone()"},
        ],
        "Is only x copied, and not what a hook returned?": {
            "for hook in self.hooks:": "ours = False\nfor hook in self.hooks:",
            "copy = x.clone()": "copy = x if ours else x.clone()",
            "x = replacement": "x, ours = replacement, returned is not None",
        },
        "Does x go on, instead of the copy that the hook has edited?": {
            "copy if returned is None": "x if returned is None"
        },
        "Does only the first hook run, or only the first return value count?": {
            "x = replacement": "x = replacement\n    if returned is not None:\n        break"
        },
        "That is what came in: are the observers called before the hooks?": {
            "for hook in self.hooks:": "for observer in self.observers:\n    observer(x, self)\nfor hook in self.hooks:",
            "x = replacement\nfor observer in self.observers:\n    observer(x, self)": "x = replacement",
        },
        "That is what an observer returned: is it used as a replacement?": {
            "            observer(x, self)": "            heard = observer(x, self)\n    x = x if heard is None else heard"
        },
    },
    unnamed={
        "Is None passed on as if it were a replacement?": {
            "copy if returned is None else returned": "returned"
        },
        "Is x cloned although there is no hook?": {
            "for hook in self.hooks:": "x = x.clone()\nfor hook in self.hooks:"
        },
        "no hook and 1 observers": {
            "for observer in self.observers:": "x = x.clone() if self.observers else x\nfor observer in self.observers:"
        },
        "Is the copy made without the graph": {"x.clone()": "x.detach().clone()"},
        "Is check_replacement called after each hook?": [
            {"            check_replacement(replacement, x, hook, self)\n": ""},
            """
            old, hook = x, None
            for hook in self.hooks:
                copy = x.clone()
                returned = hook(copy, self)
                x = copy if returned is None else returned
            if hook:
                check_replacement(x, old, hook, self)
            for observer in self.observers:
                observer(x, self)
            return x
            """,
        ],
        "must be the hook point itself": {
            "returned = hook(copy, self)": "returned = hook(copy, self.name)"
        },
        "two positional arguments": {
            "returned = hook(copy, self)": "returned = hook(copy, point=self)"
        },
        "must be called once each": {
            "        for observer in self.observers:\n    observer(x, self)\n": ""
        },
        "Are they called inside the loop over the hooks": {
            "        for observer in self.observers:\n    observer(x, self)": "            for observer in self.observers:\n        observer(x, self)"
        },
        "the very tensor that leaves the point": {"observer(x, self)": "observer(x.clone(), self)"},
    },
)
RIGHT_2_1 = right_answers(
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
        "None is never checked": """
            for hook in self.hooks:
                new = x.clone()
                out = hook(new, self)
                if out is not None:
                    check_replacement(out, x, hook, self)
                    new = out
                x = new
            for observer in self.observers:
                observer(x, self)
            return x
            """,
    },
)
