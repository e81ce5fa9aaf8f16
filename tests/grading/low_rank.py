"""Low-rank factors of products that an answer must not multiply out."""

from torch import Tensor

from tests.grading.assertions import normal

WIDE, THIN = 150, 2


def factors(
    lead: tuple[int, ...], left: int, rank: int, right: int, seed: int = 1
) -> tuple[Tensor, Tensor]:
    """Make the two factors of a product, with leading axes."""
    return normal(*lead, left, rank, seed=seed), normal(*lead, rank, right, seed=seed + 50)


def multiplied_out(what: str, most: int) -> None:
    """Fail an answer that builds the product."""
    assert most < WIDE**2 / 2, (
        f"The {what} must come from the thin factors. Here a tensor of {most} numbers is made; "
        f"the product itself, {WIDE} x {WIDE}, has {WIDE**2}. With a real vocabulary it would "
        "have billions."
    )
