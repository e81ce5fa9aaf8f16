"""Answers to 4.12, a table of answers.toml."""

from tests.grading.variants import Right, Wrong

TRUTH = {
    "induction_heads": "[[1, 0], [1, 1]]",
    "previous_token_heads": "[[0, 0], [0, 1]]",
}


def wrong(key, answer, says):
    change = {f"{key} = {TRUTH[key]}\n": f"{key} = {answer}\n"}
    return Wrong("4.12", f"{key} {answer}", change, says=says)


def exchanged():
    """Both lists, each in the other's place."""
    first, second = TRUTH
    change = {
        f"{first} = {TRUTH[first]}\n": f"{first} = {TRUTH[second]}\n",
        f"{second} = {TRUTH[second]}\n": f"{second} = {TRUTH[first]}\n",
    }
    return Wrong("4.12", "both exchanged", change, says="is claimed as an induction head, but")


WRONG = [
    wrong("induction_heads", "[[0, 1], [1, 1]]", "Are layer and head exchanged?"),
    wrong("induction_heads", "[[1, 0]]", "it is an induction head too"),
    wrong("induction_heads", "[[0, 0], [0, 1], [1, 0], [1, 1]]", "is claimed as an induction head"),
    wrong("induction_heads", "[[2, 0], [2, 1]]", "there is no head 2.0"),
    wrong("induction_heads", "[1, 0]", "is no list of heads"),
    wrong("induction_heads", '"1.0, 1.1"', "is no list of heads"),
    wrong("induction_heads", "[]", "names no head"),
    wrong("previous_token_heads", "[[0, 1]]", "Another head brings the previous token as well"),
    wrong("previous_token_heads", "[[0, 0]]", "Another head brings the previous token as well"),
    wrong("previous_token_heads", "[[0, 0], [0, 1], [1, 0]]", "is itself an induction head"),
    exchanged(),
]

RIGHT = [
    Right(
        "4.12",
        "another order",
        {
            "induction_heads = [[1, 0], [1, 1]]\n": "induction_heads = [[1, 1], [1, 0]]\n",
            "[[0, 0], [0, 1]]\n": "[[0, 1], [0, 0]]\n",
        },
    ),
]
