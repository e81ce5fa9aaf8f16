"""Answers to 1.9, a table of answers.toml."""

from tests.grading.variants import Right, Wrong

TRUTH = {
    "instance_0": '"pentagon"',
    "instance_1": '"dedicated"',
    "instance_2": '"digon"',
    "instance_3": '"triangle"',
    "feature_7_in_superposition": '"yes"',
    "feature_7_partners": "[5, 8, 9, 10]",
}


def wrong(key, answer, says):
    change = {f"{key} = {TRUTH[key]}": f"{key} = {answer}"}
    return Wrong("1.9", f"{key} {answer}", change, says=says)


WRONG = [
    wrong("instance_0", '"square antiprism"', "such a shape has groups of 8"),
    wrong("instance_0", '"digon"', "it keeps 5 features, each with 0.39"),
    wrong("instance_1", '"digon"', "each with 1.00 to 1.00 dimensions"),
    wrong("instance_1", '"square"', "write one of"),
    wrong("instance_2", '"tetrahedron"', "in groups of 2 that overlap"),
    wrong("instance_2", '"dedicated"', "such a shape has groups of 1"),
    wrong("instance_3", '"pentagon"', "it keeps 3 features, each with 0.67 to 0.67"),
    wrong("instance_3", "3", "write one of"),
    wrong("feature_7_in_superposition", '"no"', "while feature 7 stays on"),
    wrong("feature_7_in_superposition", "true", 'write one of "yes", "no"'),
    wrong("feature_7_partners", "[5, 9]", "2 disturb feature 7's output too"),
    wrong("feature_7_partners", "[5, 9, 10]", "1 disturb feature 7's output too"),
    wrong("feature_7_partners", "[]", "yet others disturb"),
    wrong("feature_7_partners", "[0, 1, 2, 3]", "Feature 0 is claimed as a partner"),
    wrong("feature_7_partners", "[5, 7, 8, 9, 10]", "has 7 in it"),
    wrong(  # |cosine| above .3, of features that are not kept too
        "feature_7_partners",
        "[5, 9, 10, 14, 15, 16, 17, 18, 19]",
        "whatever its cosine",
    ),
    wrong(
        "feature_7_partners",
        "[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]",
        "such a large claim says little",
    ),
    wrong("feature_7_partners", "[6, 9, 10, 11]", "Feature 6 is claimed"),
    wrong("feature_7_partners", "[5, 8, 9, 20]", "0 to 19"),
    wrong("feature_7_partners", "5", "write a list"),
    Wrong("1.9", "key gone", {'instance_3 = "triangle"\n': ""}, says="has no instance_3"),
]

RIGHT = [
    Right("1.9", "capitals", {'instance_0 = "pentagon"': "instance_0 = 'Pentagon '"}),
    Right(
        "1.9",
        "in another order",
        body={
            "1.9": """
        feature_7_partners = [
            10, 5,
            9, 8,
        ]
        feature_7_in_superposition = "Yes"
        instance_3 = "triangle"
        instance_2 = "digon"
        instance_1 = "dedicated"
        instance_0 = "pentagon"
    """
        },
    ),
]
