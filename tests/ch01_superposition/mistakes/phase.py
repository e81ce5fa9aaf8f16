"""Mistakes in phase.py (1.10 to 1.12), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

WEIGHTED = 'einsum(error.square(), importance, "inst out source, inst out -> inst")'
VARIANCE, RESULT = "feature_variance(probability)", "feature_variance(probability) * weighted"
OWN = "(importance * (1 - W.square().sum(1)) ** 2).sum(1)"
LINEAR_LOSS = mistakes(
    "1.10",
    "linear_loss",
    {
        "The factor is missing: the variance, p / 3 - p^2 / 4.": {RESULT: "weighted"},
        "The factor is p / 3, which is E[x^2]. The best bias removes the mean and leaves the "
        "variance, p / 3 - p^2 / 4.": {VARIANCE: "probability / 3"},
        "The factor is p. Use the variance, p / 3 - p^2 / 4.": {VARIANCE: "probability"},
        "The factor is p / 12: p is not squared in p / 3 - p^2 / 4, or a feature is never off.": {
            VARIANCE: "probability / 12"
        },
        "Density and sparsity are exchanged: p is the probability of being ON.": {
            "(probability)": "(1 - probability)"
        },
        "The reconstruction terms, I_i (1 - ||W_i||^2)^2, are missing: the diagonal.": {
            RESULT: f"{VARIANCE} * (weighted - {OWN})"
        },
        "Interference is missing. Only the reconstruction terms are counted.": {
            RESULT: f"{VARIANCE} * {OWN}"
        },
        "Each pair is counted from one side. i interferes with j, and j with i.": [
            {"error.square()": "error.square().triu()"},
            {"error.square()": "error.square().tril()"},
        ],
        "Importance is squared. It weights the squared error.": {
            "importance,": "importance.square(),"
        },
        "Both features' importances are multiplied. Only that of the output counts.": {
            WEIGHTED: 'einsum(error.square(), importance, importance, "i o s, i o, i s -> i")'
        },
        "Importance is not applied.": {WEIGHTED: "error.square().sum((1, 2))"},
        "Importance weights only the reconstruction terms. Interference has one too.": {
            WEIGHTED: f"{OWN} + error.square().sum((1, 2)) "
            "- error.diagonal(dim1=1, dim2=2).square().sum(1)"
        },
        "The reconstruction error is 1 - ||W_i||. Square the norm.": {
            RESULT: f"{VARIANCE} * (weighted - {OWN} + "
            "(importance * (1 - W.norm(dim=1)) ** 2).sum(1))"
        },
        "This is a mean over the outputs. The loss sums over features.": {
            RESULT: RESULT + " / W.shape[-1]"
        },
        "The instances are summed. Each has its own loss.": {
            RESULT: RESULT + ".sum().expand(len(W))"
        },
        "The error is W^T W here. It is 1 - W^T W.": {
            "torch.eye(W.shape[-1], dtype=W.dtype, device=W.device) -": "1 *"
        },
    },
    unnamed={
        "The loss at p = 0.3": {
            "W.shape[-1]": "W.shape[1]",
            "d_hidden out, inst d_hidden source": "out d_hidden, inst source d_hidden",
            WEIGHTED: "error.square().sum((1, 2)) * importance.mean(1)",
        }
    },
)
GUESS, TYPED = "strength * overlap + b[:, None, :]", ", dtype=W.dtype, device=W.device)"
ONE_SPARSE_LOSS = mistakes(
    "1.11",
    "one_sparse_loss",
    {
        "The bias is scaled by the strength. Add it unscaled.": [
            {GUESS: "strength * (overlap + b[:, None, :])"},
            {GUESS: "strength * (overlap + b[:, None, :])", TYPED: ")"},
        ],
        "`torch.eye` makes float32, and W is float64 here: convert with .to(W).": [
            {TYPED: ")"},
            """
            error = (strength * (W.mT @ W) + b[:, None]).relu() - strength * torch.eye(W.shape[-1])
            return (importance[:, None] * error.square()).sum((1, 2))
            """,
        ],
        "The bias is missing.": {GUESS: "strength * overlap"},
        "Bias or importance is that of the feature that is on. Both belong to the output, b_j and "
        "I_j.": [{GUESS: "strength * overlap + b[..., None]"}, {"inst out ->": "inst on ->"}],
        "The ReLU is missing: negative interference would cost.": {".relu()": ""},
        "The ReLU comes before the bias. Apply it to the sum of both.": {
            f"({GUESS}).relu()": "(strength * overlap).relu() + b[:, None, :]"
        },
        "This is a mean over the features that are on (or over the outputs). Sum.": {
            'inst out -> inst")': 'inst out -> inst") / W.shape[-1]',
        },
        "Importance is not applied.": {"importance,": "torch.ones_like(importance),"},
        "The target of the feature that is on is 1. It is `strength`.": {
            "wanted = strength *": "wanted ="
        },
        "The strength is ignored: this is strength 1.": {
            "overlap = einsum": "strength = 1.0\noverlap = einsum"
        },
        "Interference is missing. The other outputs have an error too.": {
            "(wanted - guess)": "(wanted - guess).mul(wanted > 0)"
        },
        "The error of the feature that is on is missing.": {
            "(wanted - guess)": "(wanted - guess).mul(wanted == 0)"
        },
        "The input without any feature is counted too. One feature is on.": {
            'inst out -> inst")': 'inst out -> inst") + (importance * b.relu() ** 2).sum(1)'
        },
        "Every instance uses the first one's bias.": {GUESS: "strength * overlap + b[0]"},
    },
    unnamed={"shape": {"inst out -> inst": "inst out -> inst on"}},
)
ON = "on, weights = (values.to(W) for values in quadrature_nodes(nodes))"
CHANCES = "torch.cat([1 - probability[..., None], probability[..., None] * weights], dim=-1)"
SHARED = "probability[..., None] * weights"
EVEN = "probability[..., None].expand(-1, -1, nodes) / nodes"
STRENGTHS = "torch.cat([on.new_zeros(1), on])"
GRID = "torch.cartesian_prod(*[each] * n_features).view(-1, n_features)"
OUTPUT = "guess = einsum("
RETURN = 'einsum(errors, importance, chance, "inst point out, inst out, inst point -> inst")'
EXPECTED_LOSS = mistakes(
    "1.12",
    "expected_loss",
    {
        "Density and sparsity are exchanged: p is the probability of being ON.": {
            CHANCES: CHANCES.replace("1 - probability", "q")
            .replace("probability", "(1 - probability)")
            .replace("q[", "probability[")
        },
        "The nodes' weights are missing: all nodes have the same weight here.": {SHARED: EVEN},
        "Every node has probability p. Its probability is p times the node's weight.": {
            SHARED: "probability[..., None].expand(-1, -1, nodes)"
        },
        "The nodes are those of [-1, 1], not of [0, 1].": {
            STRENGTHS: STRENGTHS.replace(", on", ", 2 * on - 1")
        },
        "The weights are those of [-1, 1], which sum to 2.": {SHARED: "2 * " + SHARED},
        "Nodes and weights are those of [-1, 1], not of [0, 1].": {
            "(values.to(W) for values in quadrature_nodes(nodes))": (
                "(torch.from_numpy(values).to(W) for values in leggauss(nodes))"
            )
        },
        "Features are never off: strength 0, with probability 1 - p, is missing.": {
            STRENGTHS: "on",
            CHANCES: SHARED,
            "nodes + 1, device": "nodes, device",
        },
        "Features are always on: p has no effect.": {
            STRENGTHS: "on",
            CHANCES: "weights.expand(*probability.shape, nodes)",
            "nodes + 1, device": "nodes, device",
        },
        "A feature that is on always has its mean strength, 1/2.": {
            STRENGTHS: "torch.cat([on.new_zeros(1), 0 * on + 0.5])"
        },
        "The probabilities of a combination are added. Multiply them.": {"prod(dim": "sum(dim"},
        "This is the mean of a combination's probabilities. Multiply them.": {
            "prod(dim": "mean(dim"
        },
        "This is a plain mean over the combinations. Weight them by their probabilities.": {
            RETURN: 'einsum(errors, importance, "i p o, i o -> i p").mean(-1)'
        },
        "The weighted sum is divided by the number of combinations. The probabilities already make "
        "it a mean.": {RETURN: RETURN + " / len(x)"},
        "The bias is missing.": {" + b[:, None, :]": ""},
        "The ReLU is missing.": {"guess.relu()": "guess"},
        "The ReLU comes before the bias.": {
            " + b[:, None, :]": "",
            "guess.relu()": "guess.relu() - b[:, None, :]",
        },
        "Importance is not applied.": {
            "errors, importance,": "errors, torch.ones_like(importance),"
        },
        "All features have the first one's probability.": {
            "n_features = W": "chances = chances[:, :1].expand_as(chances)\nn_features = W"
        },
        "This is a mean over the features. Sum.": {RETURN: RETURN + " / n_features"},
        "Inputs with several features on are missing.": {
            RETURN: RETURN.replace("chance,", "chance * ((x > 0).sum(-1) < 2),")
        },
        "All instances have the first one's probability.": {
            RETURN: RETURN.replace("chance,", "chance[:1].expand_as(chance),")
        },
        "The nodes are evenly spaced. `quadrature_nodes` returns those of Gauss and Legendre.": {
            STRENGTHS: "torch.cat([on.new_zeros(1), (torch.arange(nodes).to(W) + 0.5) / nodes])",
            SHARED: EVEN,
        },
        "All features share one node. Each has its own strength.": """
            on, weights = (values.to(W) for values in quadrature_nodes(nodes))
            n, total = W.shape[-1], 0
            chances = torch.stack([1 - probability, probability], dim=-1)
            chosen = torch.cartesian_prod(*[torch.arange(2)] * n).view(-1, n)
            chance = chances[:, torch.arange(n), chosen].prod(-1)
            for node, weight in zip(on, weights):
                x = node * chosen
                errors = (x - (x @ W.mT @ W + b[:, None]).relu()).square()
                part = ((errors * importance[:, None]).sum(-1) * chance).sum(-1)
                total = total + weight * part
            return total
            """,
        "All features are in the same state. List every combination of their strengths.": {
            GRID: "each[:, None].expand(-1, n_features)"
        },
        "Strengths and probabilities belong to other features. Take both from one list.": {
            "strengths[chosen]": "strengths[chosen.flip(-1)]"
        },
    },
    unnamed={
        "one axis only": {".view(-1, n_features)": ""},
        "quadrature_nodes` gives float64": {ON: "on, weights = quadrature_nodes(nodes)"},
        "is wrong or missing": {OUTPUT: "overlap = overlap.detach()\n" + OUTPUT},
        "in place": {OUTPUT: "b.mul_(1 + 1e-12)\n" + OUTPUT},
    },
)
RIGHT_1_10 = right_answers(
    "1.10",
    "linear_loss",
    {
        "importance on the other axis of a symmetric matrix": """
            error = torch.eye(W.shape[-1]).to(W) - W.mT @ W
            variance = feature_variance(probability)
            return variance * einsum(error**2, importance, 'i out source, i source -> i')
            """,
        "two sums": """
            gram = W.mT @ W
            squares = W.square().sum(1)
            lost = (importance * (1 - squares).square()).sum(1)
            met = (gram.square().sum(-1) - squares.square()) * importance
            return (probability / 3 - probability**2 / 4) * (lost + met.sum(-1))
            """,
        "a loop over instances": """
            n, losses = W.shape[-1], []
            for w, cost in zip(W, importance):
                losses.append((cost @ (torch.eye(n).to(W) - w.T @ w) ** 2).sum())
            return torch.stack(losses) * feature_variance(probability)
            """,
    },
)
RIGHT_1_11 = right_answers(
    "1.11",
    "one_sparse_loss",
    {
        "a forward pass": """
            n = W.shape[-1]
            x = strength * torch.eye(n).to(W).expand(len(W), n, n)
            x_hat = (x @ W.mT @ W + b[:, None]).relu()
            error = (x_hat - x).square()
            return (error * importance[:, None]).sum((1, 2))
            """,
        "a loop over features": """
            total = 0
            for i in range(W.shape[-1]):
                guess = (strength * (W * W[:, :, i, None]).sum(1) + b).clamp(min=0)
                guess[:, i] -= strength
                total = total + (importance * guess**2).sum(1)
            return total
            """,
    },
)
START = """\
t, w = (values.to(W) for values in quadrature_nodes(nodes))
n, p = W.shape[-1], probability[..., None]
values = torch.cat([torch.zeros(1).to(W), t])
chances = torch.cat([1 - p, p * w], dim=-1)
"""
END = """\
x_hat = (x @ W.mT @ W + b[:, None]).relu()
error = (x_hat - x).square()
return ((error * importance[:, None]).sum(-1) * chance).sum(-1)
"""
RIGHT_1_12 = right_answers(
    "1.12",
    "expected_loss",
    {
        "a forward pass on the combinations": START
        + "chosen = torch.cartesian_prod(*[torch.arange(len(values))] * n).view(-1, n)\n"
        "x, chance = values[chosen], chances[:, torch.arange(n), chosen].prod(-1)\n" + END,
        "meshgrid, and probabilities of one feature after the other": START
        + "axes = torch.meshgrid(*[values] * n, indexing='ij')\n"
        "x = torch.stack([axis.reshape(-1) for axis in axes], dim=-1)\n"
        "chance = chances[:, 0]\nfor i in range(1, n):\n"
        "    chance = (chance[:, :, None] * chances[:, i, None]).flatten(1)\n" + END,
        "a loop over the combinations": START + "from itertools import product\ntotal = 0\n"
        "for chosen in product(range(nodes + 1), repeat=n):\n"
        "    x = values[list(chosen)]\n"
        "    guess = (einsum(W, W, x, 'i m out, i m f, f -> i out') + b).relu()\n"
        "    share = torch.stack([chances[:, i, c] for i, c in enumerate(chosen)]).prod(0)\n"
        "    total = total + share * (importance * (guess - x) ** 2).sum(-1)\n"
        "return total",
    },
)
