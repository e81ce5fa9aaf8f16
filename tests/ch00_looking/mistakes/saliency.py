"""Mistakes in 0.5 and 0.6, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

FRESH = "embedded = embedded.detach().requires_grad_()\n"
ASK = "(gradient,) = torch.autograd.grad({}, embedded)\n"
GRADIENT = FRESH + ASK.format("score(embedded).sum()")
BACKWARD = "embedded = {}\nscore(embedded).sum().backward()\nreturn embedded.grad"
INPUT = mistakes(
    "0.5",
    "input_gradient",
    {
        "Is this gradient times input? This function returns the gradient.": (
            GRADIENT + "return (gradient * embedded).detach()"
        ),
        "Is it the gradient of the MEAN of the scores? Differentiate their sum.": (
            FRESH + ASK.format("score(embedded).mean()") + "return gradient"
        ),
        "Is it the gradient of the first score alone? Differentiate the sum.": (
            FRESH + ASK.format("score(embedded)[0]") + "return gradient"
        ),
        "Is it the gradient of the squared score?": (
            FRESH + ASK.format("score(embedded).pow(2).sum()") + "return gradient"
        ),
        "Is this an absolute value? A gradient can be negative.": GRADIENT
        + "return gradient.abs()",
        "Is it squared?": GRADIENT + "return gradient**2",
        "Is the sign flipped?": GRADIENT + "return -gradient",
        "Is it normalised at every position? Keep the norm of the gradient.": (
            GRADIENT + "return gradient / gradient.norm(dim=-1, keepdim=True)"
        ),
        "Is it normalised for every example? Keep the norm of the gradient.": (
            GRADIENT + "return gradient / gradient.flatten(1).norm(dim=1)[:, None, None]"
        ),
        "Is it summed over d_model and expanded? Every entry has its own.": (
            GRADIENT + "return gradient.sum(-1, keepdim=True).expand_as(gradient)"
        ),
        "Is each review scored alone? A score may hold an answer for each: pass it the batch.": """
            rows = [one.detach().requires_grad_() for one in embedded.split(1)]
            return torch.cat([torch.autograd.grad(score(one).sum(), one)[0] for one in rows])
        """,
        "Is it averaged over the batch? Each example has its own.": (
            GRADIENT + "return gradient.mean(0, keepdim=True).expand_as(gradient)"
        ),
        "Is it zero everywhere, because the graph was cut (detach, no_grad)?": (
            "return torch.zeros_like(embedded.detach())"
        ),
        "Is this the input itself?": "return embedded.detach()",
        "Is the second call added to the gradient of the first? `.grad` accumulates.": (
            "embedded.requires_grad_()\nembedded.retain_grad()\nscore(embedded).sum().backward()\n"
            "return embedded.grad"
        ),
    },
    unnamed={
        "wrong shape or type": GRADIENT + "return gradient.sum(-1)",
        "own weights hold a gradient": BACKWARD.format(
            "embedded.detach().clone().requires_grad_()"
        ),
        "now asks for gradients": "embedded.requires_grad_()\n"
        + ASK.format("score(embedded).sum()")
        + "return gradient",
        "Is it .grad after backward()?": [
            BACKWARD.format("embedded.requires_grad_()"),
            BACKWARD.format("embedded.clone().requires_grad_()"),
        ],
        "switches gradients on or off": GRADIENT + "torch.set_grad_enabled(False)\nreturn gradient",
    },
)
TIMES = mistakes(
    "0.5",
    "gradient_times_input",
    {
        "Is this the gradient without the input? Multiply by embedded.": {
            " * embedded.detach()": ""
        },
        "Is it multiplied by the absolute value of the input? Keep its sign.": {
            "* embedded.detach()": "* embedded.detach().abs()"
        },
        "Is it multiplied by the norm of each token's vector? Multiply entry by entry.": {
            "* embedded.detach()": "* embedded.detach().norm(dim=-1, keepdim=True)"
        },
        "Is it multiplied by the input twice?": {"* embedded.detach()": "* embedded.detach() ** 2"},
        "Is this the input without the gradient?": "return embedded.detach().clone()",
        "Is the input added? Multiply by it.": {"* embedded.detach()": "+ embedded.detach()"},
        "Is this the absolute value of the product? Keep its sign.": (
            "return (input_gradient(score, embedded) * embedded.detach()).abs()"
        ),
        "Is it multiplied by the mean over positions? Each position has its own vector.": {
            "* embedded.detach()": "* embedded.detach().mean(1, keepdim=True)"
        },
        "Is it multiplied by the score? Multiply by the input.": {
            "* embedded.detach()": "* score(embedded).detach()[:, None, None]"
        },
        "Is the input normalised first? Multiply by it as it is.": {
            "* embedded.detach()": "* F.normalize(embedded.detach(), dim=-1)",
            "return input_gradient": "import torch.nn.functional as F\nreturn input_gradient",
        },
    },
    unnamed={
        "wrong shape or type": "return (input_gradient(score, embedded) * embedded).sum(-1).detach()"
    },
)


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
        "Is the path baseline + alpha * embedded? Then it does not end at the input.": (
            path(way="embedded")
        ),
        "Does the path start at the input, away from the baseline?": path(start="embedded"),
        "Does the path end at embedded - baseline?": path(start="0"),
        "Is each gradient taken at the LEFT end of its interval? Take the middle.": (
            path("k / steps")
        ),
        "Is each gradient taken at the RIGHT end of its interval? Take the middle.": (
            path("(k + 1) / steps")
        ),
        "Do the points include both ends, 0 and 1? Take the middles of the intervals.": (
            path("k / max(steps - 1, 1)")
        ),
        "Are the points k / (steps + 1)? Take the middles, (k + 1/2) / steps.": (
            path("(k + 1) / (steps + 1)")
        ),
        "This is the sum over the steps. Divide by their number.": (
            path().replace(".mean(", ".sum(")
        ),
        "Are the points of the path in float32? torch.linspace and arange need a dtype.": [
            path().replace(
                "[(k + 0.5) / steps for k in range(steps)]",
                "torch.linspace(0.5 / steps, 1 - 0.5 / steps, steps).tolist()",
            ),
            path().replace(
                "[(k + 0.5) / steps for k in range(steps)]",
                "((torch.arange(steps) + 0.5) / steps).tolist()",
            ),
        ],
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
RIGHT = [
    *right_answers(
        "0.5",
        "input_gradient",
        {
            "the mean times the batch": {
                "input_gradient": (
                    "x = embedded.detach().clone().requires_grad_()\n"
                    "return len(x) * torch.autograd.grad(score(x).mean(), x)[0]"
                ),
                "gradient_times_input": (
                    "x = embedded.detach().clone().requires_grad_()\n"
                    "ones = torch.ones(len(x), dtype=x.dtype)\n"
                    "return torch.autograd.grad(score(x), x, ones)[0] * x"
                ),
            },
            "functional gradient": (
                "return torch.func.grad(lambda x: score(x).sum())(embedded).detach()"
            ),
        },
    ),
    *right_answers(
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
    ),
]
