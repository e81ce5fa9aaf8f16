"""Mistakes in 0.9, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

DRAW = "torch.randint(len(labels), (int(types.max()) + 1,), generator=generator)"
KINDS = "kinds, place = types.unique(return_inverse=True)\n"
OWN = KINDS + "own = torch.zeros_like(kinds)\nown[place] = labels\n"
CONTROL = mistakes(
    "0.9",
    "control_labels",
    {
        "Is a label drawn for each EXAMPLE? Each TYPE has one label.": (
            "return labels[torch.randint(len(labels), labels.shape, generator=generator)]"
        ),
        "Are the labels shuffled over the EXAMPLES? Each TYPE has one label.": (
            "return labels[torch.randperm(len(labels), generator=generator)]"
        ),
        "Are these the task's own labels?": "return labels.clone()",
        "Is the label drawn evenly among the labels? Use the frequencies of the task's labels.": (
            f"found = labels.unique()\nreturn found[{DRAW} % len(found)][types]"
        ).replace("len(labels)", "len(found)"),
        "Is the label drawn evenly among 0..max? Use the frequencies of the task's labels.": (
            f"return ({DRAW})[types]".replace("len(labels)", "int(labels.max()) + 1")
        ),
        "Is there a softmax of the frequencies? They are probabilities already.": (
            "share = torch.bincount(labels) / len(labels)\n"
            "drawn = torch.multinomial(share.softmax(0), int(types.max()) + 1, True, "
            "generator=generator)\nreturn drawn[types]"
        ),
        "Are the types' own labels shuffled? Frequencies are counted over the examples.": (
            OWN + "return own[torch.randperm(len(own), generator=generator)][place]"
        ),
        "Are frequencies counted over the types? Count them over the examples.": (
            OWN + "return own[torch.randint(len(own), kinds.shape, generator=generator)][place]"
        ),
        "Is a label of the first examples taken? Draw from all examples.": (
            KINDS + "picked = torch.randint(len(kinds), kinds.shape, generator=generator)\n"
            "return labels[picked][place]"
        ),
        "Does each type keep its own label? It is drawn from all examples.": (
            OWN + "return own[place]"
        ),
        "Do all types get the same label? Draw one for each type.": [
            "one = torch.randint(len(labels), (1,), generator=generator)\n"
            "return labels[one].expand(len(labels)).clone()",
            "return labels.mode().values.expand(len(labels)).clone()",
        ],
        "Is the label a fixed function of the type? Draw it with the generator.": (
            "found = labels.unique()\nreturn found[types % len(found)]"
        ),
        "Are labels drawn without replacement? Each type's label is drawn from all examples.": [
            "order = torch.randperm(len(labels), generator=generator)\n"
            "return labels[order[: int(types.max()) + 1]][types]",
            KINDS + "order = torch.randperm(len(labels), generator=generator)\n"
            "return labels[order[: len(kinds)]][place]",
        ],
        "Is the generator seeded inside?": f"generator.manual_seed(0)\nreturn labels[{DRAW}][types]",
    },
    unnamed={
        "global random state": f"return labels[{DRAW}][types]".replace(", generator=generator", ""),
        "wrong shape or type": (
            KINDS + "return labels[torch.randint(len(labels), kinds.shape, generator=generator)]"
        ),
        "`labels` is edited in place": (
            f"picked = labels[{DRAW}][types]\nlabels.copy_(picked)\nreturn labels"
        ),
    },
)
RIGHT = right_answers(
    "0.9",
    "control_labels",
    {
        "by frequency": (
            KINDS + "found, count = labels.unique(return_counts=True)\n"
            "drawn = torch.multinomial(count.double(), len(kinds), True, generator=generator)\n"
            "return found[drawn][place]"
        ),
        "a dictionary": """
            chosen = {}
            for kind in types.tolist():
                if kind not in chosen:
                    at = torch.randint(len(labels), (), generator=generator)
                    chosen[kind] = labels[at]
            return torch.stack([chosen[kind] for kind in types.tolist()])
        """,
    },
)
