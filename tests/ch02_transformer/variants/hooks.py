"""Answers to 2.1, the hook point."""

from tests.grading.variants import Right, Wrong

POINT = "HookPoint.forward"

WRONG = [
    Wrong(
        "2.1",
        "hooks in reverse",
        {"in self.hooks:": "in reversed(self.hooks):"},
        says="Do the hooks run in reverse order?",
    ),
    Wrong(
        "2.1",
        "each hook sees what came in",
        {
            "for hook in self.hooks:": "first = x\n        for hook in self.hooks:",
            "copy = x.clone()": "copy = first.clone()",
        },
        says="Does each hook get the tensor that came in",
    ),
    Wrong(
        "2.1",
        "None goes on",
        {"copy if returned is None else returned": "returned"},
        says="Is None passed on as if it were a replacement?",
    ),
    Wrong(
        "2.1",
        "or",
        {"copy if returned is None else returned": "returned or copy"},
        says="is its truth asked for, as `or` does?",
    ),
    Wrong("2.1", "no copy", {"x.clone()": "x"}, says="Does the hook get x itself?"),
    Wrong(
        "2.1",
        "one copy for all",
        {
            "for hook in self.hooks:\n            copy = x.clone()": "x = x.clone()\n"
            "        for hook in self.hooks:\n            copy = x"
        },
        says="Do all hooks share one copy?",
    ),
    Wrong(
        "2.1",
        "only the first hook gets a copy",
        {"copy = x.clone()": "copy = x if hook is not self.hooks[0] else x.clone()"},
        says="Do all hooks share one copy?",
    ),
    Wrong(
        "2.1",
        "what a hook returned is not copied",
        {
            "for hook in self.hooks:": "ours = False\n        for hook in self.hooks:",
            "copy = x.clone()": "copy = x if ours else x.clone()",
            "x = replacement": "x, ours = replacement, returned is not None",
        },
        says="Is only x copied, and not what a hook returned?",
    ),
    Wrong(
        "2.1",
        "always a copy",
        {"for hook in self.hooks:": "x = x.clone()\n        for hook in self.hooks:"},
        says="Is x cloned although there is no hook?",
    ),
    Wrong(
        "2.1",
        "a copy for the observers",
        {
            "for observer in self.observers:": "x = x.clone() if self.observers else x\n"
            "        for observer in self.observers:"
        },
        says="no hook and 1 observers",
    ),
    Wrong(
        "2.1",
        "a copy without its graph",
        {"x.clone()": "x.detach().clone()"},
        says="Is the copy made without the graph",
    ),
    Wrong(
        "2.1",
        "an edited copy is thrown away",
        {"copy if returned is None": "x if returned is None"},
        says="Does x go on, instead of the copy that the hook has edited?",
    ),
    Wrong(
        "2.1",
        "nothing checked",
        {"            check_replacement(replacement, x, hook, self)\n": ""},
        says="Is check_replacement called after each hook?",
    ),
    Wrong(
        "2.1",
        "checked once at the end",
        body={
            POINT: """
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
            """
        },
        says="Is check_replacement called after each hook?",
    ),
    Wrong(
        "2.1",
        "the name instead of the point",
        {"returned = hook(copy, self)": "returned = hook(copy, self.name)"},
        says="must be the hook point itself",
    ),
    Wrong(
        "2.1",
        "hooks called by keyword",
        {"returned = hook(copy, self)": "returned = hook(copy, point=self)"},
        says="two positional arguments",
    ),
    Wrong(
        "2.1",
        "the first replacement ends it",
        {
            "x = replacement": "x = replacement\n"
            "            if returned is not None:\n                break"
        },
        says="Does only the first hook run",
    ),
    Wrong(
        "2.1",
        "observers first",
        body={
            POINT: """
            for observer in self.observers:
                observer(x, self)
            for hook in self.hooks:
                copy = x.clone()
                returned = hook(copy, self)
                replacement = copy if returned is None else returned
                check_replacement(replacement, x, hook, self)
                x = replacement
            return x
            """
        },
        says="are the observers called before the hooks?",
    ),
    Wrong(
        "2.1",
        "observers forgotten",
        {"        for observer in self.observers:\n            observer(x, self)\n": ""},
        says="must be called once each",
    ),
    Wrong(
        "2.1",
        "observers inside the loop",
        {
            "        for observer in self.observers:\n            observer(x, self)": "            "
            "for observer in self.observers:\n                observer(x, self)"
        },
        says="Are they called inside the loop over the hooks",
    ),
    Wrong(
        "2.1",
        "observers replace",
        {
            "            observer(x, self)": "            heard = observer(x, self)\n"
            "            x = x if heard is None else heard"
        },
        says="is it used as a replacement?",
    ),
    Wrong(
        "2.1",
        "observers get a copy",
        {"observer(x, self)": "observer(x.clone(), self)"},
        says="the very tensor that leaves the point",
    ),
]

RIGHT = [
    Right(
        "2.1",
        "written out",
        body={
            POINT: """
            for hook in list(self.hooks):
                mine = torch.empty_like(x).copy_(x)
                out = hook(mine, self)
                if out is None:
                    out = mine
                check_replacement(out, x, hook, self)
                x = out
            [observer(x, self) for observer in self.observers]
            return x
            """
        },
    ),
    Right("2.1", "copied by adding nothing", {"x.clone()": "x + 0"}),
    Right(
        "2.1",
        "None is never checked",
        body={
            POINT: """
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
            """
        },
    ),
]
