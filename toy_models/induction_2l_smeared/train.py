"""Train induction_2l_smeared: two layers with smeared keys (`toy_models.recipes.induction`)."""

from toy_models.recipes.induction import train_toy


def main(arguments: list[str] | None = None) -> None:
    """Train all seeds; finished ones are not trained again."""
    train_toy("induction_2l_smeared", 2, smeared=True, arguments=arguments)


if __name__ == "__main__":
    main()
