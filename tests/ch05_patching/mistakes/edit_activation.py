"""Mistakes in edit_activation (5.1), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

TAKE = "part = site.take(x, point, where - start)\n"
APPLY = "part = OPERATIONS[intervention.action](part, new)\n"
PUT = "return site.put(x, point, where - start, part)"
SCALE = "if intervention.action == 'scale':\n    part = {}\nelse:\n    " + APPLY
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
        "x is changed, but nothing is returned. Return x.": (
            TAKE + APPLY + PUT.removeprefix("return ")
        ),
        "The new part is written, but returned too. Return x.": (
            TAKE + APPLY + PUT.removeprefix("return ") + "\nreturn part"
        ),
        "Is `start` subtracted in one of take and put alone? Both need where - start.": [
            TAKE + APPLY + PUT.replace(" - start", ""),
            TAKE.replace(" - start", "") + APPLY + PUT,
        ],
        "Is `start` added? Position `start` of the text is position 0 of x: subtract it.": (
            (TAKE + APPLY + PUT).replace(" - start", " + start")
        ),
        "Is the operation applied to all of x, not to the part of the site alone?": [
            "return OPERATIONS[intervention.action](x, new)",
            "x = OPERATIONS[intervention.action](x, new)\n" + TAKE + PUT,
            "edited = OPERATIONS[intervention.action](x.clone(), new)\n"
            "return site.put(x, point, where - start, site.take(edited, point, where - start))",
        ],
        "Is `zero` left out? It makes the part 0.": (
            TAKE + "if intervention.action != 'zero':\n    " + APPLY + PUT
        ),
        "Does `scale` multiply by 1 + the operand? It multiplies by the operand.": (
            TAKE + SCALE.format("part * (1 + new)") + PUT
        ),
        "Is `scale` an addition? It multiplies by the operand.": (
            TAKE + SCALE.format("part + new") + PUT
        ),
        "Is every operation but `replace` an addition? Use the one that the intervention names.": (
            TAKE + "part = new if intervention.action == 'replace' else part + new\n" + PUT
        ),
        "Are the arguments in another order? They are x, point, positions, part.": [
            TAKE.replace("point, where - start", "where - start, point") + APPLY + PUT,
            TAKE + APPLY + PUT.replace("where - start, part", "part, where - start"),
        ],
        "Is the operand averaged over heads? Each has its own.": (
            "new = new.mean(dim=2, keepdim=True) if new.ndim == 4 else new\n" + TAKE + APPLY + PUT
        ),
        "Is the part rounded to float32? Keep the precision of x.": (
            TAKE + "part, new = part.float(), new.float()\n" + APPLY + PUT
        ),
        "Is `scale` a division? It multiplies by the operand.": (
            TAKE + SCALE.format("part / new") + PUT
        ),
        "Do all examples use the first one's positions? Each has its own.": (
            "where = where[:1].expand_as(where)\n" + TAKE + APPLY + PUT
        ),
        "Is x indexed by positions alone? Let site.take and site.put select heads and directions.": [
            "rows = torch.arange(len(x))[:, None]\npart = x[rows, where - start]\n"
            + APPLY
            + "x[rows, where - start] = part\nreturn x",
            "part = x[:, where[0] - start]\n" + APPLY + "x[:, where[0] - start] = part\nreturn x",
        ],
        "Is the operand averaged over examples? Each has its own.": (
            "new = new.mean(dim=0, keepdim=True) if new.ndim > 1 else new\n" + TAKE + APPLY + PUT
        ),
        "Do all examples get the first one's operand? Each has its own.": (
            "new = new[:1] if new.ndim > 1 else new\n" + TAKE + APPLY + PUT
        ),
        "Is the new part added to the old one? Replace it.": (
            TAKE + APPLY.replace("part = ", "part = part + ") + PUT
        ),
        "Is the part taken from the operand too? It is the operand already.": (
            TAKE + "new = site.take(new, point, where - start)\n" + APPLY + PUT
        ),
        "Is the gradient cut off? Use neither detach nor no_grad.": [
            TAKE + "part = part.detach()\n" + APPLY + PUT,
            "x = x.detach()\n" + TAKE + APPLY + PUT,
            "with torch.no_grad():\n    " + TAKE + "    " + APPLY + "    " + PUT,
        ],
    },
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
