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
        "Are the labels of the first examples shuffled over the types? Draw from all examples.": (
            "order = torch.randperm(int(types.max()) + 1, generator=generator)\n"
            "return labels[order[types]]"
        ),
        "Does each type keep its own label? It is drawn from all examples.": [
            OWN + "return own[place]",
            KINDS + "return torch.stack([labels[place == k][0] for k in range(len(kinds))])[place]",
            KINDS + "own = [labels[place == k].mode().values for k in range(len(kinds))]\n"
            "return torch.stack(own)[place]",
        ],
        "Is the label drawn among the type's own examples? Draw it from all examples.": (
            "out = labels.clone()\nfor kind in types.unique():\n    own = labels[types == kind]\n"
            "    at = torch.randint(len(own), (), generator=generator)\n"
            "    out[types == kind] = own[at]\nreturn out"
        ),
        "Do all types get the same label? Draw one for each type.": [
            "one = torch.randint(len(labels), (1,), generator=generator)\n"
            "return labels[one].expand(len(labels)).clone()",
            "return labels.mode().values.expand(len(labels)).clone()",
        ],
        "Is the label a fixed function of the type? Draw it with the generator.": (
            "found = labels.unique()\nreturn found[types % len(found)]"
        ),
        "Are these indices of examples? Look up their labels.": [
            f"return {DRAW}[types]",
            f"return {DRAW}[types] % 2",
        ],
        "Is the type used as the index of an example? Draw an example for each type.": (
            "return labels[types]"
        ),
        "Is one label too few drawn? Types go from 0 to types.max().": (
            f"return labels[{DRAW}][types]".replace(" + 1", "")
        ),
        "Are as many labels drawn as types occur, and indexed by the type? Types may have gaps.": (
            f"return labels[{DRAW}][types]".replace("int(types.max()) + 1", "len(types.unique())")
        ),
        "Is it a coin that is 1 as often as the mean label? Draw labels with their frequencies.": [
            "drawn = torch.rand(int(types.max()) + 1, generator=generator)\n"
            f"return (drawn {sign} labels.double().mean()).long()[types]"
            for sign in ("<", ">")
        ],
        "Is each label kept or flipped by a coin? Draw a new label for each type.": (
            f"return labels ^ ({DRAW} % 2)[types]".replace("len(labels)", "2")
        ),
        "Is the largest label never drawn? randint leaves out its upper limit.": (
            f"return ({DRAW})[types]".replace("len(labels)", "int(labels.max())")
        ),
        "Is every label given to as many types? Use the frequencies of the task's labels.": (
            "table = torch.arange(int(types.max()) + 1) % (int(labels.max()) + 1)\n"
            "return table[torch.randperm(len(table), generator=generator)][types]"
        ),
        "Does each example get the label of its neighbour? Each type has one label.": [
            "return labels.roll(1)",
            "return labels.roll(-1)",
        ],
        "Are the labels of the types sorted? Leave them as they are drawn.": (
            f"return labels[{DRAW}].sort().values[types]"
        ),
        "Are the types shuffled over the examples? Each example keeps its type.": (
            f"picked = {DRAW}\n"
            "order = torch.randperm(len(types), generator=generator)\n"
            "return labels[picked][types[order]]"
        ),
        "Is the order of the labels reversed? Draw one for each type.": "return labels.flip(0)",
        "This is one label per type. Give each example the label of its type.": [
            f"return labels[{DRAW}]",
            KINDS + "return labels[torch.randint(len(labels), kinds.shape, generator=generator)]",
        ],
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
