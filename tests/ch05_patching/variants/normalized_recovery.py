"""Answers to 5.5."""

from tests.grading.variants import Right, Wrong


def share(name: str, answer: str, says: str) -> Wrong:
    """A mistake in normalized_recovery."""
    return Wrong("5.5", name, body={"normalized_recovery": answer}, says=says)


WRONG = [
    share(
        "mean of ratios",
        "return ((patched - corrupted) / (clean - corrupted)).mean(dim=-1)",
        "This is the mean of ratios",
    ),
    share(
        "median of ratios",
        "return ((patched - corrupted) / (clean - corrupted)).median(dim=-1).values",
        "the median of ratios",
    ),
    share(
        "from the clean end",
        "return (clean.mean() - patched.mean(dim=-1)) / span",
        "Clean and corrupted are exchanged",
    ),
    share(
        "turned", "return (corrupted.mean() - patched.mean(dim=-1)) / span", "The sign is turned"
    ),
    share(
        "divided by clean",
        "return (patched.mean(dim=-1) - corrupted.mean()) / clean.mean()",
        "not taken away below",
    ),
    share("nothing taken away", "return patched.mean(dim=-1) / span", "not taken away above"),
    share("over clean", "return patched.mean(-1) / clean.mean()", "patched divided by clean"),
    share(
        "cut",
        "return ((patched.mean(dim=-1) - corrupted.mean()) / span).clamp(0, 1)",
        "The share is cut to 0..1",
    ),
    share(
        "sign of the way",
        "return (patched.mean(dim=-1) - corrupted.mean()) / span.abs()",
        "The way lost its sign",
    ),
    share(
        "cut above",
        "return ((patched.mean(dim=-1) - corrupted.mean()) / span).clamp(max=1)",
        "cut at 1",
    ),
    share(
        "in place",
        "patched -= corrupted\nreturn patched.mean(dim=-1) / span",
        "patched scores that came in were changed",
    ),
    share("how much", "return patched.mean(dim=-1) - corrupted.mean()", "not a share of the way"),
    share(
        "mean over versions too",
        "return ((patched.mean() - corrupted.mean()) / span).expand(patched.shape[:-1])",
        "The mean is not over prompts",
    ),
]

RIGHT = [
    Right(
        "5.5",
        "sums",
        body={
            "normalized_recovery": "return (patched - corrupted).sum(-1) / (clean - corrupted).sum(-1)"
        },
    ),
    Right(
        "5.5",
        "one minus what is lost",
        body={"normalized_recovery": "return 1 - (clean.mean() - patched.mean(dim=-1)) / span"},
    ),
]
