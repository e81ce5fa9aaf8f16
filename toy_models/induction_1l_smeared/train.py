"""Trains induction_1l_smeared, one layer with smeared keys: the recipe is induction_2l's."""

from toy_models.induction_2l.train import recipe


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds; what is done is not done again."""
    recipe("induction_1l_smeared", 1, True, arguments)


if __name__ == "__main__":
    main()
