"""More mistakes in 7.11."""

from tests.grading.mistakes import mistakes

from .circuit import REST, SCORES, gap

INCOMPLETENESS = mistakes(
    "7.11",
    "incompleteness",
    {
        "Is K kept alone, and 0 returned where K is empty?": (
            SCORES + "if not removed:\n    return 0.0\n"
            "return (F(removed).mean() - M(removed).mean()).abs().item()"
        ),
        "Is the circuit removed from the model? Remove K from it.": gap("F(left)", "M(kept)"),
        "Is the circuit without K removed from the model? Remove K from it.": gap(
            "F(left)", "M(left)"
        ),
        "Is an empty circuit taken for the full model? Everything is ablated there.": gap(
            "(F(left) if left else M([]))", "M(removed)"
        ),
        "Is this the ratio of the two scores? Take the size of the difference.": [
            SCORES + "return (F(left).mean() / M(removed).mean()).abs().item()",
            SCORES + "return (F(left).mean() / M(removed).mean()).item()",
        ],
        "Is this 1 minus the ratio of the two scores? Take the size of the difference.": (
            SCORES + "return abs(1 - (F(left).mean() / M(removed).mean()).item())"
        ),
        "Is it divided by the full model's score? Its units are those of the metric.": (
            SCORES + "gap = F(left).mean() - M(removed).mean()\n"
            "return (gap / M([]).mean()).abs().item()"
        ),
        "Are the two losses compared? Compare the scores that are left.": (
            SCORES + "one = F(kept).mean() - F(left).mean()\n"
            "return (one - M([]).mean() + M(removed).mean()).abs().item()"
        ),
        "Is this a sum over prompts? Take means.": (
            SCORES + "return (F(left).sum() - M(removed).sum()).abs().item()"
        ),
        "Are the scores' signs dropped before they are subtracted?": (
            SCORES + "return (F(left).mean().abs() - M(removed).mean().abs()).abs().item()"
        ),
        "Is this the root of the mean square over prompts? Take the size of the mean.": (
            SCORES + "return (F(left) - M(removed)).square().mean().sqrt().item()"
        ),
        "Is the difference squared? Take its size.": (
            SCORES + "return (F(left).mean() - M(removed).mean()).square().item()"
        ),
        "Is 0 returned where no node is left? The model without K has a score there.": (
            SCORES + "if not left:\n    return 0.0\n"
            "return (F(left).mean() - M(removed).mean()).abs().item()"
        ),
        "Is 0 returned for an empty K? Circuit and model may differ there.": (
            SCORES + "if not removed:\n    return 0.0\n"
            "return (F(left).mean() - M(removed).mean()).abs().item()"
        ),
        "Is a difference below 0 cut off? Take its size.": [
            SCORES + "return max(0.0, (M(removed).mean() - F(left).mean()).item())",
            SCORES + "return max(0.0, (F(left).mean() - M(removed).mean()).item())",
        ],
        "Is this the first prompt alone? Take means over all.": (
            SCORES + "return (F(left)[0] - M(removed)[0]).abs().item()"
        ),
        "Is this the largest difference of a prompt? Take the size of the mean.": (
            SCORES + "return (F(left) - M(removed)).abs().max().item()"
        ),
        "Is only the first node of K removed? Remove all of them.": gap(
            "F([one for one in kept if one not in removed[:1]])", "M(removed[:1])"
        ),
        "Does the circuit gain K? It loses K.": gap(
            "F([*kept, *[one for one in removed if one not in kept]])", "M(removed)"
        ),
    },
)
MINIMALITY = mistakes(
    "7.11",
    "minimality",
    {
        "Is the circuit without K and v compared with the full model?": gap(
            "F(rest)", "M([])", REST
        ),
        "Is v kept alone? The circuit without K keeps everything but v.": gap(
            "F([node])", "F(left)"
        ),
        "Is it divided by the full model's score? Its units are those of the metric.": (
            SCORES + REST + "change = F(rest).mean() - F(left).mean()\n"
            "return (change / M([]).mean()).abs().item()"
        ),
        "Is an empty circuit taken for the full model? Everything is ablated there.": gap(
            "(F(rest) if rest else M([]))", "F(left)", REST
        ),
        "Is F 0 where no node is left? It is the score of `evaluator.ablate_all()`.": gap(
            "(F(rest) if rest else torch.zeros(1))", "F(left)", REST
        ),
        "Is this the score that is left? Subtract the one with v.": (
            SCORES + REST + "return F(rest).mean().abs().item()"
        ),
        "Is this a sum over prompts? Take means.": (
            SCORES + REST + "return (F(rest).sum() - F(left).sum()).abs().item()"
        ),
        "Is this the ratio of the two scores? Take the size of the difference.": [
            SCORES + REST + "return (F(rest).mean() / F(left).mean()).item()",
            SCORES + REST + "return (F(rest).mean() / F(left).mean()).abs().item()",
        ],
        "Is the circuit without K and v compared with the model without them?": gap(
            "F(rest)", "M([*removed, node])", REST
        ),
        "Is this the root of the mean square over prompts? Take the size of the mean.": (
            SCORES + REST + "return (F(rest) - F(left)).square().mean().sqrt().item()"
        ),
        "Is the change squared? Take its size.": (
            SCORES + REST + "return (F(rest).mean() - F(left).mean()).square().item()"
        ),
        "Is a change below 0 cut off? Take its size.": [
            SCORES + REST + "return max(0.0, (F(left).mean() - F(rest).mean()).item())",
            SCORES + REST + "return max(0.0, (F(rest).mean() - F(left).mean()).item())",
        ],
        "Is this the effect of K? It is that of v, once K is removed.": gap("F(kept)", "F(left)"),
        "Is this the effect of v in the full model? Use the circuit without K.": gap(
            "M([])", "M([node])"
        ),
        "Are all nodes of v's role removed with it? Remove v alone.": gap(
            "F([one for one in left if one[2] != node[2]])", "F(left)"
        ),
        "Are all nodes of v's layer removed with it? Remove v alone.": gap(
            "F([one for one in left if one[0] != node[0]])", "F(left)"
        ),
        "Is this the first prompt alone? Take means over all.": (
            SCORES + REST + "return (F(rest)[0] - F(left)[0]).abs().item()"
        ),
        "Is v removed from the model? Remove it from the circuit.": gap(
            "M([node])", "F(rest)", REST
        ),
        "Is v added to K, and K kept? K is removed.": gap("F([*removed, node])", "F(removed)"),
    },
)
