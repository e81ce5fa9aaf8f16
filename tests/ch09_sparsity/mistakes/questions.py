"""Wrong answers to the questions of answers.toml (9.19, 9.20), and right ones of other seeds."""

from tests.grading.mistakes import mistakes, right_answers

ABSORBED = mistakes(
    "9.19",
    "9.19",
    {},
    unnamed={
        "loses": "seed = 0\nparent = 8\nabsorbers = [3, 11]",
        "some latent that writes it is missing": "seed = 0\nparent = 12\nabsorbers = [3]",
        "takes": "seed = 0\nparent = 12\nabsorbers = [3, 11, 6]",
        "expected a list": "seed = 0\nparent = 12\nabsorbers = []",
        "expected a latent from 0 to 12": "seed = 0\nparent = 13\nabsorbers = [3, 11]",
        "whole number": 'seed = "0"\nparent = 12\nabsorbers = [3, 11]',
        "parent: without latent 12": "seed = 1\nparent = 12\nabsorbers = [3, 11]",
    },
)
THRESHOLDS = mistakes(
    "9.20",
    "9.20",
    {},
    unnamed={
        "too_low: a latent is missing": "seed = 0\ntoo_low = [0]\ntoo_high = [10]",
        "expected nearly none": "seed = 0\ntoo_low = [0, 7, 1]\ntoo_high = [10]",
        "expected more than .02": "seed = 0\ntoo_low = [0, 7]\ntoo_high = [10, 2]",
        "too_high: a latent is missing": "seed = 0\ntoo_low = [0, 7]\ntoo_high = [12]",
        "expected a list": "seed = 0\ntoo_low = [0, 0, 7]\ntoo_high = [10]",
    },
)
RIGHT = [
    *right_answers("9.19", "9.19", {"another seed": "seed = 1\nparent = 7\nabsorbers = [10, 0]"}),
    *right_answers("9.20", "9.20", {"another seed": "seed = 3\ntoo_low = [10, 5]\ntoo_high = [7]"}),
]
