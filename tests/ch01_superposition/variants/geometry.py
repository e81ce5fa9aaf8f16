"""Answers to 1.6 and 1.7."""

from tests.grading.variants import Right, Wrong

NUMBERS = {
    "dimensions_per_feature": "1.6",
    "feature_dimensionality": "1.7",
}


def wrong(function, name, answer, says):
    return Wrong(NUMBERS[function], name, body={function: answer}, says=says)


def right(function, name, answer):
    return Right(NUMBERS[function], name, body={function: answer})


AVERAGE, SHARE = "dimensions_per_feature", "feature_dimensionality"
SQUARES = "squares = W.square().sum(dim=1)\n"
ALONG = "units = unit_directions(W)\nalong = units.mT @ W\n"
EYE = "own = torch.eye(W.shape[-1], dtype=torch.bool)\n"

WRONG = [
    wrong(AVERAGE, "norm", "return W.shape[1] / W.norm(dim=(1, 2))", "the SQUARED norm"),
    wrong(
        AVERAGE,
        "n_features",
        "return W.shape[-1] / W.square().sum(dim=(1, 2))",
        "d_hidden is taken from the features' axis",
    ),
    wrong(
        AVERAGE,
        "instances",
        "return W.shape[0] / W.square().sum(dim=(1, 2))",
        "d_hidden is taken from the instances' axis",
    ),
    wrong(
        AVERAGE,
        "over instances",
        "return (W.shape[1] / W.square().sum()).expand(len(W))",
        "The sum runs over the instances too",
    ),
    wrong(
        AVERAGE,
        "mean over instances",
        "return (W.shape[1] / W.square().sum((1, 2))).mean().expand(len(W))",
        "averaged over the instances",
    ),
    wrong(AVERAGE, "upside down", "return W.square().sum((1, 2)) / W.shape[1]", "upside down"),
    wrong(
        AVERAGE, "mean", "return W.shape[1] / W.square().mean((1, 2))", "the MEAN of the squares"
    ),
    wrong(
        AVERAGE,
        "features counted",
        "return torch.full_like(W[:, 0, 0], W.shape[1] / W.shape[2])",
        "its squared length counts",
    ),
    wrong(AVERAGE, "lengths", "return W.shape[1] / W.norm(dim=1).sum(1)", "adds up lengths"),
    wrong(
        AVERAGE,
        "spectral norm",
        "return W.shape[1] / torch.linalg.matrix_norm(W, ord=2) ** 2",
        "largest singular value",
    ),
    wrong(AVERAGE, "one axis", "return W.shape[1] / W.square().sum(1)", "wrong shape or type"),
    wrong(
        SHARE,
        "both at length 1",
        SQUARES + "return (squares / cosines(W).square().sum(-1)).nan_to_num()",
        "both are at length 1",
    ),
    wrong(
        SHARE,
        "the other at length 1",
        SQUARES + "along = W.mT @ unit_directions(W)\n"
        "return (squares / along.square().sum(-1)).nan_to_num()",
        "the other feature, W_j, is at length 1",
    ),
    wrong(
        SHARE,
        "wrong axis",
        SQUARES + ALONG + "return (squares / along.square().sum(-2)).nan_to_num()",
        "the sum runs over the wrong axis",
    ),
    wrong(
        SHARE,
        "none at length 1",
        SQUARES + "return (squares / (W.mT @ W).square().sum(-1)).nan_to_num()",
        "neither is at length 1",
    ),
    wrong(
        SHARE,
        "not squared",
        SQUARES + ALONG + "return (squares / along.sum(-1)).nan_to_num()",
        "The denominator is not squared",
    ),
    wrong(
        SHARE,
        "sizes",
        SQUARES + ALONG + "return (squares / along.abs().sum(-1)).nan_to_num()",
        "The denominator sums sizes",
    ),
    wrong(
        SHARE,
        "square of the sum",
        SQUARES + ALONG + "return (squares / along.sum(-1).square()).nan_to_num()",
        "The denominator squares the sum",
    ),
    wrong(
        SHARE,
        "self left out",
        SQUARES + ALONG + EYE + "along = along.masked_fill(own, 0.0)\n"
        "return (squares / along.square().sum(-1)).nan_to_num()",
        "The feature itself is left out",
    ),
    wrong(
        SHARE,
        "norm",
        ALONG + "return (W.norm(dim=1) / along.square().sum(-1)).nan_to_num()",
        "The numerator is the norm",
    ),
    wrong(
        SHARE,
        "nan",
        SQUARES + ALONG + "return squares / along.square().sum(-1)",
        "which is 0 / 0",
    ),
    wrong(
        SHARE,
        "absent is dedicated",
        SQUARES + ALONG + "shared = along.square().sum(-1)\n"
        "return torch.where(shared > 0, squares / shared, 1.0)",
        "It has 1 dimension here",
    ),
    wrong(
        SHARE,
        "epsilon",
        SQUARES + ALONG + "return squares / (along.square().sum(-1) + 1e-8)",
        "Something is added to the denominator",
    ),
    wrong(
        SHARE,
        "epsilon under a product of squares",
        "gram = W.mT @ W\nsquares = gram.diagonal(dim1=1, dim2=2)\n"
        "return squares**2 / (gram.square().sum(-1) + 1e-12)",
        "A thousandth of W has the same D_i",
    ),
    wrong(
        SHARE,
        "mean over instances",
        SQUARES + ALONG + "each = (squares / along.square().sum(-1)).nan_to_num()\n"
        "return each.mean(0).expand_as(each)",
        "averaged over the instances",
    ),
    wrong(
        SHARE,
        "mean over j",
        SQUARES + ALONG + "return (squares / along.square().mean(-1)).nan_to_num()",
        "The denominator is a mean over j",
    ),
    wrong(
        SHARE,
        "unit along the features",
        SQUARES + "units = W / W.norm(dim=-1, keepdim=True).clamp(min=1e-12)\n"
        "return (squares / (units.mT @ W).square().sum(-1)).nan_to_num()",
        "its axis is d_hidden",
    ),
    wrong(
        SHARE,
        "edits W",
        "squares = W.square().sum(1)\nold = W.clone()\nW /= W.norm(dim=1, keepdim=True) + 1e-30\n"
        "return (squares / (W.mT @ old).square().sum(-1)).nan_to_num()",
        "edited in place",
    ),
]

RIGHT = [
    right(AVERAGE, "squared norm", "return W.size(1) / W.norm(dim=(-2, -1)) ** 2"),
    right(AVERAGE, "einsum", "return W.shape[1] / einsum(W, W, 'i m n, i m n -> i')"),
    right(AVERAGE, "a loop", "return torch.stack([w.shape[0] / (w * w).sum() for w in W])"),
    right(
        SHARE,
        "squared lengths twice",
        "gram = W.mT @ W\nsquares = gram.diagonal(dim1=1, dim2=2)\n"
        "shared = gram.square().sum(-1)\n"
        "return torch.where(squares > 1e-12, squares**2 / shared, 0.0)",
    ),
    right(
        SHARE,
        "nan to zero",
        "along = (W / W.norm(dim=1, keepdim=True)).mT @ W\n"
        "return (W.norm(dim=1).square() / along.square().sum(2)).nan_to_num(0.0)",
    ),
    right(
        SHARE,
        "a loop over the features",
        "units, columns = unit_directions(W), []\n"
        "for i in range(W.shape[-1]):\n"
        "    along = (units[:, :, i, None] * W).sum(1)\n"
        "    columns.append((W[:, :, i] ** 2).sum(1) / (along**2).sum(1).clamp(min=1e-30))\n"
        "return torch.stack(columns, dim=1)",
    ),
]
