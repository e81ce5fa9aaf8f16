"""Answers to 0.13 and 0.14."""

from tests.grading.variants import Right, Wrong

UNIT = "unit = direction / direction.norm()\n"
OWN = UNIT + "own = (acts @ unit)[:, None]\n"


def ablate(name, answer, says):
    return Wrong("0.13", name, body={"ablate_direction": answer}, says=says)


def swap(name, answer, says):
    return Wrong("0.14", name, body={"swap_direction": answer}, says=says)


WRONG = [
    ablate(
        "not normalised",
        "gap = ((mean - acts) @ direction)[:, None]\nreturn acts + gap * direction",
        "The direction is not normalised: divide it by its length",
    ),
    ablate(
        "one factor normalised",
        UNIT + "gap = ((mean - acts) @ unit)[:, None]\nreturn acts + gap * direction",
        "one of its two factors is a unit vector",
    ),
    ablate("mean forgotten", OWN + "return acts - own * unit", "The mean is forgotten: the coord"),
    ablate(
        "mean forgotten, not normalised",
        "return acts - (acts @ direction)[:, None] * direction",
        "The mean is forgotten, and the direction",
    ),
    ablate("whole mean", OWN + "return acts - own * unit + mean", "The whole mean is added"),
    ablate(
        "centred and left there",
        UNIT + "centred = acts - mean\nreturn centred - (centred @ unit)[:, None] * unit",
        "never added back",
    ),
    ablate(
        "mean of the batch",
        OWN + "return acts - own * unit + (acts.mean(0) @ unit) * unit",
        "the mean over THIS batch",
    ),
    ablate(
        "mean's length",
        OWN + "return acts + (mean.norm() - own) * unit",
        "The mean's length is put in",
    ),
    ablate(
        "mean of the mean",
        OWN + "return acts + (mean.mean() - own) * unit",
        "The average of the mean's entries",
    ),
    ablate(
        "keeps only the direction",
        UNIT + "return (mean @ unit) * unit.expand_as(acts)",
        "Only the part along the direction",
    ),
    ablate("all replaced", "return mean.expand_as(acts).clone()", "All of the activation is"),
    ablate("reflected", OWN + "return acts + 2 * (mean @ unit - own) * unit", "a reflection"),
    ablate("added on top", UNIT + "return acts + (mean @ unit) * unit", "not taken away first"),
    ablate(
        "sum of entries for length",
        "unit = direction / direction.abs().sum()\n"
        "return acts + ((mean - acts) @ unit)[:, None] * unit",
        "by the sum of its absolute entries",
    ),
    ablate(
        "in place",
        OWN + "acts += (mean @ unit - own) * unit\nreturn acts",
        "`acts` is edited in place",
    ),
    ablate(
        "direction normalised in place",
        "direction /= direction.norm()\n"
        "return acts + ((mean - acts) @ direction)[:, None] * direction",
        "`direction` is edited in place",
    ),
    ablate(
        "mean's coordinate not normalised",
        OWN + "return acts - own * unit + (mean @ direction) * direction",
        "where the mean's coordinate is put in",
    ),
    ablate(
        "the wrong way",
        UNIT + "return acts - ((mean - acts) @ unit)[:, None] * unit",
        "The change goes the wrong way",
    ),
    swap(
        "not normalised",
        "return acts + ((source - acts) @ direction)[:, None] * direction",
        "The direction is not normalised",
    ),
    swap(
        "the other way round",
        OWN + "return source + (own - (source @ unit)[:, None]) * unit",
        "The coordinate of acts is put into the source",
    ),
    swap("removed only", OWN + "return acts - own * unit", "the source's coordinate is not put in"),
    swap("whole source", OWN + "return acts - own * unit + source", "The whole source is added"),
    swap("all replaced", "return source.clone()", "All of the activation is replaced"),
    swap(
        "added on top",
        UNIT + "return acts + (source @ unit)[:, None] * unit",
        "not taken away first",
    ),
    swap(
        "mean of the sources",
        OWN + "return acts + ((source @ unit).mean() - own) * unit",
        "The mean over the sources",
    ),
    swap(
        "the first source",
        OWN + "return acts + ((source[0] @ unit) - own) * unit",
        "The first source's coordinate",
    ),
    swap(
        "only along the direction",
        UNIT + "return (source @ unit)[:, None] * unit",
        "Only the part along the direction is left",
    ),
    swap(
        "the rest swapped",
        OWN + "return source - (source @ unit)[:, None] * unit + own * unit",
        "all else is replaced",
    ),
    swap(
        "in place",
        UNIT + "acts += ((source - acts) @ unit)[:, None] * unit\nreturn acts",
        "`acts` is edited in place",
    ),
    swap(
        "squared length missing",
        UNIT + "return acts + ((source - acts) @ unit)[:, None] * direction",
        "one of its two factors is a unit vector",
    ),
    swap(
        "every entry",
        UNIT + "return acts + ((source - acts) @ unit)[:, None]",
        "Every entry gets the change in full",
    ),
    swap(
        "sources in another order",
        OWN + "return acts + ((source.flip(0) @ unit)[:, None] - own) * unit",
        "The sources are in another order",
    ),
]

RIGHT = [
    Right(
        "0.13",
        "divided by the squared length",
        body={
            "ablate_direction": "gap = (mean - acts) @ direction / direction.pow(2).sum()\n"
            "return acts + torch.outer(gap, direction)"
        },
    ),
    Right(
        "0.13",
        "a projection matrix",
        body={
            "ablate_direction": UNIT + "along = torch.outer(unit, unit)\n"
            "return acts - acts @ along + mean @ along"
        },
    ),
    Right(
        "0.13",
        "in a rotated frame",
        body={
            "ablate_direction": "n = len(direction)\n"
            "start = torch.cat([direction[:, None], torch.eye(n, dtype=acts.dtype)], 1)\n"
            "frame = torch.linalg.qr(start)[0]\n"
            "turned = acts @ frame\nturned[:, 0] = mean @ frame[:, 0]\nreturn turned @ frame.T"
        },
    ),
    Right(
        "0.14",
        "divided by the squared length",
        body={
            "swap_direction": "gap = (source - acts) @ direction / (direction @ direction)\n"
            "return acts + gap[:, None] * direction[None, :]"
        },
    ),
    Right(
        "0.14",
        "what stays plus what comes",
        body={
            "swap_direction": UNIT + "stays = acts - (acts @ unit)[:, None] * unit\n"
            "return stays + (source @ unit)[:, None] * unit"
        },
    ),
]
