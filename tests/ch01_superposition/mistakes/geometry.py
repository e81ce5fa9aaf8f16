"""Mistakes in geometry.py (1.6 to 1.8), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SQUARES = "W.square().sum(dim=(1, 2))"
DIMENSIONS_PER_FEATURE = mistakes(
    "1.6",
    "dimensions_per_feature",
    {
        "This divides by the norm. The SQUARED norm counts features.": {
            SQUARES: "W.norm(dim=(1, 2))"
        },
        "d_hidden is read from the features' axis. W is [inst, d_hidden, n_features].": {
            "W.shape[1]": "W.shape[2]"
        },
        "d_hidden is read from the instances' axis. W is [inst, d_hidden, n_features].": {
            "W.shape[1]": "W.shape[0]"
        },
        "The sum runs over the instances too. Each has its own D*.": {
            SQUARES: "W.square().sum().expand(len(W))"
        },
        "This is one number for all instances. Each has its own D*.": [
            {SQUARES: "W.square().sum()"},
            f"return (W.shape[1] / {SQUARES}).mean()",
        ],
        "Each instance has one number. Sum over d_hidden and over features.": [
            {"dim=(1, 2)": "dim=1"},
            {"dim=(1, 2)": "dim=2"},
            {"dim=(1, 2)": "dim=0"},
        ],
        "The sum runs over the wrong axes. Sum over d_hidden and over features, axes 1 and 2.": [
            {"dim=(1, 2)": "dim=(0, 1)"},
            {"dim=(1, 2)": "dim=(0, 2)"},
        ],
        "This is the mean over the instances. Each has its own D*.": (
            f"return (W.shape[1] / {SQUARES}).mean().expand(len(W))"
        ),
        "This is features per dimension, the inverse.": f"return {SQUARES} / W.shape[1]",
        "This divides by the MEAN of the squares. Sum them.": {".sum(": ".mean("},
        "Every feature counts as 1 here. Its squared norm counts.": {
            SQUARES: "torch.full_like(W[:, 0, 0], W.shape[2])"
        },
        "Norms are summed. Squared norms count features.": {SQUARES: "W.norm(dim=1).sum(1)"},
        "D* is clamped at 1. With short directions it is above 1.": (
            f"return (W.shape[1] / {SQUARES}).clamp(max=1)"
        ),
        "D* is rounded. It is a fraction.": [
            f"return W.shape[1] // {SQUARES}",
            f"return (W.shape[1] / {SQUARES}).round()",
        ],
        "The sum of squares is rounded to a number of features.": {SQUARES: f"{SQUARES}.round()"},
        "The rank of W stands for d_hidden.": {"W.shape[1]": "torch.linalg.matrix_rank(W)"},
        "Weights of zero give 0. The quotient is infinite.": (
            f"return (W.shape[1] / {SQUARES}).nan_to_num(posinf=0.0)"
        ),
        "The norm is the largest singular value (ord=2). Use the Frobenius norm.": {
            SQUARES: "torch.linalg.matrix_norm(W, ord=2) ** 2"
        },
        "Something is added to avoid division by zero. It changes all results.": {
            SQUARES: f"({SQUARES} + 1e-8)"
        },
    },
)
SHARED = "onto.square().sum(dim=-1)"
ALONG = "units = unit_directions(W)\nalong = units.mT @ W\n"
OTHER_UNIT = (
    "In the denominator W_j is normalised (or the sum runs over the wrong axis, or all directions "
    "are unit vectors). Normalise W_i only, and sum over j."
)
FEATURE_DIMENSIONALITY = mistakes(
    "1.7",
    "feature_dimensionality",
    {
        "In the denominator both are normalised. Only What_i is; W_j keeps its norm.": [
            {SHARED: "cosines(W).square().sum(dim=-1)"},
            "return W.square().sum(dim=1) / cosines(W).square().sum(dim=-1)",
        ],
        OTHER_UNIT: [
            {SHARED: "onto.square().sum(dim=-2)"},
            {SHARED: "(W.mT @ unit_directions(W)).square().sum(dim=-1)"},
        ],
        "In the denominator neither is normalised. What_i is. (Or the numerator is 1, which is "
        "equivalent: it is the squared norm of W_i.)": {SHARED: "(W.mT @ W).square().sum(dim=-1)"},
        "The denominator is not squared. Sum SQUARES of What_i . W_j.": [
            ALONG + "return (W.square().sum(dim=1) / along.sum(-1)).nan_to_num()",
            {SHARED: "onto.sum(dim=-1)", "shared > 0": "shared != 0"},
            {SHARED: "onto.sum(dim=-1)"},
        ],
        "The denominator sums absolute values. Sum SQUARES of What_i . W_j.": {
            SHARED: "onto.abs().sum(dim=-1)"
        },
        "The denominator squares the sum. Sum the squares.": {SHARED: "onto.sum(dim=-1).square()"},
        "The feature itself is missing in the denominator. The sum over j includes i.": [
            {SHARED: "(onto - torch.diag_embed(onto.diagonal(0, 1, 2))).square().sum(dim=-1)"},
            {SHARED: f"{SHARED} - W.square().sum(dim=1)"},
            "return W.square().sum(dim=1) / interference(W)",
        ],
        "The denominator is the largest term. Sum over j.": {SHARED: "onto.square().amax(dim=-1)"},
        "The denominator is one sum for all features. Each feature has its own.": {
            SHARED: "onto.square().sum(dim=(-1, -2))[:, None]"
        },
        "Negative What_i . W_j are left out of the denominator. Their squares count too.": {
            SHARED: "onto.relu().square().sum(dim=-1)"
        },
        "Only features with a norm above 1/2 count in the denominator. All do.": {
            SHARED: "(onto.square() * (W.norm(dim=1) > 0.5)[:, None]).sum(dim=-1)"
        },
        "A feature with a norm below 1/2 gets 0. Only an absent one has no dimension.": {
            "shared > 0": "W.norm(dim=1) > 0.5"
        },
        "The numerator is the norm. Use the SQUARED norm.": [
            {"W.square().sum(dim=1) /": "W.norm(dim=1) /"},
            ALONG + "return W.norm(dim=1) / (along.square().sum(-1) + 1e-12)",
        ],
        "Numerator and denominator are square roots. D_i is a quotient of squares.": {
            SHARED: "onto.norm(dim=-1)",
            "W.square().sum(dim=1) /": "W.norm(dim=1) /",
        },
        "The numerator sums over features. Sum over d_hidden (dim=1).": {
            "W.square().sum(dim=1) /": "W.square().sum(dim=2) /"
        },
        "This is the number of features per dimension, the inverse.": {
            "W.square().sum(dim=1) / shared": "shared / W.square().sum(dim=1)"
        },
        "The result is multiplied by d_hidden / n_features.": {
            "W.square().sum(dim=1) / shared": (
                "W.square().sum(dim=1) / shared * W.shape[1] / W.shape[2]"
            )
        },
        "The D_i are scaled to sum to d_hidden. They do so only in a tight frame.": (
            ALONG + "each = (W.square().sum(dim=1) / along.square().sum(-1)).nan_to_num()\n"
            "return (W.shape[1] * each / each.sum(-1, keepdim=True)).nan_to_num()"
        ),
        "This is the dimensionality of the neurons, the rows of W. A feature is a column.": (
            "units = torch.nn.functional.normalize(W, dim=2)\n"
            "return (W.square().sum(dim=2) / (units @ W.mT).square().sum(dim=2)).nan_to_num()"
        ),
        "Every instance uses the first one's W.": {
            "unit_directions(W), W,": "unit_directions(W[:1]).expand_as(W), W[:1].expand_as(W),",
            "W.square().sum(dim=1) /": "W[:1].square().sum(dim=1) /",
        },
        "An absent feature has 1 dimension here. It has 0.": {"/ shared, 0.0": "/ shared, 1.0"},
        "Something is added to the denominator. That changes the dimensionality of short features: "
        "use torch.where.": [
            {SHARED: SHARED + " + 1e-8"},
            {"unit_directions(W)": "W / (W.norm(dim=1, keepdim=True) + 1e-8)"},
        ],
        "This is the mean over the instances. Each has its own.": (
            ALONG + "each = (W.square().sum(dim=1) / along.square().sum(-1)).nan_to_num()\n"
            "return each.mean(0).expand_as(each)"
        ),
        "The denominator is a mean over j. Sum.": {SHARED: "onto.square().mean(dim=-1)"},
        "What_i is normalised over the features. Normalise over d_hidden (dim=1).": {
            "unit_directions(W)": "torch.nn.functional.normalize(W, dim=-1)"
        },
    },
    unnamed={
        "which is 0 / 0": ALONG + "return W.square().sum(dim=1) / along.square().sum(-1)",
        "A thousandth of W has the same D_i": """
            gram = W.mT @ W
            squares = gram.diagonal(dim1=1, dim2=2)
            return squares**2 / (gram.square().sum(-1) + 1e-12)
            """,
        "in place": """
            squares, old = W.square().sum(1), W.clone()
            W /= W.norm(dim=1, keepdim=True) + 1e-30
            return (squares / (W.mT @ old).square().sum(-1)).nan_to_num()
            """,
    },
)
MASKED = "onto.masked_fill(themselves, 0.0).square().sum(dim=-1)"
INTERFERENCE = mistakes(
    "1.8",
    "interference",
    {
        "The feature itself is counted. The sum excludes j = i.": {MASKED: SHARED},
        "Both are normalised (cosines). Only What_i is; W_j keeps its norm.": [
            {MASKED: MASKED.replace("onto", "cosines(W)")},
            "return cosines(W).square().sum(dim=-1) - 1",
        ],
        "W_j is normalised (or the sum runs over the wrong axis). Normalise W_i, and sum over j.": {
            MASKED: MASKED.replace("-1", "-2")
        },
        "Neither is normalised. What_i is.": {MASKED: MASKED.replace("onto", "(W.mT @ W)")},
        "Absolute values are summed. Sum SQUARES.": {MASKED: MASKED.replace("square", "abs")},
        "This is a mean over the features. Sum.": {MASKED: MASKED.replace("sum", "mean")},
        "This is the largest of the others. Sum.": {MASKED: MASKED.replace("sum", "amax")},
        "1 is subtracted for the feature itself. Its own term of the sum is ||W_i||^2.": [
            {MASKED: SHARED + " - 1"},
            {MASKED: SHARED + " - unit_directions(W).square().sum(dim=1)"},
        ],
        "1 is subtracted from the feature's own entry. That entry is its norm: set it to 0.": {
            MASKED: "(onto - themselves.to(onto)).square().sum(dim=-1)"
        },
    },
    unnamed={
        "its interference is 0": {"unit_directions(W), W,": "W / W.norm(dim=1, keepdim=True), W,"}
    },
)
FOUND = "(cosines(W).abs() > threshold) & ~themselves"
PARTNERS = mistakes(
    "1.8",
    "partners",
    {
        "Only positive cosines are found. Antipodal features are partners too.": {
            FOUND: FOUND.replace(".abs()", "")
        },
        "A |cosine| near 1 is taken for the feature itself. Antipodal features are partners too.": {
            FOUND: "(cosines(W).abs() > threshold) & (cosines(W).abs() < 0.9999)"
        },
        "A feature is its own partner here. Exclude the diagonal.": {
            FOUND: "cosines(W).abs() > threshold"
        },
        "Overlaps are compared with the threshold. Cosines do not depend on norms: normalise both "
        "features.": {FOUND: FOUND.replace("cosines(W)", "(W.mT @ W)")},
        "Only one of the two is normalised. A cosine has both.": {
            FOUND: FOUND.replace("cosines(W)", "(unit_directions(W).mT @ W)")
        },
        "SQUARED cosines are compared with the threshold.": {FOUND: FOUND.replace("abs", "square")},
        "Each pair is found from one side only. Partners are mutual.": {
            FOUND: "(cosines(W).abs() > threshold).triu(1)"
        },
        "Features BELOW the threshold are found.": {FOUND: FOUND.replace(">", "<")},
        "Partners of partners are found too. Their own cosine has to exceed the threshold.": """
            found = (cosines(W).abs() > threshold).double()
            for _ in W[0, 0]:
                found = (found @ found > 0).double()
            return (found > 0) & ~torch.eye(W.shape[-1], dtype=torch.bool)
            """,
        "A feature is its own partner in all instances but the first. Exclude each diagonal.": """
            found = cosines(W).abs() > threshold
            found[0].fill_diagonal_(False)
            return found
            """,
    },
    unnamed={
        "EXCEEDED": {FOUND: FOUND.replace(">", ">=")},
        "wrong shape or type": "return cosines(W)",
    },
)
RIGHT_1_6 = right_answers(
    "1.6",
    "dimensions_per_feature",
    {
        "squared norm": "return W.size(1) / W.norm(dim=(-2, -1)) ** 2",
        "einsum": "return W.shape[1] / einsum(W, W, 'i m n, i m n -> i')",
        "a loop": "return torch.stack([w.shape[0] / (w * w).sum() for w in W])",
    },
)
RIGHT_1_7 = right_answers(
    "1.7",
    "feature_dimensionality",
    {
        "squared norms twice": """
            gram = W.mT @ W
            squares = gram.diagonal(dim1=1, dim2=2)
            shared = gram.square().sum(-1)
            return torch.where(squares > 1e-12, squares**2 / shared, 0.0)
            """,
        "nan to zero": """
            along = (W / W.norm(dim=1, keepdim=True)).mT @ W
            return (W.norm(dim=1).square() / along.square().sum(2)).nan_to_num(0.0)
            """,
        "a loop over the features": """
            units, columns = unit_directions(W), []
            for i in range(W.shape[-1]):
                along = (units[:, :, i, None] * W).sum(1)
                columns.append((W[:, :, i] ** 2).sum(1) / (along**2).sum(1).clamp(min=1e-30))
            return torch.stack(columns, dim=1)
            """,
    },
)
RIGHT_1_8 = right_answers(
    "1.8",
    "interference",
    {
        "total without the own; in place": {
            "interference": ALONG + "return along.square().sum(-1) - W.square().sum(1)",
            "partners": "found = cosines(W).abs() > threshold\n"
            "found.diagonal(dim1=1, dim2=2).fill_(False)\nreturn found",
        },
        "by the eye; squared": {
            "interference": ALONG
            + "return (along * (1 - torch.eye(W.shape[2]).to(W))).square().sum(2)",
            "partners": "own = torch.eye(W.shape[-1], dtype=torch.bool)\n"
            "return (cosines(W) ** 2 > threshold**2) * ~own",
        },
    },
)
