"""Answers to 4.6 and 4.7."""

from tests.grading.variants import Right, Wrong

ALLOWED = "(apart > 0) & (apart <= length)"
WINDOW = "Window(int(steps[start]), int(steps[stop]), change[start, stop].item() / whole)"
SIZE = "change.abs()"
BANDS = "bands = mean[..., : mean.shape[-1] // width * width].unflatten(-1, (-1, width))"
INDEX = "torch.arange(1, bands.shape[-2] * width + 1).to(mean).log().unflatten(0, (-1, width))"
CENTRED = "centred = index - index.mean(dim=-1, keepdim=True)"
SLOPE = "return (bands * centred).sum(dim=-1) / centred.square().sum(dim=-1)"


def steep(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in steepest_window."""
    return Wrong("4.6", name, {old: new}, says=says)


def slope(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in loss_slope."""
    return Wrong("4.7", name, {old: new}, says=says)


WRONG = [
    steep(
        "neighbours",
        ALLOWED,
        ALLOWED + " & torch.ones_like(apart).triu().tril(1).bool()",
        "Only neighbouring snapshots are compared",
    ),
    steep("rate", SIZE, "(change.abs() / apart)", "The largest change in EACH step"),
    steep("rises", SIZE, "change", "Only rises are looked at"),
    steep("falls", SIZE, "(-change)", "Only falls are looked at"),
    steep("shorter than", "apart <= length", "apart < length", "Stretches of exactly `length`"),
    steep("no length", " & (apart <= length)", "", "The length is not looked at"),
    steep(
        "snapshots counted",
        "apart = steps[None, :] - steps[:, None]",
        "n = torch.arange(len(steps))\n    apart = n[None, :] - n[:, None]",
        "`length` counts snapshots",
    ),
    steep("backwards", "apart > 0", "apart < 0", "is expected"),
    steep(
        "exchanged",
        WINDOW,
        "Window(int(steps[stop]), int(steps[start]), change[start, stop].item() / whole)",
        "Start and stop are exchanged.",
    ),
    steep("numbers", WINDOW, "Window(start, stop, change[start, stop].item() / whole)", "numbers"),
    steep("not a share", " / whole", "", "The share is the change itself"),
    steep(
        "size of the share",
        "change[start, stop].item()",
        "abs(whole) / whole * change[start, stop].abs().item()",
        "is expected",
    ),
    steep(
        "range",
        "(values[-1] - values[0]).item()",
        "(values.max() - values.min()).item()",
        "It is divided by the range",
    ),
    steep(
        "size of the whole", " / whole", " / abs(whole)", "It is divided by the size of the whole"
    ),
    steep("last value", "(values[-1] - values[0])", "values[-1]", "divided by the last value"),
    slope("index", ".to(mean).log()", ".to(mean)", "The slope is by the index itself"),
    slope(
        "from 0",
        "arange(1, bands.shape[-2] * width + 1)",
        "arange(bands.shape[-2] * width)",
        "The first index is 0 here",
    ),
    slope(
        "from 2",
        "arange(1, bands.shape[-2] * width + 1)",
        "arange(2, bands.shape[-2] * width + 2)",
        "The first index is 2 here",
    ),
    slope("base 10", ".log()", ".log10()", "to base 10"),
    slope("base 2", ".log()", ".log2()", "to base 2"),
    slope(
        "starts again",
        INDEX,
        "torch.arange(1, width + 1).to(mean).log().expand(bands.shape[-2], width)",
        "The index starts again in each band",
    ),
    slope("sign", "return (bands", "return -(bands", "The sign is turned round"),
    slope("not centred", CENTRED, "centred = index", "log(index) is not centred: take"),
    slope("not centred below", "centred.square()", "index.square()", "not centred below the line"),
    slope(
        "centred over all",
        CENTRED,
        "centred = index - index.mean()",
        "centred over the whole text",
    ),
    slope(
        "ends",
        SLOPE,
        "return (bands[..., -1] - bands[..., 0]) / (index[:, -1] - index[:, 0])",
        "The two ends of each band",
    ),
    slope("not divided", SLOPE, "return (bands * centred).sum(dim=-1)", "It is not divided by"),
    slope("mean of products", SLOPE, "return (bands * centred).mean(dim=-1)", "the covariance"),
    slope("first text", "losses.mean(dim=-2)", "losses[..., 0, :]", "Only the first text is used"),
    slope("sum over texts", "losses.mean(dim=-2)", "losses.sum(dim=-2)", "The sum over texts"),
    slope(
        "dropped at the start",
        BANDS,
        "n = mean.shape[-1]\n    bands = mean[..., n % width :].unflatten(-1, (-1, width))",
        "is expected",
    ),
    slope(
        "so many bands",
        "mean = losses.mean(dim=-2)",
        "mean = losses.mean(dim=-2)\n    width = mean.shape[-1] // width",
        "`width` counts bands",
    ),
    slope("log of the loss", "losses.mean(dim=-2)", "losses.mean(dim=-2).log()", "of the loss is"),
]

RIGHT = [
    Right(
        "4.6",
        "a loop over pairs",
        body={
            "steepest_window": """
            best, found = 0.0, (0, 1)
            for i in range(len(steps)):
                for j in range(i + 1, len(steps)):
                    change = abs(values[j] - values[i])
                    if steps[j] - steps[i] <= length and change > best:
                        best, found = change, (i, j)
            i, j = found
            share = (values[j] - values[i]) / (values[-1] - values[0])
            return Window(steps[i].item(), steps[j].item(), share.item())
            """
        },
    ),
    Right(
        "4.6",
        "all pairs by index",
        body={
            "steepest_window": """
            i, j = torch.triu_indices(len(steps), len(steps), offset=1)
            near = steps[j] - steps[i] <= length
            i, j = i[near], j[near]
            share = (values[j] - values[i]) / (values[-1] - values[0])
            best = share.abs().argmax()
            return Window(int(steps[i[best]]), int(steps[j[best]]), float(share[best]))
            """
        },
    ),
    Right(
        "4.7",
        "least squares",
        body={
            "loss_slope": """
            mean = losses.mean(-2)
            found = []
            for start in range(0, mean.shape[-1] - width + 1, width):
                t = torch.arange(start + 1, start + width + 1, dtype=losses.dtype).log()
                A = torch.stack([t, torch.ones_like(t)], -1)
                y = mean[..., start : start + width, None]
                found.append((torch.linalg.pinv(A) @ y)[..., 0, 0])
            return torch.stack(found, -1)
            """
        },
    ),
    Right(
        "4.7",
        "text by text",
        body={
            "loss_slope": """
            n = losses.shape[-1] // width
            t = (1 + torch.arange(n * width, dtype=losses.dtype)).log().view(n, width)
            y = losses[..., : n * width].unflatten(-1, (n, width))
            t, y = t - t.mean(-1, True), y - y.mean(-1, True)
            return ((y * t).mean(-1) / t.pow(2).mean(-1)).mean(-2)
            """
        },
    ),
]
