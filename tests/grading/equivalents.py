"""Slips behind an answer that leave it right, each with the reason."""

REASONS: dict[tuple[str, str], str] = {
    ("*", "clone"): "A copy holds the same numbers, and no exercise promises a view.",
}
"""(exercise, or "*" for all of them; slip) -> the reason."""


def reason(number: str, function: str, slip: str) -> str:
    """Why a slip behind a function of an exercise is right; "" where it is a mistake."""
    return REASONS.get((number, slip)) or REASONS.get(("*", slip), "")
