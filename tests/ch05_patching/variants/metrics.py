"""Answers to 5.2, 5.3 and 5.4."""

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


BOTH = "return gather_answer({0}, answer) - gather_answer({0}, wrong)"
PROBABILITIES = "p, q = clean.softmax(-1), patched.softmax(-1)\n"
LOGS = "true, came = clean.log_softmax(dim=-1), patched.log_softmax(dim=-1)\n"
OWN = "own = gather_answer(logits, answer)[..., None]\n"

WRONG = [
    diff(
        "turned",
        "return gather_answer(logits, wrong) - gather_answer(logits, answer)",
        "sign is turned",
    ),
    diff("probability", BOTH.format("logits.softmax(-1)"), "PROBABILITIES: logits are asked for"),
    diff(
        "logarithms of probabilities",
        "return probability(logits, answer).log() - probability(logits, wrong).log()",
        "Logarithms of probabilities that underflow",
    ),
    diff(
        "in place",
        "logits -= logits.mean(-1, keepdim=True)\n" + BOTH.format("logits"),
        "others read them too",
    ),
    diff("answer alone", "return gather_answer(logits, answer)", "the wrong one's is missing"),
    diff("probability alone", "return probability(logits, answer)", "The probability of the answ"),
    diff("absolute", BOTH.format("logits").replace("return ", "return (") + ").abs()", "sign is l"),
    diff(
        "first prompt's answer",
        "return logits[..., answer[0]] - logits[..., wrong[0]]",
        "All prompts have the first one's answer",
    ),
    diff(
        "surprise",
        "return gather_answer(logits.log_softmax(-1), answer)",
        "log-probability of the answer came",
    ),
    diff(
        "mean over prompts",
        "all = gather_answer(logits, answer) - gather_answer(logits, wrong)\n"
        "return torch.zeros_like(all) + all.mean()",
        "The average over prompts came",
    ),
    diff(
        "lead over the best other",
        "others = logits.scatter(-1, answer.expand(logits.shape[:-1])[..., None], -torch.inf)\n"
        "return gather_answer(logits, answer) - others.max(dim=-1).values",
        "the wrong answer is given",
    ),
    diff(
        "best token",
        "return logits.amax(-1) - gather_answer(logits, wrong)",
        "best token are compar",
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
    kl(
        "a little added",
        PROBABILITIES + "return (p * ((p + 1e-12) / (q + 1e-12)).log()).sum(dim=-1)",
        "added inside the logarithm",
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
    rank(
        "by probability",
        "p = logits.softmax(-1)\nreturn (p > probability(logits, answer)[..., None]).sum(-1)",
        "that underflow all tie",
    ),
    rank("from below", OWN + "return (logits < own).sum(-1)", "tokens BELOW the answer"),
    rank(
        "argsort",
        "order = logits.argsort(dim=-1, descending=True, stable=True)\n"
        "return gather_answer(order, answer)",
        "argsort says which token stands at a place",
    ),
    rank(
        "argsort from below",
        "return gather_answer(logits.argsort(dim=-1, stable=True), answer)",
        "argsort from below",
    ),
    rank(
        "ties by order",
        "order = logits.argsort(dim=-1, descending=True, stable=True)\n"
        "return gather_answer(order.argsort(dim=-1), answer)",
        "many logits tied, are wrong",
    ),
    rank(
        "best or not",
        "return (logits.argmax(-1) != answer).long()",
        "whether the answer is the best token",
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
            "own = -gather_answer(logits, answer)[..., None].contiguous()\n"
            "return torch.searchsorted(ordered, own)[..., 0]"
        },
    ),
]
