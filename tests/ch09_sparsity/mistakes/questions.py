"""Wrong answers to the questions of answers.toml (9.19, 9.20), and right ones in another order."""

from tests.grading.mistakes import mistakes, right_answers

ABSORBED = mistakes(
    "9.19",
    "9.19",
    {},
    unnamed={
        "loses": "parent = 6\nabsorbers = [0, 3]",
        "some latent that writes it is missing": "parent = 4\nabsorbers = [3]",
        "takes": "parent = 4\nabsorbers = [0, 3, 14]",
        "active outside the holes": "parent = 4\nabsorbers = [0, 3, 9]",
        "removing latent 5 takes": "parent = 4\nabsorbers = [0, 3, 5]",
        "removing latent 15 takes": "parent = 4\nabsorbers = [0, 3, 15]",
        "expected a list": "parent = 4\nabsorbers = []",
        "expected a latent from 0 to 15": "parent = 16\nabsorbers = [0, 3]",
        "parent: without latent 12": "parent = 12\nabsorbers = [3, 11]",  # of another learner
    },
)
THRESHOLDS = mistakes(
    "9.20",
    "9.20",
    {},
    unnamed={
        "too_low: a latent is missing": "too_low = [1]\ntoo_high = [2, 4]",
        "Is it active at all": "too_low = [1, 12, 5]\ntoo_high = [2, 4]",
        "latent 3 the error rises": "too_low = [1, 12, 3]\ntoo_high = [2, 4]",
        "expected a fall of more than": "too_low = [1, 12]\ntoo_high = [2, 4, 6]",
        "too_high: a latent is missing": "too_low = [1, 12]\ntoo_high = [4]",
        "expected a list": "too_low = [1, 1, 12]\ntoo_high = [2, 4]",
    },
)
RIGHT = [
    *right_answers("9.19", "9.19", {"in another order": "absorbers = [3, 0]\nparent = 4"}),
    *right_answers("9.20", "9.20", {"in another order": "too_low = [12, 1]\ntoo_high = [4, 2]"}),
]
