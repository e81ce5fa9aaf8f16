"""Mistakes in 3.10 and 3.11, circuits and copying, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

VALUES, KEYS = "per_query_head(attn.W_V, len(attn.W_O))", "per_query_head(attn.W_K, len(attn.W_Q))"
OV_ANSWER, QK_ANSWER = f"FactoredMatrix({VALUES}, attn.W_O)", "FactoredMatrix(queries, keys.mT)"
QUERY, KEY = "attn.W_Q, distance)", "W_K, 0)"
GAIN = "model.blocks[layer].ln1.affine()[0]"
OV = mistakes(
    "3.10",
    "ov_circuit",
    {
        "Is the OV circuit transposed? Rows multiply from the left: x @ W_V @ W_O.": {
            OV_ANSWER: f"FactoredMatrix(attn.W_O.mT, {VALUES}.mT)"
        },
        "This is W_O @ W_V, the paper's order for columns. Our vectors are rows.": {
            OV_ANSWER: f"FactoredMatrix(attn.W_O, {VALUES})"
        },
        "Do query heads in a row use different value heads? A group has one: 0, 0, 0, 1, 1, 1.": {
            VALUES: "attn.W_V.repeat(len(attn.W_O) // len(attn.W_V), 1, 1)"
        },
        "Do all query heads use the first value head?": {
            VALUES: "attn.W_V[:1].expand_as(attn.W_Q)"
        },
        "Are there fewer value heads than query heads? Repeat them for their groups.": {
            VALUES: "attn.W_V"
        },
        "Is it W_K in the OV circuit? A head moves values.": {VALUES: VALUES.replace("W_V", "W_K")},
        "Is the norm's gain multiplied into the OV circuit? Folding does that before.": {
            VALUES: f"{GAIN}[:, None] * {VALUES}"
        },
        "Is the OV product multiplied out? Keep its factors.": {
            OV_ANSWER: f"FactoredMatrix({VALUES} @ attn.W_O, torch.eye(10).to(attn.W_O))"
        },
    },
)
QK = mistakes(
    "3.10",
    "qk_circuit",
    {
        "Is the QK circuit transposed? Queries are on the left: W_Q @ W_K^T.": {
            QK_ANSWER: "FactoredMatrix(keys, queries.mT)"
        },
        "Are the keys transposed? The factors are [d_model, d_head] and [d_head, d_model].": {
            QK_ANSWER: "FactoredMatrix(queries, keys)"
        },
        "Has the distance the wrong sign? The query is `distance` after the key.": [
            {QUERY: "attn.W_Q, -distance)"},
            {QUERY: "attn.W_Q, 0)", KEY: "W_K, distance)"},
        ],
        "Is the absolute value of the distance taken?": {QUERY: "attn.W_Q, abs(distance))"},
        "Are negative distances set to 0?": {QUERY: "attn.W_Q, max(distance, 0))"},
        "Does the distance change nothing? It rotates the query, and not the key.": [
            {f"rotate_weights(attn.rotate, {QUERY}": "attn.W_Q"},
            {KEY: "W_K, distance)"},
        ],
        "Are query and key rotated in opposite directions? That doubles the distance.": {
            KEY: "W_K, -distance)"
        },
        "Is the rotation one position too far?": {KEY: "W_K, -1)"},
        "Do query heads in a row use different key heads? A group has one: 0, 0, 0, 1, 1, 1.": {
            KEYS: "attn.W_K.repeat(len(attn.W_Q) // len(attn.W_K), 1, 1)"
        },
        "Is it divided by sqrt(d_head)? The circuit is not; only scores are.": {
            QK_ANSWER: "FactoredMatrix(queries / queries.shape[-1] ** 0.5, keys.mT)"
        },
        "This is W_Q W_Q^T. The right factor is that of the keys.": {
            QK_ANSWER: "FactoredMatrix(queries, attn.W_Q.mT)"
        },
        "Is the norm's gain multiplied into the QK circuit? Folding does that before.": {
            QK_ANSWER: f"FactoredMatrix({GAIN}[:, None] * queries, keys.mT * {GAIN})"
        },
    },
)
REAL, SIZES = "eigenvalues.sum(-1).real", "eigenvalues.abs().sum(-1)"
COPYING = mistakes(
    "3.11",
    "copying_score",
    {
        "Is the denominator the size of the sum? Sum the sizes of the eigenvalues.": (
            f"return {REAL} / eigenvalues.sum(-1).abs()"
        ),
        "Is the numerator a sum of sizes? Their signs are what the score measures.": (
            f"return {SIZES} / {SIZES}"
        ),
        "Is the numerator the size of the sum? Its sign is lost.": (
            f"return eigenvalues.sum(-1).abs() / {SIZES}"
        ),
        "Is the denominator missing?": f"return {REAL}",
        "This is the mean of the eigenvalues. Divide by the sum of their sizes.": (
            "return eigenvalues.mean(-1).real"
        ),
        "Does the denominator use real parts? The size of a complex number has both.": (
            f"return {REAL} / eigenvalues.real.abs().sum(-1)"
        ),
        "Is each eigenvalue divided by its own size? Large ones must count more.": (
            "return (eigenvalues / eigenvalues.abs()).mean(-1).real"
        ),
        "This is the fraction of eigenvalues with a positive real part.": (
            "return (eigenvalues.real > 0).to(eigenvalues.real.dtype).mean(-1)"
        ),
        "Do all heads share one score? Each has its own.": (
            f"own = {SIZES}\nreturn (eigenvalues.sum().real / own.sum()).expand_as(own)"
        ),
        "Is the denominator a root of a sum of squares? Sum the sizes.": (
            f"return {REAL} / eigenvalues.abs().square().sum(-1).sqrt()"
        ),
        "Is the score complex? Take the real part of the sum.": (
            f"return eigenvalues.sum(-1) / {SIZES}"
        ),
        "Is the denominator at least 1? The score must not depend on the scale.": (
            f"return {REAL} / {SIZES}.clamp(min=1)"
        ),
    },
)
RIGHT = [
    *right_answers(
        "3.10",
        "ov_circuit",
        {
            "by indexing": {
                "ov_circuit": """
            group = len(attn.W_O) // len(attn.W_V)
            return FactoredMatrix(attn.W_V.repeat_interleave(group, dim=0), attn.W_O)
            """,
                "qk_circuit": """
            heads = [h * len(attn.W_K) // len(attn.W_Q) for h in range(len(attn.W_Q))]
            keys = rotate_weights(attn.rotate, attn.W_K[heads], -distance)
            return FactoredMatrix(attn.W_Q, keys.transpose(1, 2))
            """,
            },
            "at later positions, and scaled": {
                "ov_circuit": f"return FactoredMatrix(2 * {VALUES}, attn.W_O / 2)",
                "qk_circuit": f"""
            queries = rotate_weights(attn.rotate, attn.W_Q, distance + 7)
            keys = rotate_weights(attn.rotate, {KEYS}, 7)
            return FactoredMatrix(queries / 2, 2 * keys.mT)
            """,
            },
        },
    ),
    *right_answers(
        "3.11",
        "copying_score",
        {
            "real parts": """
            sizes = torch.sqrt(eigenvalues.real**2 + eigenvalues.imag**2)
            return eigenvalues.real.sum(-1) / sizes.sum(-1)
            """,
        },
    ),
]
