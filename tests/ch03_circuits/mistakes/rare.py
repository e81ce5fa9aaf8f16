"""Mistakes of chapter 3 that few people make: other quantities, other parts, other names."""

from tests.grading.mistakes import mistakes

RETURN = "return Components("
SUMMED, STACK = "torch.cat([contributions, rest])", "torch.stack(list(pieces.values()))"
READ = "read = einsum(direction, W_O, 'b p m, h d m -> b p h d')\n"
EACH = "torch.stack([model.unembed_resid(x) for x in stream])"
LOGS = "f, g = final.log_softmax(dim=-1), guess.log_softmax(dim=-1)\n"
SAFE = "(f - g).where(f.exp() > 0, 0.0)"
ATTRIBUTION = [
    *mistakes(
        "3.1",
        "decompose",
        {
            "Are the components added up in order? Each is the output of one part.": {
                STACK: STACK + ".cumsum(dim=0)"
            },
            "Is the bias not expanded? It is the same at every text and position.": {
                '.b_O.expand_as(pieces["embed"])': ".b_O"
            },
            "Is a bias or an MLP named otherwise? The names are such as `bias 3` and `mlp 3`.": [
                {'f"bias {layer}"': 'f"b_O {layer}"'},
                {'f"bias {layer}"': 'f"bias_{layer}"'},
                {'pieces[f"mlp {layer}"]': 'pieces[f"mlp_{layer}"]'},
            ],
            "Are the texts averaged? Each has its own components.": {
                STACK: STACK + ".mean(dim=1, keepdim=True)"
            },
        },
    ),
    *mistakes(
        "3.2",
        "apply_frozen_norm",
        {
            "Is each component divided by its own standard deviation? Use `scale`.": {
                "/ scale *": "/ values.std(dim=-1, keepdim=True) *"
            },
            "Is the norm's bias added before the division? It belongs to no component.": (
                "return (values + norm.affine().bias) / scale * gain"
            ),
            "Is the mean taken over texts and positions too? It is a mean over d_model.": {
                "values.mean(dim=-1, keepdim=True)": "values.mean(dim=(1, 2, 3), keepdim=True)"
            },
            "Is the gain added? A norm multiplies by it.": {"/ scale * gain": "/ scale + gain"},
            "Do all positions use the largest scale? Each has its own.": {
                "/ scale *": "/ scale.amax(dim=1, keepdim=True) *"
            },
        },
    ),
    *mistakes(
        "3.3",
        "direct_logit_attribution",
        {
            "Are absolute values returned? A component can lower a logit.": {
                SUMMED: SUMMED + ".abs()"
            },
            "Is only the last position kept? Every position has contributions.": {
                SUMMED: SUMMED + "[..., -1:]"
            },
            "Is a softmax applied? Contributions are in logits.": {SUMMED: SUMMED + ".softmax(0)"},
            "Is b_U counted in both last entries? The first is the norm's bias alone.": {
                "[direction @ norm_bias, bias]": "[direction @ norm_bias + bias, bias]"
            },
        },
    ),
    *mistakes(
        "3.4",
        "head_logit_contributions",
        {
            "Are negative contributions dropped? A head can lower a logit.": (
                READ + "return (z * read).sum(-1).clamp(min=0)"
            ),
            "Is it divided by the number of heads? Their contributions are a sum.": (
                READ + "return (z * read).sum(-1) / z.shape[2]"
            ),
            "Is the direction averaged over positions? Each has its own.": (
                "direction = direction.mean(dim=1, keepdim=True).expand_as(direction)\n"
                + READ
                + "return (z * read).sum(-1)"
            ),
            "Do all texts use the direction of the last one? Each has its own.": (
                "direction = direction[-1:].expand_as(direction)\n"
                + READ
                + "return (z * read).sum(-1)"
            ),
            "Are the directions of all texts added up? Each has its own.": (
                "direction = direction.sum(dim=0, keepdim=True).expand_as(direction)\n"
                + READ
                + "return (z * read).sum(-1)"
            ),
            "Is it a mean over d_model? A dot product is a sum.": (
                READ + "return (z * read).sum(-1) / direction.shape[-1]"
            ),
            "Are lengths multiplied? A dot product depends on the angle.": (
                READ + "return z.norm(dim=-1) * read.norm(dim=-1)"
            ),
            "Is a softmax over heads applied? Contributions are in logits.": (
                READ + "return (z * read).sum(-1).softmax(-1)"
            ),
        },
    ),
    *mistakes(
        "3.5",
        "logit_lens",
        {
            "These are the most likely tokens. Return logits.": f"return ({EACH}).argmax(-1)",
            "Is the residual stream scaled to length 1? The final norm is model.ln_final.": (
                "return model.unembed(stream / stream.norm(dim=-1, keepdim=True))"
            ),
            "Is this the norm of the last block? The final one is model.ln_final.": (
                "return model.unembed(model.blocks[-1].ln1(stream))"
            ),
        },
    ),
    *mistakes(
        "3.6",
        "kl_divergence",
        {
            "Is this in bits, by log2? Nats use the natural logarithm.": (
                "p, q = final.softmax(-1), guess.softmax(-1)\n"
                "return (p * (p.log2() - q.log2()).where(p > 0, 0.0)).sum(-1)"
            ),
            "This is the mean square of the logits' difference.": (
                "return (final - guess).square().mean(-1)"
            ),
            "Is the logarithm of the ratio missing?": (
                "p, q = final.softmax(-1), guess.softmax(-1)\nreturn (p * (p / q)).sum(-1)"
            ),
            "This is the chi-square distance. KL takes logarithms.": (
                "p, q = final.softmax(-1), guess.softmax(-1)\nreturn ((p - q) ** 2 / q).sum(-1)"
            ),
            "Is it a mean over the last axis of positions? Each position has its own number.": (
                LOGS + f"return (f.exp() * {SAFE}).sum(-1).mean(-1)"
            ),
        },
    ),
]
END, BA = "Q_A @ U, S, Vh @ Q_B.mT", "self.B @ self.A"
VALUES, KEYS = "per_query_head(attn.W_V, len(attn.W_O))", "per_query_head(attn.W_K, len(attn.W_Q))"
CIRCUITS = [
    *mistakes(
        "3.7",
        "FactoredMatrix.norm",
        {
            "This is ||A|| + ||B||. The norm of the product is asked.": (
                "return self.A.norm(dim=(-2, -1)) + self.B.norm(dim=(-2, -1))"
            ),
            "This is the trace of AB. The norm is the root of the trace of (AB)^T AB.": [
                "return (self.B @ self.A).diagonal(dim1=-2, dim2=-1).sum(-1)",
                "return self.product().diagonal(dim1=-2, dim2=-1).sum(-1)",
            ],
            "Is the second square B^T B? That of the inner axis is B B^T.": {
                "self.B @ self.B.mT": "self.B.mT @ self.B"
            },
        },
    ),
    *mistakes(
        "3.8",
        "FactoredMatrix.svd",
        {
            "Is Q_A missing? U of the core is multiplied by it.": {END: "U, S, Vh @ Q_B.mT"},
            "Is Q_B missing? Vh of the core is multiplied by Q_B^T.": {END: "Q_A @ U, S, Vh"},
            "Is the sign of U changed, and that of Vh not?": {END: "-(Q_A @ U), S, Vh @ Q_B.mT"},
            "Is A decomposed, and its Vh multiplied by B? The rows are not orthonormal.": (
                "U, S, Vh = torch.linalg.svd(self.A, full_matrices=False)\nreturn U, S, Vh @ self.B"
            ),
        },
    ),
    *mistakes(
        "3.9",
        "FactoredMatrix.eigenvalues",
        {
            "These are sorted absolute values of the eigenvalues.": (
                f"return torch.linalg.eigvals({BA}).abs().sort(descending=True).values + 0j"
            ),
            "Is the sign of the eigenvalues flipped?": f"return -torch.linalg.eigvals({BA})",
            "This is the diagonal of a QR decomposition. It is not the spectrum.": (
                f"return torch.linalg.qr({BA}).R.diagonal(dim1=-2, dim2=-1) + 0j"
            ),
        },
    ),
    *mistakes(
        "3.10",
        "ov_circuit",
        {
            "Are the value heads averaged? Each group has its own.": {
                VALUES: "attn.W_V.mean(0, keepdim=True).expand_as(attn.W_Q)"
            },
            "Do all query heads use the last value head?": {
                VALUES: "attn.W_V[-1:].expand_as(attn.W_Q)"
            },
            "Is the bias of the values added to W_V? The circuit is of weights alone.": {
                VALUES: f"{VALUES} + per_query_head(attn.b_V[:, None], len(attn.W_O))"
            },
        },
    ),
    *mistakes(
        "3.10",
        "qk_circuit",
        {
            "Are the key heads averaged? Each group has its own.": {
                KEYS: "attn.W_K.mean(0, keepdim=True).expand_as(attn.W_Q)"
            },
            "Do all query heads use the last key head?": {
                KEYS: "attn.W_K[-1:].expand_as(attn.W_Q)"
            },
        },
    ),
    *mistakes(
        "3.11",
        "copying_score",
        {
            "Is it one number for all heads? Sum over the last axis alone.": (
                "return eigenvalues.sum().real / eigenvalues.abs().sum()"
            ),
            "Is a mean divided by the largest size? Divide sums.": (
                "return eigenvalues.mean(dim=-1).real / eigenvalues.abs().amax(dim=-1)"
            ),
            "Is the score moved to 0 to 1? It is -1 to 1.": (
                "score = eigenvalues.sum(dim=-1).real / eigenvalues.abs().sum(dim=-1)\n"
                "return (1 + score) / 2"
            ),
            "Is it the share of the positive real parts? Negative ones count against copying.": (
                "real = eigenvalues.real\nreturn real.clamp(min=0).sum(-1) / real.abs().sum(-1)"
            ),
        },
    ),
]
ABOVE, BELOW = "(earlier @ second).norm()", "(first.norm()[:, None] * second.norm())"
Q, V = "q=composition_score(written, scores)", "v=composition_score(written, values)"
PATTERN, ROOT = "    pattern,", "terms / attn.W_Q.shape[-1] ** 0.5"
COMPOSITION = [
    *mistakes(
        "3.12",
        "composition_score",
        {
            "Are all norms nuclear? Use the Frobenius norm.": {
                ABOVE: "(earlier @ second).svd()[1].sum(-1)",
                BELOW: "(first.svd()[1].sum(-1)[:, None] * second.svd()[1].sum(-1))",
            },
            "Does every pair get the mean score? Each has its own.": {
                f"{ABOVE} / {BELOW}": (
                    f"({ABOVE} / {BELOW}).mean().expand(len(first.A), len(second.A))"
                )
            },
            "Is it divided by the larger of the norms? Divide by their product.": {
                BELOW: "torch.maximum(first.norm()[:, None], second.norm())"
            },
            "Are the norms in the denominator squared?": {BELOW: f"{BELOW}.square()"},
            "Is the logarithm of the score returned?": {
                f"{ABOVE} / {BELOW}": f"({ABOVE} / {BELOW}).log()"
            },
        },
    ),
    *mistakes(
        "3.13",
        "all_composition_scores",
        {
            "Are queries and values exchanged?": {
                Q: Q.replace("scores)", "values)"),
                V: V.replace("values)", "scores)"),
            },
            "Do all three read through the OV circuit? Queries and keys read through W_QK.": {
                Q: Q.replace("scores)", "values)"),
                "written, scores.T)": "written, values)",
            },
        },
    ),
    *mistakes(
        "3.14",
        "apply_heads_to_paths",
        {
            "Do all queries use the last one's pattern? Each has its own.": {
                PATTERN: "    pattern[:, :, -1:].expand_as(pattern),"
            },
            "Does every path get the mean of all paths? Each is moved by itself.": {
                "    values, ov.A,": "    values.mean(0, keepdim=True).expand_as(values), ov.A,"
            },
            "Do all heads use the mean W_V? Each has its own.": {
                "    values, ov.A,": "    values, ov.A.mean(0, keepdim=True).expand_as(ov.A),"
            },
            "Does each query read its own value as well? Use the pattern as it is.": {
                PATTERN: "    pattern + torch.eye(pattern.shape[-1]).to(pattern),"
            },
        },
    ),
    *mistakes(
        "3.15",
        "score_terms",
        {
            "Are the positions missing among the keys' paths? They are the last path.": {
                ROOT: f"({ROOT})[:, :, :-1]"
            },
            "Are the positions missing among the queries' paths? They are the last path.": {
                ROOT: f"({ROOT})[:, :-1]"
            },
            "Are the terms added up? Each pair of paths has its own.": {
                ROOT: f"({ROOT}).sum((1, 2))"
            },
        },
    ),
    *mistakes(
        "3.18",
        "expand_logits",
        {
            "Are heads on a path pairs of numbers? A head is a string, such as 0.1.": [
                {'f"{layer}.{head}"': "(layer, head)"},
                {'f"{layer}.{head}"': "head"},
            ],
            "Is a head on a path named otherwise? Its name is such as 0.1.": [
                {'f"{layer}.{head}"': 'f"head {layer}.{head}"'},
                {'f"{layer}.{head}"': 'f"L{layer}H{head}"'},
            ],
            "Do earlier paths get lost at each layer? Paths past the layer go on.": {
                "paths |= extended": "paths = extended"
            },
            "Is each term divided by the number of paths? The terms sum to the logits.": {
                "value @ weights.W_U": "value / len(paths) @ weights.W_U"
            },
            "Does the mask show later positions only?": {
                "scores.masked_fill(future, -torch.inf)": "(scores + 1e9 * future)"
            },
        },
    ),
]
