"""Wrong answers to 12.24 and 12.25, and right ones."""

from tests.grading.mistakes import mistakes, right_answers

FIVE = mistakes(
    "12.24",
    "12.24",
    {},
    unnamed={
        "held-out cases switch": "neurons = [[24, 116], [21, 781], [24, 344], [7, 311], [13, 138]]",
        "expected at most 5": (
            "neurons = [[24, 115], [21, 780], [24, 343], [7, 310], [13, 137], [12, 472]]"
        ),
        "named twice": "neurons = [[24, 115], [24, 115]]",
        "expected a list of": ["neurons = []", "neurons = [24, 115]", "neurons = [[30, 115]]"],
    },
)
OWN = mistakes(
    "12.25",
    "12.25",
    {},
    unnamed={
        "held-out cases switch": "neurons = [[24, 115], [21, 780], [24, 343]]",
        "expected a list of": 'neurons = ["22.405"]',
        "named twice": "neurons = [[22, 405], [22, 405]]",
    },
)
RIGHT = [
    *right_answers(
        "12.24",
        "12.24",
        {
            "in another order": (
                "neurons = [[13, 137], [7, 310], [24, 343], [21, 780], [24, 115]]"
            ),
            "three of them": "neurons = [[24, 115], [21, 780], [24, 343]]",
        },
    ),
    *right_answers(
        "12.25", "12.25", {"96 of them": {"[15, 933], [16, 1192], [15, 490], [23, 1067],": ""}}
    ),
]
