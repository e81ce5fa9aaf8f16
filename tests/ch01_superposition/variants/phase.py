"""Answers to 1.10 and 1.11."""

from tests.grading.variants import Right, Wrong

LINEAR, SPARSE = "linear_loss", "one_sparse_loss"
NUMBERS = {LINEAR: "1.10", SPARSE: "1.11"}


def wrong(function, name, answer, says):
    return Wrong(NUMBERS[function], name, body={function: answer}, says=says)


def right(function, name, answer):
    return Right(NUMBERS[function], name, body={function: answer})


ERROR = (
    "error = torch.eye(W.shape[-1]).to(W) - W.mT @ W\nvariance = feature_variance(probability)\n"
)
PAID = "paid = (error.square() * importance[..., None]).sum((1, 2))\n"
OWN = "own = (importance * (1 - W.square().sum(1)) ** 2).sum(1)\n"
PASS = (
    "n = W.shape[-1]\nx = strength * torch.eye(n).to(W).expand(len(W), n, n)\n"
    "x_hat = (x @ W.mT @ W + b[:, None]).relu()\nerror = (x_hat - x).square()\n"
)
END = "return (error * importance[:, None]).sum((1, 2))"

WRONG = [
    wrong(LINEAR, "no variance", ERROR + PAID + "return paid", "The variance is missing"),
    wrong(LINEAR, "p / 3", ERROR + PAID + "return probability / 3 * paid", "which is E[x^2]"),
    wrong(LINEAR, "p", ERROR + PAID + "return probability * paid", "The factor is p: it is"),
    wrong(
        LINEAR, "p / 12", ERROR + PAID + "return probability / 12 * paid", "The factor is p / 12"
    ),
    wrong(
        LINEAR,
        "sparsity",
        ERROR + PAID + "return feature_variance(1 - probability) * paid",
        "Density and sparsity are exchanged",
    ),
    wrong(
        LINEAR,
        "no diagonal",
        ERROR + PAID + OWN + "return variance * (paid - own)",
        "is missing: the diagonal",
    ),
    wrong(
        LINEAR, "no interference", ERROR + OWN + "return variance * own", "Interference is missing"
    ),
    wrong(
        LINEAR,
        "pairs once",
        ERROR + "each = error.square().triu() * importance[..., None]\n"
        "return variance * each.sum((1, 2))",
        "counted from one side",
    ),
    wrong(
        LINEAR,
        "importance squared",
        ERROR + "return variance * (error * importance[..., None]).square().sum((1, 2))",
        "The importance is squared",
    ),
    wrong(
        LINEAR,
        "importance of both",
        ERROR + "each = importance[..., None] * importance[:, None]\n"
        "return variance * (error.square() * each).sum((1, 2))",
        "Both features' importances",
    ),
    wrong(
        LINEAR,
        "importance forgotten",
        ERROR + "return variance * error.square().sum((1, 2))",
        "Importance is not applied",
    ),
    wrong(
        LINEAR,
        "interference without importance",
        ERROR + OWN + "lost = error.diagonal(dim1=1, dim2=2).square().sum(1)\n"
        "return variance * (own + error.square().sum((1, 2)) - lost)",
        "Importance weighs only what each feature lost",
    ),
    wrong(
        LINEAR,
        "norm not squared",
        ERROR + PAID + OWN + "lost = (importance * (1 - W.norm(dim=1)) ** 2).sum(1)\n"
        "return variance * (paid - own + lost)",
        "the norm has to be squared",
    ),
    wrong(
        LINEAR, "mean", ERROR + PAID + "return variance * paid / W.shape[-1]", "a mean over the out"
    ),
    wrong(
        LINEAR,
        "instances added up",
        ERROR + PAID + "return variance * paid.sum().expand(len(W))",
        "The instances are added up",
    ),
    wrong(
        LINEAR,
        "W W^T",
        "error = torch.eye(W.shape[1]).to(W) - W @ W.mT\n"
        "return feature_variance(probability) * error.square().sum((1, 2)) * importance.mean(1)",
        "The loss at p = 0.3",
    ),
    wrong(
        SPARSE,
        "bias scaled",
        "x_hat = (strength * (W.mT @ W + b[:, None])).relu()\n"
        "error = (x_hat - strength * torch.eye(W.shape[-1]).to(W)).square()\n" + END,
        "The bias is scaled by the strength",
    ),
    wrong(SPARSE, "no bias", PASS.replace(" + b[:, None]", "") + END, "The bias is ignored"),
    wrong(
        SPARSE,
        "bias of the input",
        PASS.replace("b[:, None]", "b[..., None]") + END,
        "Bias or importance is that of the feature that is on",
    ),
    wrong(SPARSE, "no ReLU", PASS.replace(".relu()", "") + END, "The ReLU is missing"),
    wrong(
        SPARSE,
        "ReLU before the bias",
        PASS.replace("(x @ W.mT @ W + b[:, None]).relu()", "(x @ W.mT @ W).relu() + b[:, None]")
        + END,
        "The ReLU comes before the bias",
    ),
    wrong(
        SPARSE,
        "mean",
        PASS + "return (error * importance[:, None]).sum(-1).mean(-1)",
        "a mean over the features that are on",
    ),
    wrong(
        SPARSE,
        "importance of the input",
        PASS + "return (error * importance[..., None]).sum((1, 2))",
        "Bias or importance is that of the feature that is on",
    ),
    wrong(SPARSE, "no importance", PASS + "return error.sum((1, 2))", "Importance is not applied"),
    wrong(
        SPARSE,
        "strength 1 wanted",
        PASS.replace("(x_hat - x)", "(x_hat - torch.eye(n).to(W))") + END,
        "Strength 1 is wanted",
    ),
    wrong(
        SPARSE,
        "strength ignored",
        PASS.replace("strength * torch", "torch") + END,
        "The strength is ignored",
    ),
    wrong(
        SPARSE,
        "diagonal only",
        PASS + "return (error.diagonal(dim1=1, dim2=2) * importance).sum(1)",
        "Interference is missing",
    ),
    wrong(
        SPARSE,
        "no target",
        PASS + "error = error * (1 - torch.eye(n).to(W))\n" + END,
        "The error of the feature that is on is missing",
    ),
    wrong(
        SPARSE, "each input", PASS + "return (error * importance[:, None]).sum(-1)", "wrong shape"
    ),
    wrong(
        LINEAR,
        "nothing wanted",
        ERROR.replace("torch.eye(W.shape[-1]).to(W) - ", "") + PAID + "return variance * paid",
        "Nothing is wanted here",
    ),
    wrong(
        SPARSE,
        "nothing on counted",
        PASS + END + " + (importance * b.relu() ** 2).sum(1)",
        "The input without any feature is counted",
    ),
    wrong(SPARSE, "first bias", PASS.replace("b[:, None]", "b[0]") + END, "the first one's bias"),
]

RIGHT = [
    right(
        LINEAR,
        "importance on the other axis of a symmetric matrix",
        ERROR + "return variance * einsum(error**2, importance, 'i out source, i source -> i')",
    ),
    right(
        LINEAR,
        "two sums",
        "gram = W.mT @ W\nsquares = W.square().sum(1)\n"
        "lost = (importance * (1 - squares).square()).sum(1)\n"
        "met = (gram.square().sum(-1) - squares.square()) * importance\n"
        "return (probability / 3 - probability**2 / 4) * (lost + met.sum(-1))",
    ),
    right(
        LINEAR,
        "a loop over instances",
        "n, losses = W.shape[-1], []\n"
        "for w, cost in zip(W, importance):\n"
        "    losses.append((cost @ (torch.eye(n).to(W) - w.T @ w) ** 2).sum())\n"
        "return torch.stack(losses) * feature_variance(probability)",
    ),
    right(SPARSE, "a forward pass", PASS + END),
    right(
        SPARSE,
        "a loop over features",
        "total = 0\nfor i in range(W.shape[-1]):\n"
        "    guess = (strength * (W * W[:, :, i, None]).sum(1) + b).clamp(min=0)\n"
        "    guess[:, i] -= strength\n"
        "    total = total + (importance * guess**2).sum(1)\n"
        "return total",
    ),
]
