"""Mistakes in the KL divergence (5.3), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

LOGS = "p, q = clean.log_softmax(-1), patched.log_softmax(-1)\n"
KL_DIV = (
    "import torch.nn.functional as F\n"
    "return F.kl_div({}, {}.expand_as(patched), reduction='none').sum(-1)"
)
PROBABILITIES = "p, q = clean.softmax(-1), patched.softmax(-1)\n"

DIVERGENCE = mistakes(
    "5.3",
    "kl_divergence",
    {
        "This is KL(patched || clean): the clean distribution gives the weights.": [
            LOGS + "return (q.exp() * (q - p)).sum(dim=-1)",
            "p, q = clean.log_softmax(-1).expand_as(patched), patched.softmax(-1)\n"
            "return torch.nn.functional.kl_div(p, q, reduction='none').sum(-1)",
        ],
        "The log-ratio is right, but the patched distribution gives the weights.": (
            LOGS + "return (q.exp() * (p - q)).sum(dim=-1)"
        ),
        "Is the sign flipped?": LOGS + "return (p.exp() * (q - p)).sum(dim=-1)",
        "Are both directions averaged? Only the clean distribution gives weights.": (
            LOGS + "return ((p.exp() - q.exp()) * (p - q)).sum(dim=-1) / 2"
        ),
        "Are both directions added? Only the clean distribution gives weights.": (
            LOGS + "return ((p.exp() - q.exp()) * (p - q)).sum(dim=-1)"
        ),
        "This is the mean over tokens. A divergence is a sum over them.": (
            LOGS + "return (p.exp() * (p - q)).mean(dim=-1)"
        ),
        "Is this in bits? Return nats.": [
            LOGS + "return (p.exp() * (p - q)).sum(dim=-1) / 0.6931471805599453",
            PROBABILITIES + "return (p * (p / q).log2()).sum(-1)",
            PROBABILITIES + "return (p * (p.log2() - q.log2())).sum(-1)",
        ],
        "This is the cross-entropy. Subtract the entropy of the clean run.": (
            LOGS + "return -(p.exp() * q).sum(dim=-1)"
        ),
        "Are the log-ratios summed without weights?": LOGS + "return (p - q).sum(dim=-1)",
        "Are these logits instead of log-probabilities? A shift of all logits must cancel.": (
            "return (clean.softmax(-1) * (clean - patched)).sum(dim=-1)"
        ),
        "Are these absolute or squared differences of probabilities?": [
            PROBABILITIES + "return (p - q).pow(2).sum(dim=-1)",
            PROBABILITIES + "return (p - q).abs().sum(dim=-1)",
            PROBABILITIES + "return (p - q).abs().sum(dim=-1) / 2",
        ],
        "Are the patches averaged? Each patch has its own divergence.": (
            "if patched.ndim > clean.ndim:\n"
            "    patched = patched.mean(dim=0, keepdim=True).expand_as(patched)\n"
            + LOGS
            + "return (p.exp() * (p - q)).sum(dim=-1)"
        ),
        "This is the mean over prompts. Each prompt has its own divergence.": (
            LOGS + "each = (p.exp() * (p - q)).sum(-1)\nreturn 0 * each + each.mean()"
        ),
        "Is it one number for all prompts? Each prompt has its own divergence.": [
            LOGS + "return (p.exp() * (p - q)).sum(dim=-1).mean(-1)",
            LOGS + "return (p.exp() * (p - q)).sum(dim=-1).mean()",
        ],
        "Is the axis of tokens kept with size 1? Drop it.": (
            LOGS + "return (p.exp() * (p - q)).sum(dim=-1, keepdim=True)"
        ),
        "The clean logits have no axis of patches. Expand them as the patched ones.": [
            "return lens.kl_divergence(guess=patched, final=clean)",
            "return lens.kl_divergence(guess=clean, final=patched)",
        ],
        "This is the entropy of the clean run.": LOGS
        + "return -(p.exp() * p).sum(-1) + 0 * q[..., 0]",
        "F.kl_div takes log-probabilities first, then probabilities (or log_target=True).": [
            KL_DIV.format("patched.log_softmax(-1)", "clean.log_softmax(-1)"),
            KL_DIV.format("patched.softmax(-1)", "clean.softmax(-1)"),
            KL_DIV.format("patched", "clean.softmax(-1)"),
            KL_DIV.format("patched", "clean"),
        ],
        "This is the Jensen-Shannon divergence. The patched distribution is not averaged in.": (
            LOGS + "m = ((p.exp() + q.exp()) / 2).log()\n"
            "return (p.exp() * (p - m) + q.exp() * (q - m)).sum(-1) / 2"
        ),
        "Is this the divergence from the mean of both distributions? Compare with the patched one.": (
            LOGS + "return (p.exp() * (p - ((p.exp() + q.exp()) / 2).log())).sum(-1)"
        ),
        "Are the log-ratios absolute values? They keep their signs.": (
            LOGS + "return (p.exp() * (p - q).abs()).sum(-1)"
        ),
        "Are negative terms cut off? Only their sum is 0 or more.": (
            LOGS + "return (p.exp() * (p - q)).clamp(min=0).sum(-1)"
        ),
        "Is the softmax taken over another axis than the tokens? They are the last axis.": [
            LOGS.replace("(-1)", f"({axis})") + "return (p.exp() * (p - q)).sum(-1)"
            for axis in (0, -2)
        ],
        "Are the weights logarithms or logits? They are probabilities.": [
            LOGS + "return (p * (p - q)).sum(-1)",
            LOGS + "return (clean * (p - q)).sum(-1)",
        ],
        "Is this a sigmoid? The probabilities of all tokens are a softmax.": (
            PROBABILITIES.replace("softmax(-1)", "sigmoid()")
            + "return (p * (p.log() - q.log())).sum(-1)"
        ),
        "Is this the log-ratio of the most likely token alone? Sum over all tokens.": (
            LOGS + "return gather_answer(p - q, clean.argmax(-1))"
        ),
        "Is the root taken of the divergence?": (
            LOGS + "return (p.exp() * (p - q)).sum(-1).clamp(min=0).sqrt()"
        ),
        "Is the precision lower than that of the logits?": [
            LOGS + f"return (p.exp() * (p - q)).sum(-1).{name}()"
            for name in ("float", "half", "bfloat16")
        ],
        "This is the difference of two entropies. Sum p * (log p - log q).": [
            LOGS + "return (p.exp() * p).sum(-1) - (q.exp() * q).sum(-1)",
            LOGS + "return (q.exp() * q).sum(-1) - (p.exp() * p).sum(-1)",
        ],
        "Is this the largest term? Sum over all tokens.": (
            LOGS + "return (p.exp() * (p - q)).amax(-1)"
        ),
        "Is infinity or NaN replaced by a number? Use log_softmax.": [
            PROBABILITIES + "return (p * (p / q).log()).nan_to_num().sum(-1)",
            PROBABILITIES + "return (p * (p / q).log()).sum(-1).nan_to_num()",
            PROBABILITIES + "return (p * (p / q).log()).nansum(-1)",
        ],
        "The logarithm of a probability that underflows is -inf: use log_softmax.": (
            PROBABILITIES + "return (p * (p.log() - q.log())).sum(dim=-1)"
        ),
        "Is something added inside the logarithm? It cuts the divergence off: use log_softmax.": [
            PROBABILITIES + f"return (p * ({logarithm.format(small)})).sum(-1)"
            for small in ("1e-12", "1e-10", "1e-9", "1e-8", "1e-7", "1e-6", "1e-5")
            for logarithm in (
                "((p + {0}) / (q + {0})).log()",
                "(p.clamp(min={0}) / q.clamp(min={0})).log()",
                "(p / (q + {0}) + {0}).log()",
                "(p / (q + {0})).log()",
            )
        ],
    },
)
RIGHT = right_answers(
    "5.3",
    "kl_divergence",
    {
        "by hand": LOGS + "return (p.exp() * (p - q)).sum(dim=-1)",
        "kl_div": LOGS + "return torch.nn.functional.kl_div(\n"
        "    q, p.expand_as(q), reduction='none', log_target=True\n).sum(-1)",
        "cross-entropy minus entropy": (
            LOGS + "weights = p.exp()\nreturn (weights * p).sum(-1) - (weights * q).sum(-1)"
        ),
    },
)
