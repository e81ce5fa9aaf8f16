"""Mistakes in the exercises of hooks_calls, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOKPOINT_FORWARD = mistakes(
    "2.1",
    "HookPoint.forward",
    unnamed={
        "Is hook(...) written twice?": {
            "returned = hook(copy, self)": "",
            "replacement = copy if returned is None else returned": "replacement = hook(copy, self) if hook(copy, self) is not None else copy",
        },
        "Does a pass use them up (pop)?": [
            {"in self.hooks:": "in [self.hooks.pop(0) for _ in list(self.hooks)]:"},
            {"in self.observers:": "in [self.observers.pop(0) for _ in list(self.observers)]:"},
        ],
        "Its arguments are new, old, hook, self": {
            "check_replacement(replacement, x, hook, self)": "check_replacement(x, replacement, hook, self)"
        },
        "Is check_replacement called after each hook?": {
            "check_replacement(replacement, x, hook, self)": "check_replacement(replacement, replacement, hook, self)"
        },
        "The hook 'a_number' returned no tensor": {
            "replacement = copy if returned is None else returned": "replacement = returned if torch.is_tensor(returned) else copy"
        },
        "there were 1 calls": {"observer(x, self)": "observer(x, self)\n    return x"},
        "the very tensor that leaves the point": {
            "        return x": "        return x.clone() if self.hooks else x"
        },
    },
)
RIGHT_2_1 = right_answers(
    "2.1",
    "HookPoint.forward",
    {
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
