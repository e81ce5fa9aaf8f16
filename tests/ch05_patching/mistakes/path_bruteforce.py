"""Mistakes in path patching by brute force (5.13), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

ONLY = 'if run != "sender_patched":\n    return run\n'
SENDER = 'return "corrupted" if (layer, head) == self.sender else "clean"'
MLP = 'return "clean" if run == "sender_patched" and not self.through_mlps else run'
RECEIVES = 'receives = run == "receivers_patched" and reader in self.receivers'
INPUT = 'return "sender_patched" if receives else run'

HEADS = mistakes(
    "5.13",
    "ComputationTree.run_of_head",
    {
        "Do other heads stay in the run? Between sender and receivers they are clean.": {
            SENDER: SENDER.replace('"clean"', "run")
        },
        "Is every head corrupted? Only the sender is.": {SENDER: 'return "corrupted"'},
        "Is the sender clean? It is corrupted.": {SENDER: 'return "clean"'},
        "Is the sender's whole layer corrupted? Compare layer and head.": {
            "(layer, head) == self.sender": "layer == self.sender[0]"
        },
        "Is the head with this index corrupted in every layer? Compare layer and head.": {
            "(layer, head) == self.sender": "head == self.sender[1]"
        },
        "Are layer and head exchanged?": {"(layer, head) ==": "(head, layer) =="},
        "Is the sender clean and every other head corrupted?": {
            SENDER: 'return "clean" if (layer, head) == self.sender else "corrupted"'
        },
        "Are heads of lower layers than the sender's corrupted? Only the sender is.": {
            "(layer, head) == self.sender": "(layer, head) <= self.sender"
        },
        "Is the sender clean and do other heads stay in the run?": {
            SENDER: 'return "clean" if (layer, head) == self.sender else run'
        },
        "Is the sender in 'sender_patched' itself? Its output is that of the corrupted run.": {
            SENDER: 'return run if (layer, head) == self.sender else "clean"'
        },
        "Do all heads stay in the run? In 'sender_patched' they do not.": {SENDER: "return run"},
        "Are the sender's outputs corrupted in 'receivers_patched' instead of 'sender_patched'?": {
            ONLY.splitlines()[0]: 'if run != "receivers_patched":'
        },
        "Are heads in 'sender_patched' read from 'receivers_patched'?": {
            SENDER: SENDER.replace('"clean"', '"receivers_patched"')
        },
        "Are all heads clean, whatever the run?": {ONLY: "", SENDER: 'return "clean"'},
        "Do heads above the sender stay in the run? All heads but the sender are clean.": {
            SENDER: "if layer > self.sender[0]:\n    return run\n" + SENDER
        },
        "Is the sender corrupted in every run? Only in 'sender_patched'.": {
            'if run != "sender_patched":': (
                'if run != "sender_patched" and (layer, head) != self.sender:'
            )
        },
        "Are heads frozen in 'receivers_patched' as well? Only in 'sender_patched'.": {
            ONLY.splitlines()[0]: 'if run not in ("sender_patched", "receivers_patched"):'
        },
        "Are heads clean in every run but the corrupted one? Only in 'sender_patched'.": {
            ONLY.splitlines()[0]: 'if run == "corrupted":'
        },
    },
)
MLPS = mistakes(
    "5.13",
    "ComputationTree.run_of_mlp",
    {
        "Are MLPs clean exactly when paths may go through them?": {
            "not self.through_mlps": "self.through_mlps"
        },
        "Are MLPs always clean in 'sender_patched'? Not if paths may go through them.": {
            MLP: 'return "clean" if run == "sender_patched" else run'
        },
        "Do MLPs always stay in the run? They are clean if paths may not go through them.": {
            MLP: "return run"
        },
        "Are MLPs clean in 'receivers_patched'? Only in 'sender_patched'.": {
            MLP: 'return run if self.through_mlps or run == "corrupted" else "clean"'
        },
        "Are MLPs corrupted if paths may go through them? They stay in 'sender_patched'.": {
            MLP: 'if run != "sender_patched":\n    return run\n'
            'return "corrupted" if self.through_mlps else "clean"'
        },
        "Are MLPs in 'receivers_patched' read from 'sender_patched'?": {
            MLP: 'if run == "receivers_patched" and self.through_mlps:\n'
            '    return "sender_patched"\n' + MLP
        },
        "Are MLPs corrupted in 'sender_patched'? They follow from what they read.": {
            MLP: 'return "corrupted" if run == "sender_patched" else run'
        },
        "Are MLPs always clean? They are in 'sender_patched' alone.": {MLP: 'return "clean"'},
        "Are MLPs clean in 'corrupted' too? Only in 'sender_patched'.": {
            MLP: 'return run if self.through_mlps or run == "receivers_patched" else "clean"'
        },
        "Are MLPs clean in every run? Only in 'sender_patched'.": {
            MLP: 'return run if self.through_mlps else "clean"'
        },
        "Are MLPs corrupted where they are clean?": {MLP: MLP.replace('"clean"', '"corrupted"')},
    },
)
INPUTS = mistakes(
    "5.13",
    "ComputationTree.run_of_input",
    {
        "Do receivers read the run they are in? In 'receivers_patched' they read C.": {
            INPUT: "return run"
        },
        "Do receivers read the corrupted run? They read 'sender_patched'.": {
            INPUT: INPUT.replace('"sender_patched"', '"corrupted"')
        },
        "Does every component receive? Only the receivers do.": {
            RECEIVES: 'receives = run == "receivers_patched"'
        },
        "Do receivers receive in every run? Only in 'receivers_patched'.": {
            RECEIVES: "receives = reader in self.receivers"
        },
        "Do receivers read the clean run? They read 'sender_patched'.": {
            INPUT: INPUT.replace('"sender_patched"', '"clean"')
        },
        "Is the corrupted run read in 'sender_patched'? Read the run itself.": {
            INPUT: 'return "corrupted" if run == "sender_patched" else ("sender_patched" '
            "if receives else run)"
        },
        "Is the clean run read in 'sender_patched'? Read the run itself.": {
            INPUT: 'return "clean" if run == "sender_patched" else ("sender_patched" '
            "if receives else run)"
        },
        "Are only layer and side compared? Compare layer, index and side.": {
            "reader in self.receivers": "reader[::2] in {r[::2] for r in self.receivers}"
        },
        "Does every component but the receivers receive?": {
            "reader in self.receivers": "reader not in self.receivers"
        },
        "Is only the side compared? Compare layer, index and side.": {
            "reader in self.receivers": "reader[2] in {r[2] for r in self.receivers}"
        },
        "Do all components of a receiver's layer receive? Compare layer, index and side.": {
            "reader in self.receivers": "reader[0] in {r[0] for r in self.receivers}"
        },
        "Do components that do not receive read the clean run in 'receivers_patched'?": {
            INPUT: 'if receives:\n    return "sender_patched"\n'
            'return "clean" if run == "receivers_patched" else run'
        },
        "Do all inputs of a receiving head receive? Compare layer, index and side.": {
            "reader in self.receivers": (
                "reader[:2] in {receiver[:2] for receiver in self.receivers}"
            )
        },
        "Do all others read the clean run? A receiver may come before them.": {
            INPUT: INPUT.replace("else run", 'else "clean"')
        },
    },
)
RIGHT = right_answers(
    "5.13",
    "ComputationTree.run_of_head",
    {
        "by cases": {
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
        "in one expression": {
            SENDER: 'return ("clean", "corrupted")[self.sender == (layer, head)]',
            MLP: 'return run if run != "sender_patched" or self.through_mlps else "clean"',
        },
    },
)
