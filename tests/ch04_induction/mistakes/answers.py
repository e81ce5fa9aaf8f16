"""Wrong tables for 4.12, which heads are which, and a right one in another order."""

from tests.grading.mistakes import mistakes, right_answers

INDUCTION = 'induction_heads = ["1.0", "1.1"]\n'
PREVIOUS = 'previous_token_heads = ["0.0", "0.1"]\n'


def induction(value: str) -> dict[str, str]:
    """The answer with another list of induction heads."""
    return {INDUCTION: f"induction_heads = {value}\n"}


def previous(value: str) -> dict[str, str]:
    """The answer with another list of previous-token heads."""
    return {PREVIOUS: f"previous_token_heads = {value}\n"}


HEADS = mistakes(
    "4.12",
    "4.12",
    unnamed={
        "Are layer and head exchanged?": induction("[[0, 1], [1, 1]]"),
        "so it is an induction head too": induction("[[1, 0]]"),
        "is named as an induction head": [
            induction("[[0, 0], [0, 1], [1, 0], [1, 1]]"),
            induction("[[0, 0], [0, 1]]") | previous("[[1, 0], [1, 1]]"),
        ],
        "got head 2.0": induction("[[2, 0], [2, 1]]"),
        "expected a list of heads": [induction("[1, 0]"), induction('"1.0, 1.1"')],
        "expected at least one head": induction("[]"),
        "Another head provides the previous token": [previous("[[0, 1]]"), previous("[[0, 0]]")],
        "is itself an induction head": previous("[[0, 0], [0, 1], [1, 0]]"),
    },
)
RIGHT = right_answers(
    "4.12",
    "4.12",
    {
        "another order": induction('["1.1", "1.0"]') | previous('["0.1", "0.0"]'),
        "pairs of layer and head": induction("[[1, 1], [1, 0]]") | previous("[[0, 1], [0, 0]]"),
    },
)
