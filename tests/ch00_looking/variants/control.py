"""Answers to 0.9."""

from tests.grading.variants import Right, Wrong

DRAW = "torch.randint(len(labels), (int(types.max()) + 1,), generator=generator)"


def wrong(name, text, says):
    return Wrong("0.9", name, body={"control_labels": text}, says=says)


def right(name, text):
    return Right("0.9", name, body={"control_labels": text})


KINDS = "kinds, place = types.unique(return_inverse=True)\n"

WRONG = [
    wrong(
        "a label for each example",
        "return labels[torch.randint(len(labels), labels.shape, generator=generator)]",
        "for each EXAMPLE",
    ),
    wrong(
        "labels shuffled",
        "return labels[torch.randperm(len(labels), generator=generator)]",
        "for each EXAMPLE",
    ),
    wrong(
        "uniform over the labels",
        f"found = labels.unique()\nreturn found[{DRAW} % len(found)][types]".replace(
            "len(labels)", "len(found)"
        ),
        "drawn evenly among the labels",
    ),
    wrong(
        "uniform up to the largest",
        f"return ({DRAW})[types]".replace("len(labels)", "int(labels.max()) + 1"),
        "which never occur in the task",
    ),
    wrong(
        "types' labels shuffled",
        KINDS + "own = torch.stack([labels[types == kind][0] for kind in kinds])\n"
        "return own[torch.randperm(len(own), generator=generator)][place]",
        "types' labels shuffled",
    ),
    wrong(
        "frequencies of the types",
        KINDS + "own = torch.zeros_like(kinds)\nown[place] = labels\n"
        "return own[torch.randint(len(own), kinds.shape, generator=generator)][place]",
        "frequencies counted over types",
    ),
    wrong(
        "the first examples' labels",
        KINDS + "picked = torch.randint(len(kinds), kinds.shape, generator=generator)\n"
        "return labels[picked][place]",
        "90 % of the task's labels are 2",
    ),
    wrong(
        "the type's own label",
        KINDS + "own = torch.zeros_like(kinds)\nown[place] = labels\nreturn own[place]",
        "keep their own label by chance",
    ),
    wrong("the labels", "return labels.clone()", "for each EXAMPLE"),
    wrong(
        "one label for all",
        "one = torch.randint(len(labels), (1,), generator=generator)\n"
        "return labels[one].expand(len(labels)).clone()",
        "All types got the same label",
    ),
    wrong(
        "a fixed rule",
        "found = labels.unique()\nreturn found[types % len(found)]",
        "Two generators give the same labels",
    ),
    wrong(
        "global draw",
        "return labels[" + DRAW.replace(", generator=generator", "") + "][types]",
        "global random state",
    ),
    wrong(
        "seeded inside",
        "generator.manual_seed(0)\nreturn labels[" + DRAW + "][types]",
        "is `generator` used, and not seeded anew",
    ),
    wrong(
        "a label for each type, not each example",
        KINDS + "return labels[torch.randint(len(labels), kinds.shape, generator=generator)]",
        "wrong shape or type",
    ),
    wrong(
        "the commonest label",
        KINDS + "return labels.mode().values.expand(len(labels)).clone()",
        "All types got the same label",
    ),
    wrong(
        "edits the labels",
        "picked = labels[" + DRAW + "][types]\nlabels.copy_(picked)\nreturn labels",
        "`labels` is edited in place",
    ),
]

RIGHT = [
    right(
        "by frequency",
        KINDS + "found, count = labels.unique(return_counts=True)\n"
        "drawn = torch.multinomial(count.double(), len(kinds), True, generator=generator)\n"
        "return found[drawn][place]",
    ),
    right(
        "a dictionary",
        "chosen = {}\nfor kind in types.tolist():\n    if kind not in chosen:\n"
        "        at = torch.randint(len(labels), (), generator=generator)\n"
        "        chosen[kind] = labels[at]\n"
        "return torch.stack([chosen[kind] for kind in types.tolist()])",
    ),
]
