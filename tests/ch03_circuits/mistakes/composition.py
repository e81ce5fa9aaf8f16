"""Mistakes in 3.12 and 3.13, composition, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

ABOVE, BELOW = "(earlier @ second).norm()", "(first.norm()[:, None] * second.norm())"
SCORE = mistakes(
    "3.12",
    "composition_score",
    {
        "Is the division by the norms missing?": {f" / {BELOW}": ""},
        "Is it divided by the first norm only?": {BELOW: "first.norm()[:, None]"},
        "Is it divided by the second norm only?": {BELOW: "second.norm()"},
        "This is the square of the score.": {f"{ABOVE} / {BELOW}": f"({ABOVE} / {BELOW}) ** 2"},
        "Is the numerator a spectral norm? Use the Frobenius norm.": {
            ABOVE: "(earlier @ second).svd()[1][..., 0]"
        },
        "Are all norms spectral? Use the Frobenius norm.": {
            ABOVE: "(earlier @ second).svd()[1][..., 0]",
            BELOW: "(first.svd()[1][:, None, 0] * second.svd()[1][..., 0])",
        },
        "Is the product in the wrong order? The earlier head is on the left.": {
            ABOVE: "(second @ earlier).norm()"
        },
        "Is the first matrix transposed? What it writes meets what the second reads.": {
            "FactoredMatrix(first.A[:, None], first.B[:, None])": (
                "FactoredMatrix(first.B.mT[:, None], first.A.mT[:, None])"
            )
        },
        "Is the second matrix transposed?": {ABOVE: "(earlier @ second.T).norm()"},
        "Does each earlier head meet only the later head of its number?": """
            n = min(len(first.A), len(second.A))
            pairs = FactoredMatrix(first.A[:n], first.B[:n]) @ FactoredMatrix(
                second.A[:n], second.B[:n])
            own = pairs.norm() / (first.norm()[:n] * second.norm()[:n])
            return own[:, None].expand(n, len(second.A)) if n == len(first.A) else own[:, None]
            """,
        "Are the norms of earlier and later heads exchanged in the denominator?": {
            BELOW: "(first.norm() * second.norm()[:, None])"
        },
        "The axes are [later, earlier]. Earlier comes first.": {
            f"{ABOVE} / {BELOW}": f"({ABOVE} / {BELOW}).mT"
        },
        "Is the baseline subtracted? Return the score itself.": {
            f"{ABOVE} / {BELOW}": f"{ABOVE} / {BELOW} - first.B.shape[-1] ** -0.5"
        },
    },
    unnamed={
        "Multiply the products as FactoredMatrix does": """
            F, S = first.product()[:, None], second.product()
            return (F @ S).norm(dim=(-2, -1)) / (F.norm(dim=(-2, -1)) * S.norm(dim=(-2, -1)))
            """,
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
        "Are the queries' scores those of the keys? Queries are on the left of W_QK.": {
            Q: Q.replace("scores)", "scores.T)")
        },
        "Are the keys' scores those of the queries? Keys are on the right of W_QK.": {
            K: K.replace(".T", "")
        },
        "Are the queries' scores those of the values?": {Q: Q.replace("scores", "values")},
        "Is the values' circuit transposed? W_V reads, on the left of W_V W_O.": {
            V: V.replace("values", "values.T")
        },
        "Is the values' product in the wrong order? The earlier head is on the left.": {
            V: "v=composition_score(values, written).mT"
        },
        "Is the queries' product in the wrong order? The earlier head is on the left.": {
            Q: "q=composition_score(scores, written).mT"
        },
        "Is it what the earlier head reads? Use what it writes.": {
            V: V.replace("written", "written.T")
        },
        "The axes are [later, earlier]. Earlier comes first.": {Q: f"{Q}.mT"},
        "Is `distance` ignored? A rotary model has one QK circuit per distance.": {
            "return": "scores = qk_circuit(model, later)\nreturn"
        },
        "Has `distance` the wrong sign?": {
            "return": "scores = qk_circuit(model, later, -distance)\nreturn"
        },
        "Is the baseline subtracted? Return the score itself.": {
            K: f"{K} - model.config.d_model**-0.5"
        },
    },
)
RIGHT = [
    *right_answers(
        "3.12",
        "composition_score",
        {
            "pair by pair": """
            lone = [FactoredMatrix(*pair) for pair in zip(first.A, first.B)]
            rows = []
            for one in lone:
                others = [FactoredMatrix(*pair) for pair in zip(second.A, second.B)]
                row = [(one @ two).norm() / one.norm() / two.norm() for two in others]
                rows.append(torch.stack(row))
            return torch.stack(rows)
            """,
            "traces of small matrices": """
            middle = first.B[:, None] @ second.A
            inner = middle.mT @ (first.A.mT @ first.A)[:, None] @ middle
            square = (inner * (second.B @ second.B.mT)).sum((-2, -1)).clamp(min=0)
            return square.sqrt() / first.norm()[:, None] / second.norm()[None]
            """,
        },
    ),
    *right_answers(
        "3.13",
        "all_composition_scores",
        {
            "one call": """
            read = {"q": scores, "k": FactoredMatrix(scores.B.mT, scores.A.mT), "v": values}
            return CompositionScores(**{s: composition_score(written, m) for s, m in read.items()})
            """,
        },
    ),
]
