"""Mistakes in 7.10 and 7.11, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SCORES = """
def F(nodes):
    return evaluator.keep_only(nodes) if nodes else evaluator.ablate_all()
left = [one for one in kept if one not in removed]
M = evaluator.ablate
"""
REST = "rest = [one for one in left if one != node]\n"
ALONE = "alone = [one for one in kept if one != node]\n"


def gap(first: str, second: str, before: str = "") -> str:
    """Body of the size of a difference of two mean scores."""
    return f"{SCORES}{before}return ({first}.mean() - {second}.mean()).abs().item()"


FAITHFULNESS = mistakes(
    "7.10",
    "faithfulness",
    {
        "This is F(M) / F(C). The full model is the denominator.": (
            "return full_model.mean() / circuit.mean()"
        ),
        "This is |F(M) - F(C)|, the paper's measure. Divide instead.": (
            "return (full_model.mean() - circuit.mean()).abs()"
        ),
        "This is F(C) - F(M). Divide instead.": "return circuit.mean() - full_model.mean()",
        "This is F(M) - F(C). Divide instead.": "return full_model.mean() - circuit.mean()",
        "This is the share that is missing.": (
            "return (full_model.mean() - circuit.mean()) / full_model.mean()"
        ),
        "This is the size of the share that is missing.": (
            "return ((full_model.mean() - circuit.mean()) / full_model.mean()).abs()"
        ),
        "This is 1 - |F(M) - F(C)| / F(M). Values above 1 stay above 1.": (
            "return 1 - (full_model.mean() - circuit.mean()).abs() / full_model.mean()"
        ),
        "This is the mean of the prompts' ratios. Take the ratio of means.": (
            "return (circuit / full_model).mean()"
        ),
        "This is the median of the prompts' ratios. Take the ratio of means.": (
            "return (circuit / full_model).median()"
        ),
        "Is the denominator a mean of sizes? Take the mean.": (
            "return circuit.mean() / full_model.abs().mean()"
        ),
        "Are these means of sizes? Take means.": (
            "return circuit.abs().mean() / full_model.abs().mean()"
        ),
        "This is 1 - |F(M) - F(C)|. Is the denominator missing?": (
            "return 1 - (full_model.mean() - circuit.mean()).abs()"
        ),
        "Is it limited to 1?": "return (circuit.mean() / full_model.mean()).clamp(max=1)",
        "Is the sign dropped?": "return (circuit.mean() / full_model.mean()).abs()",
        "This has one ratio per prompt. Divide the means.": "return circuit / full_model",
        "Is another score subtracted from both?": (
            "least = circuit.min()\nreturn (circuit.mean() - least) / (full_model.mean() - least)"
        ),
    },
)
INCOMPLETENESS = mistakes(
    "7.11",
    "incompleteness",
    {
        "Is K removed from the circuit only? The model loses it as well.": gap("F(left)", "M([])"),
        "Is K removed from the model only? The circuit loses it as well.": gap(
            "F(kept)", "M(removed)"
        ),
        "Is K removed from neither?": gap("F(kept)", "M([])"),
        "Is the model's part `keep_only` K? It is the full model WITHOUT K.": gap(
            "F(left)", "F(removed)"
        ),
        "Is the model's part the circuit? It is the full MODEL without K.": gap(
            "F(kept)", "F(left)"
        ),
        "Are both parts the model's?": gap("M(left)", "M(removed)"),
        "Does the circuit keep K alone? It keeps everything but K.": gap(
            "F([one for one in kept if one in removed])", "M(removed)"
        ),
        "Is the whole model ablated? Ablate K only.": gap("F(left)", "F([])"),
        "Is the sign kept? Take the size.": (
            SCORES + "return (F(left).mean() - M(removed).mean()).item()"
        ),
        "Is the sign kept, and flipped? Take the size.": (
            SCORES + "return (M(removed).mean() - F(left).mean()).item()"
        ),
        "This is the mean of the prompts' sizes. Take the size of the mean.": (
            SCORES + "return (F(left) - M(removed)).abs().mean().item()"
        ),
        "This is a share of the model's score. Its units are those of the metric.": (
            SCORES + "m = M(removed).mean()\nreturn ((F(left).mean() - m).abs() / m).item()"
        ),
        "Is K taken for heads? A node is a head at ONE role; at others it stays.": gap(
            "F([one for one in kept if one[:2] not in [other[:2] for other in removed]])",
            "M(removed)",
        ),
        "Is `kept` changed while a loop runs over it? Some of K then stay.": gap(
            "F(kept)",
            "M(removed)",
            "for one in kept:\n    if one in removed:\n        kept.remove(one)\n",
        ),
    },
    unnamed={
        "got an empty circuit": gap("evaluator.keep_only(left)", "M(removed)"),
    },
)
MINIMALITY = mistakes(
    "7.11",
    "minimality",
    {
        "Is K never removed? Nodes that back each other up then stay hidden.": gap(
            "F(alone)", "F(kept)", ALONE
        ),
        "Is K removed on one side only, together with v?": gap("F(rest)", "F(kept)", REST),
        "Is K removed on one side only? It is removed where v is, too.": gap(
            "F(alone)", "F(left)", ALONE
        ),
        "Are these the model's losses? Use the circuit's.": gap(
            "M([*removed, node])", "M(removed)"
        ),
        "Is the circuit compared with the model? Both parts are the circuit's.": gap(
            "F(rest)", "M(removed)", REST
        ),
        "Is the circuit without K and v compared with everything ablated?": gap(
            "F(rest)", "evaluator.ablate_all()", REST
        ),
        "This is the effect of v alone.": gap("F([node])", "evaluator.ablate_all()"),
        "Is the sign of the change kept? Take the size.": (
            SCORES + REST + "return (F(rest).mean() - F(left).mean()).item()"
        ),
        "Is the sign of the change kept, and flipped? Take the size.": (
            SCORES + REST + "return (F(left).mean() - F(rest).mean()).item()"
        ),
        "Is v taken for a head? A node is a head at ONE role; at others it stays.": gap(
            "F([one for one in left if one[:2] != node[:2]])", "F(left)"
        ),
        "Are both scores those of one list, changed before the second (remove)?": gap(
            "F(rest)", "F(left)", "rest = left\nrest.remove(node)\n"
        ),
        "This is the mean of the prompts' changes. Take the change of the mean.": (
            SCORES + REST + "return (F(rest) - F(left)).abs().mean().item()"
        ),
        "This is a share of the circuit's score. Its units are those of the metric.": (
            SCORES
            + REST
            + "least = F(left).mean()\nreturn ((F(rest).mean() - least).abs() / least).item()"
        ),
    },
    unnamed={
        "got an empty circuit": gap("evaluator.keep_only(rest)", "F(left)", REST),
    },
)
RIGHT_FAITHFULNESS = right_answers(
    "7.10", "faithfulness", {"of sums": "return circuit.sum() / full_model.sum()"}
)
RIGHT_TESTS = right_answers(
    "7.11",
    "incompleteness",
    {
        "through masks": {
            "incompleteness": """
                keep = keep_mask(evaluator.model, evaluator.prompts, kept)
                out = keep_mask(evaluator.model, evaluator.prompts, removed)
                return abs((evaluator.score(keep & ~out) - evaluator.score(~out)).mean().item())
                """,
            "minimality": """
                keep = keep_mask(evaluator.model, evaluator.prompts, kept)
                keep &= ~keep_mask(evaluator.model, evaluator.prompts, removed)
                less = keep & ~keep_mask(evaluator.model, evaluator.prompts, [node])
                change = evaluator.score(less).mean() - evaluator.score(keep).mean()
                return abs(change.item())
                """,
        },
    },
)

EDGES_OF_K = mistakes(
    "7.11",
    "incompleteness",
    {
        "Does the model keep those nodes of K that are not in the circuit? It loses all of K.": """
            left = [node for node in kept if node not in removed]
            broken = evaluator.keep_only(left) if left else evaluator.ablate_all()
            inside = [node for node in removed if node in kept]
            return (broken.mean() - evaluator.ablate(inside).mean()).abs().item()
            """,
        "Is F 0 where no node is left? It is the score of `evaluator.ablate_all()`.": """
            left = [node for node in kept if node not in removed]
            broken = evaluator.keep_only(left).mean() if left else torch.tensor(0.0)
            return (broken - evaluator.ablate(removed).mean()).abs().item()
            """,
    },
)
