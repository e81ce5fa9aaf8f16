"""Draw the error of the straight-through gradient of L0 against the width of its window."""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import lines, publish
from solutions.ch09_sparsity import jumprelu
from solutions.ch09_sparsity.jumprelu import Step

SEEDS = (0, 1, 2)
THRESHOLD = 0.8
WIDTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0)
BATCHES = {"256 tokens": 256, "4,096 tokens": 4096, "1,000,000 tokens": 1_000_000}
DRAWS = 100
DENSITY = math.exp(-(THRESHOLD**2) / 2) / math.sqrt(2 * math.pi)


def main() -> None:
    """Estimate, draw."""
    torch.set_num_threads(1)
    errors = {name: torch.stack([error(n, s) for s in SEEDS]) for name, n in BATCHES.items()}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(
            axes,
            WIDTHS,
            {name: value.mean(dim=0) for name, value in errors.items()},
            bands={n: (value.amin(dim=0), value.amax(dim=0)) for n, value in errors.items()},
            labels=("width of the window", "typical error of the gradient, relative"),
        )
        axes.set(xscale="log", yscale="log")

    said = "; ".join(
        f"{name} {', '.join(f'{value:.2g}' for value in errors[name].mean(dim=0).tolist())}"
        for name in BATCHES
    )
    publish(
        "ch09_kernel",
        draw,
        alt="Relative error of the gradient of L0 at widths "
        f"{', '.join(map(str, WIDTHS))}: {said}.",
        numbers={"threshold": THRESHOLD, "density": DENSITY, "widths": WIDTHS, **errors},
        seeds=SEEDS,
        sources=[__file__, jumprelu.__file__],
        size=(6.4, 3.7),
    )


def error(n_tokens: int, seed: int) -> Tensor:
    """Compute the root mean squared error of the gradient over batches, [width], relative."""
    generator = torch.Generator().manual_seed(seed)
    draws = DRAWS if n_tokens < 100_000 else 1
    z = torch.randn(n_tokens, draws, generator=generator)
    found = []
    for width in WIDTHS:
        threshold = torch.full((draws,), THRESHOLD, requires_grad=True)
        Step.apply(z, threshold, width).sum().backward()
        assert threshold.grad is not None
        relative = threshold.grad / n_tokens / -DENSITY - 1
        found.append(relative.square().mean().sqrt())
    return torch.stack(found)


if __name__ == "__main__":
    main()
