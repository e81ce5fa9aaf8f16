"""Answers to 5.13."""

from tests.grading.variants import Right, Wrong

SENDER = 'return "corrupted" if (layer, head) == self.sender else "clean"'
MLP = 'return "clean" if request == "asked" and not self.through_mlps else request'
BY = 'return "asked" if request == "onward" and reader in self.receivers else request'


def slip(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in what is asked."""
    return Wrong("5.13", name, {old: new}, says=says)


WRONG = [
    slip(
        "other heads not held",
        SENDER,
        SENDER.replace('"clean"', "request"),
        "then paths through other heads count, but other heads are held",
    ),
    slip(
        "corrupted held instead of clean",
        SENDER,
        'return "corrupted"',
        "It is corrupted too",
    ),
    slip("sender clean", SENDER, 'return "clean"', "this is its message"),
    slip("whole layer", "(layer, head) == self.sender", "layer == self.sender[0]", "corrupted too"),
    slip("any layer", "(layer, head) == self.sender", "head == self.sender[1]", "layer AND head"),
    slip("exchanged", "(layer, head) ==", "(head, layer) ==", "this is its message"),
    slip(
        "clean and corrupted exchanged",
        SENDER,
        'return "clean" if (layer, head) == self.sender else "corrupted"',
        "this is its message",
    ),
    slip(
        "sender corrupted always",
        'if request != "asked":',
        'if request != "asked" and (layer, head) != self.sender:',
        "Only 'asked' is special",
    ),
    slip(
        "held always",
        'if request != "asked":\n            return request',
        'if request == "corrupted":\n            return request',
        "Only 'asked' is special",
    ),
    slip("mlps the reverse", "not self.through_mlps", "self.through_mlps", "the other way round"),
    slip(
        "frozen though recomputed",
        MLP,
        'return "clean" if request == "asked" else request',
        "MLPs are recomputed: frozen ones are clean",
    ),
    slip("recomputed though frozen", MLP, "return request", "MLPs are frozen: frozen ones are"),
    slip(
        "frozen onward",
        MLP,
        'return request if self.through_mlps or request == "corrupted" else "clean"',
        "which matters between sender and receivers alone",
    ),
    slip(
        "frozen in the corrupted run",
        MLP,
        "return request if self.through_mlps else 'clean'",
        "which matters between sender and receivers alone",
    ),
    slip("mlps corrupted", MLP, MLP.replace('"clean"', '"corrupted"'), "frozen ones are clean"),
    slip("never asked", BY, "return request", "is a receiver: asked 'onward' it asks everything"),
    slip(
        "corrupted input",
        BY,
        BY.replace('"asked"', '"corrupted"'),
        "it asks everything before it what it would hear from the sender",
    ),
    slip(
        "all receive",
        BY,
        'return "asked" if request == "onward" else request',
        "is no receiver",
    ),
    slip(
        "always asks",
        BY,
        'return "asked" if reader in self.receivers else request',
        "Receivers matter to an 'onward' question alone",
    ),
    slip(
        "any side",
        "reader in self.receivers",
        "reader[:2] in {receiver[:2] for receiver in self.receivers}",
        "Layer, number and side",
    ),
    slip(
        "clean otherwise",
        BY,
        'return "asked" if request == "onward" and reader in self.receivers else "clean"',
        "since a receiver may stand before it",
    ),
]

RIGHT = [
    Right(
        "5.13",
        "by cases",
        body={
            "Tree.asked_of_head": """
            match request:
                case "asked" if [layer, head] == list(self.sender):
                    return "corrupted"
                case "asked":
                    return "clean"
            return request
            """,
            "Tree.asked_of_mlp": """
            if self.through_mlps:
                return request
            return {"asked": "clean"}.get(request, request)
            """,
            "Tree.asked_by": """
            if request == "onward":
                for receiver in self.receivers:
                    if receiver == reader:
                        return "asked"
            return request
            """,
        },
    ),
    Right(
        "5.13",
        "in one expression",
        {
            SENDER: 'return ("clean", "corrupted")[self.sender == (layer, head)]',
            MLP: 'return request if request != "asked" or self.through_mlps else "clean"',
        },
    ),
]
