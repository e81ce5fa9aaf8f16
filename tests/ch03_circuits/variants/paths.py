"""Answers to 3.14 and 3.15."""

from tests.grading.variants import Right, Wrong

MOVED = "path head batch key d_head, batch head query key -> path head batch query d_head"
READ = "read = einsum(values, ov.A, 'p b k m, h m d -> p h b k d')\n"
MIX = "moved = einsum(read, pattern, 'p h b k d, b h q k -> p h b q d')\n"
WRITE = "return einsum(moved, ov.B, 'p h b q d, h d m -> p h b q m')"
ROOT = "terms / attn.W_Q.shape[-1] ** 0.5"
HALVES = (
    "queries = einsum(values, qk.A, 'p b q m, h m d -> h p b q d')\n"
    "keys = einsum(values, qk.B, 'r b k m, h d m -> h r b k d')\n"
)
TERMS = "terms = einsum(queries, keys, 'h p b q d, h r b k d -> h p r b q k')\n"
SCALED = "terms / qk.A.shape[-1] ** 0.5"


def heads(name: str, answer: str, says: str) -> Wrong:
    """A mistake in apply_heads_to_paths."""
    return Wrong("3.14", name, body={"apply_heads_to_paths": answer}, says=says)


def terms(name: str, answer: str, says: str) -> Wrong:
    """A mistake in score_terms."""
    return Wrong("3.15", name, body={"score_terms": answer}, says=says)


WRONG = [
    heads(
        "pattern transposed",
        READ + MIX.replace("h q k", "h k q") + WRITE,
        "The pattern is transposed",
    ),
    heads(
        "OV transposed",
        "return einsum(values, pattern, (ov.A @ ov.B).mT, 'p b k m, b h q k, h m n -> p h b q n')",
        "The OV circuit is transposed",
    ),
    heads("no pattern", READ + WRITE.replace("moved", "read"), "The pattern is left out"),
    heads(
        "no OV",
        "return einsum(values, pattern, 'p b k m, b h q k -> p h b q m')",
        "The OV circuit is left out",
    ),
    heads(
        "masked", READ + MIX.replace("pattern", "pattern.tril()") + WRITE, "Future keys are masked"
    ),
    heads("softmax", READ + MIX.replace("pattern", "pattern.softmax(-1)") + WRITE, "A softmax is"),
    heads(
        "rows made to sum to one",
        READ + MIX.replace("pattern", "pattern / pattern.sum(-1, keepdim=True)") + WRITE,
        "divided by their sum",
    ),
    heads(
        "value at the query",
        READ + MIX.replace("b k d", "b q d") + WRITE,
        "The value at the QUERY is moved",
    ),
    heads(
        "sum over heads",
        READ
        + MIX
        + WRITE.replace("-> p h b", "-> p b")
        + "[:, None].expand(-1, len(ov.A), -1, -1, -1)",
        "All heads are added up",
    ),
    heads(
        "head first",
        "out = " + "einsum(values, pattern, ov.A @ ov.B, 'p b k m, b h q k, h m n -> h p b q n')\n"
        "return out",
        "The axes come in another order",
    ),
    heads(
        "first example's pattern",
        READ + MIX.replace("pattern", "pattern[:1].expand_as(pattern)") + WRITE,
        "Every example uses the first one's pattern",
    ),
    heads(
        "stream added",
        READ + MIX + WRITE.replace("return ", "return values[:, None] + "),
        "What went past the head is added",
    ),
    terms("no root", HALVES + TERMS + "return terms", "The root of d_head is missing"),
    terms("d_head", HALVES + TERMS + "return terms / qk.A.shape[-1]", "It is divided by d_head"),
    terms(
        "root of d_model",
        HALVES + TERMS + "return terms / qk.A.shape[-2] ** 0.5",
        "It is divided by the root of d_model",
    ),
    terms(
        "paths exchanged",
        HALVES + TERMS.replace("h p r b", "h r p b") + f"return {SCALED}",
        "The path axes are exchanged",
    ),
    terms(
        "query and key exchanged",
        HALVES + TERMS.replace("b q k'", "b k q'") + f"return {SCALED}",
        "The last two axes are exchanged",
    ),
    terms(
        "read with the other's weights",
        HALVES.replace("qk.A", "qk.B.mT").replace("values, qk.B,", "values, qk.A.mT,")
        + TERMS
        + f"return {SCALED}",
        "Queries are read with the keys' weights",
    ),
    terms(
        "no positions",
        "values = paths.values\n" + HALVES + TERMS + f"return {SCALED}",
        "The positions are forgotten",
    ),
    terms(
        "masked",
        HALVES + TERMS + "mask = torch.ones(terms.shape[-2:]).triu(1).bool()\n"
        f"return ({SCALED}).masked_fill(mask, -torch.inf)",
        "scores before the mask are asked for",
    ),
    terms("softmax", HALVES + TERMS + f"return ({SCALED}).softmax(-1)", "A softmax is taken"),
    terms(
        "itself alone",
        HALVES + "terms = einsum(queries, keys, 'h p b q d, h p b k d -> h p b q k')\n"
        f"return ({SCALED})[:, :, None].expand(-1, -1, len(values), -1, -1, -1)",
        "A path meets itself alone",
    ),
    terms(
        "other layer",
        "qk = qk_circuit(model, 1 - layer)\n" + HALVES + TERMS + f"return {SCALED}",
        "Another layer's circuit is used",
    ),
]

RIGHT = [
    Right(
        "3.14",
        "writes before it mixes",
        body={
            "apply_heads_to_paths": "moved = values[:, None] @ ov.product()[None, :, None]\n"
            "return pattern.movedim(1, 0) @ moved"
        },
    ),
    Right(
        "3.14",
        "mixes first",
        body={
            "apply_heads_to_paths": """
            rows = []
            for head in range(pattern.shape[1]):
                mixed = pattern[:, head] @ values
                rows.append(mixed @ ov.A[head] @ ov.B[head])
            return torch.stack(rows, dim=1)
            """
        },
    ),
    Right(
        "3.15",
        "loops",
        body={
            "score_terms": """
            values = values * qk.A.shape[-1] ** -0.25
            rows = []
            for A, B in zip(qk.A, qk.B):
                q, k = values @ A, (values @ B.T).mT
                rows.append(torch.stack([torch.stack([a @ b for b in k]) for a in q]))
            return torch.stack(rows)
            """
        },
    ),
    Right(
        "3.15",
        "the product",
        body={
            "score_terms": "half = values @ (qk.product() / qk.A.shape[-1] ** 0.5)[:, None, None]\n"
            "return half[:, :, None] @ values.mT[None, None]"
        },
    ),
]
