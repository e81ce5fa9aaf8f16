"""More mistakes in 4.6 to 4.9: windows, slopes, components and smeared keys."""

from tests.grading.mistakes import mistakes

START_STOP, WHOLE = "int(steps[start]), int(steps[stop])", "(values[-1] - values[0]).item()"
BEST, SHARE = "change.abs().masked_fill(~allowed, -1.0).argmax()", "change[start, stop].item()"
STEEPEST = mistakes(
    "4.6",
    "steepest_window",
    {
        "Is the change divided by the sum of all changes? Divide by last minus first.": {
            WHOLE: "values.diff().abs().sum().item()"
        },
        "Is the change divided by the first value? Divide by last minus first.": {
            WHOLE: "values[0].item()"
        },
        "Is the whole change first minus last? It is last minus first.": {
            WHOLE: "(values[0] - values[-1]).item()"
        },
        "Is the change divided by the number of steps? The share has no unit of steps.": {
            f"{SHARE} / whole": f"{SHARE} / whole / int(apart[start, stop])"
        },
        "Is the smallest change taken? Find the largest.": {
            BEST: "change.abs().masked_fill(~allowed, torch.inf).argmin()"
        },
        "Is the stop `length` after the start? It is the step of a snapshot.": {
            START_STOP: "int(steps[start]), int(steps[start]) + length"
        },
        "Is only the latest snapshot within `length` compared? Earlier ones count too.": {
            "best = int(": "allowed &= allowed.cumsum(1) == allowed.sum(1, keepdim=True)\n"
            "best = int("
        },
        "Do only windows of exactly `length` steps count? Shorter ones count too.": {
            "apart <= length": "apart == length"
        },
        "Do only windows from the first snapshot count?": {
            "(apart > 0)": "(apart > 0) & (torch.arange(len(steps))[:, None] == 0)"
        },
        "Do only windows up to the last snapshot count?": {
            "(apart > 0)": "(apart > 0) & (torch.arange(len(steps)) == len(steps) - 1)"
        },
        "Are start and stop exchanged in the change too?": {
            "divmod(best, len(steps))": "divmod(best, len(steps))[::-1]"
        },
        "Is the change relative to the value at its start? Compare the change itself.": {
            "change.abs()": "(change / values[:, None]).abs()"
        },
        "Is the largest range within a window taken? Compare its two ends.": {
            "change = values[None, :] - values[:, None]": """change = torch.zeros_like(apart).to(values)
for i in range(len(steps)):
    for j in range(i + 1, len(steps)):
        change[i, j] = values[i : j + 1].max() - values[i : j + 1].min()"""
        },
    },
)
ABOVE, BELOW = "(bands * centred).sum(dim=-1)", " / centred.square().sum(dim=-1)"
BANDS = "mean[..., : mean.shape[-1] // width * width].unflatten(-1, (-1, width))"
SLOPE = mistakes(
    "4.7",
    "loss_slope",
    {
        "Is the covariance over n divided by the variance over n - 1? Use the same for both.": {
            ABOVE + BELOW: "(bands * centred).mean(dim=-1) / centred.var(dim=-1)"
        },
        "Is the covariance over n - 1 divided by the variance over n? Use the same for both.": {
            ABOVE: "(bands * centred).sum(dim=-1) / (width - 1)",
            BELOW: " / centred.square().mean(dim=-1)",
        },
        "Is it divided by the standard deviation of log(index)? Divide by the variance.": {
            BELOW: " / width / centred.square().mean(dim=-1).sqrt()"
        },
        "Is it a median over texts? Take the mean.": {
            "losses.mean(dim=-2)": "losses.median(dim=-2).values"
        },
        "Is only the last text used? Take the mean over texts.": {
            "losses.mean(dim=-2)": "losses[..., -1, :]"
        },
        "Is the mean over the first axis? The texts are the second last.": {
            "losses.mean(dim=-2)": "losses.mean(dim=0)"
        },
        "Does each text have a slope of its own? Take the mean over texts.": {
            "losses.mean(dim=-2)": "losses"
        },
        "Is the slope divided by the mean loss?": {
            f"return {ABOVE}": f"return 1 / bands.mean(dim=-1) * {ABOVE}"
        },
        "Is this one slope over the whole text? Fit one in each band.": {
            f"return {ABOVE}{BELOW}": """t = index.flatten() - index.mean()
slope = (bands.flatten(-2) * t).sum(-1, keepdim=True) / t.square().sum()
return slope.expand(bands.shape[:-1])"""
        },
        "Do the bands overlap? Each begins where the one before ends.": (
            """
            mean = losses.mean(dim=-2)
            bands = mean.unfold(-1, width, 1)
            index = torch.arange(1, mean.shape[-1] + 1).to(mean).log().unfold(0, width, 1)
            centred = index - index.mean(dim=-1, keepdim=True)
            return (bands * centred).sum(dim=-1) / centred.square().sum(dim=-1)
            """
        ),
        "Are the bands taken in strides, each index of the next band? A band is contiguous.": {
            BANDS: BANDS.replace("(-1, width))", "(width, -1)).mT")
        },
        "Is the fit between the loss at the start of a band and the whole of it?": {
            ABOVE: "((bands - bands[..., :1]) * index).sum(dim=-1)"
        },
        "Are squares of the index used in place of its logarithm?": {
            ".to(mean).log()": ".to(mean).square()"
        },
        "Is the root of the index used in place of its logarithm?": {
            ".to(mean).log()": ".to(mean).sqrt()"
        },
        "Is it the size of the slope? A slope has a sign.": {
            f"return {ABOVE}{BELOW}": f"return ({ABOVE}{BELOW}).abs()"
        },
    },
)
MIDDLE, PATH = "losses - losses.mean(dim=0)", "U[:, :n_components] * S[:n_components]"
SIGNS = "return path * torch.where(path[-1] < path[0], -1.0, 1.0)"
PCA = mistakes(
    "4.8",
    "loss_pca",
    {
        "Are all components multiplied by the first singular value? Each has its own.": {
            PATH: "U[:, :n_components] * S[0]"
        },
        "Are rows of U taken? A component is a column.": {
            PATH: "(U.mT[:, :n_components] * S[:n_components])"
        },
        "Are the coordinates multiplied by the root of S? They are U * S.": {
            " * S[:n_components]": " * S[:n_components].sqrt()"
        },
        "Are the coordinates divided by S? They are U * S.": {
            " * S[:n_components]": " / S[:n_components]"
        },
        "Is each snapshot divided by its standard deviation? The losses keep their size.": {
            MIDDLE: f"({MIDDLE}) / losses.std(dim=1, keepdim=True)"
        },
        "Is it divided by the number of snapshots? The coordinates are U * S.": {
            PATH: f"{PATH} / len(losses)"
        },
        "Is it divided by the root of the number of snapshots? The coordinates are U * S.": {
            PATH: f"{PATH} / len(losses) ** 0.5"
        },
        "Is S divided by its sum? The coordinates are U * S.": {PATH: f"{PATH} / S.sum()"},
        "Are both the snapshots' and the tokens' means subtracted?": {
            MIDDLE: f"{MIDDLE}\ncentred = centred - centred.mean(dim=1, keepdim=True)"
        },
        "Is the last snapshot subtracted? Subtract each token's mean.": {
            MIDDLE: "losses - losses[-1]"
        },
        "Is the median of each token subtracted? Subtract its mean.": {
            MIDDLE: "losses - losses.median(dim=0).values"
        },
        "Are the losses projected without centering, on centered directions?": {
            "U, S, _": "U, S, Vh",
            PATH: "losses @ Vh[:n_components].mT",
        },
        "Are logarithms of the losses projected?": {
            MIDDLE: "losses.log() - losses.log().mean(dim=0)"
        },
        "Is the sign that of the first step? Compare the last snapshot with the first.": {
            "path[-1] < path[0]": "path[1] < path[0]"
        },
        "Is the sign that of the sum? Compare the last snapshot with the first.": {
            "path[-1] < path[0]": "path.sum(dim=0) < 0"
        },
        "Is the sign that of the largest coordinate? Compare the last snapshot with the first.": {
            "path[-1] < path[0]": ("path.gather(0, path.abs().argmax(0, keepdim=True))[0] < 0")
        },
        "Does each component start below zero? It must end above its start.": {
            "path[-1] < path[0]": "path[0] > 0"
        },
        "Are the coordinates' sizes returned? They have signs.": {SIGNS: "return path.abs()"},
        "Are the components in reverse order? The largest comes first.": {
            SIGNS: SIGNS.replace("return", "path = path.flip(1)\nreturn")
        },
    },
)
SHARE_OF, BEFORE = "alpha.sigmoid()[:, None]", "torch.cat([keys[:, :1], keys[:, :-1]], dim=1)"
MIX = "share * keys + (1 - share) * before"
SMEAR = mistakes(
    "4.9",
    "smear",
    {
        "Is the key two positions before mixed in? Use the one before.": {
            BEFORE: "torch.cat([keys[:, :2], keys[:, :-2]], dim=1)"
        },
        "Is the first key mixed with the last one's place? It stays as it is.": {
            f"return {MIX}": f"out = {MIX}\nout[:, 0] = before[:, -1]\nreturn out"
        },
        "Is the first key zero in the result? It stays as it is.": {
            f"return {MIX}": f"out = {MIX}\nout[:, 0] = 0\nreturn out"
        },
        "Is alpha aligned with texts? It has one entry per head, axis 2.": {
            "[:, None]": "[:, None, None, None]"
        },
        "Is it tanh? The weight is sigmoid(alpha).": {".sigmoid()": ".tanh()"},
        "Is it exp? The weight is sigmoid(alpha).": {".sigmoid()": ".exp()"},
        "Is alpha clamped to 0 and 1? The weight is sigmoid(alpha).": {
            ".sigmoid()": ".clamp(0, 1)"
        },
        "Is the sigmoid applied twice?": {".sigmoid()": ".sigmoid().sigmoid()"},
        "Is the key before subtracted? It is added.": {MIX: "share * keys - (1 - share) * before"},
        "Is the change from the key before weighted? Mix the two keys.": {
            MIX: "keys + share * (keys - before)"
        },
        "Are the weights added to the mean of both keys? They take its place.": {
            MIX: f"({MIX}) / 2"
        },
        "Are the keys unchanged? Mix in the key before.": {f"return {MIX}": "return keys"},
        "Is the key itself missing? Mix both.": {MIX: "(1 - share) * before"},
        "Is the key before missing? Mix both.": {MIX: "share * keys"},
        "Is only the key before returned? Mix both.": {f"return {MIX}": "return before"},
        "Are all earlier keys averaged? Use the one before.": {
            BEFORE: (
                "torch.cat([keys[:, :1], keys[:, :-1].cumsum(1)"
                " / torch.arange(1, keys.shape[1])[:, None, None]], dim=1)"
            )
        },
        "Are the squares of the weights summing to 1? The weights themselves do.": {
            MIX: "share.sqrt() * keys + (1 - share).sqrt() * before"
        },
        "Is entry 1 of d_head mixed with entry 0? The position is axis 1.": {
            BEFORE: "torch.cat([keys[..., :1], keys[..., :-1]], dim=-1)"
        },
        "Do all positions use one mean of the keys?": {
            BEFORE: "keys.mean(dim=1, keepdim=True).expand_as(keys)"
        },
    },
)
