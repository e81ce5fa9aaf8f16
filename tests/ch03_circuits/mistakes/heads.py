"""More mistakes in 3.10 to 3.13: the circuits of heads, copying scores and composition."""

from tests.grading.mistakes import mistakes

VALUES, KEYS = "per_query_head(attn.W_V, len(attn.W_O))", "per_query_head(attn.W_K, len(attn.W_Q))"
OV_ANSWER, QK_ANSWER = f"FactoredMatrix({VALUES}, attn.W_O)", "FactoredMatrix(queries, keys.mT)"
OV = mistakes(
    "3.10",
    "ov_circuit",
    {
        "Is it W_Q in the OV circuit? A head moves values.": {VALUES: "attn.W_Q"},
        "Is the OV circuit that of the first head alone? Return all heads.": {
            OV_ANSWER: f"FactoredMatrix({VALUES}[0], attn.W_O[0])"
        },
        "Do all heads use the first one's W_O?": {
            OV_ANSWER: f"FactoredMatrix({VALUES}, attn.W_O[:1].expand_as(attn.W_O))"
        },
        "Is the OV circuit divided by sqrt(d_head)?": {
            OV_ANSWER: f"FactoredMatrix({VALUES}, attn.W_O / attn.W_O.shape[-2] ** 0.5)"
        },
        "Is the OV circuit divided by the number of heads? Their outputs are a sum.": {
            OV_ANSWER: f"FactoredMatrix({VALUES}, attn.W_O / len(attn.W_O))"
        },
        "Are the OV circuits of all heads added up? Each head has its own.": {
            OV_ANSWER: (
                f"FactoredMatrix(torch.cat(list({VALUES}), -1)[None], attn.W_O.flatten(0, 1)[None])"
            )
        },
        "Are the heads of the OV circuit in reverse order?": {
            OV_ANSWER: f"FactoredMatrix({VALUES}.flip(0), attn.W_O.flip(0))"
        },
        "Is the OV circuit multiplied out into a tensor? Return a FactoredMatrix.": {
            OV_ANSWER: f"{VALUES} @ attn.W_O"
        },
        "Is W_O transposed? Its axes are [head, d_head, d_model].": {
            OV_ANSWER: f"FactoredMatrix({VALUES}, attn.W_O.mT)"
        },
        "Is the OV circuit that of the first layer?": {
            "return FactoredMatrix(per": "attn = model.blocks[0].attn\nreturn FactoredMatrix(per"
        },
    },
)
QK = mistakes(
    "3.10",
    "qk_circuit",
    {
        "Do all query heads use the first key head?": {KEYS: "attn.W_K[:1].expand_as(attn.W_Q)"},
        "Are there fewer key heads than query heads? Repeat them for their groups.": {
            KEYS: "attn.W_K"
        },
        "Is it W_V in the QK circuit? Queries meet keys.": {
            KEYS: "per_query_head(attn.W_V, len(attn.W_Q))"
        },
        "This is W_K W_K^T. The left factor is that of the queries.": {
            "attn.W_Q, distance)": "W_K, distance)"
        },
        "Is it divided by sqrt(d_model)? The circuit is not divided.": {
            QK_ANSWER: "FactoredMatrix(queries / queries.shape[-2] ** 0.5, keys.mT)"
        },
        "Is it divided by d_head? The circuit is not divided.": {
            QK_ANSWER: "FactoredMatrix(queries / queries.shape[-1], keys.mT)"
        },
        "Is the QK circuit that of the first head alone? Return all heads.": {
            QK_ANSWER: "FactoredMatrix(queries[0], keys[0].mT)"
        },
        "Is the QK circuit multiplied out into a tensor? Return a FactoredMatrix.": {
            QK_ANSWER: "queries @ keys.mT"
        },
        "Are the queries of a group averaged? Each head has its own.": {
            "keys = rotate_weights": """group = len(attn.W_Q) // len(attn.W_K)
mean = queries.unflatten(0, (-1, group)).mean(1)
queries = mean.repeat_interleave(group, 0)
keys = rotate_weights"""
        },
        "Are the heads of the QK circuit in reverse order?": {
            QK_ANSWER: "FactoredMatrix(queries.flip(0), keys.flip(0).mT)"
        },
        "Is the QK circuit that of the first layer?": {
            "W_K = per": "attn = model.blocks[0].attn\nW_K = per"
        },
    },
)
TOP, SIZES = "eigenvalues.sum(dim=-1).real", "eigenvalues.abs().sum(dim=-1)"
COPYING = mistakes(
    "3.11",
    "copying_score",
    {
        "Is a small number added to the denominator? The score must not depend on the scale.": [
            f"return {TOP} / ({SIZES} + 1e-8)",
            f"return {TOP} / ({SIZES} + 1e-6)",
            f"return {TOP} / ({SIZES} + 1e-12)",
            f"return {TOP} / {SIZES}.clamp(min=1e-8)",
            f"return {TOP} / {SIZES}.clamp(min=1e-6)",
        ],
        "Is the score 0 where all eigenvalues are 0? The ratio is not defined there.": (
            f"return ({TOP} / {SIZES}).nan_to_num()"
        ),
        "Are only the signs averaged? Large eigenvalues must count more.": (
            "return eigenvalues.real.sign().mean(dim=-1)"
        ),
        "Is it the largest eigenvalue alone? Sum over all.": """
            first = eigenvalues.abs().argmax(dim=-1, keepdim=True)
            first = eigenvalues.gather(-1, first)[..., 0]
            return first.real / first.abs()
            """,
        "Is the largest eigenvalue compared with the sum of the sizes? Sum over all.": """
            first = eigenvalues.abs().argmax(dim=-1, keepdim=True)
            first = eigenvalues.gather(-1, first)[..., 0]
            return first.real / eigenvalues.abs().sum(dim=-1)
            """,
        "Are only positive real parts summed? Negative ones count against copying.": (
            f"return eigenvalues.real.clamp(min=0).sum(dim=-1) / {SIZES}"
        ),
        "Are the eigenvalues squared? Sum them as they are.": (
            "return (eigenvalues**2).sum(dim=-1).real / eigenvalues.abs().square().sum(dim=-1)"
        ),
        "Is a mean divided by a sum? Take two sums.": (
            f"return eigenvalues.mean(dim=-1).real / {SIZES}"
        ),
        "Is a sum divided by a mean? Take two sums.": (
            f"return {TOP} / eigenvalues.abs().mean(dim=-1)"
        ),
        "Is the size of an eigenvalue |real| + |imaginary|? It is the root of their squares.": (
            f"return {TOP} / (eigenvalues.real.abs() + eigenvalues.imag.abs()).sum(dim=-1)"
        ),
        "Is the imaginary part of the sum taken? The score is real.": (
            f"return eigenvalues.sum(dim=-1).imag / {SIZES}"
        ),
        "Does the sum run over the first axis? The eigenvalues are the last.": (
            "return eigenvalues.sum(dim=0).real / eigenvalues.abs().sum(dim=0)"
        ),
        "Is the score flipped? Positive eigenvalues copy.": f"return -{TOP} / {SIZES}",
        "Is the denominator the largest size? Sum the sizes.": (
            f"return {TOP} / eigenvalues.abs().amax(dim=-1)"
        ),
    },
)
ABOVE, BELOW = "(earlier @ second).norm()", "(first.norm()[:, None] * second.norm())"
SCORE = mistakes(
    "3.12",
    "composition_score",
    {
        "Is the axis for pairs missing? [earlier, 1, ...] with [later, ...] gives every pair.": [
            "return (first @ second).norm() / (first.norm() * second.norm())",
            f"return (first @ second).norm() / {BELOW}",
        ],
        "Is it divided by the sum of the norms? Divide by their product.": {
            BELOW: "(first.norm()[:, None] + second.norm())"
        },
        "Is it divided by the root of the product of the norms?": {BELOW: f"{BELOW}.sqrt()"},
        "Is it multiplied by sqrt(d_model)? Return the score itself.": {
            f"{ABOVE} / {BELOW}": f"{ABOVE} / {BELOW} * first.B.shape[-1] ** 0.5"
        },
        "Is it divided by the baseline, 1 / sqrt(rank)?": {
            f"{ABOVE} / {BELOW}": f"{ABOVE} / {BELOW} * first.B.shape[-2] ** 0.5"
        },
        "Is this the square root of the score?": {
            f"{ABOVE} / {BELOW}": f"({ABOVE} / {BELOW}).sqrt()"
        },
        "Is it divided by the norms of the factors? The circuits' own norms are smaller.": {
            BELOW: "(first.A.norm(dim=(1, 2)) * first.B.norm(dim=(1, 2)))[:, None]"
            " * (second.A.norm(dim=(1, 2)) * second.B.norm(dim=(1, 2)))"
        },
        "Is it divided by the largest score?": {
            f"{ABOVE} / {BELOW}": f"({ABOVE} / {BELOW}) / ({ABOVE} / {BELOW}).max()"
        },
        "Is it divided by the sum of an earlier head's products? Divide by the two norms.": {
            BELOW: f"{ABOVE}.sum(1, keepdim=True)"
        },
        "Is it only what meets in the middle? The norm is that of the whole product.": {
            f"{ABOVE} / {BELOW}": "(first.B[:, None] @ second.A).norm(dim=(-2, -1))"
            " / (first.B.norm(dim=(1, 2))[:, None] * second.A.norm(dim=(1, 2)))"
        },
        "This is a cosine of two circuits, the trace of F^T S. Take the norm of F S.": {
            ABOVE: "(first.product()[:, None] * second.product()).sum((-2, -1))"
        },
        "Are all later heads taken together? Each pair has its own score.": {
            f"{ABOVE} / {BELOW}": f"({ABOVE} / {BELOW}).mean(1, keepdim=True).expand(-1, len(second.A))"
        },
        "Are the norms of all heads together? Each head has its own.": {
            BELOW: "(first.norm().square().sum() * second.norm().square().sum()).sqrt()"
        },
        "Is a small number added to the denominator?": [
            {BELOW: f"({BELOW} + 1e-8)"},
            {BELOW: f"({BELOW} + 1e-6)"},
            {BELOW: f"{BELOW}.clamp(min=1e-8)"},
        ],
    },
)
Q, K, V = (
    f"{side}=composition_score(written, {read})"
    for side, read in (("q", "scores"), ("k", "scores.T"), ("v", "values"))
)
ALL = mistakes(
    "3.13",
    "all_composition_scores",
    {
        "Are queries and keys exchanged? Queries are on the left of W_QK.": {
            Q: Q.replace("scores)", "scores.T)"),
            K: K.replace(".T", ""),
        },
        "Are the keys' scores those of the values?": {K: K.replace("scores.T", "values")},
        "Are the values' scores those of the queries?": {V: V.replace("values", "scores")},
        "Are the values' scores those of the keys?": {V: V.replace("values", "scores.T")},
        "Is the keys' product in the wrong order? The earlier head is on the left.": {
            K: "k=composition_score(scores.T, written).mT"
        },
        "Are all three products in the wrong order? The earlier head is on the left.": {
            Q: "q=composition_score(scores, written).mT",
            K: "k=composition_score(scores.T, written).mT",
            V: "v=composition_score(values, written).mT",
        },
        "Are all three axes [later, earlier]? Earlier comes first.": [
            {Q: f"{Q}.mT", K: f"{K}.mT", V: f"{V}.mT"},
            {
                Q: "q=composition_score(scores, written)",
                K: "k=composition_score(scores.T, written)",
                V: "v=composition_score(values, written)",
            },
        ],
        "Is the baseline subtracted from all three? Return the scores themselves.": {
            Q: f"{Q} - model.config.d_model**-0.5",
            K: f"{K} - model.config.d_model**-0.5",
            V: f"{V} - model.config.d_model**-0.5",
        },
        "Do all three use what the earlier head reads? Use what it writes.": {
            Q: Q.replace("written", "written.T"),
            K: K.replace("written", "written.T"),
            V: V.replace("written", "written.T"),
        },
        "Are the two layers exchanged? The first one writes, the second one reads.": {
            "return": "written, values = values, written\n"
            "scores = qk_circuit(model, earlier, distance)\nreturn"
        },
        "Are the scores those of the earlier layer's queries and keys?": {
            "return": "scores = qk_circuit(model, earlier, distance)\nreturn"
        },
        "Is it the QK circuit of the earlier head that is written? It writes by its OV circuit.": {
            Q: Q.replace("written", "qk_circuit(model, earlier, distance)"),
            K: K.replace("written", "qk_circuit(model, earlier, distance)"),
        },
        "Do the keys use the opposite distance?": {
            K: K.replace("scores.T", "qk_circuit(model, later, -distance).T")
        },
        "Does `distance` reach the queries only? Keys use it too.": {
            K: K.replace("scores.T", "qk_circuit(model, later).T")
        },
        "Does `distance` reach the keys only? Queries use it too.": {
            Q: Q.replace("scores", "qk_circuit(model, later)")
        },
        "Is the order of the three scores wrong? It is queries, keys, values.": [
            {
                Q: f"q={V[2:]}",
                K: f"k={Q[2:]}",
                V: f"v={K[2:]}",
            },
        ],
    },
)
