"""Mistakes in 0.7, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

DRAW = "torch.randn(embedded.shape, generator=generator, dtype=embedded.dtype)"


def answer(added=f"noise * {DRAW}", slope="input_gradient(score, x + added)", end="/ n_samples"):
    """The answer with one of its parts changed."""
    return (
        "x, total = embedded.detach().clone(), 0.0\nfor _ in range(n_samples):\n"
        f"    added = {added}\n    total = total + {slope}\nreturn total {end}"
    )


def of_shape(shape):
    """The answer with noise of another shape."""
    return answer(f"noise * {DRAW}".replace("(embedded.shape", f"({shape}"))


SMOOTH = mistakes(
    "0.7",
    "smooth_grad",
    {
        "This is the sum over the samples. Divide by n_samples.": answer(end=""),
        "Is it divided by n_samples twice?": answer(end="/ n_samples / n_samples"),
        "Is it divided by the batch? Differentiate the SUM of the scores.": (
            answer(end="/ n_samples / len(x)")
        ),
        "Is it divided by the root of n_samples? Divide by n_samples.": answer(
            end="/ n_samples**0.5"
        ),
        "Is the last gradient alone used? Average over all copies.": [
            answer().replace("total = total +", "total ="),
            answer(end="").replace("total = total +", "total ="),
        ],
        "Is there one copy too many?": answer().replace("range(n_samples)", "range(n_samples + 1)"),
        "Is it divided by n_samples - 1? Divide by n_samples.": (
            answer(end="/ max(n_samples - 1, 1)")
        ),
        "Is the sign of each gradient averaged? Average the gradients.": (
            answer(slope="input_gradient(score, x + added).sign()")
        ),
        "Is the gradient averaged over the batch? Each example has its own.": (
            answer().replace("return total", "return total.mean(0, keepdim=True).expand_as(x)")
        ),
        "Is the noise scaled by the norm of the input? `noise` is its standard deviation.": [
            answer(f"noise * x.norm() * {DRAW}"),
            answer(f"noise * x.norm(dim=-1, keepdim=True) * {DRAW}"),
        ],
        "Is the noise twice as large?": answer(f"2 * noise * {DRAW}"),
        "Is one copy missing?": answer().replace("range(n_samples)", "range(n_samples - 1)"),
        "Is the gradient without noise counted too? Average over the noisy copies alone.": [
            answer(end=end).replace("0.0\n", "input_gradient(score, embedded)\n")
            for end in ("/ n_samples", "/ (n_samples + 1)")
        ],
        "This is the median over the copies. Take their mean.": (
            f"x, copies = embedded.detach(), [noise * {DRAW} for _ in range(n_samples)]\n"
            "return torch.stack([input_gradient(score, x + c) for c in copies]).median(0).values"
        ),
        "Is the mean over the batch? The copies are axis 0 of the stacked gradients.": (
            f"x, copies = embedded.detach(), [noise * {DRAW} for _ in range(n_samples)]\n"
            "return torch.stack([input_gradient(score, x + c) for c in copies]).mean(1)"
        ),
        "Are the copies regrouped in the wrong order? The samples come first.": (
            f"x, copies = embedded.detach(), [noise * {DRAW} for _ in range(n_samples)]\n"
            "slopes = input_gradient(score, torch.cat([x + c for c in copies]))\n"
            "return slopes.unflatten(0, (-1, n_samples)).mean(1)"
        ),
        "Is the gradient taken at the noise alone? Add the noise to the input.": (
            answer(slope="input_gradient(score, added)")
        ),
        "Is the noise added to the gradient? Add it to the input.": (
            answer(slope="input_gradient(score, x) + added")
        ),
        "Is each gradient multiplied by its noisy input? SmoothGrad averages plain gradients.": (
            answer(slope="gradient_times_input(score, x + added)")
        ),
        "Is the noise scaled by the range of the input? `noise` is its standard deviation.": [
            answer(f"noise * (x.max() - x.min()) * {DRAW}"),
            answer(f"noise * (x.amax((1, 2)) - x.amin((1, 2)))[:, None, None] * {DRAW}"),
        ],
        "Is the noise scaled by the spread of the input? `noise` is its standard deviation.": (
            answer(f"noise * x.std() * {DRAW}")
        ),
        "Is the noise divided by the root of d_model? `noise` is its standard deviation.": (
            answer(f"noise * {DRAW} / x.shape[-1] ** 0.5")
        ),
        "Is the noise divided by n_samples, or by its root? `noise` is its standard deviation.": [
            answer(f"noise / n_samples * {DRAW}"),
            answer(f"noise / n_samples**0.5 * {DRAW}"),
        ],
        "Is one number drawn for all entries?": of_shape("()"),
        "Is each noise used with both signs? Each copy has its own noise.": (
            answer(
                slope="(input_gradient(score, x + added) + input_gradient(score, x - added)) / 2"
            )
        ),
        "Is the noise always positive (abs)? Draw it from a normal distribution.": (
            answer(f"noise * {DRAW}.abs()")
        ),
        "Is the noise not scaled by `noise`?": answer(DRAW),
        "Is the noise scaled by noise squared? `noise` is its standard deviation.": (
            answer(f"noise**2 * {DRAW}")
        ),
        "Is the noise scaled by the root of `noise`? `noise` is its standard deviation.": (
            answer(f"noise**0.5 * {DRAW}")
        ),
        "Is the noise uniform (rand)? Draw it from a normal distribution (randn).": (
            answer(f"noise * {DRAW}".replace("randn", "rand"))
        ),
        "Is the noise uniform from -noise to noise? Draw it from a normal distribution.": (
            answer(f"noise * (2 * {DRAW} - 1)".replace("randn", "rand"))
        ),
        "Is there no noise? Every copy needs its own.": answer("torch.zeros_like(x)"),
        "Is the noise scaled by the input too?": answer(f"noise * x * {DRAW}"),
        "Is it multiplied by the input? SmoothGrad averages plain gradients.": (
            answer(slope="input_gradient(score, x + added) * x")
        ),
        "Is the absolute value taken?": answer(slope="input_gradient(score, x + added).abs()"),
        "Are the gradients squared?": answer(slope="input_gradient(score, x + added) ** 2"),
        "Does every copy add noise to the copy before? Start from the input each time.": (
            answer(slope="input_gradient(score, x.add_(added))")
        ),
        "Does every copy have the same noise? Draw again for each.": [
            f"x = embedded.detach() + noise * {DRAW}\n"
            "return sum(input_gradient(score, x) for _ in range(n_samples)) / n_samples",
            answer().replace("    added =", "    generator.manual_seed(0)\n    added ="),
        ],
        "Is this the gradient at the mean of the copies? Take a gradient at each copy.": (
            f"copies = [noise * {DRAW} for _ in range(n_samples)]\n"
            "return input_gradient(score, embedded + sum(copies) / n_samples)"
        ),
        "Is one noise drawn for all examples?": of_shape("embedded.shape[1:]"),
        "Is one noise drawn for all positions?": of_shape("(len(x), 1, x.shape[2])"),
        "Is one noise drawn for all entries of a token?": of_shape("(*x.shape[:2], 1)"),
    },
    unnamed={
        "fourth moment": answer(f"noise * 12**0.5 * ({DRAW} - 0.5)".replace("randn", "rand")),
        "global random state": answer("noise * torch.randn_like(embedded)"),
        "Two generators give the same noise": answer(
            f"noise * {DRAW}".replace("=generator", "=torch.Generator().manual_seed(_)")
        ),
        "`embedded` is edited in place": (
            answer()
            .replace("embedded.detach().clone()", "embedded")
            .replace("x + added", "x.data.add_(added)")
        ),
    },
)
RIGHT = right_answers(
    "0.7",
    "smooth_grad",
    {
        "all copies in one batch": """
            shape = (n_samples, *embedded.shape)
            added = torch.randn(shape, generator=generator, dtype=embedded.dtype)
            copies = embedded.detach() + noise * added
            slopes = input_gradient(score, copies.flatten(0, 1))
            return slopes.unflatten(0, (n_samples, -1)).mean(0)
        """,
        "drawn by normal": """
            copies = [torch.normal(embedded.detach(), noise, generator=generator)
                      for _ in range(n_samples)]
            return torch.stack([input_gradient(score, x) for x in copies]).mean(0)
        """,
    },
)
