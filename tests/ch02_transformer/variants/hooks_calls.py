"""Answers to 2.1 that call hooks and observers too often or once and for all, or check wrongly."""

from tests.grading.variants import Right, Wrong

CALL = "returned = hook(copy, self)"
CHOICE = "replacement = copy if returned is None else returned"
CHECK = "check_replacement(replacement, x, hook, self)"

WRONG = [
    Wrong(
        "2.1",
        "called once to compare and once for its value",
        {
            CALL: "",
            CHOICE: "replacement = hook(copy, self) if hook(copy, self) is not None else copy",
        },
        says="Is hook(...) written twice?",
    ),
    Wrong(
        "2.1",
        "hooks used up",
        {"in self.hooks:": "in [self.hooks.pop(0) for _ in list(self.hooks)]:"},
        says="Does a pass use them up (pop)?",
    ),
    Wrong(
        "2.1",
        "observers used up",
        {"in self.observers:": "in [self.observers.pop(0) for _ in list(self.observers)]:"},
        says="Does a pass use them up (pop)?",
    ),
    Wrong(
        "2.1",
        "old and new exchanged",
        {CHECK: "check_replacement(x, replacement, hook, self)"},
        says="Its arguments are new, old, hook, self",
    ),
    Wrong(
        "2.1",
        "checked against itself",
        {CHECK: "check_replacement(replacement, replacement, hook, self)"},
        says="Is check_replacement called after each hook?",
    ),
    Wrong(
        "2.1",
        "only tensors count",
        {CHOICE: "replacement = returned if torch.is_tensor(returned) else copy"},
        says="The hook 'a_number' returned no tensor",
    ),
    Wrong(
        "2.1",
        "the first observer ends it",
        {"observer(x, self)": "observer(x, self)\n            return x"},
        says="there were 1 calls",
    ),
    Wrong(
        "2.1",
        "a copy goes out",
        {"        return x": "        return x.clone() if self.hooks else x"},
        says="the very tensor that leaves the point",
    ),
]

RIGHT = [
    Right(
        "2.1",
        "by reduce",
        body={
            "HookPoint.forward": """
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
            """
        },
    ),
]
