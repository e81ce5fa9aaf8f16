"""Train induction_1l: one layer (`toy_models.recipes.induction`)."""

from toy_models.recipes.induction import train_toy


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds; finished ones are not trained again."""
    train_toy("induction_1l", 1, smeared=False, arguments=arguments)


if __name__ == "__main__":
    main()
