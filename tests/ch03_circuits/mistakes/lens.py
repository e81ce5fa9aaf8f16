"""Mistakes in 3.5 and 3.6, the lens and the divergence, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

EACH = "torch.stack([model.unembed_resid(x) for x in stream])"
LENS = mistakes(
    "3.5",
    "logit_lens",
    {
        "Is the final norm missing?": "return model.unembed(stream)",
        "Is every layer divided by the last one's scale? Each has its own.": [
            """
            seen = []
            point = model.ln_final.hook_scale
            point.observers.append(lambda s, p: seen.append(s))
            model.ln_final(stream[-1])
            own = model.ln_final(stream)
            point.observers.pop()
            gain, bias = model.ln_final.affine()
            return model.unembed((own - bias) * seen[1] / seen[0] + bias)
            """,
            """
            last, centered = stream[-1], stream
            if model.ln_final.centers:
                last = last - last.mean(dim=-1, keepdim=True)
                centered = stream - stream.mean(dim=-1, keepdim=True)
            scale = (last.square().mean(dim=-1, keepdim=True) + model.ln_final.eps).sqrt()
            gain, bias = model.ln_final.affine()
            return model.unembed(centered / scale * gain + bias)
            """,
        ],
        "Is this the norm of a block? The final one is model.ln_final.": (
            "return model.unembed(model.blocks[0].ln1(stream))"
        ),
        "Are the norm's gain and bias missing?": """
            gain, bias = model.ln_final.affine()
            return model.unembed((model.ln_final(stream) - bias) / gain)
            """,
        "Is the unembedding's bias missing?": "return model.ln_final(stream) @ model.unembed.W_U",
        "Does it decode with W_E? The unembedding is W_U.": [
            "return model.ln_final(stream) @ model.embed.W_E.T + model.unembed.b_U",
            "return model.ln_final(stream) @ model.embed.W_E.T",
        ],
        "These are log-probabilities. Return logits.": f"return ({EACH}).log_softmax(-1)",
        "Is the mean over the vocabulary subtracted from the logits?": (
            f"logits = {EACH}\nreturn logits - logits.mean(dim=-1, keepdim=True)"
        ),
        "Does it decode what each block adds? `stream` itself is the sum so far.": (
            "zero = torch.zeros_like(stream[:1])\n"
            f"stream = torch.diff(stream, dim=0, prepend=zero)\nreturn {EACH}"
        ),
        "Are the layers added up? Each entry of `stream` is a sum already.": (
            f"stream = stream.cumsum(dim=0)\nreturn {EACH}"
        ),
        "Are the layers averaged? Each is decoded by itself.": (
            f"stream = stream.mean(dim=0, keepdim=True).expand_as(stream)\nreturn {EACH}"
        ),
        "Are the layers in reverse order?": f"return ({EACH}).flip(0)",
        "Is the layer the second axis? It is the first.": f"return ({EACH}).transpose(0, 1)",
        "Is the first or the last entry left out? Decode all that `stream` holds.": [
            f"stream = stream[1:]\nreturn {EACH}",
            f"stream = stream[:-1]\nreturn {EACH}",
        ],
        "Is only the last position decoded? Decode all of them.": (
            f"stream = stream[:, :, -1:]\nreturn {EACH}"
        ),
        "Is this a LayerNorm without the model's weights? The final norm is model.ln_final.": [
            "norm = torch.nn.functional.layer_norm\n"
            "return model.unembed(norm(stream, stream.shape[-1:]))",
            "norm = torch.nn.functional.layer_norm\n"
            "return model.unembed(norm(stream, stream.shape[-1:], eps=model.ln_final.eps))",
        ],
        "Is the norm taken over positions too? It is over d_model alone.": (
            "norm = torch.nn.functional.layer_norm\n"
            "return model.unembed(norm(stream, stream.shape[-2:]))"
        ),
        "Is the residual stream divided by its standard deviation? The final norm is model.ln_final.": (
            "return model.unembed(stream / stream.std(dim=-1, keepdim=True))"
        ),
        "Do later blocks run as well? Decode each entry without them.": """
            runs = [model.run_blocks(x, min(i, len(model.blocks))) for i, x in enumerate(stream)]
            return torch.stack([model.unembed_resid(x) for x in runs])
            """,
        "Is the last entry decoded without the final norm?": (
            "rest = [model.unembed_resid(x) for x in stream[:-1]]\n"
            "return torch.stack([*rest, model.unembed(stream[-1])])"
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
SAFE = "(f - g).where(f.exp() > 0, 0.0)"
LOGS = "f, g = final.log_softmax(dim=-1), guess.log_softmax(dim=-1)\n"
PROBABILITIES = "p, q = final.softmax(-1), guess.softmax(-1)\n"
DIVERGENCE = mistakes(
    "3.6",
    "kl_divergence",
    {
        "This is KL(guess || final). The FINAL distribution gives the weights.": [
            LOGS + "return (g.exp() * (g - f)).sum(-1)",
            LOGS + "return (g.exp() * (g - f).where(g.exp() > 0, 0.0)).sum(-1)",
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(f, g, reduction='none', log_target=True).sum(-1)",
        ],
        "Are logits used in place of probabilities and log-probabilities?": (
            "return (final.exp() * (final - guess)).sum(-1)"
        ),
        "Are differences of logits used in place of those of log-probabilities?": (
            LOGS + "return (f.exp() * (final - guess)).sum(-1)"
        ),
        "This is the cross-entropy. Subtract the entropy of the final distribution.": [
            LOGS + "return -(f.exp() * g).sum(-1)",
            LOGS + "return -(f.exp() * g.where(f.exp() > 0, 0.0)).sum(-1)",
            "return -(final.softmax(-1) * guess.softmax(-1).log()).sum(-1)",
        ],
        "Is the sign flipped?": [
            LOGS + "return (f.exp() * (g - f)).sum(-1)",
            LOGS + f"return -(f.exp() * {SAFE}).sum(-1)",
        ],
        "Is it a mean over the vocabulary? A divergence is a sum.": [
            LOGS + "return (f.exp() * (f - g)).mean(-1)",
            LOGS + f"return (f.exp() * {SAFE}).mean(-1)",
        ],
        "Is this in bits? Nats use the natural logarithm.": [
            LOGS + "return (f.exp() * (f - g)).sum(-1) / 0.6931471805599453",
            LOGS + f"return (f.exp() * {SAFE}).sum(-1) / 0.6931471805599453",
        ],
        "Are the weights log-probabilities? Exponentiate them.": (
            LOGS + "return (f * (f - g)).sum(-1)"
        ),
        "Are both directions added? Only the final distribution gives weights.": [
            LOGS + "return ((f.exp() - g.exp()) * (f - g)).sum(-1)",
            LOGS + "return (f.exp() * (f - g) + g.exp() * (g - f)).sum(-1)",
        ],
        "Is it the mean of both directions? Only the final distribution gives weights.": (
            LOGS + "return (f.exp() * (f - g) + g.exp() * (g - f)).sum(-1) / 2"
        ),
        "Is this the Jensen-Shannon divergence? KL compares with `guess`, not with a mixture.": (
            LOGS + "m = torch.logaddexp(f, g) - 0.6931471805599453\n"
            "return (f.exp() * (f - m) + g.exp() * (g - m)).sum(-1) / 2"
        ),
        "Are absolute values summed? Some terms are negative.": [
            LOGS + "return (f.exp() * (f - g).abs()).sum(-1)",
            LOGS + f"return (f.exp() * {SAFE}.abs()).sum(-1)",
        ],
        "Are the log-ratios squared?": [
            LOGS + "return (f.exp() * (f - g).square()).sum(-1)",
            LOGS + f"return (f.exp() * {SAFE}.square()).sum(-1)",
        ],
        "This is half the L1 distance of the probabilities.": (
            "return (final.softmax(-1) - guess.softmax(-1)).abs().sum(-1) / 2"
        ),
        "Are the weights missing? Each log-ratio is weighted by the final probability.": (
            LOGS + "return (f - g).sum(-1)"
        ),
        "Are the weights the guess's probabilities? The final ones are right.": [
            LOGS + "return (g.exp() * (f - g)).sum(-1)",
            LOGS + "return (g.exp() * (f - g).where(g.exp() > 0, 0.0)).sum(-1)",
        ],
        "This is a difference of two entropies. The weights are the same in both terms.": [
            LOGS + "return (f.exp() * f).sum(-1) - (g.exp() * g).sum(-1)",
            LOGS + "return (g.exp() * g).sum(-1) - (f.exp() * f).sum(-1)",
        ],
        "Is only the most likely token compared? Sum over the vocabulary.": (
            LOGS + "return (f - g).gather(-1, final.argmax(-1, keepdim=True))[..., 0]"
        ),
        "Are tokens left out that `guess` excludes? They make the divergence infinite.": [
            LOGS + "both = f.isfinite() & g.isfinite()\n"
            "return (f.exp() * (f - g)).where(both, 0.0).sum(-1)",
            LOGS + "return (f.exp() * (f - g)).nan_to_num(0.0, 0.0, 0.0).sum(-1)",
        ],
        "Is infinity replaced by a large number? The divergence can be infinite.": (
            LOGS + "return (f.exp() * (f - g)).nan_to_num().sum(-1)"
        ),
        "Is `reduction` of kl_div left at a mean? Each position has its own sum.": [
            LOGS + "kl_div = torch.nn.functional.kl_div\nreturn kl_div(g, f.exp())",
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(g, f.exp(), reduction='batchmean')",
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(g, f, reduction='batchmean', log_target=True)",
        ],
        "Does kl_div get log-probabilities as its target? Then log_target must be True.": (
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(g, f, reduction='none').sum(-1)"
        ),
        "Does kl_div get probabilities as its input? It expects log-probabilities.": (
            LOGS + "kl_div = torch.nn.functional.kl_div\n"
            "return kl_div(g.exp(), f.exp(), reduction='none').sum(-1)"
        ),
        "Is it one number, a mean or a sum over positions? Each position has its own.": [
            LOGS + "return (f.exp() * (f - g)).sum(-1).mean()",
            LOGS + f"return (f.exp() * {SAFE}).sum(-1).mean()",
            LOGS + f"return (f.exp() * {SAFE}).sum()",
        ],
        "Is it a mean over positions, repeated? Each position has its own number.": (
            LOGS + f"own = (f.exp() * {SAFE}).sum(-1)\nreturn own.mean().expand_as(own)"
        ),
        "Is it converted to 16 bits at the end? Keep float32.": (
            LOGS + f"return (f.exp() * {SAFE}).sum(-1).half()"
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
            PROBABILITIES + "return (p * ((p + 1e-12) / (q + 1e-12)).log()).sum(-1)",
            PROBABILITIES + "return (p * ((p + 1e-8) / (q + 1e-8)).log()).sum(-1)",
            PROBABILITIES + "return (p * ((p + 1e-10) / (q + 1e-10)).log()).sum(-1)",
            PROBABILITIES + "return (p * (p.clamp(min=1e-12) / q.clamp(min=1e-12)).log()).sum(-1)",
        ],
        "Is the logarithm taken of a softmax that is zero? Use log_softmax.": [
            PROBABILITIES + "return (p * (p.log() - q.log())).sum(-1)",
            PROBABILITIES + "return (p * (p.log() - q.log()).where(p > 0, 0.0)).sum(-1)",
        ],
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
