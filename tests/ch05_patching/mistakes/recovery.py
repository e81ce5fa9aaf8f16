"""Mistakes in normalized recovery (5.5), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SHARE = "(patched.mean(dim=-1) - corrupted.mean()) / span"
RECOVERY = mistakes(
    "5.5",
    "normalized_recovery",
    {
        "This is the mean of ratios: average first, then divide.": [
            f"return ((patched - corrupted) / (clean - corrupted{small})).mean(dim=-1)"
            for small in ("", " + 1e-6", " + 1e-8", " + 1e-9", " + 1e-12")
        ],
        "This is the median of ratios: average first, then divide.": (
            "return ((patched - corrupted) / (clean - corrupted)).median(dim=-1).values"
        ),
        "Are clean and corrupted exchanged? 1 is the clean run.": (
            "return (clean.mean() - patched.mean(dim=-1)) / span"
        ),
        "Is the sign flipped? Is one of the two differences reversed?": f"return -{SHARE}",
        "Is the corrupted score missing in the denominator? It is clean minus corrupted.": (
            "return (patched.mean(dim=-1) - corrupted.mean()) / clean.mean()"
        ),
        "Is the corrupted score missing in the numerator?": "return patched.mean(dim=-1) / span",
        "This is patched divided by clean. Subtract the corrupted score from both.": (
            "return patched.mean(-1) / clean.mean()"
        ),
        "Is the share cut to 0..1? Below 0 and above 1 are possible.": (
            f"return ({SHARE}).clamp(0, 1)"
        ),
        "Is the share cut at 1? More is possible.": f"return ({SHARE}).clamp(max=1)",
        "Is the share cut at 0? Less is possible.": f"return ({SHARE}).clamp(min=0)",
        "Is this an absolute value? A patch may lead away from the clean run.": (
            f"return ({SHARE}).abs()"
        ),
        "Did the denominator lose its sign? With KL the clean score is below the corrupted one.": (
            f"return {SHARE}.abs()"
        ),
        "Are the patched scores changed in place? The caller still uses them.": (
            "patched -= corrupted\nreturn patched.mean(dim=-1) / span"
        ),
        "This is the gain itself, not a share of the gap.": (
            "return patched.mean(dim=-1) - corrupted.mean()"
        ),
        "Is the mean taken over all axes? Prompts are the last one.": [
            "return ((patched.mean() - corrupted.mean()) / span).expand(patched.shape[:-1])",
            "return (patched.mean() - corrupted.mean()) / span",
        ],
        "Is the mean taken over patches? Prompts are the last axis.": (
            "return (patched.mean(dim=0) - corrupted.mean(dim=0)) / span"
        ),
        "Is the clean score subtracted in the numerator? Subtract the corrupted one.": (
            "return (patched.mean(-1) - clean.mean()) / span"
        ),
        "Is one of numerator and denominator a sum over prompts, and the other a mean?": [
            "return (patched.sum(dim=-1) - corrupted.sum(dim=-1)) / span",
            "return (patched.mean(-1) - corrupted.mean()) / (clean.sum() - corrupted.sum())",
        ],
        "Is this a change relative to the clean score? Divide by the gap.": [
            "return (patched.mean(-1) - clean.mean()) / clean.mean()",
            "return (clean.mean() - patched.mean(-1)) / clean.mean()",
        ],
        "Are these maxima over prompts? Take means.": (
            "patched, clean, corrupted = (x.amax(-1) for x in (patched, clean, corrupted))\n"
            "return (patched - corrupted) / (clean - corrupted)"
        ),
        "Is the corrupted score added in the numerator? Subtract it.": (
            "return (patched.mean(-1) + corrupted.mean()) / span"
        ),
        "Is the corrupted score added in the denominator? Subtract it.": (
            "return (patched.mean(-1) - corrupted.mean()) / (clean.mean() + corrupted.mean())"
        ),
        "Is a small number added to the denominator? Divide by the gap itself.": [
            f"return {SHARE} * span / ({gap.format(small)})"
            for small in ("1e-5", "1e-6", "1e-7", "1e-8", "1e-9", "1e-10", "1e-12")
            for gap in ("span + {}", "span + {} * span.sign()")
        ],
        "This is in percent. 1 is the clean run.": f"return 100 * {SHARE}",
        "Is there one share per prompt? Average over prompts first.": [
            "return (patched - corrupted) / span",
            "return (patched - corrupted) / (clean - corrupted)",
        ],
        "Are these medians over prompts? Take means.": (
            "patched, clean, corrupted = (x.median(-1).values for x in (patched, clean, corrupted))\n"
            "return (patched - corrupted) / (clean - corrupted)"
        ),
        "Is this a change relative to the corrupted score? Divide by the gap.": (
            "return (patched.mean(-1) - corrupted.mean()) / corrupted.mean()"
        ),
        "Is the fraction upside down?": f"return 1 / ({SHARE})",
        "Is the axis of prompts kept with size 1? Drop it.": (
            "return (patched.mean(-1, keepdim=True) - corrupted.mean(-1, keepdim=True)) / span"
        ),
        "Is this the first prompt's share? Average over prompts.": (
            "return (patched[..., 0] - corrupted[0]) / (clean[0] - corrupted[0])"
        ),
        "Are parentheses missing? The whole difference is divided.": (
            "return patched.mean(-1) - corrupted.mean() / span"
        ),
        "Is the gap a mean of absolute differences? It is a difference of means.": [
            "return (patched.mean(-1) - corrupted.mean()) / (clean - corrupted).abs().mean(-1)",
            "return (patched - corrupted).abs().mean(-1) / (clean - corrupted).abs().mean(-1)",
        ],
        "Is the gap doubled or halved?": [f"return 2 * {SHARE}", f"return {SHARE} / 2"],
        "Is the gain divided by a standard deviation? Divide by the gap.": [
            f"return {SHARE} * span / {name}.std(-1)" for name in ("clean", "corrupted", "patched")
        ],
    },
)
RIGHT = right_answers(
    "5.5",
    "normalized_recovery",
    {
        "sums": "return (patched - corrupted).sum(-1) / (clean - corrupted).sum(-1)",
        "one minus the rest": "return 1 - (clean.mean() - patched.mean(dim=-1)) / span",
    },
)
