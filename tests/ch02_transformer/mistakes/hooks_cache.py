"""Mistakes in the cache (2.3), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

INDEX = "index = torch.arange(x.shape[point.pos_axis], device=x.device)[positions]"
SELECT = "x = x.index_select(point.pos_axis, index)"

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
        "Is the whole activation kept by a view? A slice does not copy.": {
            INDEX: "lead = (slice(None),) * point.pos_axis",
            SELECT: "x = x[(*lead, positions)]",
        },
        "Does contiguous() copy nothing here, where the batch has one text? Use clone().": {
            INDEX: "lead = (slice(None),) * point.pos_axis",
            SELECT: "x = x[(*lead, positions)].contiguous()",
        },
        "Is a copy cached? Without positions it must be the model's own tensor.": [
            {"x.detach()": "x.detach().clone()"},
            {"x.detach()": "x.clone().detach()"},
        ],
        "Does contiguous() copy? The cache must hold the model's own tensor.": {
            "x.detach()": "x.detach().contiguous()"
        },
        "Is detach() left out where no gradients are asked for?": {
            "x if gradients else x.detach()": "x"
        },
        "Is the tensor detached with gradients=True as well?": {
            "x if gradients else x.detach()": "x.detach()"
        },
        "Is retain_grad() missing?": {"x.requires_grad_().retain_grad()": "x.requires_grad_()"},
        "Is requires_grad_() missing? retain_grad() fails on a tensor without a graph.": {
            "x.requires_grad_().retain_grad()": "x.retain_grad()"
        },
        "Does a tensor that needs no gradient yet stay without? Call requires_grad_().": {
            "x.requires_grad_().retain_grad()": "x.requires_grad and x.retain_grad()"
        },
        "Is a copy cached with gradients=True? The output does not depend on a copy.": [
            {"x if gradients else": "x.clone() if gradients else"},
            {"x if gradients else": "x.detach().requires_grad_() if gradients else"},
            {
                "x.requires_grad_().retain_grad()": "x = x.requires_grad_().clone()\n    x.retain_grad()"
            },
        ],
        "Is the key only the last part of the name? It is the whole point.name.": {
            "cache[point.name]": 'cache[point.name.split(".")[-1]]'
        },
        "Is the key the point itself? It is point.name.": {"cache[point.name]": "cache[point]"},
        "Does the model's own tensor get requires_grad without gradients=True?": {
            "if gradients:": "if True:"
        },
        "Is requires_grad of the model's own tensor switched off? Use detach().": {
            "x if gradients else x.detach()": "x if gradients else x.requires_grad_(False)"
        },
        "Is the model's own tensor detached in place? Use detach().": {"x.detach()": "x.detach_()"},
        "Are the two cases exchanged, with and without gradients?": {
            "if gradients:": "if not gradients:",
            "x if gradients else x.detach()": "x.detach() if gradients else x",
        },
        "Is a list stored under each name? Store the tensor.": {
            "cache[point.name] = x if gradients else x.detach()": "cache.setdefault(point.name, []).append(x if gradients else x.detach())"
        },
        "Are the positions counted on point.pos_axis, but selected on axis 1?": {
            "index_select(point.pos_axis": "index_select(1"
        },
        "Are the positions counted on axis 1, but selected on point.pos_axis?": {
            "x.shape[point.pos_axis]": "x.shape[1]"
        },
        "Are the positions taken from axis 1 by x[:, positions]? Use point.pos_axis.": {
            f"{INDEX}\n    {SELECT}": "x = x[:, positions]"
        },
        "Are texts selected, and not positions? x[positions] selects along axis 0.": {
            f"{INDEX}\n    {SELECT}": "x = x[positions]"
        },
        "Are the numbers converted to another precision (float)?": {
            "x.detach()": "x.detach().cpu().float()"
        },
        "Do negative positions fail in index_select? They count from the end.": {
            INDEX: "index = torch.tensor(positions if not isinstance(positions, slice) else list(range(x.shape[point.pos_axis]))[positions])"
        },
        "Is a position that is given twice kept once (unique)?": {
            "device=x.device)[positions]": "device=x.device)[positions].unique()"
        },
        "Is only the first text cached?": {
            "x if gradients else x.detach()": "x[0] if gradients else x[0].detach()"
        },
        "Are the other positions set to zero? They must be left out.": {
            SELECT: "other = [i for i in range(x.shape[point.pos_axis]) if i not in index]\n    x = x.index_fill(point.pos_axis, torch.tensor(other), 0.0)"
        },
        "Is a whole range kept, from the first of the positions (narrow)?": {
            SELECT: "x = x.narrow(point.pos_axis, int(index[0]), len(index))"
        },
        "Is only the first of the positions kept?": {
            SELECT: "x = x.index_select(point.pos_axis, index[:1])"
        },
        "Is retain_grad() called without gradients=True as well?": {
            "if gradients:\n    x.requires_grad_().retain_grad()": "x.retain_grad()"
        },
        "Are the positions selected one axis too early? point.pos_axis counts from 0.": {
            "x.shape[point.pos_axis]": "x.shape[point.pos_axis - 1]",
            "index_select(point.pos_axis": "index_select(point.pos_axis - 1",
        },
        "Is the mean over texts cached?": {
            "x if gradients else x.detach()": "x if gradients else x.detach().mean(0, keepdim=True)"
        },
        "Is an array of numpy cached? Store the tensor.": {"x.detach()": "x.detach().numpy()"},
        "Is the key the text of the module, str(point)? It is point.name.": {
            "cache[point.name]": "cache[str(point)]"
        },
        "Do negative positions lose their sign? They count from the end.": {
            "[positions]": "[positions if isinstance(positions, slice) else [abs(p) for p in positions]]"
        },
        "Is the cache emptied at every point?": {
            "cache[point.name] =": "cache.clear()\ncache[point.name] ="
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
