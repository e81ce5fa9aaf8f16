"""Wrong and right answers to the questions of 1.9."""

from tests.grading.mistakes import mistakes, right_answers

PARTNERS = "feature_7_partners = [5, 8, 9, 10]"
PENTAGON, DEDICATED = 'instance_0 = "pentagon"', 'instance_1 = "dedicated"'
DIGON, TRIANGLE = 'instance_2 = "digon"', 'instance_3 = "triangle"'
YES = 'feature_7_in_superposition = "yes"'


def partners(*features):
    """Another list of partners."""
    return {PARTNERS: f"feature_7_partners = {list(features)}"}


QUESTION = mistakes(
    "1.9",
    "1.9",
    unnamed={
        "such a shape has groups of 8": {PENTAGON: 'instance_0 = "square antiprism"'},
        "it represents 5 features, each with 0.39": {PENTAGON: 'instance_0 = "digon"'},
        "each with 1.00 to 1.00 dimensions": {DEDICATED: 'instance_1 = "digon"'},
        "write one of": [
            {DEDICATED: 'instance_1 = "square"'},
            {TRIANGLE: "instance_3 = 3"},
            {DIGON: 'instance_2 = ["digon", "digon"]'},
        ],
        "in groups of 2 that overlap": {DIGON: 'instance_2 = "tetrahedron"'},
        "such a shape has groups of 1": {DIGON: 'instance_2 = "dedicated"'},
        "it represents 3 features, each with 0.67 to 0.67": {TRIANGLE: 'instance_3 = "pentagon"'},
        "while feature 7 stays on": {YES: YES.replace("yes", "no")},
        'write one of "yes", "no"': {YES: "feature_7_in_superposition = true"},
        "2 interfere with feature 7's": partners(5, 9),
        "1 interfere with feature 7's": partners(5, 9, 10),
        "yet others interfere": partners(),
        "Feature 0 is claimed as a partner": partners(0, 1, 2, 3),
        "contains 7": partners(5, 7, 8, 9, 10),
        "whatever its cosine": partners(5, 9, 10, 14, 15, 16, 17, 18, 19),
        "such a large claim shows little": partners(*range(7), *range(8, 20)),
        "Feature 6 is claimed": partners(6, 9, 10, 11),
        "0 to 19": partners(5, 8, 9, 20),
        "write a list": {PARTNERS: "feature_7_partners = 5"},
        "has no instance_3": {TRIANGLE + "\n": ""},
    },
)
RIGHT_1_9 = right_answers(
    "1.9",
    "1.9",
    {
        "capitals": {PENTAGON: "instance_0 = 'Pentagon '"},
        "in another order": """
            feature_7_partners = [
                10, 5,
                9, 8,
            ]
            feature_7_in_superposition = "Yes"
            instance_3 = "triangle"
            instance_2 = "digon"
            instance_1 = "dedicated"
            instance_0 = "pentagon"
            """,
    },
)
