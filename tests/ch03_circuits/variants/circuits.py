"""Answers to 3.10 and 3.11."""

from tests.grading.variants import Right, Wrong

VALUES = "per_query_head(attn.W_V, len(attn.W_O))"
OV = f"FactoredMatrix({VALUES}, attn.W_O)"
KEYS = "per_query_head(attn.W_K, len(attn.W_Q))"
TURNED_Q, TURNED_K = (
    "rotate_weights(attn.rotate, attn.W_Q, distance)",
    "rotate_weights(attn.rotate, W_K, 0)",
)
QK = "FactoredMatrix(queries, keys.mT)"


def circuit(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in one of the two."""
    return Wrong("3.10", name, {old: new}, says=says)


def score(name: str, answer: str, says: str) -> Wrong:
    """A mistake in copying_score."""
    return Wrong("3.11", name, body={"copying_score": answer}, says=says)


WRONG = [
    circuit("OV transposed", OV, f"FactoredMatrix(attn.W_O.mT, {VALUES}.mT)", "It is transposed"),
    circuit(
        "the paper's order",
        OV,
        f"FactoredMatrix(attn.W_O, {VALUES})",
        "W_O @ W_V is the paper's order, for columns",
    ),
    circuit(
        "value heads in turn",
        VALUES,
        "attn.W_V.repeat(len(attn.W_O) // len(attn.W_V), 1, 1)",
        "dealt out in turn",
    ),
    circuit("no groups", VALUES, "attn.W_V", "wrong shape or type"),
    circuit("first value head", VALUES, "attn.W_V[:1].expand_as(attn.W_Q)", "the first value head"),
    circuit("keys for values", VALUES, "per_query_head(attn.W_K, len(attn.W_O))", "moves values"),
    circuit(
        "multiplied out",
        f"return {OV}",
        f"product = {VALUES} @ attn.W_O\n"
        "    return FactoredMatrix(product, torch.eye(product.shape[-1]).to(product))",
        "Is the product multiplied out?",
    ),
    circuit(
        "gain worked in",
        VALUES,
        f"model.blocks[layer].ln1.affine()[0][:, None] * {VALUES}",
        "The norm's gain is worked in",
    ),
    circuit("QK transposed", QK, "FactoredMatrix(keys, queries.mT)", "queries stand on the left"),
    circuit("keys not transposed", QK, "FactoredMatrix(queries, keys)", "wrong shape or type"),
    circuit(
        "distance on the key",
        f"{TURNED_Q}\n    keys = {TURNED_K}",
        "rotate_weights(attn.rotate, attn.W_Q, 0)\n"
        "    keys = rotate_weights(attn.rotate, W_K, distance)",
        "The distance has the wrong sign",
    ),
    circuit(
        "minus distance",
        TURNED_Q,
        TURNED_Q.replace("distance", "-distance"),
        "The distance has the wrong sign",
    ),
    circuit(
        "size of the distance",
        TURNED_Q,
        TURNED_Q.replace("distance", "abs(distance)"),
        "The distance has the wrong sign",
    ),
    circuit(
        "no negative distance",
        TURNED_Q,
        TURNED_Q.replace("distance", "max(distance, 0)"),
        "The distance does nothing",
    ),
    circuit("no distance", TURNED_Q, "attn.W_Q", "The distance does nothing"),
    circuit(
        "both turned", TURNED_K, TURNED_K.replace("0", "distance"), "The distance does nothing"
    ),
    circuit("turned apart", TURNED_K, TURNED_K.replace("0", "-distance"), "in opposite directions"),
    circuit("counted from one", TURNED_K, TURNED_K.replace("0", "-1"), "one position too many"),
    circuit(
        "key heads in turn",
        KEYS,
        "attn.W_K.repeat(len(attn.W_Q) // len(attn.W_K), 1, 1)",
        "Key heads are dealt out in turn",
    ),
    circuit(
        "divided by the root of d_head",
        QK,
        "FactoredMatrix(queries / queries.shape[-1] ** 0.5, keys.mT)",
        "divided by the root of d_head already",
    ),
    circuit("queries twice", QK, "FactoredMatrix(queries, attn.W_Q.mT)", "This is W_Q W_Q^T"),
    circuit(
        "gain worked into both sides",
        QK,
        "FactoredMatrix(model.blocks[layer].ln1.affine()[0][:, None] * queries,\n"
        "        keys.mT * model.blocks[layer].ln1.affine()[0])",
        "The norm's gain is worked in",
    ),
    score(
        "size of the sum below",
        "return eigenvalues.sum(-1).real / eigenvalues.sum(-1).abs()",
        "sizes are taken of each eigenvalue",
    ),
    score(
        "sizes above",
        "return eigenvalues.abs().sum(-1) / eigenvalues.abs().sum(-1)",
        "Sizes above the line too",
    ),
    score(
        "size of the sum above",
        "return eigenvalues.sum(-1).abs() / eigenvalues.abs().sum(-1)",
        "its sign is lost",
    ),
    score("sum alone", "return eigenvalues.sum(-1).real", "not divided by the sum of sizes"),
    score("mean", "return eigenvalues.mean(-1).real", "divided by the number of eigenvalues"),
    score(
        "real below",
        "return eigenvalues.sum(-1).real / eigenvalues.real.abs().sum(-1)",
        "Real parts alone below the line",
    ),
    score(
        "mean of cosines",
        "return (eigenvalues / eigenvalues.abs()).mean(-1).real",
        "divided by its own size, then averaged",
    ),
    score(
        "fraction of positive ones",
        "return (eigenvalues.real > 0).to(eigenvalues.real.dtype).mean(-1)",
        "the fraction of positive",
    ),
    score("complex", "return eigenvalues.sum(-1) / eigenvalues.abs().sum(-1)", "wrong shape or"),
    score(
        "clamped far from zero",
        "return eigenvalues.sum(-1).real / eigenvalues.abs().sum(-1).clamp(min=1)",
        "a hundredth of 3 and -1, give",
    ),
    score(
        "all heads together",
        "own = eigenvalues.abs().sum(-1)\n"
        "return (eigenvalues.sum().real / own.sum()).expand_as(own)",
        "All heads share one score",
    ),
    score(
        "root of squares",
        "return eigenvalues.sum(-1).real / eigenvalues.abs().square().sum(-1).sqrt()",
        "root of the sum of squares",
    ),
]

RIGHT = [
    Right(
        "3.10",
        "by indexing",
        body={
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
    ),
    Right(
        "3.10",
        "further along, and halved",
        body={
            "ov_circuit": f"return FactoredMatrix(2 * {VALUES}, attn.W_O / 2)",
            "qk_circuit": f"""
            queries = rotate_weights(attn.rotate, attn.W_Q, distance + 7)
            keys = rotate_weights(attn.rotate, {KEYS}, 7)
            return FactoredMatrix(queries / 2, 2 * keys.mT)
            """,
        },
    ),
    Right(
        "3.11",
        "real parts",
        body={
            "copying_score": "sizes = torch.sqrt(eigenvalues.real**2 + eigenvalues.imag**2)\n"
            "return eigenvalues.real.sum(-1) / sizes.sum(-1)"
        },
    ),
]
