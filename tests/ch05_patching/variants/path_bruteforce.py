"""Answers to 5.13."""

from tests.grading.variants import Right, Wrong

SENDER = 'return "corrupted" if (layer, head) == self.sender else "clean"'
MLP = 'return "clean" if run == "sender_patched" and not self.through_mlps else run'
RECEIVES = 'receives = run == "receivers_patched" and reader in self.receivers'
BY = 'return "sender_patched" if receives else run'


def slip(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in what is asked."""
    return Wrong("5.13", name, {old: new}, says=says)


WRONG = [
    slip(
        "other heads not held",
        SENDER,
        SENDER.replace('"clean"', "run"),
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
        'if run != "sender_patched":',
        'if run != "sender_patched" and (layer, head) != self.sender:',
        "Only 'sender_patched' is special",
    ),
    slip(
        "held always",
        'if run != "sender_patched":\n            return run',
        'if run == "corrupted":\n            return run',
        "Only 'sender_patched' is special",
    ),
    slip("mlps the reverse", "not self.through_mlps", "self.through_mlps", "the other way round"),
    slip(
        "frozen though recomputed",
        MLP,
        'return "clean" if run == "sender_patched" else run',
        "MLPs are recomputed: frozen ones are clean",
    ),
    slip("recomputed though frozen", MLP, "return run", "MLPs are frozen: frozen ones are"),
    slip(
        "frozen onward",
        MLP,
        'return run if self.through_mlps or run == "corrupted" else "clean"',
        "which matters between sender and receivers alone",
    ),
    slip(
        "frozen in the corrupted run",
        MLP,
        "return run if self.through_mlps else 'clean'",
        "which matters between sender and receivers alone",
    ),
    slip("mlps corrupted", MLP, MLP.replace('"clean"', '"corrupted"'), "frozen ones are clean"),
    slip(
        "never asked",
        BY,
        "return run",
        "is a receiver: asked 'receivers_patched' it asks everything",
    ),
    slip(
        "corrupted input",
        BY,
        BY.replace('"sender_patched"', '"corrupted"'),
        "it asks everything before it what it would hear from the sender",
    ),
    slip(
        "all receive",
        BY,
        'return "sender_patched" if run == "receivers_patched" else run',
        "is no receiver",
    ),
    slip(
        "always asks",
        RECEIVES,
        "receives = reader in self.receivers",
        "Receivers matter to an 'receivers_patched' question alone",
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
        BY.replace("else run", 'else "clean"'),
        "since a receiver may stand before it",
    ),
]

RIGHT = [
    Right(
        "5.13",
        "by cases",
        body={
            "ComputationTree.run_of_head": """
            match run:
                case "sender_patched" if [layer, head] == list(self.sender):
                    return "corrupted"
                case "sender_patched":
                    return "clean"
            return run
            """,
            "ComputationTree.run_of_mlp": """
            if self.through_mlps:
                return run
            return {"sender_patched": "clean"}.get(run, run)
            """,
            "ComputationTree.run_of_input": """
            if run == "receivers_patched":
                for receiver in self.receivers:
                    if receiver == reader:
                        return "sender_patched"
            return run
            """,
        },
    ),
    Right(
        "5.13",
        "in one expression",
        {
            SENDER: 'return ("clean", "corrupted")[self.sender == (layer, head)]',
            MLP: 'return run if run != "sender_patched" or self.through_mlps else "clean"',
        },
    ),
]
