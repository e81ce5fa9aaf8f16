"""Answers to 0.5 and 0.6."""

from tests.grading.variants import Right, Wrong

FRESH = "embedded = embedded.detach().requires_grad_()\n"
ASK = "(gradient,) = torch.autograd.grad(score(embedded).sum(), embedded)\n"


def gradient(name, answer, says):
    return Wrong("0.5", name, body={"input_gradient": answer}, says=says)


def times(name, answer, says):
    return Wrong("0.5", name, body={"gradient_times_input": answer}, says=says)


def path(points="(k + 0.5) / steps", start="baseline", way="embedded - baseline", factor="way"):
    """The answer to 0.6 with one of its parts changed."""
    return (
        f"way = (embedded - baseline).detach()\npoints = [{points} for k in range(steps)]\n"
        f"slopes = [input_gradient(score, {start} + a * ({way})) for a in points]\n"
        f"return (torch.stack(slopes).mean(dim=0) * ({factor})).detach()"
    )


def along(name, answer, says):
    return Wrong("0.6", name, body={"integrated_gradients": answer}, says=says)


BACKWARD = "embedded = {}\nscore(embedded).sum().backward()\nreturn embedded.grad"

WRONG = [
    gradient("times input already", FRESH + ASK + "return (gradient * embedded).detach()", "alrea"),
    gradient(
        "mean of the scores",
        FRESH + "return torch.autograd.grad(score(embedded).mean(), embedded)[0]",
        "the gradient of their mean does not",
    ),
    gradient("absolute value", FRESH + ASK + "return gradient.abs()", "The sign is gone"),
    gradient(
        "normalised",
        FRESH + ASK + "return gradient / gradient.norm(dim=-1, keepdim=True)",
        "scaled to length 1 at every position",
    ),
    gradient(
        "squared score",
        FRESH + "return torch.autograd.grad(score(embedded).pow(2).sum(), embedded)[0]",
        "the squared score",
    ),
    gradient("summed", FRESH + ASK + "return gradient.sum(-1)", "wrong shape or type"),
    gradient(
        "mean over the batch",
        FRESH + ASK + "return gradient.mean(0, keepdim=True).expand_as(gradient)",
        "averaged over the batch",
    ),
    gradient("sign", FRESH + ASK + "return -gradient", "The sign is turned round"),
    gradient(
        "weights collect a gradient",
        BACKWARD.format("embedded.detach().clone().requires_grad_()"),
        "own weights hold a gradient",
    ),
    gradient(
        "the caller's own tensor",
        "embedded.requires_grad_()\n" + ASK + "return gradient",
        "now asks for gradients",
    ),
    gradient(
        "adds up in the caller's tensor",
        "embedded.requires_grad_()\nembedded.retain_grad()\nscore(embedded).sum().backward()\n"
        "return embedded.grad",
        "Did it add itself to an earlier one",
    ),
    gradient(
        "the caller's own .grad",
        "embedded.requires_grad_()\nscore(embedded).sum().backward()\nreturn embedded.grad",
        "None came. Is it .grad after backward()?",
    ),
    gradient(
        ".grad of a clone",
        BACKWARD.format("embedded.clone().requires_grad_()"),
        "and so was a clone of it",
    ),
    gradient(
        "gradients off",
        FRESH + ASK + "torch.set_grad_enabled(False)\nreturn gradient",
        "are off afterwards",
    ),
    gradient(
        "first review only",
        FRESH + "return torch.autograd.grad(score(embedded)[0], embedded)[0]",
        "with respect to its own vectors is wrong",
    ),
    times("without the input", "return input_gradient(score, embedded)", "WITHOUT the input"),
    times(
        "absolute input",
        "return input_gradient(score, embedded) * embedded.detach().abs()",
        "absolute value; its sign counts",
    ),
    times("twice", "return input_gradient(score, embedded) * embedded.detach() ** 2", "twice"),
    times("input alone", "return embedded.detach()", "the input without the gradient"),
    times("added", "return input_gradient(score, embedded) + embedded.detach()", "not multiplied"),
    times(
        "absolute product",
        "return (input_gradient(score, embedded) * embedded.detach()).abs()",
        "The sign is gone",
    ),
    times(
        "times the mean over positions",
        "return input_gradient(score, embedded) * embedded.detach().mean(1, keepdim=True)",
        "mean over positions",
    ),
    times(
        "summed over d_model",
        "return (input_gradient(score, embedded) * embedded).sum(-1).detach()",
        "wrong shape or type",
    ),
    times(
        "unit input",
        "unit = torch.nn.functional.normalize(embedded.detach(), dim=-1)\n"
        "return input_gradient(score, embedded) * unit",
        "The input is scaled to length 1",
    ),
    along("no difference", path(factor="1"), "not multiplied by (embedded - baseline)"),
    along("times the input", path(factor="embedded"), "It is multiplied by embedded"),
    along("wrong end", path(factor="-way"), "the way goes from the baseline TO the input"),
    along("times the baseline", path(factor="baseline"), "It is multiplied by the baseline"),
    along(
        "no baseline",
        path(start="0 * baseline", way="embedded", factor="embedded"),
        "The baseline is forgotten",
    ),
    along("from zero", path(start="0", way="embedded"), "The path starts at zero"),
    along("baseline plus input", path(way="embedded"), "does not end at the input"),
    along("from the input on", path(start="embedded"), "away from the baseline"),
    along("scaled difference", path(start="0"), "The baseline is taken twice"),
    along("left sum", path("k / steps"), "a left Riemann sum"),
    along("right sum", path("(k + 1) / steps"), "a right Riemann sum"),
    along("both ends", path("k / max(steps - 1, 1)"), "with both ends counted in full"),
    along("inner points", path("(k + 1) / (steps + 1)"), "The points are k / (steps + 1)"),
    along("sum", path().replace(".mean(", ".sum("), "the sum over the steps"),
    along("one point", path("0.5"), "the middle of the path alone"),
    along("at the input", path("1.0"), "the gradient at the input alone"),
    along("one too many", path().replace("steps)]", "steps + 1)]"), "cubic score in"),
    along(
        "trapezoid",
        "way = (embedded - baseline).detach()\n"
        "slopes = [input_gradient(score, baseline + k / steps * way) for k in range(steps + 1)]\n"
        "return way * (sum(slopes) - (slopes[0] + slopes[-1]) / 2) / steps",
        "This is the trapezoid rule",
    ),
    along(
        "edits the baseline",
        "way = (embedded - baseline).detach()\ntotal = torch.zeros_like(way)\n"
        "baseline += way / steps / 2\nfor _ in range(steps):\n"
        "    total += input_gradient(score, baseline)\n    baseline += way / steps\n"
        "return way * total / steps",
        "`baseline` is edited in place",
    ),
]

RIGHT = [
    Right(
        "0.5",
        "the mean times the batch",
        body={
            "input_gradient": "x = embedded.detach().clone().requires_grad_()\n"
            "return len(x) * torch.autograd.grad(score(x).mean(), x)[0]",
            "gradient_times_input": "x = embedded.detach().clone().requires_grad_()\n"
            "return torch.autograd.grad(score(x), x, torch.ones(len(x), dtype=x.dtype))[0] * x",
        },
    ),
    Right(
        "0.5",
        "functional gradient",
        body={
            "input_gradient": "return torch.func.grad(lambda x: score(x).sum())(embedded).detach()"
        },
    ),
    Right(
        "0.6",
        "a running sum",
        body={
            "integrated_gradients": """
        x, start = embedded.detach(), baseline.detach()
        total = torch.zeros_like(x)
        for step in range(1, steps + 1):
            weight = (2 * step - 1) / (2 * steps)
            total = total + input_gradient(score, weight * x + (1 - weight) * start) / steps
        return (x - start) * total
    """
        },
    ),
    Right(
        "0.6",
        "one large batch",
        body={
            "integrated_gradients": """
        way = (embedded - baseline).detach()
        fractions = (torch.arange(steps, dtype=way.dtype) + 0.5) / steps
        points = baseline.detach() + fractions.view(-1, 1, 1, 1) * way
        slopes = input_gradient(score, points.flatten(0, 1)).unflatten(0, (steps, len(way)))
        return slopes.mean(0) * way
    """
        },
    ),
]
