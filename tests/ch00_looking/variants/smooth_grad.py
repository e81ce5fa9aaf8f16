"""Answers to 0.7."""

from tests.grading.variants import Right, Wrong

DRAW = "torch.randn(embedded.shape, generator=generator, dtype=embedded.dtype)"


def answer(added=f"noise * {DRAW}", slope="input_gradient(score, x + added)", end="/ n_samples"):
    """The answer to 0.7 with one of its parts changed."""
    return (
        "x, total = embedded.detach().clone(), 0.0\nfor _ in range(n_samples):\n"
        f"    added = {added}\n    total = total + {slope}\nreturn total {end}"
    )


def wrong(name, says, **parts):
    return Wrong("0.7", name, body={"smooth_grad": answer(**parts)}, says=says)


ONE_NOISE = f"added = noise * {DRAW}\n"

WRONG = [
    wrong("sum", "the sum over the samples", end=""),
    wrong("divided twice", "divided by n_samples twice", end="/ n_samples / n_samples"),
    wrong("unscaled", "never scaled by `noise`", added=DRAW),
    wrong("squared", "The noise is squared", added=f"noise**2 * {DRAW}"),
    wrong("root", "Its root is taken", added=f"noise**0.5 * {DRAW}"),
    wrong(
        "even noise", "Is it drawn evenly (rand)", added=f"noise * {DRAW}".replace("randn", "rand")
    ),
    wrong(
        "even noise around zero",
        "drawn evenly from -noise to noise",
        added=f"noise * (2 * {DRAW} - 1)".replace("randn", "rand"),
    ),
    wrong(
        "even noise of the right size",
        "fourth moment",
        added=f"noise * 12**0.5 * ({DRAW} - 0.5)".replace("randn", "rand"),
    ),
    wrong("global noise", "global random state", added="noise * torch.randn_like(embedded)"),
    wrong(
        "seeded inside",
        "Two generators give the same noise",
        added=f"noise * {DRAW}".replace("=generator", "=torch.Generator().manual_seed(_)"),
    ),
    wrong("no noise", "There is no noise at all", added="0.0"),
    wrong("relative", "scaled by the input, too", added=f"noise * x * {DRAW}"),
    wrong("times input", "averages plain gradients", slope="input_gradient(score, x + added) * x"),
    wrong(
        "absolute", "The absolute value is taken", slope="input_gradient(score, x + added).abs()"
    ),
    wrong("squares", "The gradients are squared", slope="input_gradient(score, x + added) ** 2"),
    wrong(
        "heaps up",
        "so that noise heaps up",
        slope="input_gradient(score, x.add_(added))",
    ),
    wrong(
        "one noise for the batch",
        "Noises of one example and the next",
        added=f"noise * {DRAW}".replace("(embedded.shape", "(embedded.shape[1:]"),
    ),
    wrong(
        "one noise for all positions",
        "Noises of one position and the next",
        added=f"noise * {DRAW}".replace("(embedded.shape", "(len(x), 1, x.shape[2]"),
    ),
    wrong(
        "one noise for a token",
        "Noises of one entry and the next",
        added=f"noise * {DRAW}".replace("(embedded.shape", "(*x.shape[:2], 1"),
    ),
    Wrong(
        "0.7",
        "one noise for all copies",
        body={
            "smooth_grad": ONE_NOISE + "x = embedded.detach() + added\n"
            "return sum(input_gradient(score, x) for _ in range(n_samples)) / n_samples"
        },
        says="Every copy has the same noise",
    ),
    Wrong(
        "0.7",
        "gradient at the mean copy",
        body={
            "smooth_grad": f"copies = [noise * {DRAW} for _ in range(n_samples)]\n"
            "return input_gradient(score, embedded + sum(copies) / n_samples)"
        },
        says="the gradient at the mean of the copies",
    ),
    Wrong(
        "0.7",
        "edits the input",
        body={
            "smooth_grad": answer()
            .replace("embedded.detach().clone()", "embedded")
            .replace("x + added", "x.data.add_(added)")
        },
        says="`embedded` is edited in place",
    ),
]

RIGHT = [
    Right(
        "0.7",
        "all copies in one batch",
        body={
            "smooth_grad": "shape = (n_samples, *embedded.shape)\n"
            "added = torch.randn(shape, generator=generator, dtype=embedded.dtype)\n"
            "copies = embedded.detach() + noise * added\n"
            "slopes = input_gradient(score, copies.flatten(0, 1))\n"
            "return slopes.unflatten(0, (n_samples, -1)).mean(0)"
        },
    ),
    Right(
        "0.7",
        "drawn by normal",
        body={
            "smooth_grad": "copies = [torch.normal(embedded.detach(), noise, generator=generator)"
            " for _ in range(n_samples)]\n"
            "return torch.stack([input_gradient(score, x) for x in copies]).mean(0)"
        },
    ),
]
