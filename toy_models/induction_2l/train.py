"""Trains induction_2l, two layers: see induction.py."""

from toy_models.induction import recipe

KEEP = dict.fromkeys((0, 1, 2), (1, 200, 225, 250, 300, 400))
"""Seed -> steps whose weights are kept."""


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds; what is done is not done again."""
    recipe("induction_2l", 2, False, KEEP, arguments)


if __name__ == "__main__":
    main()
