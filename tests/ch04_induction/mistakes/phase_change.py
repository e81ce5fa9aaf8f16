"""Mistakes in 4.6 to 4.8, the phase change, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

WINDOW = "Window(int(steps[start]), int(steps[stop]), change[start, stop].item() / whole)"
STEEPEST = mistakes(
    "4.6",
    "steepest_window",
    {
        "Are only neighboring snapshots compared? All pairs within `length` steps count.": {
            "(apart <= length)": (
                "(apart <= length) & torch.ones_like(apart).triu().tril(1).bool()"
            )
        },
        "Is the change per step compared? Compare the change itself.": {
            "change.abs()": "(change.abs() / apart)"
        },
        "Do only rises count? A fall is a change too.": {"change.abs()": "change"},
        "Do only falls count? A rise is a change too.": {"change.abs()": "(-change)"},
        "Are windows of exactly `length` steps left out? They are allowed.": {
            "apart <= length": "apart < length"
        },
        "Is `length` ignored?": {" & (apart <= length)": ""},
        "Does `length` count snapshots? It counts steps.": {
            "steps[None, :] - steps[:, None]": (
                "torch.arange(len(steps)) - torch.arange(len(steps))[:, None]"
            )
        },
        "Are pairs compared from the later to the earlier snapshot?": {"apart > 0": "apart < 0"},
        "Are start and stop exchanged?": {
            "int(steps[start]), int(steps[stop])": "int(steps[stop]), int(steps[start])"
        },
        "Are start and stop indices of snapshots? Return steps.": {
            "int(steps[start]), int(steps[stop])": "start, stop"
        },
        "Is the share the change itself? Divide it by the whole change.": {" / whole": ""},
        "Has the share lost its sign? A window against the trend has a negative share.": {
            "change[start, stop].item()": "abs(whole) / whole * change[start, stop].abs().item()"
        },
        "Is the change divided by the range of the values? Divide by last minus first.": {
            "(values[-1] - values[0]).item()": "(values.max() - values.min()).item()"
        },
        "Is it divided by the size of the whole change? Keep the sign of the trend.": {
            " / whole": " / abs(whole)"
        },
        "Is it divided by the last value? Divide by last minus first.": {
            "(values[-1] - values[0])": "values[-1]"
        },
    },
)
INDEX = "torch.arange(1, bands.shape[-2] * width + 1).to(mean).log().unflatten(0, (-1, width))"
CENTRED = "index - index.mean(dim=-1, keepdim=True)"
ABOVE, BELOW = "(bands * centred).sum(dim=-1)", " / centred.square().sum(dim=-1)"
SLOPE = mistakes(
    "4.7",
    "loss_slope",
    {
        "Is the slope over the index itself? Take its logarithm.": {".to(mean).log()": ".to(mean)"},
        "Is the first index 0? It is 1.": {
            "arange(1, bands.shape[-2] * width + 1)": "arange(bands.shape[-2] * width)"
        },
        "Is the first index 2? It is 1.": {
            "arange(1, bands.shape[-2] * width + 1)": "arange(2, bands.shape[-2] * width + 2)"
        },
        "Is the logarithm to base 10? Use the natural one.": {".log()": ".log10()"},
        "Is the logarithm to base 2? Use the natural one.": {".log()": ".log2()"},
        "Does the index start again in each band? It counts from the start of the text.": {
            INDEX: "torch.arange(1, width + 1).to(mean).log().expand(bands.shape[-2], width)"
        },
        "Is the sign of the slope flipped?": {f"return {ABOVE}": f"return -{ABOVE}"},
        "Is log(index) not centered? Subtract its mean in the band.": {CENTRED: "index"},
        "Is log(index) not centered in the denominator?": {"centred.square()": "index.square()"},
        "Is log(index) centered over the whole text? Center it in each band.": {
            CENTRED: "index - index.mean()"
        },
        "Are only the two ends of each band compared? All losses take part in the fit.": {
            ABOVE: "(bands[..., -1] - bands[..., 0])",
            BELOW: " / (index[:, -1] - index[:, 0])",
        },
        "Is the division by the squares of log(index) missing?": {BELOW: ""},
        "Is log(index) fitted over the loss? Divide by the variance of log(index).": {
            BELOW: " / (bands - bands.mean(dim=-1, keepdim=True)).square().sum(dim=-1)"
        },
        "Is this a correlation? Divide by the variance of log(index) alone.": {
            BELOW: " / (centred.norm(dim=-1) * (bands - bands.mean(dim=-1, keepdim=True)).norm(dim=-1))"
        },
        "This is the covariance. Divide by the variance of log(index).": {
            ABOVE + BELOW: "(bands * centred).mean(dim=-1)"
        },
        "Is only the first text used? Take the mean over texts.": {
            "losses.mean(dim=-2)": "losses[..., 0, :]"
        },
        "Is it a sum over texts? Take the mean.": {"losses.mean(dim=-2)": "losses.sum(dim=-2)"},
        "Are indices dropped at the start? The bands begin at index 1.": {
            ": mean.shape[-1] // width * width]": "mean.shape[-1] % width :]"
        },
        "Is `width` the number of bands? It is the number of indices in a band.": {
            "mean = losses.mean(dim=-2)": (
                "mean = losses.mean(dim=-2)\nwidth = mean.shape[-1] // width"
            )
        },
        "Is the logarithm of the loss fitted? Fit the loss itself.": {
            "losses.mean(dim=-2)": "losses.mean(dim=-2).log()"
        },
    },
)
MIDDLE, PATH = "losses - losses.mean(dim=0)", "U[:, :n_components] * S[:n_components]"
SIGNS = "return path * torch.where(path[-1] < path[0], -1.0, 1.0)"
PCA = mistakes(
    "4.8",
    "loss_pca",
    {
        "Is each snapshot's mean over tokens subtracted? Subtract each token's mean.": {
            MIDDLE: "losses - losses.mean(dim=1, keepdim=True)"
        },
        "Are the losses not centered?": {MIDDLE: "losses"},
        "Is one mean of all losses subtracted? Each token has its own.": {
            MIDDLE: "losses - losses.mean()"
        },
        "Is the first snapshot subtracted? Subtract each token's mean.": {
            MIDDLE: "losses - losses[0]"
        },
        "Is each token divided by its standard deviation? The losses keep their size.": {
            MIDDLE: f"({MIDDLE}) / losses.std(dim=0)"
        },
        "Are the coordinates not multiplied by S?": {" * S[:n_components]": ""},
        "Are the components scaled to one size? Each keeps its own, U * S.": [
            {" * S[:n_components]": " * len(losses) ** 0.5"},
            {" * S[:n_components]": " * (len(losses) - 1) ** 0.5"},
        ],
        "Is S divided by the root of n - 1? The coordinates are U * S.": {
            PATH: f"{PATH} / (len(losses) - 1) ** 0.5"
        },
        "Are the coordinates multiplied by S twice?": {PATH: f"{PATH} ** 2"},
        "Are these the directions V? The coordinates of the snapshots are U * S.": {
            "U, S, _ =": "U, S, Vh =",
            PATH: "(Vh[:n_components].mT * S[:n_components])[: len(losses)]",
        },
        "Are the signs not fixed? Each component must end above its start.": {SIGNS: "return path"},
        "Does each component end below its start? It must end above.": {
            "path[-1] < path[0]": "path[-1] > path[0]"
        },
        "Do all components get the sign of the first? Each has its own.": {
            "path[-1] < path[0]": "path[-1, 0] < path[0, 0]"
        },
        "Is each end above zero? It must be above the start.": {
            "path[-1] < path[0]": "path[-1] < 0"
        },
        "Are the smallest components returned? Return the largest.": {
            PATH: "U[:, -n_components:] * S[-n_components:]"
        },
        "Is `n_components` ignored?": {PATH: "U[:, :2] * S[:2]"},
        "Does the path start at zero? Its mean is zero.": {
            SIGNS: f"path = path - path[0]\n{SIGNS}"
        },
    },
)
RIGHT = [
    *right_answers(
        "4.6",
        "steepest_window",
        {
            "a loop over pairs": """
            best, found = 0.0, (0, 1)
            for i in range(len(steps)):
                for j in range(i + 1, len(steps)):
                    change = abs(values[j] - values[i])
                    if steps[j] - steps[i] <= length and change > best:
                        best, found = change, (i, j)
            i, j = found
            share = (values[j] - values[i]) / (values[-1] - values[0])
            return Window(steps[i].item(), steps[j].item(), share.item())
            """,
            "all pairs by index": """
            i, j = torch.triu_indices(len(steps), len(steps), offset=1)
            near = steps[j] - steps[i] <= length
            i, j = i[near], j[near]
            share = (values[j] - values[i]) / (values[-1] - values[0])
            best = share.abs().argmax()
            return Window(int(steps[i[best]]), int(steps[j[best]]), float(share[best]))
            """,
        },
    ),
    *right_answers(
        "4.7",
        "loss_slope",
        {
            "least squares": """
            mean = losses.mean(-2)
            found = []
            for start in range(0, mean.shape[-1] - width + 1, width):
                t = torch.arange(start + 1, start + width + 1, dtype=losses.dtype).log()
                A = torch.stack([t, torch.ones_like(t)], -1)
                y = mean[..., start : start + width, None]
                found.append((torch.linalg.pinv(A) @ y)[..., 0, 0])
            return torch.stack(found, -1)
            """,
            "text by text": """
            n = losses.shape[-1] // width
            t = (1 + torch.arange(n * width, dtype=losses.dtype)).log().view(n, width)
            y = losses[..., : n * width].unflatten(-1, (n, width))
            t, y = t - t.mean(-1, True), y - y.mean(-1, True)
            return ((y * t).mean(-1) / t.pow(2).mean(-1)).mean(-2)
            """,
        },
    ),
    *right_answers(
        "4.8",
        "loss_pca",
        {
            "through V": """
            centred = losses - losses.mean(0, keepdim=True)
            Vh = torch.linalg.svd(centred, full_matrices=False).Vh
            path = centred @ Vh[:n_components].mT
            for i in range(n_components):
                if path[-1, i] < path[0, i]:
                    path[:, i] *= -1
            return path
            """,
            "products of snapshots": """
            centred = losses - losses.mean(dim=0)
            values, vectors = torch.linalg.eigh(centred @ centred.mT)
            path = vectors * values.clamp(min=0).sqrt()
            path = path.flip(1)[:, :n_components]
            return path * (path[-1] - path[0]).sign()
            """,
        },
    ),
]

NEIGHBORS = mistakes(
    "4.7",
    "loss_slope",
    {
        "Is this the mean slope between neighbors? Fit one line to all points of a band.": """
            mean = losses.mean(dim=-2)
            bands = mean[..., : mean.shape[-1] // width * width].unflatten(-1, (-1, width))
            index = torch.arange(1, bands.shape[-2] * width + 1).to(mean).log()
            steps = index.unflatten(0, (-1, width)).diff(dim=-1)
            return (bands.diff(dim=-1) / steps).mean(dim=-1)
            """
    },
)
