"""Mistakes in 0.13 and 0.14, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

UNIT = "unit = direction / direction.norm()\n"
OWN = UNIT + "own = (acts @ unit)[:, None]\n"

GAP = "gap = ((NEW - acts) @ unit)[:, None]\n"
SHARED = {
    "Is the direction not normalised? Divide it by its norm.": (
        "return acts + ((NEW - acts) @ direction)[:, None] * direction"
    ),
    "Is it divided by the norm only once? The direction is a factor twice: use a unit vector.": (
        UNIT + GAP + "return acts + gap * direction"
    ),
    "Is the direction divided by the SQUARE of its norm, twice?": (
        UNIT.replace("norm()", "norm() ** 2") + GAP + "return acts + gap * unit"
    ),
    "Is the direction divided by the sum of its absolute entries? Divide by the norm.": (
        UNIT.replace("norm()", "abs().sum()") + GAP + "return acts + gap * unit"
    ),
    "Is the old coordinate not removed first?": (
        UNIT + "return acts + torch.atleast_1d(NEW @ unit)[:, None] * unit"
    ),
    "Only the component along the direction is left. Keep the orthogonal component.": (
        UNIT + "return torch.atleast_1d(NEW @ unit)[:, None] * unit.expand_as(acts)"
    ),
    "Is everything but the direction replaced? Replace only the coordinate along it.": (
        OWN + "return NEW + (own - torch.atleast_1d(NEW @ unit)[:, None]) * unit"
    ),
    "Is the whole activation replaced? Replace only the coordinate along the direction.": (
        "return NEW.expand_as(acts).clone()"
    ),
    "Is nothing changed?": "return acts.clone()",
    "Does the change have the opposite sign?": UNIT + GAP + "return acts - gap * unit",
    "Is the change twice as large (a reflection)?": (UNIT + GAP + "return acts + 2 * gap * unit"),
    "Is it only half of the change?": UNIT + GAP + "return acts + gap / 2 * unit",
    "Does every example get the change of the first one?": (
        UNIT + GAP + "return acts + gap[:1] * unit"
    ),
    "Does every example get the change of the last one?": (
        UNIT + GAP + "return acts + gap[-1:] * unit"
    ),
    "Does every example get the sum of the changes?": (
        UNIT + GAP + "return acts + gap.sum() * unit"
    ),
    "Are negative changes set to zero? Keep them.": UNIT + GAP + "return acts + gap.relu() * unit",
    "Is the mean of the products taken? A dot product is their sum.": (
        UNIT + "return acts + ((NEW - acts) * unit).mean(-1, keepdim=True) * unit"
    ),
    "Is the direction divided by its number of entries? Divide by the norm.": (
        UNIT.replace("direction.norm()", "len(direction)") + GAP + "return acts + gap * unit"
    ),
    "Is the direction divided entry by entry, to its signs? Divide by the norm of the vector.": (
        UNIT.replace("norm()", "abs().clamp(min=1e-12)") + GAP + "return acts + gap * unit"
    ),
    "Is the activation reflected? Put in the target's coordinate.": (
        OWN + "return acts - 2 * own * unit"
    ),
    "Does every example get the mean change?": (UNIT + GAP + "return acts + gap.mean() * unit"),
    "Is the change added to every entry? Multiply it by the unit direction.": (
        UNIT + GAP + "return acts + gap"
    ),
    "Is the direction divided by its largest entry? Divide by the norm.": (
        UNIT.replace("norm()", "abs().max()") + GAP + "return acts + gap * unit"
    ),
    "Is a short direction left as it is (clamp)? Divide by the norm, however small.": (
        UNIT.replace("norm()", "norm().clamp(min=1)") + GAP + "return acts + gap * unit"
    ),
    "Is the direction divided by the norm of the activations? Divide by its own norm.": (
        UNIT.replace("/ direction", "/ acts") + GAP + "return acts + gap * unit"
    ),
    "Is only the target's coordinate divided by the norm? Divide both.": (
        UNIT + "gap = torch.atleast_1d(NEW @ unit)[:, None] - (acts @ direction)[:, None]\n"
        "return acts + gap * unit"
    ),
    "Is only the old coordinate divided by the norm? Divide both.": (
        UNIT + "gap = torch.atleast_1d(NEW @ direction)[:, None] - (acts @ unit)[:, None]\n"
        "return acts + gap * unit"
    ),
    "Is the difference multiplied entry by entry? Take its dot product with the direction.": (
        UNIT + "return acts + (NEW - acts) * unit"
    ),
    "Is the difference multiplied by the squared direction, entry by entry? Take the dot product.": (
        UNIT + "return acts + (NEW - acts) * unit**2"
    ),
    "Is the change the norm of the difference? Take the dot product with the direction.": (
        UNIT + "return acts + (NEW - acts).norm(dim=-1, keepdim=True) * unit"
    ),
    "Is the change a cosine? Do not divide by the norm of the difference.": (
        UNIT + GAP + "return acts + gap / (NEW - acts).norm(dim=-1, keepdim=True) * unit"
    ),
    "Is the absolute value of the change taken? Keep its sign.": (
        UNIT + GAP + "return acts + gap.abs() * unit"
    ),
    "Is the change alone returned? Add it to the activations.": (UNIT + GAP + "return gap * unit"),
    "Is the old coordinate subtracted twice?": (
        OWN + "return acts + torch.atleast_1d(NEW @ unit)[:, None] * unit - 2 * own * unit"
    ),
    "Is only the largest entry of the direction changed? Change the whole component.": (
        "place = direction.abs().argmax()\nout = acts.clone()\n"
        "out[:, place] = NEW[..., place]\nreturn out"
    ),
    "Is the change multiplied entry by entry with the direction? Write gap[:, None] * unit.": (
        UNIT + GAP + "return acts + gap[:, 0] * unit"
    ),
}
"""Words -> body of the mistakes that both exercises share; NEW has the coordinates to put in."""
IN_PLACE = {
    "`acts` is edited in place": UNIT + GAP + "acts += gap * unit\nreturn acts",
    "`direction` is edited in place": (
        "direction /= direction.norm()\n"
        + GAP.replace("unit", "direction")
        + "return acts + gap * direction"
    ),
}


def geometry(number, function, new):
    """The shared mistakes of one exercise; new: the vectors whose coordinates are put in."""
    named, unnamed = (
        {words: body.replace("NEW", new) for words, body in table.items()}
        for table in (SHARED, IN_PLACE)
    )
    return mistakes(number, function, named, unnamed=unnamed)


ABLATE = geometry("0.13", "ablate_direction", "mean") + mistakes(
    "0.13",
    "ablate_direction",
    {
        "Is something added to the norm? Divide by the norm itself.": [
            UNIT.replace("norm()", f"(direction.norm() + {eps})").replace("direction.(", "(")
            + "return acts + ((mean - acts) @ unit)[:, None] * unit"
            for eps in (1e-6, 1e-8)
        ],
        "Is the mean forgotten? Its coordinate replaces the old one, not 0.": (
            OWN + "return acts - own * unit"
        ),
        "Is the mean forgotten, and the direction not normalised?": (
            "return acts - (acts @ direction)[:, None] * direction"
        ),
        "Is the whole mean added? Add only its coordinate along the direction.": (
            OWN + "return acts - own * unit + mean"
        ),
        "Is the mean subtracted and not added again?": (
            UNIT + "centred = acts - mean\nreturn centred - (centred @ unit)[:, None] * unit"
        ),
        "Is the mean's coordinate subtracted?": (
            OWN + "return acts - own * unit - (mean @ unit) * unit"
        ),
        "Are the entries of the mean averaged first? Take the mean vector's coordinate.": (
            OWN + "return acts - own * unit + mean.mean() * unit.sum() * unit"
        ),
        "Is this the mean of the batch? Use the argument `mean`.": (
            OWN + "return acts - own * unit + (acts.mean(0) @ unit) * unit"
        ),
        "Is the norm of the mean put in? Put in its coordinate along the direction.": (
            OWN + "return acts + (mean.norm() - own) * unit"
        ),
        "Is the average of the mean's entries put in? Put in its coordinate.": (
            OWN + "return acts + (mean.mean() - own) * unit"
        ),
        "Is the direction not normalised where the mean's coordinate is put in?": (
            OWN + "return acts - own * unit + (mean @ direction) * direction"
        ),
        "Is the direction not normalised where the old coordinate is removed?": (
            UNIT + "raw = acts - (acts @ direction)[:, None] * direction\n"
            "return raw + (mean @ unit) * unit"
        ),
    },
)
SWAP = geometry("0.14", "swap_direction", "source") + mistakes(
    "0.14",
    "swap_direction",
    {
        "Is every entry of the direction divided by its own size? Divide by the norm.": (
            "unit = torch.sign(direction) / len(direction) ** 0.5\n"
            "return acts + ((source - acts) @ unit)[:, None] * unit"
        ),
        "Is the source's coordinate not put in?": OWN + "return acts - own * unit",
        "Is the whole source added? Add only its coordinate along the direction.": (
            OWN + "return acts - own * unit + source"
        ),
        "Is the mean over the sources put in? Each activation has its own source.": (
            OWN + "return acts + ((source @ unit).mean() - own) * unit"
        ),
        "Is the coordinate of the first source put into every activation?": (
            OWN + "return acts + ((source[0] @ unit) - own) * unit"
        ),
        "Are the sources in another order? Row i of acts gets row i of source.": (
            OWN + "return acts + ((source.flip(0) @ unit)[:, None] - own) * unit"
        ),
        "Is the sign of the source's coordinate flipped?": (
            OWN + "return acts - own * unit - (source @ unit)[:, None] * unit"
        ),
    },
)
RIGHT = [
    *right_answers(
        "0.13",
        "ablate_direction",
        {
            "divided by the squared norm": (
                "gap = (mean - acts) @ direction / direction.pow(2).sum()\n"
                "return acts + torch.outer(gap, direction)"
            ),
            "a projection matrix": (
                UNIT + "along = torch.outer(unit, unit)\nreturn acts - acts @ along + mean @ along"
            ),
            "in a rotated frame": """
                n = len(direction)
                start = torch.cat([direction[:, None], torch.eye(n, dtype=acts.dtype)], 1)
                frame = torch.linalg.qr(start)[0]
                rotated = acts @ frame
                rotated[:, 0] = mean @ frame[:, 0]
                return rotated @ frame.T
            """,
        },
    ),
    *right_answers(
        "0.14",
        "swap_direction",
        {
            "divided by the squared norm": (
                "gap = (source - acts) @ direction / (direction @ direction)\n"
                "return acts + gap[:, None] * direction[None, :]"
            ),
            "orthogonal part plus new part": (
                OWN + "rest = acts - own * unit\nreturn rest + (source @ unit)[:, None] * unit"
            ),
        },
    ),
]
