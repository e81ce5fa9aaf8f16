"""Answers to 0.15, a table of answers.toml."""

from tests.grading.variants import Right, Wrong


def wrong(key, truth, answer, says):
    return Wrong(
        "0.15",
        f"{key} {answer}",
        {f'{key} = "{truth}"': f'{key} = "{answer}"'},
        says=says,
    )


WRONG = [
    wrong("mark_decodable", "yes", "no", "is right about 100.0 % of 2000 others"),
    wrong("topic_decodable", "yes", "no", "the model has no use for it"),
    wrong("irony_decodable", "yes", "no", "asked about balanced reviews"),
    wrong("order_decodable", "no", "yes", "the same in any order"),
    wrong("tone_decodable", "no", "yes", "no plane cuts an XOR"),
    wrong("mark_used", "always", "never", "% of all verdicts flip"),
    wrong("mark_used", "always", "rarely", "% of all verdicts flip"),
    wrong("topic_used", "never", "always", "a probe says nothing about causes"),
    wrong("topic_used", "never", "rarely", "0.0 % of all verdicts flip"),
    wrong("irony_used", "rarely", "never", "Look at the reviews that have irony"),
    wrong("irony_used", "rarely", "always", "no irony to take away"),
    wrong("order_used", "never", "rarely", "0.0 % of all verdicts flip"),
    wrong("tone_used", "always", "never", "the neurons behind the average can work it out"),
    wrong("tone_used", "always", "sometimes", 'write "always" or "rarely" or "never"'),
    Wrong("0.15", "truth value", {'mark_decodable = "yes"': "mark_decodable = true"}, says="write"),
    Wrong("0.15", "key gone", {'topic_used = "never"\n': ""}, says="has no topic_used"),
    Wrong(
        "0.15", "no quotes", {'irony_used = "rarely"': "irony_used = rarely"}, says="is not TOML"
    ),
]

RIGHT = [
    Right("0.15", "capitals", {'mark_used = "always"': "mark_used = 'Always '"}),
    Right(
        "0.15",
        "in another order",
        body={
            "0.15": """
        tone_used = "always"
        order_used = "never"
        irony_used = "rarely"
        topic_used = "never"
        mark_used = "always"
        mark_decodable = "YES"
        irony_decodable = "yes"
        topic_decodable = "yes"
        tone_decodable = "no"
        order_decodable = "No"
    """
        },
    ),
]
