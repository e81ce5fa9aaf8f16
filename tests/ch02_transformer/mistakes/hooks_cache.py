"""Mistakes in the cache (2.3), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

KEEP = mistakes(
    "2.3",
    "HookedModule.run_with_cache.<locals>.keep",
    {
        "That is a selection along axis 1. Not every tensor has its positions on the same axis: point.pos_axis says which it is here.": {
            "x.shape[point.pos_axis]": "x.shape[1]",
            "index_select(point.pos_axis": "index_select(1",
        },
        "That is a selection along axis 2. Not every tensor has its positions on the same axis: point.pos_axis says which it is here.": [
            {
                "x.shape[point.pos_axis]": "x.shape[-2]",
                "index_select(point.pos_axis": "index_select(-2",
            },
            {
                "x.shape[point.pos_axis]": "x.shape[-1]",
                "index_select(point.pos_axis": "index_select(-1",
            },
            {
                "x.shape[point.pos_axis]": "x.shape[2 if x.ndim == 4 else 1]",
                "index_select(point.pos_axis": "index_select(2 if x.ndim == 4 else 1",
            },
        ],
        "The axis of positions must stay, of size 1.": {
            "x = x.index_select(point.pos_axis, index)": "x = x.index_select(point.pos_axis, index).squeeze(point.pos_axis)"
        },
        "Are the positions sorted? They must be in the order given.": {
            "device=x.device)[positions]": "device=x.device)[positions].sort().values"
        },
        "Nothing was selected.": {"if positions is not None:": "if False:"},
    },
    unnamed={
        "in memory: it is a view": {
            "index = torch.arange(x.shape[point.pos_axis], device=x.device)[positions]": "lead = (slice(None),) * point.pos_axis",
            "x = x.index_select(point.pos_axis, index)": "x = x[(*lead, positions)]",
        },
        "but it is a copy": {"x.detach()": "x.detach().contiguous()"},
        "(clone?)": {"x.detach()": "x.detach().clone()"},
        "Without gradients=True what is cached must be detached": {
            "x if gradients else x.detach()": "x"
        },
        "must require a gradient. Is it detached": {"x if gradients else x.detach()": "x.detach()"},
        "either retain_grad() was not": {"x.requires_grad_().retain_grad()": "x.requires_grad_()"},
        "requires_grad=False": {"x.requires_grad_().retain_grad()": "x.retain_grad()"},
        "on which the output does not depend": {
            "x.requires_grad_().retain_grad()": "x = x.requires_grad_().clone()\n    x.retain_grad()"
        },
        "The key is point.name.": {"cache[point.name]": 'cache[point.name.split(".")[-1]]'},
        "nor does contiguous() of a batch of one": {
            "index = torch.arange(x.shape[point.pos_axis], device=x.device)[positions]": "lead = (slice(None),) * point.pos_axis",
            "x = x.index_select(point.pos_axis, index)": "x = x[(*lead, positions)].contiguous()",
        },
        "requires_grad_() and detach_() change the model's own": [
            {"if gradients:": "if True:"},
            {"x if gradients else x.detach()": "x if gradients else x.requires_grad_(False)"},
        ],
        "Use detach() instead": {"x.detach()": "x.detach_()"},
        "or was requires_grad_() forgotten?": {
            "x.requires_grad_().retain_grad()": "x.requires_grad and x.retain_grad()"
        },
        "dict[str, torch.Tensor]": {
            "cache[point.name] = x if gradients else x.detach()": "cache.setdefault(point.name, []).append(x if gradients else x.detach())"
        },
    },
)
RIGHT_2_3 = right_answers(
    "2.3",
    "HookedModule.run_with_cache.<locals>.keep",
    {
        "a case for each axis": """
            if positions is not None:
                x = (x[:, positions] if point.pos_axis == 1 else x[:, :, positions]).clone()
            if not gradients:
                x = x.data
            else:
                x.requires_grad_()
                x.retain_grad()
            cache.update({point.name: x})
            """,
        "by take_along positions, then stacked": """
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
            """,
        "indexed and cloned": """
            if positions is not None:
                x = x.movedim(point.pos_axis, 0)[positions].movedim(0, point.pos_axis).clone()
            if gradients:
                x.requires_grad_()
                x.retain_grad()
            else:
                x = x.detach()
            cache[point.name] = x
            """,
    },
)
