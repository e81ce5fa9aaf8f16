"""Answers to 5.1."""

from tests.grading.variants import Right, Wrong


def edit(name: str, answer: str, says: str) -> Wrong:
    """A mistake in edit_activation."""
    return Wrong("5.1", name, body={"edit_activation": answer}, says=says)


TAKE = "part = site.take(x, point, where - start)\n"
ACT = "part = OPERATIONS[intervention.action](part, new)\n"
PUT = "return site.put(x, point, where - start, part)"
EVERY = "where = torch.arange(start, start + n_pos).expand(len(x), -1)\n"

WRONG = [
    edit(
        "a copy thrown away",
        TAKE + ACT + "site.put(x.clone(), point, where - start, part)\nreturn x",
        "Nothing is changed",
    ),
    edit("a copy returned", TAKE + ACT + "x = x.clone()\n" + PUT, "x itself must be changed"),
    edit("nothing put", TAKE + ACT + "return x", "Nothing is changed"),
    edit(
        "the part returned",
        TAKE + "return " + ACT.removeprefix("part = "),
        "That is the shape of the part",
    ),
    edit(
        "nothing returned",
        TAKE + ACT + PUT.removeprefix("return "),
        "the return value of interventions.edit_activation",
    ),
    edit(
        "every position",
        EVERY + "if new.ndim > 1:\n    new = new[:, :1]\n" + TAKE + ACT + PUT,
        "It is done at EVERY position",
    ),
    edit(
        "wrong end",
        "where = 2 * start + n_pos - 1 - where\n" + TAKE + ACT + PUT,
        "Positions are counted from the wrong end",
    ),
    edit(
        "start forgotten",
        TAKE.replace(" - start", "") + ACT + PUT.replace(" - start", ""),
        "where - start",
    ),
    edit(
        "start forgotten, wrapped round",
        "where = where % n_pos\n"
        + TAKE.replace(" - start", "")
        + ACT
        + PUT.replace(" - start", ""),
        "where - start",
    ),
    edit(
        "add instead of replace", TAKE + "part = part + new\n" + PUT, "This is add, where replace"
    ),
    edit(
        "always replace", TAKE + "part = new.expand_as(part)\n" + PUT, "This is replace, where add"
    ),
    edit(
        "action at its default",
        TAKE + "part = OPERATIONS['replace'](part, new)\n" + PUT,
        "This is replace, where scale",
    ),
    edit(
        "operand and part exchanged",
        TAKE + "part = OPERATIONS[intervention.action](new.expand_as(part), part)\n" + PUT,
        "Nothing is changed",
    ),
    edit("done twice", TAKE + ACT + ACT + PUT, "It is done twice"),
    edit(
        "an average over positions as well",
        "new = new.mean(dim=1, keepdim=True) if new.ndim > 1 else new\n" + TAKE + ACT + PUT,
        "The operand is averaged over positions",
    ),
    edit(
        "the whole layer's heads",
        "site = replace(site, head=None)\nnew = new[:, :, :1] if new.ndim == 4 else new\n"
        + TAKE
        + ACT
        + PUT,
        "All heads are changed",
    ),
    edit(
        "the rest of the direction lost",
        TAKE
        + ACT
        + "if site.direction is not None:\n"
        + "    part, site = part @ site.basis(x), replace(site, direction=None)\n"
        + PUT,
        "What is orthogonal to the directions is lost",
    ),
]

RIGHT = [
    Right(
        "5.1",
        "step by step",
        body={
            "edit_activation": "places = where - start\npart = site.take(x, point, places)\n"
            + ACT
            + "site.put(x, point, places, part)\nreturn x"
        },
    ),
    Right(
        "5.1",
        "on a copy, and back",
        body={
            "edit_activation": TAKE
            + ACT
            + "return x.copy_(site.put(x.clone(), point, where - start, part))"
        },
    ),
    Right(
        "5.1",
        "operand spread first",
        body={"edit_activation": TAKE + "new = new.expand_as(part)\n" + ACT + PUT},
    ),
]
