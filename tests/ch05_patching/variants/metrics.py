"""Answers to 5.2, 5.3, 5.4 and 5.5."""

from tests.grading.variants import Right, Wrong


def diff(name: str, answer: str, says: str) -> Wrong:
    """A mistake in logit_diff."""
    return Wrong("5.2", name, body={"logit_diff": answer}, says=says)


def kl(name: str, answer: str, says: str) -> Wrong:
    """A mistake in kl_divergence."""
    return Wrong("5.3", name, body={"kl_divergence": answer}, says=says)


def rank(name: str, answer: str, says: str) -> Wrong:
    """A mistake in rank_of_answer."""
    return Wrong("5.4", name, body={"rank_of_answer": answer}, says=says)


def share(name: str, answer: str, says: str) -> Wrong:
    """A mistake in recovered."""
    return Wrong("5.5", name, body={"recovered": answer}, says=says)


BOTH = "return of_answer({0}, answer) - of_answer({0}, wrong)"
PROBABILITIES = "p, q = clean.softmax(-1), patched.softmax(-1)\n"
LOGS = "true, came = clean.log_softmax(dim=-1), patched.log_softmax(dim=-1)\n"
OWN = "own = of_answer(logits, answer)[..., None]\n"

WRONG = [
    diff("turned", "return of_answer(logits, wrong) - of_answer(logits, answer)", "sign is turned"),
    diff("probability", BOTH.format("logits.softmax(-1)"), "PROBABILITIES: logits are asked for"),
    diff("answer alone", "return of_answer(logits, answer)", "the wrong one's is missing"),
    diff("probability alone", "return probability(logits, answer)", "The probability of the answ"),
    diff("absolute", BOTH.format("logits").replace("return ", "return (") + ").abs()", "sign is l"),
    diff(
        "first prompt's answer",
        "return logits[..., answer[0]] - logits[..., wrong[0]]",
        "All prompts have the first one's answer",
    ),
    diff(
        "surprise",
        "return of_answer(logits.log_softmax(-1), answer)",
        "log-probability of the answer came",
    ),
    diff(
        "mean over prompts",
        "all = of_answer(logits, answer) - of_answer(logits, wrong)\n"
        "return torch.zeros_like(all) + all.mean()",
        "The average over prompts came",
    ),
    diff(
        "lead over the best other",
        "others = logits.scatter(-1, answer.expand(logits.shape[:-1])[..., None], -torch.inf)\n"
        "return of_answer(logits, answer) - others.max(dim=-1).values",
        "the wrong answer is given",
    ),
    diff(
        "best token", "return logits.amax(-1) - of_answer(logits, wrong)", "best token are compar"
    ),
    kl(
        "the wrong way",
        LOGS + "return (came.exp() * (came - true)).sum(dim=-1)",
        "This is KL(patched || clean)",
    ),
    kl(
        "the wrong weights",
        LOGS + "return (came.exp() * (true - came)).sum(dim=-1)",
        "is expected",
    ),
    kl("turned", LOGS + "return (true.exp() * (came - true)).sum(dim=-1)", "The sign is turned"),
    kl(
        "the wrong way, by kl_div",
        "return torch.nn.functional.kl_div(\n"
        "    clean.log_softmax(-1).expand_as(patched), patched.softmax(-1), reduction='none'\n"
        ").sum(-1)",
        "This is KL(patched || clean)",
    ),
    kl(
        "both ways",
        LOGS + "return ((true.exp() - came.exp()) * (true - came)).sum(dim=-1) / 2",
        "Both directions are added or averaged",
    ),
    kl(
        "mean over tokens", LOGS + "return (true.exp() * (true - came)).mean(dim=-1)", "The mean ov"
    ),
    kl(
        "bits",
        LOGS + "return (true.exp() * (true - came)).sum(dim=-1) / 0.6931471805599453",
        "bits",
    ),
    kl("cross-entropy", LOGS + "return -(true.exp() * came).sum(dim=-1)", "the cross-entropy"),
    kl("no weights", LOGS + "return (true - came).sum(dim=-1)", "Nothing weighs"),
    kl(
        "logits",
        "return (clean.softmax(-1) * (clean - patched)).sum(dim=-1)",
        "These are logits, not log-probabilities",
    ),
    kl(
        "underflow",
        PROBABILITIES + "return (p * (p.log() - q.log())).sum(dim=-1)",
        "stay in log_softmax",
    ),
    kl("squares", PROBABILITIES + "return (p - q).pow(2).sum(dim=-1)", "are no divergence"),
    kl(
        "mean over prompts",
        LOGS + "all = (true.exp() * (true - came)).sum(-1)\nreturn 0 * all + all.mean()",
        "The mean over prompts came",
    ),
    rank("from 1", OWN + "return (logits > own).sum(-1) + 1", "counted from 1, but the best is 0"),
    rank(
        "ties and itself", OWN + "return (logits >= own).sum(-1)", "Ties are counted, the answer w"
    ),
    rank("ties", OWN + "return (logits >= own).sum(-1) - 1", "tie with the answer are counted"),
    rank("from below", OWN + "return (logits < own).sum(-1)", "tokens BELOW the answer"),
    rank(
        "argsort",
        "order = logits.argsort(dim=-1, descending=True, stable=True)\n"
        "return of_answer(order, answer)",
        "argsort says which token stands at a place",
    ),
    rank(
        "argsort from below",
        "return of_answer(logits.argsort(dim=-1, stable=True), answer)",
        "argsort from below",
    ),
    rank(
        "ties by order",
        "order = logits.argsort(dim=-1, descending=True, stable=True)\n"
        "return of_answer(order.argsort(dim=-1), answer)",
        "many logits tied, are wrong",
    ),
    rank(
        "best or not",
        "return (logits.argmax(-1) != answer).long()",
        "whether the answer is the best token",
    ),
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
    share("how much", "return patched.mean(dim=-1) - corrupted.mean()", "not a share of the way"),
    share(
        "mean over versions too",
        "return ((patched.mean() - corrupted.mean()) / span).expand(patched.shape[:-1])",
        "The mean is not over prompts",
    ),
]

RIGHT = [
    Right("5.2", "log-probabilities", body={"logit_diff": BOTH.format("logits.log_softmax(-1)")}),
    Right(
        "5.2",
        "by a one-hot product",
        body={
            "logit_diff": """
            eye = torch.eye(logits.shape[-1], dtype=logits.dtype)
            return (logits * (eye[answer] - eye[wrong])).sum(dim=-1)
            """
        },
    ),
    Right(
        "5.2",
        "by index",
        body={
            "logit_diff": "row = torch.arange(len(answer))\n"
            "return logits[..., row, answer] - logits[..., row, wrong]"
        },
    ),
    Right(
        "5.3",
        "by kl_div",
        body={
            "kl_divergence": """
            came, true = patched.log_softmax(-1), clean.log_softmax(-1).expand_as(patched)
            return torch.nn.functional.kl_div(came, true, reduction="none", log_target=True).sum(-1)
            """
        },
    ),
    Right(
        "5.3",
        "cross-entropy minus entropy",
        body={
            "kl_divergence": LOGS + "weights = clean.softmax(-1)\n"
            "return (weights * true).sum(-1) - (weights * came).sum(-1)"
        },
    ),
    Right(
        "5.4", "by a difference", body={"rank_of_answer": OWN + "return (logits - own > 0).sum(-1)"}
    ),
    Right(
        "5.4",
        "by sorted values",
        body={
            "rank_of_answer": "ordered = (-logits).sort(dim=-1).values.contiguous()\n"
            "own = -of_answer(logits, answer)[..., None].contiguous()\n"
            "return torch.searchsorted(ordered, own)[..., 0]"
        },
    ),
    Right(
        "5.5",
        "sums",
        body={"recovered": "return (patched - corrupted).sum(-1) / (clean - corrupted).sum(-1)"},
    ),
    Right(
        "5.5",
        "one minus what is lost",
        body={"recovered": "return 1 - (clean.mean() - patched.mean(dim=-1)) / span"},
    ),
]
