"""Answers to 2.3, the cache."""

from tests.grading.variants import Right, Wrong

KEEP = "HookedModule.run_with_cache.<locals>.keep"

WRONG = [
    Wrong(
        "2.3",
        "a view of the positions",
        {
            "index = torch.arange(x.shape[point.pos_axis], device=x.device)[positions]": "lead = "
            "(slice(None),) * point.pos_axis",
            "x = x.index_select(point.pos_axis, index)": "x = x[(*lead, positions)]",
        },
        says="it is a view, and keeps the whole activation in memory",
    ),
    Wrong("2.3", "contiguous", {"x.detach()": "x.detach().contiguous()"}, says="but it is a copy"),
    Wrong("2.3", "cloned", {"x.detach()": "x.detach().clone()"}, says="(clone?)"),
    Wrong(
        "2.3",
        "axis 1 for all",
        {"x.shape[point.pos_axis]": "x.shape[1]", "index_select(point.pos_axis": "index_select(1"},
        says="That is a selection along axis 1.",
    ),
    Wrong(
        "2.3",
        "the axis before the last",
        {
            "x.shape[point.pos_axis]": "x.shape[-2]",
            "index_select(point.pos_axis": "index_select(-2",
        },
        says="That is a selection along axis 2.",
    ),
    Wrong(
        "2.3",
        "the last axis",
        {
            "x.shape[point.pos_axis]": "x.shape[-1]",
            "index_select(point.pos_axis": "index_select(-1",
        },
        says="point.pos_axis says which it is here",
    ),
    Wrong(
        "2.3",
        "the axis of positions is lost",
        {
            "x = x.index_select(point.pos_axis, index)": "x = x.index_select(point.pos_axis, index)"
            ".squeeze(point.pos_axis)"
        },
        says="The axis of positions must stay",
    ),
    Wrong(
        "2.3",
        "positions sorted",
        {"device=x.device)[positions]": "device=x.device)[positions].sort().values"},
        says="Do the positions come in the order asked for?",
    ),
    Wrong(
        "2.3",
        "positions ignored",
        {"if positions is not None:": "if False:"},
        says="Nothing was selected.",
    ),
    Wrong(
        "2.3",
        "graph kept",
        {"x if gradients else x.detach()": "x"},
        says="Without gradients=True what is cached must be detached",
    ),
    Wrong(
        "2.3",
        "always detached",
        {"x if gradients else x.detach()": "x.detach()"},
        says="Is it detached although gradients were asked for",
    ),
    Wrong(
        "2.3",
        "no retain_grad",
        {"x.requires_grad_().retain_grad()": "x.requires_grad_()"},
        says="retain_grad() was not called",
    ),
    Wrong(
        "2.3",
        "no requires_grad_",
        {"x.requires_grad_().retain_grad()": "x.retain_grad()"},
        says="requires_grad=False",
    ),
    Wrong(
        "2.3",
        "a copy with its graph",
        {
            "x.requires_grad_().retain_grad()": "x = x.requires_grad_().clone()\n"
            "                x.retain_grad()"
        },
        says="which the output does not depend on",
    ),
    Wrong(
        "2.3",
        "under the last part of the name",
        {"cache[point.name]": 'cache[point.name.split(".")[-1]]'},
        says="The key is point.name.",
    ),
]

WRONG += [
    Wrong(
        "2.3",
        "contiguous, for a view only",
        {
            "index = torch.arange(x.shape[point.pos_axis], device=x.device)[positions]": "lead = "
            "(slice(None),) * point.pos_axis",
            "x = x.index_select(point.pos_axis, index)": "x = x[(*lead, positions)].contiguous()",
        },
        says="nor does contiguous() of a batch of one",
    ),
    Wrong(
        "2.3",
        "requires_grad_ always",
        {
            "if gradients:": "if True:",
        },
        says="requires_grad_() and detach_() change the one that came",
    ),
    Wrong(
        "2.3",
        "requires_grad_ switched off",
        {"x if gradients else x.detach()": "x if gradients else x.requires_grad_(False)"},
        says="requires_grad_() and detach_() change the one that came",
    ),
    Wrong(
        "2.3",
        "detached in place",
        {"x.detach()": "x.detach_()"},
        says="Use detach() instead",
    ),
    Wrong(
        "2.3",
        "the axis by the number of axes",
        {
            "x.shape[point.pos_axis]": "x.shape[2 if x.ndim == 4 else 1]",
            "index_select(point.pos_axis": "index_select(2 if x.ndim == 4 else 1",
        },
        says="That is a selection along axis 2.",
    ),
    Wrong(
        "2.3",
        "retain_grad only where there is a gradient already",
        {"x.requires_grad_().retain_grad()": "x.requires_grad and x.retain_grad()"},
        says="or was requires_grad_() forgotten?",
    ),
    Wrong(
        "2.3",
        "in a list",
        {
            "cache[point.name] = x if gradients else x.detach()": "cache.setdefault(point.name, [])"
            ".append(x if gradients else x.detach())"
        },
        says="dict[str, torch.Tensor]",
    ),
]

RIGHT = [
    Right(
        "2.3",
        "a case for each axis",
        body={
            KEEP: """
            if positions is not None:
                x = (x[:, positions] if point.pos_axis == 1 else x[:, :, positions]).clone()
            if not gradients:
                x = x.data
            else:
                x.requires_grad_()
                x.retain_grad()
            cache.update({point.name: x})
            """
        },
    ),
    Right(
        "2.3",
        "by take_along positions, then stacked",
        body={
            KEEP: """
            if gradients:
                if not x.requires_grad:
                    x.requires_grad_(True)
                x.retain_grad()
                cache[point.name] = x
                return
            x = x.detach()
            if positions is not None:
                chosen = list(range(x.shape[point.pos_axis]))
                chosen = chosen[positions] if isinstance(positions, slice) else positions
                x = torch.stack([x.select(point.pos_axis, i) for i in chosen], point.pos_axis)
            cache[point.name] = x
            """
        },
    ),
    Right(
        "2.3",
        "indexed and cloned",
        body={
            KEEP: """
            if positions is not None:
                x = x.movedim(point.pos_axis, 0)[positions].movedim(0, point.pos_axis).clone()
            if gradients:
                x.requires_grad_()
                x.retain_grad()
            else:
                x = x.detach()
            cache[point.name] = x
            """
        },
    ),
]
