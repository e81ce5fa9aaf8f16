"""Answers to 4.4."""

from tests.grading.variants import Right, Wrong


def context(name: str, answer: str, says: str) -> Wrong:
    """A mistake in in_context_score."""
    return Wrong("4.4", name, body={"in_context_score": f"return {answer}"}, says=says)


WRONG = [
    context("sign", "losses[:, early].mean() - losses[:, late].mean()", "The sign is turned round"),
    context(
        "mean over all",
        "losses[:, late:].mean() - losses[:, :early + 1].mean()",
        "Means over all tokens",
    ),
    context(
        "up to each",
        "losses[:, :late + 1].mean() - losses[:, :early + 1].mean()",
        "Everything up to each index",
    ),
    context(
        "one early",
        "losses[:, late - 1].mean() - losses[:, early - 1].mean()",
        "Both indices are one too small",
    ),
    context(
        "late one too large",
        "losses[:, min(late + 1, losses.shape[1] - 1)].mean() - losses[:, early].mean()",
        "The late index is one too large",
    ),
    context(
        "late one too small",
        "losses[:, late - 1].mean() - losses[:, early].mean()",
        "The late index is one too small",
    ),
    context(
        "early one too small",
        "losses[:, late].mean() - losses[:, early - 1].mean()",
        "The early index is one too small",
    ),
    context("against the mean", "losses[:, late].mean() - losses.mean()", "The mean of all losses"),
    context("first text", "losses[0, late] - losses[0, early]", "Only the first text is taken"),
    context("sum", "(losses[:, late] - losses[:, early]).sum()", "The sum over texts"),
    context("ratio", "losses[:, late].mean() / losses[:, early].mean()", "This is a ratio"),
    context("sizes", "(losses[:, late] - losses[:, early]).abs().mean()", "Sizes of the diff"),
    context("each text", "losses[:, late] - losses[:, early]", "wrong shape or type"),
    context(
        "median",
        "losses[:, late].median() - losses[:, early].median()",
        "The median over texts",
    ),
]

RIGHT = [
    Right(
        "4.4",
        "difference first",
        body={"in_context_score": "return (losses[:, late] - losses[:, early]).mean()"},
    ),
    Right(
        "4.4",
        "means of all",
        body={
            "in_context_score": "mean = losses.mean(dim=0)\nreturn mean[late] - mean[early]",
        },
    ),
]
