"""Train induction_2l: two layers, on repeats and on Markov chains (`toy_models.recipes.induction`).

It keeps snapshots of the first seed around the phase change.
"""

from toy_models.recipes.induction import STEPS, train_toy

SNAPSHOTS = {0: (1, 150, 200, 225, 250, 275, 300, 400)}
"""Seed -> steps whose weights are kept, besides the last."""


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds; finished ones are not trained again."""
    train_toy(
        "induction_2l",
        2,
        smeared=False,
        arguments=arguments,
        tasks=tuple(STEPS),
        keep=SNAPSHOTS,
    )


if __name__ == "__main__":
    main()
