"""Answers to 7.10 and 7.11."""

from tests.grading.variants import Right, Wrong


def faithful(name: str, answer: str, says: str) -> Wrong:
    """A mistake in faithfulness."""
    return Wrong("7.10", name, body={"faithfulness": answer}, says=says)


def complete(name: str, answer: str, says: str) -> Wrong:
    """A mistake in incompleteness; F and M take what is left, and what is removed."""
    return Wrong("7.11", name, body={"incompleteness": GIVEN + answer}, says=says)


def minimal(name: str, answer: str, says: str) -> Wrong:
    """A mistake in minimality."""
    return Wrong("7.11", name, body={"minimality": GIVEN + REST + answer}, says=says)


GIVEN = """
def F(nodes):
    return evaluator.keep_only(nodes) if nodes else evaluator.ablate_all()
left = [one for one in kept if one not in removed]
M = evaluator.ablate
"""
REST = "rest = [one for one in left if one != node]\nalone = [one for one in kept if one != node]\n"

WRONG = [
    faithful("upside down", "return full_model.mean() / circuit.mean()", "It is F(M) / F(C)"),
    faithful(
        "the paper's", "return (full_model.mean() - circuit.mean()).abs()", "the paper's measure"
    ),
    faithful("difference", "return circuit.mean() - full_model.mean()", "It is F(C) - F(M)"),
    faithful(
        "missing share",
        "return (full_model.mean() - circuit.mean()) / full_model.mean()",
        "the share that is missing",
    ),
    faithful(
        "one minus the gap",
        "return 1 - (full_model.mean() - circuit.mean()).abs() / full_model.mean()",
        "above 1 is told from below",
    ),
    faithful("mean of ratios", "return (circuit / full_model).mean()", "mean of ratios"),
    faithful("median of ratios", "return (circuit / full_model).median()", "median of ratios"),
    faithful(
        "sizes of the model", "return circuit.mean() / full_model.abs().mean()", "a mean of sizes"
    ),
    faithful(
        "no denominator",
        "return 1 - (full_model.mean() - circuit.mean()).abs()",
        "denominator is mis",
    ),
    faithful("cut off", "return (circuit.mean() / full_model.mean()).clamp(max=1)", "cut off at 1"),
    faithful("no sign", "return (circuit.mean() / full_model.mean()).abs()", "The sign is dropped"),
    faithful("each prompt", "return circuit / full_model", "wrong shape or type"),
    faithful(
        "from nothing",
        "nothing = circuit.min()\nreturn (circuit.mean() - nothing) / (full_model.mean() - nothing)",
        "F(C) / F(M) is wrong",
    ),
    complete(
        "K of C only", "return (F(left).mean() - M([]).mean()).abs().item()", "of the circuit only"
    ),
    complete(
        "K of M only",
        "return (F(kept).mean() - M(removed).mean()).abs().item()",
        "of the model only",
    ),
    complete("no K", "return (F(kept).mean() - M([]).mean()).abs().item()", "K is never knocked"),
    complete(
        "only for the model",
        "return (F(left).mean() - F(removed).mean()).abs().item()",
        "The model's part is `only` K",
    ),
    complete(
        "the circuit twice",
        "return (F(kept).mean() - F(left).mean()).abs().item()",
        "The model's part is the circuit",
    ),
    complete(
        "K kept",
        "both = [one for one in kept if one in removed]\n"
        "return (F(both).mean() - M(removed).mean()).abs().item()",
        "The circuit keeps K alone",
    ),
    complete("no size", "return (F(left).mean() - M(removed).mean()).item()", "The sign is left"),
    complete(
        "no size, reversed", "return (M(removed).mean() - F(left).mean()).item()", "turned round"
    ),
    complete("sizes", "return (F(left) - M(removed)).abs().mean().item()", "mean of sizes"),
    complete(
        "relative",
        "m = M(removed).mean()\nreturn ((F(left).mean() - m).abs() / m).item()",
        "share of the model's",
    ),
    complete(
        "K as heads",
        "heads = [one[:2] for one in removed]\n"
        "left = [one for one in kept if one[:2] not in heads]\n"
        "return (F(left).mean() - M(removed).mean()).abs().item()",
        "K is taken for heads",
    ),
    complete(
        "removed on the way",
        "for one in kept:\n    if one in removed:\n        kept.remove(one)\n"
        "return (F(kept).mean() - M(removed).mean()).abs().item()",
        "changed while it is gone through",
    ),
    complete(
        "nothing left",
        "return (evaluator.keep_only(left).mean() - M(removed).mean()).abs().item()",
        "got an empty circuit",
    ),
    minimal("no K", "return (F(alone).mean() - F(kept).mean()).abs().item()", "never knocked out"),
    minimal(
        "K with v only",
        "return (F(rest).mean() - F(kept).mean()).abs().item()",
        "on one side only, together with v",
    ),
    minimal(
        "K without v only",
        "return (F(alone).mean() - F(left).mean()).abs().item()",
        "where v is removed K must be removed",
    ),
    minimal(
        "the model's",
        "return (M([*removed, node]).mean() - M(removed).mean()).abs().item()",
        "the model's losses",
    ),
    minimal(
        "against the model",
        "return (F(rest).mean() - M(removed).mean()).abs().item()",
        "both parts",
    ),
    minimal(
        "against nothing",
        "return (F(rest).mean() - evaluator.ablate_all().mean()).abs().item()",
        "compared with nothing",
    ),
    minimal(
        "v alone",
        "return (F([node]).mean() - evaluator.ablate_all().mean()).abs().item()",
        "what v does alone",
    ),
    minimal("no size", "return (F(rest).mean() - F(left).mean()).item()", "The sign is left"),
    minimal("no size, reversed", "return (F(left).mean() - F(rest).mean()).item()", "turned round"),
    minimal(
        "v as a head",
        "rest = [one for one in left if one[:2] != node[:2]]\n"
        "return (F(rest).mean() - F(left).mean()).abs().item()",
        "v is taken for a head",
    ),
    minimal(
        "one list for both",
        "rest = left\nrest.remove(node)\nreturn (F(rest).mean() - F(left).mean()).abs().item()",
        "are both scores of one list",
    ),
    minimal("sizes", "return (F(rest) - F(left)).abs().mean().item()", "mean of sizes"),
    minimal(
        "nothing left",
        "return (evaluator.keep_only(rest).mean() - evaluator.keep_only(left).mean()).abs().item()",
        "got an empty circuit",
    ),
]

RIGHT = [
    Right("7.10", "of sums", body={"faithfulness": "return circuit.sum() / full_model.sum()"}),
    Right(
        "7.11",
        "through masks",
        body={
            "incompleteness": """
            keep = keep_mask(evaluator.model, evaluator.prompts, kept)
            out = keep_mask(evaluator.model, evaluator.prompts, removed)
            return abs((evaluator.score(keep & ~out) - evaluator.score(~out)).mean().item())
            """,
            "minimality": """
            keep = keep_mask(evaluator.model, evaluator.prompts, kept)
            keep &= ~keep_mask(evaluator.model, evaluator.prompts, removed)
            less = keep & ~keep_mask(evaluator.model, evaluator.prompts, [node])
            return abs(evaluator.score(less).mean().item() - evaluator.score(keep).mean().item())
            """,
        },
    ),
]
