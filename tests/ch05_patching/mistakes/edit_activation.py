"""Mistakes in edit_activation (5.1), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

TAKE = "part = site.take(x, point, where - start)\n"
APPLY = "part = OPERATIONS[intervention.action](part, new)\n"
PUT = "return site.put(x, point, where - start, part)"
FROM_0 = TAKE.replace(" - start", "") + APPLY + PUT.replace(" - start", "")

EDIT = mistakes(
    "5.1",
    "edit_activation",
    {
        "Nothing is changed. Is a copy edited and thrown away?": [
            TAKE + APPLY + "site.put(x.clone(), point, where - start, part)\nreturn x",
            TAKE + APPLY + "return x",
        ],
        "Is a copy edited? Change x itself.": TAKE + APPLY + "x = x.clone()\n" + PUT,
        "This is the new part. Write it back into x, and return x.": (TAKE + APPLY + "return part"),
        "Is every position changed, not those of the site alone?": (
            "where = torch.arange(start, start + n_pos).expand(len(x), -1)\n"
            "if new.ndim > 1:\n    new = new[:, :1]\n" + TAKE + APPLY + PUT
        ),
        "Are positions counted from the wrong end?": (
            "where = 2 * start + n_pos - 1 - where\n" + TAKE + APPLY + PUT
        ),
        "`where` counts positions of the text, and x begins at `start`: use where - start.": [
            FROM_0,
            "where = where % n_pos\n" + FROM_0,
            "part = site.take(x, point, where.clamp(max=n_pos - 1))\n" + APPLY + PUT,
            TAKE + APPLY + "return site.put(x, point, where.clamp(max=n_pos - 1), part)",
        ],
        "Is every operation an addition? Use the one that the intervention names.": (
            TAKE + "part = part + new\n" + PUT
        ),
        "Is every operation a replacement? Use the one that the intervention names.": [
            TAKE + "part = new.expand_as(part)\n" + PUT,
            TAKE + "part = OPERATIONS['replace'](part, new)\n" + PUT,
        ],
        "Are the part and the operand exchanged?": (
            TAKE + "part = OPERATIONS[intervention.action](new.expand_as(part), part)\n" + PUT
        ),
        "Is the operation applied twice?": TAKE + APPLY + APPLY + PUT,
        "Is the operand averaged over positions? Each has its own.": (
            "new = new.mean(dim=1, keepdim=True) if new.ndim > 1 else new\n" + TAKE + APPLY + PUT
        ),
        "Are all heads changed, not those of the site alone?": (
            "site = replace(site, head=None)\nnew = new[:, :, :1] if new.ndim == 4 else new\n"
            + TAKE
            + APPLY
            + PUT
        ),
        "What is orthogonal to the directions is lost. Let site.put write the part.": (
            TAKE + APPLY + "if site.direction is not None:\n"
            "    part, site = part @ site.basis(x), replace(site, direction=None)\n" + PUT
        ),
    },
    unnamed={"got       None": TAKE + APPLY + PUT.removeprefix("return ")},
)
RIGHT = right_answers(
    "5.1",
    "edit_activation",
    {
        "step by step": (
            "places = where - start\npart = site.take(x, point, places)\n"
            + APPLY
            + "site.put(x, point, places, part)\nreturn x"
        ),
        "on a copy, and back": (
            TAKE + APPLY + "return x.copy_(site.put(x.clone(), point, where - start, part))"
        ),
        "operand expanded first": TAKE + "new = new.expand_as(part)\n" + APPLY + PUT,
    },
)
