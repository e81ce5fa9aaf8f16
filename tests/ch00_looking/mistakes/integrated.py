"""Mistakes in integrated gradients (0.6), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

POINTS = "[(k + 0.5) / steps for k in range(steps)]"


def path(points="(k + 0.5) / steps", start="baseline", way="embedded - baseline", factor="way"):
    """The answer to 0.6 with one of its parts changed."""
    return (
        f"way = (embedded - baseline).detach()\npoints = [{points} for k in range(steps)]\n"
        f"slopes = [input_gradient(score, {start} + a * ({way})) for a in points]\n"
        f"return (torch.stack(slopes).mean(dim=0) * ({factor})).detach()"
    )


INTEGRATED = mistakes(
    "0.6",
    "integrated_gradients",
    {
        "Is the mean gradient not multiplied by (embedded - baseline)?": path(factor="1"),
        "Is it multiplied by embedded? Multiply by embedded - baseline.": path(factor="embedded"),
        "Is the sign flipped? Multiply by embedded - baseline.": path(factor="-way"),
        "Is it multiplied by the baseline? Multiply by embedded - baseline.": (
            path(factor="baseline")
        ),
        "Is the baseline ignored?": path(start="0 * baseline", way="embedded", factor="embedded"),
        "Does the path start at zero? It starts at the baseline.": path(start="0", way="embedded"),
        "Is the path baseline + alpha * embedded? Then it does not end at the input.": [
            path(way="embedded"),
            path(way="embedded", factor="embedded"),
        ],
        "Is the difference baseline - embedded? It is embedded - baseline in path and factor.": [
            path(way="baseline - embedded", factor="-way"),
            path(way="baseline - embedded"),
        ],
        "Does the path end at embedded - baseline?": path(start="0"),
        "Is each gradient taken at the LEFT end of its interval? Take the middle.": (
            path("k / steps")
        ),
        "Is each gradient taken at the RIGHT end of its interval? Take the middle.": (
            path("(k + 1) / steps")
        ),
        "Do the points include both ends, 0 and 1? Take the middles of the intervals.": [
            path("k / max(steps - 1, 1)"),
            path().replace(POINTS, "torch.linspace(0, 1, steps).tolist()"),
            path().replace(POINTS, "torch.linspace(0, 1, steps, dtype=way.dtype).tolist()"),
        ],
        "Are there steps + 1 points, with both ends, 0 and 1? Take the middles of steps intervals.": [
            path("k / steps").replace("(steps)]", "(steps + 1)]"),
            path().replace(POINTS, "torch.linspace(0, 1, steps + 1).tolist()"),
        ],
        "Are the points k / (steps + 1)? Take the middles, (k + 1/2) / steps.": [
            path("(k + 1) / (steps + 1)"),
            path().replace(POINTS, "torch.linspace(0, 1, steps + 2)[1:-1].tolist()"),
        ],
        "Are brackets missing around k + 1/2?": [path("k / steps + 0.5"), path("k + 0.5 / steps")],
        "Is k counted from 1 and 1/2 added? Count from 0, or subtract 1/2.": [
            path("(k + 1.5) / steps")
        ],
        "Is k counted from 0 and 1/2 subtracted? Count from 1, or add 1/2.": [
            path("(k - 0.5) / steps")
        ],
        "Is the first interval left out?": [
            path().replace("range(steps)", "range(1, steps)"),
            path().replace("range(steps)", "range(1, max(steps, 2))"),
        ],
        "Is the last interval left out?": [
            path().replace("range(steps)", "range(steps - 1)"),
            path().replace("range(steps)", "range(max(steps - 1, 1))"),
        ],
        "Is the gradient of the last step alone used? Average them all.": [
            path().replace("torch.stack(slopes).mean(dim=0)", "slopes[-1]"),
            path().replace("torch.stack(slopes).mean(dim=0)", "slopes[-1] / steps"),
        ],
        "Is the gradient averaged over its entries too? Average over the steps alone.": (
            path().replace("mean(dim=0)", "mean()")
        ),
        "Is the mean over the batch? The steps are axis 0 of the stacked gradients.": (
            path().replace("mean(dim=0)", "mean(dim=1)")
        ),
        "This is the median over the steps. Take the mean.": (
            path().replace("mean(dim=0)", "median(dim=0).values")
        ),
        "Is the absolute value of embedded - baseline taken? Keep its sign.": (
            path(factor="way.abs()")
        ),
        "Is the absolute value of the gradients taken? Keep their sign.": (
            path().replace("stack(slopes)", "stack(slopes).abs()")
        ),
        "Is the absolute value of the attribution taken? Keep its sign.": (
            path().replace("(way))", "(way)).abs()")
        ),
        "Is it multiplied by embedded - baseline twice?": path(factor="way * way"),
        "Is each gradient multiplied by its fraction of the path?": (
            path().replace("+ a * (embedded - baseline))", "+ a * way) * a")
        ),
        "Is gradient times input averaged over the path? Average the gradient alone.": [
            path(factor="1").replace("input_gradient(", "gradient_times_input("),
            path().replace("input_gradient(", "gradient_times_input("),
        ],
        "Are the attributions scaled to the difference of the scores? Leave the rule's error.": (
            path().replace("return (", "found = (")
            + "\nscale = (score(embedded) - score(baseline)).detach() / found.sum((1, 2))\n"
            "return found * scale[:, None, None]"
        ),
        "Does each step start from the point of the step before? Start from the baseline.": (
            "way, total = (embedded - baseline).detach(), 0\npoint = baseline\n"
            "for k in range(steps):\n    point = point + (k + 0.5) / steps * way\n"
            "    total = total + input_gradient(score, point)\nreturn way * total / steps"
        ),
        "Are the points of all steps regrouped in the wrong order? The steps come first.": (
            "way = (embedded - baseline).detach()\n"
            "parts = ((torch.arange(steps) + 0.5) / steps).to(way)[:, None, None, None]\n"
            "slopes = input_gradient(score, (baseline + parts * way).flatten(0, 1))\n"
            "return way * slopes.unflatten(0, (len(way), steps)).mean(1)"
        ),
        "The axis d_model is gone: each entry has its own attribution. per_token sums them.": (
            path().replace("(way))", "(way)).sum(-1)")
        ),
        "This is the sum over the steps. Divide by their number.": (
            path().replace(".mean(", ".sum(")
        ),
        "Are the points of the path in float32? torch.linspace and arange need a dtype.": [
            path().replace(
                POINTS,
                "torch.linspace(0.5 / steps, 1 - 0.5 / steps, steps).tolist()",
            ),
            path().replace(
                POINTS,
                "((torch.arange(steps) + 0.5) / steps).tolist()",
            ),
        ],
        "Is it the mean of the gradients at both ends? Average along the path.": (
            "way = (embedded - baseline).detach()\n"
            "ends = input_gradient(score, embedded) + input_gradient(score, baseline)\n"
            "return way * ends / 2"
        ),
        "Is it multiplied by embedded + baseline? Multiply by the difference.": (
            path(factor="embedded + baseline")
        ),
        "Is the gradient of the first step alone used? Average them all.": [
            path().replace("torch.stack(slopes).mean(dim=0)", "slopes[0]"),
            path().replace("torch.stack(slopes).mean(dim=0)", "slopes[0] / steps"),
        ],
        "Is it divided by the number of steps twice?": path(factor="way / steps"),
        "Is the mean baseline of the batch used? Each review has its own.": (
            "baseline = baseline.mean(0, keepdim=True)\n" + path()
        ),
        "Is it divided by the batch size? Each review has its own score.": (
            path(factor="way / len(embedded)")
        ),
        "Is it divided by steps + 1?": path(factor="way * steps / (steps + 1)"),
        "Is the gradient taken only in the middle of the path?": path("0.5"),
        "Is the gradient taken only at the input? Average it along the path.": path("1.0"),
        "Is the gradient taken only at the baseline? Average it along the path.": path("0.0"),
        "Is there one point too many, beyond the input?": (
            path().replace("steps)]", "steps + 1)]")
        ),
        "Are these the midpoints of steps + 1 intervals?": (
            path("(k + 0.5) / (steps + 1)").replace("(steps)]", "(steps + 1)]")
        ),
        "This is gradient times input.": "return gradient_times_input(score, embedded)",
        "This is the trapezoid rule. Use the midpoint rule.": (
            "way = (embedded - baseline).detach()\npoints = [k / steps for k in range(steps + 1)]\n"
            "slopes = [input_gradient(score, baseline + point * way) for point in points]\n"
            "return way * (sum(slopes) - (slopes[0] + slopes[-1]) / 2) / steps"
        ),
    },
    unnamed={
        "`baseline` is edited in place": (
            "way = (embedded - baseline).detach()\ntotal = torch.zeros_like(way)\n"
            "baseline += way / steps / 2\nfor _ in range(steps):\n"
            "    total += input_gradient(score, baseline)\n    baseline += way / steps\n"
            "return way * total / steps"
        )
    },
)
RIGHT = right_answers(
    "0.6",
    "integrated_gradients",
    {
        "a running sum": """
            x, start = embedded.detach(), baseline.detach()
            total = torch.zeros_like(x)
            for step in range(1, steps + 1):
                weight = (2 * step - 1) / (2 * steps)
                total = total + input_gradient(score, weight * x + (1 - weight) * start) / steps
            return (x - start) * total
        """,
        "one large batch": """
            way = (embedded - baseline).detach()
            fractions = (torch.arange(steps, dtype=way.dtype) + 0.5) / steps
            points = baseline.detach() + fractions.view(-1, 1, 1, 1) * way
            slopes = input_gradient(score, points.flatten(0, 1)).unflatten(0, (steps, -1))
            return slopes.mean(0) * way
        """,
    },
)
