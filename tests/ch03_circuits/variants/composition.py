"""Answers to 3.12 and 3.13."""

from tests.grading.variants import Right, Wrong

OUT = "(earlier @ second).norm() / (first.norm()[:, None] * second.norm())"
ABOVE, BELOW = "(earlier @ second).norm()", "(first.norm()[:, None] * second.norm())"
EARLIER = "earlier = FactoredMatrix(first.A[:, None], first.B[:, None])"
FLIPPED = "earlier = FactoredMatrix(first.B.mT[:, None], first.A.mT[:, None])"
DENSE = "F, S = first.product()[:, None], second.product()\n"


def score(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in composition_score."""
    return Wrong("3.12", name, {old: new}, says=says)


def sides(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in compositions."""
    return Wrong("3.13", name, {old: new}, says=says)


Q, K, V = (
    "q=composition_score(written, scores)",
    "k=composition_score(written, scores.T)",
    "v=composition_score(written, values)",
)

WRONG = [
    score("not divided", OUT, ABOVE, "It is not divided by the norms"),
    score("by the first", BELOW, "first.norm()[:, None]", "divided by the first norm alone"),
    score("by the second", BELOW, "second.norm()", "divided by the second norm alone"),
    score("squared", f"return {OUT}", f"return ({OUT}) ** 2", "The square root is missing"),
    score(
        "spectral above", ABOVE, "(earlier @ second).svd()[1][..., 0]", "The spectral norm stands"
    ),
    score(
        "spectral",
        OUT,
        "(earlier @ second).svd()[1][..., 0] / (\n"
        "        first.svd()[1][:, None, 0] * second.svd()[1][..., 0])",
        "This is the spectral norm",
    ),
    score("wrong way round", ABOVE, "(second @ earlier).norm()", "the wrong way round"),
    score("first transposed", EARLIER, FLIPPED, "The first matrix is transposed"),
    score("second transposed", ABOVE, "(earlier @ second.T).norm()", "The second matrix is trans"),
    score(
        "namesakes",
        f"return {OUT}",
        "n = min(len(first.A), len(second.A))\n"
        "    pairs = FactoredMatrix(first.A[:n], first.B[:n]) @ FactoredMatrix(\n"
        "        second.A[:n], second.B[:n])\n"
        "    own = pairs.norm() / (first.norm()[:n] * second.norm()[:n])\n"
        "    return own[:, None].expand(n, len(second.A)) if n == len(first.A) else own[:, None]",
        "Each earlier head meets its namesake alone",
    ),
    score("axes exchanged", f"return {OUT}", f"return ({OUT}).mT", "The axes are exchanged"),
    score(
        "baseline taken away",
        f"return {OUT}",
        f"return {OUT} - first.B.shape[-1] ** -0.5",
        "The baseline is taken away already",
    ),
    Wrong(
        "3.12",
        "multiplied out",
        body={
            "composition_score": DENSE + "return (F @ S).norm(dim=(-2, -1)) / (\n"
            "    F.norm(dim=(-2, -1)) * S.norm(dim=(-2, -1)))"
        },
        says="Multiply the products as FactoredMatrix does",
    ),
    sides("Q and K exchanged in Q", Q, Q.replace("scores", "scores.T"), "later heads' keys read"),
    sides(
        "Q and K exchanged in K", K, K.replace("scores.T", "scores"), "later heads' queries read"
    ),
    sides("V transposed", V, V.replace("values", "values.T"), "values are read by W_V"),
    sides("V wrong way round", V, "v=composition_score(values, written).mT", "the wrong way round"),
    sides("Q wrong way round", Q, "q=composition_score(scores, written).mT", "the wrong way round"),
    sides(
        "what is read",
        V,
        "v=composition_score(written.T, values)",
        "What the earlier head READS is used",
    ),
    sides("values for queries", Q, Q.replace("scores", "values"), "later heads' values read"),
    sides("axes exchanged", Q, Q + ".mT", "The axes are exchanged"),
    sides(
        "baseline taken away",
        K,
        K + " - model.config.d_model**-0.5",
        "not yet to be subtracted",
    ),
]

RIGHT = [
    Right(
        "3.12",
        "pair by pair",
        body={
            "composition_score": """
            lone = [FactoredMatrix(*pair) for pair in zip(first.A, first.B)]
            rows = []
            for one in lone:
                others = [FactoredMatrix(*pair) for pair in zip(second.A, second.B)]
                row = [(one @ two).norm() / one.norm() / two.norm() for two in others]
                rows.append(torch.stack(row))
            return torch.stack(rows)
            """
        },
    ),
    Right(
        "3.12",
        "traces of small matrices",
        body={
            "composition_score": """
            middle = first.B[:, None] @ second.A
            inner = middle.mT @ (first.A.mT @ first.A)[:, None] @ middle
            square = (inner * (second.B @ second.B.mT)).sum((-2, -1)).clamp(min=0)
            return square.sqrt() / first.norm()[:, None] / second.norm()[None]
            """
        },
    ),
    Right(
        "3.13",
        "one call",
        body={
            "all_composition_scores": """
            read = {"q": scores, "k": FactoredMatrix(scores.B.mT, scores.A.mT), "v": values}
            return CompositionScores(**{s: composition_score(written, m) for s, m in read.items()})
            """
        },
    ),
]
