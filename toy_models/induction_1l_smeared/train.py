"""Trains induction_1l_smeared, one layer with smeared keys: see induction.py."""

from toy_models.induction import recipe

KEEP = {0: (1, 200, 300, 400)}
"""Seed -> steps whose weights are kept."""


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds; what is done is not done again."""
    recipe("induction_1l_smeared", 1, True, KEEP, arguments)


if __name__ == "__main__":
    main()
