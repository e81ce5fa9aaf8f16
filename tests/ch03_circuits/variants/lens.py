"""Answers to 3.5 and 3.6."""

from tests.grading.variants import Right, Wrong

SPLIT = "layers, batch = stream.shape[:2]\n"


def lens(name: str, answer: str, says: str) -> Wrong:
    """A mistake in logit_lens."""
    return Wrong("3.5", name, body={"logit_lens": answer}, says=says)


def kl(name: str, answer: str, says: str) -> Wrong:
    """A mistake in kl_divergence."""
    return Wrong("3.6", name, body={"kl_divergence": LOGS + answer}, says=says)


LOGS = "f, g = final.log_softmax(dim=-1), guess.log_softmax(dim=-1)\n"

WRONG = [
    lens("no norm", "return model.unembed(stream)", "The final norm is left out"),
    lens(
        "last scale",
        "seen = []\npoint = model.ln_final.hook_scale\npoint.observers.append("
        "lambda s, p: seen.append(s))\nmodel.ln_final(stream[-1])\nown = model.ln_final(stream)\n"
        "point.observers.pop()\ngain, bias = model.ln_final.affine()\n"
        "return model.unembed((own - bias) * seen[1] / seen[0] + bias)",
        "Every layer is divided by the last one's scale",
    ),
    lens(
        "norm of a block",
        "return model.unembed(model.blocks[0].ln1(stream))",
        "This is a block's norm",
    ),
    lens(
        "no gain and bias",
        "gain, bias = model.ln_final.affine()\n"
        "return model.unembed((model.ln_final(stream) - bias) / gain)",
        "gain and bias are forgotten",
    ),
    lens(
        "no b_U", "return model.ln_final(stream) @ model.unembed.W_U", "The unembedding's bias is"
    ),
    lens(
        "through W_E",
        "return model.ln_final(stream) @ model.embed.W_E.T + model.unembed.b_U",
        "It is read out through W_E",
    ),
    lens(
        "probabilities",
        "return model.unembed(model.ln_final(stream)).softmax(-1)",
        "These are probabilities",
    ),
    lens("flat", "return model.unembed_resid(stream.flatten(0, 1))", "wrong shape or type"),
    lens(
        "split the wrong way",
        SPLIT + "logits = model.unembed_resid(stream.flatten(0, 1))\n"
        "return logits.unflatten(0, (batch, layers)).transpose(0, 1)",
        "Layer and batch are mixed up",
    ),
    lens(
        "last layer alone",
        "return model.unembed_resid(stream[-1])[None].expand(len(stream), -1, -1, -1)",
        "Every layer shows the last one's logits",
    ),
    lens(
        "norm twice",
        "return model.unembed(model.ln_final(model.ln_final(stream)))",
        "The final norm is applied twice",
    ),
    lens(
        "as many layers as the model has",
        "n = len(model.blocks) + 1\n"
        "return torch.stack([model.unembed_resid(stream[i]) for i in range(n)])",
        "wrong shape or type",
    ),
    lens(
        "no graph",
        "with torch.no_grad():\n    return model.unembed(model.ln_final(stream))",
        "without its graph",
    ),
    kl("wrong way round", "return (g.exp() * (g - f)).sum(-1)", "It is the wrong way round"),
    kl("no softmax", "return (final.exp() * (final - guess)).sum(-1)", "No softmax is taken"),
    kl(
        "raw logits in the difference",
        "return (f.exp() * (final - guess)).sum(-1)",
        "The logits are not made log-probabilities",
    ),
    kl("cross-entropy", "return -(f.exp() * g).sum(-1)", "This is the cross-entropy"),
    kl("sign", "return (f.exp() * (g - f)).sum(-1)", "The sign is turned round"),
    kl("mean", "return (f.exp() * (f - g)).mean(-1)", "The mean over the vocabulary"),
    kl("bits", "return (f.exp() * (f - g)).sum(-1) / 0.6931471805599453", "These are bits"),
    kl("over everything", "return (f.exp() * (f - g)).sum(-1).mean()", "wrong shape or type"),
    kl(
        "softmax over positions",
        "f, g = final.log_softmax(dim=0), guess.log_softmax(dim=0)\n"
        "return (f.exp() * (f - g)).sum(-1)",
        "KL(final || guess) over the last axis",
    ),
    kl(
        "log of softmax",
        "p, q = final.softmax(-1), guess.softmax(-1)\nreturn (p * (p.log() - q.log())).sum(-1)",
        "Is the logarithm taken of a softmax that is zero?",
    ),
    kl("weights not exponentiated", "return (f * (f - g)).sum(-1)", "The weights are logits"),
    kl("symmetric", "return ((f.exp() - g.exp()) * (f - g)).sum(-1)", "sum of both directions"),
    kl("sizes", "return (f.exp() * (f - g).abs()).sum(-1)", "Sizes of the differences"),
    kl("no graph", "return (f.exp() * (f - g)).sum(-1).detach()", "without its graph"),
    kl(
        "kl_div with arguments exchanged",
        "import torch.nn.functional as F\n"
        "return F.kl_div(f, g, reduction='none', log_target=True).sum(-1)",
        "It is the wrong way round",
    ),
]

RIGHT = [
    Right(
        "3.5", "by its parts", body={"logit_lens": "return model.unembed(model.ln_final(stream))"}
    ),
    Right(
        "3.5",
        "layer by layer",
        body={"logit_lens": "return torch.stack([model.unembed_resid(resid) for resid in stream])"},
    ),
    Right(
        "3.6",
        "torch's own",
        body={
            "kl_divergence": LOGS + "import torch.nn.functional as F\n"
            "return F.kl_div(g, f, reduction='none', log_target=True).sum(-1)"
        },
    ),
    Right(
        "3.6",
        "cross-entropy minus entropy",
        body={
            "kl_divergence": """
            p = final.softmax(dim=-1)
            shifted = guess - guess.logsumexp(dim=-1, keepdim=True)
            entropy = -(p * (final - final.logsumexp(dim=-1, keepdim=True))).sum(-1)
            return -(p * shifted).sum(-1) - entropy
            """
        },
    ),
]
