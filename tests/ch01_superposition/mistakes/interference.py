"""More mistakes in interference and partners (1.8)."""

from tests.grading.mistakes import mistakes

FOUND = "(cosines(W).abs() > threshold) & ~themselves"
MASKED = "onto.masked_fill(themselves, 0.0).square().sum(dim=-1)"
INTERFERENCE = mistakes(
    "1.8",
    "interference",
    {
        "The norm is subtracted for the feature itself. Its own term is the SQUARED norm.": {
            MASKED: "onto.square().sum(dim=-1) - W.norm(dim=1)"
        },
        "The feature's own term is set to 1. Set it to 0.": {
            "masked_fill(themselves, 0.0)": "masked_fill(themselves, 1.0)"
        },
        "1 is subtracted from each feature's own cosine, and cosines stand for What_i . W_j.": {
            MASKED: "(cosines(W) - themselves.to(W)).square().sum(dim=-1)"
        },
        "What_i . W_j is not squared.": {MASKED: MASKED.replace(".square()", "")},
        "The sum is squared. Sum the squares.": [
            {MASKED: "onto.masked_fill(themselves, 0.0).sum(dim=-1).square()"},
            {MASKED: "onto.sum(dim=-1).square() - W.square().sum(dim=1)"},
        ],
        "This is a mean over the other features. Sum.": {MASKED: f"{MASKED} / (W.shape[-1] - 1)"},
        "This is a square root. Interference is a sum of squares.": [
            {MASKED: f"{MASKED}.sqrt()"},
            {MASKED: "onto.masked_fill(themselves, 0.0).norm(dim=-1)"},
        ],
        "Only the feature itself is counted. The sum is over the others.": {
            "onto.masked_fill(themselves": "onto.masked_fill(~themselves"
        },
        "Each pair is counted for one of the two only. Both have the interference of the other.": [
            {MASKED: "onto.triu(1).square().sum(dim=-1)"},
            {MASKED: "onto.tril(-1).square().sum(dim=-1)"},
        ],
        "The sum is divided by the feature's own squared norm.": [
            {MASKED: f"({MASKED} / W.square().sum(dim=1)).nan_to_num()"},
            {MASKED: f"{MASKED} / W.square().sum(dim=1)"},
            "return 1 / feature_dimensionality(W) - 1",
            "return (1 / feature_dimensionality(W) - 1).nan_to_num(posinf=0.0)",
        ],
        "Negative What_i . W_j are left out. Their squares count too.": {
            MASKED: "onto.masked_fill(themselves, 0.0).relu().square().sum(dim=-1)"
        },
        "Positive What_i . W_j are left out. Their squares count too.": {
            MASKED: "onto.masked_fill(themselves, 0.0).clamp(max=0).square().sum(dim=-1)"
        },
        "A feature with a norm below 1/2 gets 0. Only an absent one has no interference.": {
            MASKED: f"{MASKED} * (W.norm(dim=1) > 0.5)"
        },
        "Features with a norm below 1/2 are left out of the sum. It is over all others.": {
            MASKED: f"({MASKED.removesuffix('.sum(dim=-1)')} * (W.norm(dim=1) > 0.5)[:, None])"
            ".sum(dim=-1)"
        },
        "This is 1 - D_i. Sum the squares of the others.": "return 1 - feature_dimensionality(W)",
        "The feature itself is excluded in the first instance only. Exclude each diagonal.": (
            "onto = unit_directions(W).mT @ W\nonto[0].fill_diagonal_(0)\n"
            "return onto.square().sum(dim=-1)"
        ),
        "The mean squared norm is subtracted for the feature itself. Its own term is ||W_i||^2.": (
            "onto = (unit_directions(W).mT @ W).square()\n"
            "return onto.sum(-1) - onto.diagonal(dim1=1, dim2=2).mean(-1, keepdim=True)"
        ),
        "Only partners are counted. The sum is over all others.": {
            MASKED: "(onto.square() * partners(W, 0.5)).sum(dim=-1)"
        },
        "This is one sum for all features. Each has its own.": {
            MASKED: "onto.masked_fill(themselves, 0.0).square().sum((1, 2))[:, None].expand_as(W[:, 0])"
        },
        "This is a mean over the instances. Each has its own.": {
            MASKED: f"{MASKED}.mean(dim=0).expand(len(W), -1)"
        },
    },
)
PARTNERS = mistakes(
    "1.8",
    "partners",
    {
        "Only negative cosines are found. Directions close to each other are partners too.": {
            FOUND: "(cosines(W) < -threshold) & ~themselves"
        },
        "Features with a norm below 1/2 have no partners here. Only absent ones have none.": {
            FOUND: f"{FOUND} & (W.norm(dim=1) > 0.5)[:, None] & (W.norm(dim=1) > 0.5)[:, :, None]"
        },
        "Partners of any instance are partners in all. Each instance has its own.": {
            FOUND: f"({FOUND}).any(dim=0).expand(len(W), -1, -1)"
        },
        "Cosines are averaged over the instances. Each has its own.": {
            FOUND: FOUND.replace("cosines(W)", "cosines(W).mean(dim=0).expand(len(W), -1, -1)")
        },
        "Each feature's interference is compared with the threshold. Compare each cosine.": {
            FOUND: "(interference(W)[:, :, None] > threshold) & ~themselves"
        },
        "1 - |cosine| is compared with the threshold. Compare the |cosine|.": {
            FOUND: FOUND.replace("cosines(W)", "(1 - cosines(W).abs())")
        },
        "Angles are compared with the threshold. Compare the |cosine|.": {
            FOUND: FOUND.replace("cosines(W).abs()", "cosines(W).arccos()")
        },
        "A feature is its own partner, and so is one at the threshold. Exclude the diagonal, use >.": {
            FOUND: "cosines(W).abs() >= threshold"
        },
        "Only the feature itself is marked. Exclude the diagonal.": {FOUND: FOUND.replace("~", "")},
        "Only an angle of exactly 0 is excluded, by a comparison with 1. Exclude the diagonal.": {
            FOUND: "(cosines(W).abs() > threshold) & (cosines(W) != 1)"
        },
        "Directions are normalised over features. Normalise over d_hidden (dim=1).": {
            FOUND: FOUND.replace("cosines(W)", "(UNITS.mT @ UNITS)").replace(
                "UNITS", "torch.nn.functional.normalize(W, dim=2)"
            )
        },
        "Distances are compared with the threshold. Compare the |cosine|.": {
            FOUND: "(torch.cdist(UNITS, UNITS) < threshold) & ~themselves".replace(
                "UNITS", "unit_directions(W).mT"
            )
        },
        "Only the nearest feature is found. Every feature above the threshold is a partner.": """
            near = cosines(W).abs() * (1 - torch.eye(W.shape[-1]).to(W))
            return (near == near.amax(dim=-1, keepdim=True)) & (near > threshold)
            """,
    },
)
OWN_TERM = mistakes(
    "1.8",
    "interference",
    {
        "Is 1 subtracted for the feature itself? Its own term is its squared norm.": """
            onto = einsum(unit_directions(W), W, "inst d this, inst d other -> inst this other")
            return (onto.square().sum(dim=-1) - 1).clamp(min=0)
            """
    },
)
