"""Wrong and right tables of 0.15."""

from tests.grading.mistakes import mistakes, right_answers


def changed(key, truth, answer):
    return {f'{key} = "{truth}"': f'{key} = "{answer}"'}


TABLE = mistakes(
    "0.15",
    "0.15",
    unnamed={
        "has accuracy 100.0 % on 2000 others": changed("mark_decodable", "yes", "no"),
        "the model does not need it": changed("topic_decodable", "yes", "no"),
        "trained on balanced reviews": changed("irony_decodable", "yes", "no"),
        "the same in any order": changed("order_decodable", "no", "yes"),
        "no hyperplane separates an XOR": changed("tone_decodable", "no", "yes"),
        "% of all predictions flip": [
            changed("mark_used", "always", "never"),
            changed("mark_used", "always", "rarely"),
        ],
        "a probe says nothing about causes": changed("topic_used", "never", "always"),
        "0.0 % of all predictions flip": [
            changed("topic_used", "never", "rarely"),
            changed("order_used", "never", "rarely"),
        ],
        "Look at the ironic reviews": changed("irony_used", "rarely", "never"),
        "have no irony to remove": changed("irony_used", "rarely", "always"),
        "the neurons after the average can compute it": changed("tone_used", "always", "never"),
        'expected "always" or "rarely" or "never"': changed("tone_used", "always", "sometimes"),
        'expected "yes" or "no"': {'mark_decodable = "yes"': "mark_decodable = true"},
        "has no topic_used": {'topic_used = "never"\n': ""},
        "is not TOML": {'irony_used = "rarely"': "irony_used = rarely"},
    },
)
RIGHT = right_answers(
    "0.15",
    "0.15",
    {
        "capitals": {'mark_used = "always"': "mark_used = 'Always '"},
        "in another order": """
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
        """,
    },
)
