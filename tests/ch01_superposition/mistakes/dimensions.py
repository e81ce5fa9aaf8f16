"""More mistakes in dimensions_per_feature and feature_dimensionality (1.6, 1.7)."""

from tests.grading.mistakes import mistakes

SQUARES = "W.square().sum(dim=(1, 2))"
DIMENSIONS_PER_FEATURE = mistakes(
    "1.6",
    "dimensions_per_feature",
    {
        "This divides by the mean of the squared norms. Sum them.": {
            SQUARES: "W.square().sum(dim=1).mean(dim=1)"
        },
        "The sum of squares is squared again.": {SQUARES: f"{SQUARES}.square()"},
        "Weights are not squared.": {SQUARES: "W.sum(dim=(1, 2))"},
        "Absolute weights are summed. Sum SQUARES.": {SQUARES: "W.abs().sum(dim=(1, 2))"},
        "The sum of absolute weights is squared. Sum the squares.": {
            SQUARES: "W.abs().sum(dim=(1, 2)) ** 2"
        },
        "This is the norm of W^T W. Sum the squares of W.": [
            {SQUARES: "(W.mT @ W).square().sum(dim=(1, 2))"},
            {SQUARES: "(W.mT @ W).norm(dim=(1, 2))"},
        ],
        "Features with a norm above 1/2 are counted. Sum the squared norms.": {
            SQUARES: "(W.norm(dim=1) > 0.5).sum(dim=1)"
        },
        "This is the nuclear norm, a sum of singular values. Sum the squares of W.": {
            SQUARES: "torch.linalg.matrix_norm(W, ord='nuc')"
        },
        "This sums all entries of W^T W. Its trace is the sum of squares.": {
            SQUARES: "(W.mT @ W).sum(dim=(1, 2))"
        },
        "This is the mean of the D_i. Divide d_hidden by the squared norm.": (
            "return feature_dimensionality(W).mean(-1)"
        ),
        "This is n_features / d_hidden.": (
            "return torch.full_like(W[:, 0, 0], W.shape[2] / W.shape[1])"
        ),
        "1 is subtracted. D* is the quotient itself.": f"return W.shape[1] / {SQUARES} - 1",
        "This is the mean of 1 / ||W_i||^2.": ("return (1 / W.square().sum(dim=1)).mean(dim=1)"),
        "d_hidden is squared.": {"W.shape[1]": "W.shape[1] ** 2"},
        "d_hidden is missing: this is 1 over the squared norm.": {"W.shape[1]": "1"},
        "This divides by the largest squared norm. Sum them.": {
            SQUARES: "W.square().sum(dim=1).amax(dim=1)"
        },
        "A norm above 1 counts as 1. Sum the squared norms as they are.": {
            SQUARES: "W.square().sum(dim=1).clamp(max=1).sum(dim=1)"
        },
        "Features with a norm above 0 are counted. Sum the squared norms.": {
            SQUARES: "(W.norm(dim=1) > 0).sum(dim=1)"
        },
        "Only the diagonal of W is summed. Sum all squares.": {
            SQUARES: "W.diagonal(dim1=1, dim2=2).square().sum(dim=1)"
        },
        "Fourth powers are summed. Sum squares.": {SQUARES: "W.pow(4).sum(dim=(1, 2))"},
    },
)
ALONG = "along = unit_directions(W).mT @ W\n"
FEATURE_DIMENSIONALITY = mistakes(
    "1.7",
    "feature_dimensionality",
    {
        "Overlaps are summed with their signs. Sum SQUARES of What_i . W_j.": [
            "overlap = (W.mT @ W).sum(-1)\n"
            "return torch.where(W.norm(dim=1) > 0, W.square().sum(1) / overlap, 0.0)",
            "return (W.square().sum(1) / (W.mT @ W).sum(-1)).nan_to_num()",
        ],
        "This is a participation ratio of the overlaps.": (
            "overlap = (W.mT @ W).square()\n"
            "return (overlap.sum(-1) ** 2 / overlap.square().sum(-1)).nan_to_num()"
        ),
        "The numerator is the fourth power of the norm. Use the squared norm.": {
            "W.square().sum(dim=1) /": "W.square().sum(dim=1).square() /"
        },
        "The numerator is the sum of the weights. Use the squared norm.": {
            "W.square().sum(dim=1) /": "W.sum(dim=1) /"
        },
        "The feature itself counts as 1 in the denominator. Its own term is ||W_i||^2.": [
            ALONG + "return W.square().sum(1) / (along.square().sum(-1) - W.square().sum(1) + 1)",
            "return W.square().sum(dim=1) / (1 + interference(W))",
        ],
        "The feature itself counts as 1 in numerator and denominator. Its term is ||W_i||^2.": (
            "return 1 / (1 + interference(W))"
        ),
        "This is D*, the mean of an instance. Each feature has its own D_i.": (
            "return (W.shape[1] / W.square().sum(dim=(1, 2)))[:, None].expand(-1, W.shape[2])"
        ),
        "Partners are counted. Sum the squares of What_i . W_j.": (
            "return 1 / (1 + partners(W, 0.5).sum(dim=-1))"
        ),
    },
)
