"""Mistakes in 3.5 and 3.6, the lens and the divergence, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

LENS = mistakes(
    "3.5",
    "logit_lens",
    {
        "Is the final norm missing?": "return model.unembed(stream)",
        "Is every layer divided by the last one's scale? Each has its own.": """
            seen = []
            point = model.ln_final.hook_scale
            point.observers.append(lambda s, p: seen.append(s))
            model.ln_final(stream[-1])
            own = model.ln_final(stream)
            point.observers.pop()
            gain, bias = model.ln_final.affine()
            return model.unembed((own - bias) * seen[1] / seen[0] + bias)
            """,
        "Is this the norm of a block? The final one is model.ln_final.": (
            "return model.unembed(model.blocks[0].ln1(stream))"
        ),
        "Are the norm's gain and bias missing?": """
            gain, bias = model.ln_final.affine()
            return model.unembed((model.ln_final(stream) - bias) / gain)
            """,
        "Is the unembedding's bias missing?": "return model.ln_final(stream) @ model.unembed.W_U",
        "Does it decode with W_E? The unembedding is W_U.": (
            "return model.ln_final(stream) @ model.embed.W_E.T + model.unembed.b_U"
        ),
        "These are probabilities. Return logits.": (
            "return model.unembed(model.ln_final(stream)).softmax(-1)"
        ),
        "Are layer and batch exchanged when the two axes are split again?": """
            layers, batch = stream.shape[:2]
            logits = model.unembed_resid(stream.flatten(0, 1))
            return logits.unflatten(0, (batch, layers)).transpose(0, 1)
            """,
        "Do all layers show the last one's logits?": (
            "return model.unembed_resid(stream[-1])[None].expand(len(stream), -1, -1, -1)"
        ),
        "Is the final norm applied twice?": (
            "return model.unembed(model.ln_final(model.ln_final(stream)))"
        ),
        "The axes layer and batch are still one. Split them again with unflatten.": (
            "return model.unembed_resid(stream.flatten(0, 1))"
        ),
        "Does it use the model's number of layers? Take all entries of `stream`.": (
            "n = len(model.blocks) + 1\n"
            "return torch.stack([model.unembed_resid(x) for x in stream[:n]])"
        ),
    },
    unnamed={
        "The gradient disagrees with finite differences": (
            "with torch.no_grad():\n    return model.unembed(model.ln_final(stream))"
        ),
    },
)
LOGS = "f, g = final.log_softmax(dim=-1), guess.log_softmax(dim=-1)\n"
DIVERGENCE = mistakes(
    "3.6",
    "kl_divergence",
    {
        "This is KL(guess || final). The FINAL distribution gives the weights.": [
            LOGS + "return (g.exp() * (g - f)).sum(-1)",
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(f, g, reduction='none', log_target=True).sum(-1)",
        ],
        "Are logits used in place of probabilities and log-probabilities?": (
            "return (final.exp() * (final - guess)).sum(-1)"
        ),
        "Are differences of logits used in place of those of log-probabilities?": (
            LOGS + "return (f.exp() * (final - guess)).sum(-1)"
        ),
        "This is the cross-entropy. Subtract the entropy of the final distribution.": (
            LOGS + "return -(f.exp() * g).sum(-1)"
        ),
        "Is the sign flipped?": LOGS + "return (f.exp() * (g - f)).sum(-1)",
        "Is it a mean over the vocabulary? A divergence is a sum.": (
            LOGS + "return (f.exp() * (f - g)).mean(-1)"
        ),
        "Is this in bits? Nats use the natural logarithm.": (
            LOGS + "return (f.exp() * (f - g)).sum(-1) / 0.6931471805599453"
        ),
        "Are the weights log-probabilities? Exponentiate them.": (
            LOGS + "return (f * (f - g)).sum(-1)"
        ),
        "Are both directions added? Only the final distribution gives weights.": (
            LOGS + "return ((f.exp() - g.exp()) * (f - g)).sum(-1)"
        ),
        "Are absolute values summed? Some terms are negative.": (
            LOGS + "return (f.exp() * (f - g).abs()).sum(-1)"
        ),
        "Is it a mean over positions? Each position has its own number.": (
            LOGS + "return (f.exp() * (f - g)).sum(-1).mean()"
        ),
        "Does the softmax run over the first axis? The vocabulary is the last.": (
            LOGS.replace("dim=-1", "dim=0") + "return (f.exp() * (f - g)).sum(-1)"
        ),
        "Is 0 multiplied by an infinite log-ratio? A token of probability 0 contributes 0.": [
            LOGS + "return (f.exp() * (f - g)).sum(-1)",
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(g, f, reduction='none', log_target=True).sum(-1)",
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(g, f.exp(), reduction='none').sum(-1)",
        ],
        "Is a probability kept above a small number? It cuts the divergence off.": [
            "p, q = final.softmax(-1), guess.softmax(-1)\n"
            "return (p * ((p + 1e-12) / (q + 1e-12)).log()).sum(-1)",
            "p, q = final.softmax(-1), guess.softmax(-1)\n"
            "return (p * (p.clamp(min=1e-12) / q.clamp(min=1e-12)).log()).sum(-1)",
        ],
        "Is the logarithm taken of a softmax that is zero? Use log_softmax.": """
            p, q = final.softmax(-1), guess.softmax(-1)
            return (p * (p.log() - q.log())).sum(-1)
            """,
    },
    unnamed={
        "The gradient disagrees with finite differences": (
            LOGS + "return (f.exp() * (f - g)).sum(-1).detach()"
        ),
    },
)
RIGHT = [
    *right_answers(
        "3.5",
        "logit_lens",
        {
            "by its parts": "return model.unembed(model.ln_final(stream))",
            "layer by layer": "return torch.stack([model.unembed_resid(x) for x in stream])",
        },
    ),
    *right_answers(
        "3.6",
        "kl_divergence",
        {
            "torch's own": LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "terms = kl_div(g, f, reduction='none', log_target=True)\n"
            "return terms.masked_fill(f.exp() == 0, 0.0).sum(-1)",
            "cross-entropy minus entropy": """
            p = final.softmax(dim=-1)
            shifted = guess - guess.logsumexp(dim=-1, keepdim=True)
            entropy = torch.special.entr(p).sum(-1)
            return -torch.where(p > 0, p * shifted, 0.0).sum(-1) - entropy
            """,
        },
    ),
]
