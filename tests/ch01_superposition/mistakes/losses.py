"""More mistakes in the losses of phase.py (1.10 to 1.12)."""

from tests.grading.mistakes import mistakes

VARIANCE, RESULT = "feature_variance(probability)", "feature_variance(probability) * weighted"
OWN = "(importance * (1 - W.square().sum(1)) ** 2).sum(1)"
WEIGHTED = 'einsum(error.square(), importance, "inst out source, inst out -> inst")'
LINEAR_LOSS = mistakes(
    "1.10",
    "linear_loss",
    {
        "The variance is multiplied by p. It already contains p.": {
            VARIANCE: f"probability * {VARIANCE}"
        },
        "The variance is squared.": {VARIANCE: f"{VARIANCE} ** 2"},
        "The factor is the standard deviation. Use the variance.": {VARIANCE: f"{VARIANCE} ** 0.5"},
        "The reconstruction terms, I_i (1 - ||W_i||^2)^2, are missing.": {
            "error.square()": "error.square().mul(1 - torch.eye(W.shape[-1]).to(W))"
        },
        "The errors are not squared.": {"error.square()": "error"},
        "All errors are weighted by the summed importance. Each output has its own.": {
            WEIGHTED: "error.square().sum((1, 2)) * importance.sum(1)"
        },
        "The factor is p (1 - p), the variance of being on. Use that of the feature.": {
            VARIANCE: "probability * (1 - probability)"
        },
        "The reconstruction terms are not squared, I_i (1 - ||W_i||^2).": {
            RESULT: f"{VARIANCE} * (weighted - {OWN} + {OWN.replace(' ** 2', '')})"
        },
        "The interference includes j = i. Sum over the other features.": {
            RESULT: f"{VARIANCE} * (weighted + (importance * W.square().sum(1) ** 2).sum(1))"
        },
        "The interference is not squared (absolute values).": {
            WEIGHTED: "(importance * ((W.mT @ W).abs().sum(2) - W.square().sum(1))).sum(1) + " + OWN
        },
        "W^T W is squared before it is subtracted from 1. Square the difference.": {
            "error.square()": "(torch.eye(W.shape[-1]).to(W) - (W.mT @ W).square())"
        },
        "The loss is divided by the squared number of features. Sum over both axes.": {
            RESULT: RESULT + " / W.shape[-1] ** 2"
        },
        "The error is 1 + W^T W here. It is 1 - W^T W.": {
            "error.square()": "(torch.eye(W.shape[-1]).to(W) + W.mT @ W).square()"
        },
        "Absolute errors are summed. Sum SQUARES.": {"error.square()": "error.abs()"},
        "The error is 1 - W W^T, [d_hidden, d_hidden]. It is 1 - W^T W.": [
            "error = torch.eye(W.shape[1]).to(W) - W @ W.mT\n"
            f"return {VARIANCE} * error.square().sum((1, 2))",
            "error = torch.eye(W.shape[1]).to(W) - W @ W.mT\n"
            f"return {VARIANCE} * (error.square().sum(2) @ importance.mT).diagonal(dim1=-2, dim2=-1)",
        ],
        "Every instance has the first one's importance.": {
            "importance,": "importance[:1].expand_as(importance),"
        },
        "Every instance has the mean importance of all.": {
            "importance,": "importance.mean(0).expand_as(importance),"
        },
        "Every feature has the mean importance. Each has its own.": {
            "importance,": "importance.mean(-1, keepdim=True).expand_as(importance),"
        },
        "The factor of the interference is p^2. It is the variance, as for the other terms.": {
            RESULT: f"{VARIANCE} * {OWN} + probability**2 * (weighted - {OWN})"
        },
        "The factor of the interference is p^2 / 4, E[x]^2. It is the variance in all terms.": [
            {RESULT: f"probability / 3 * {OWN} + probability**2 / 4 * (weighted - {OWN})"},
            {RESULT: f"{VARIANCE} * {OWN} + probability**2 / 4 * (weighted - {OWN})"},
        ],
        "The loss of ignored features is added. It is part of the reconstruction terms.": {
            RESULT: f"{VARIANCE} * (weighted + importance.sum(1))"
        },
        "The square is of the sum over features. Sum the squares.": {
            WEIGHTED: "(error.sum(2).square() * importance).sum(1)"
        },
        "The directions are normalised. Use W as it is.": {
            "error = torch": "W = W / W.norm(dim=1, keepdim=True)\nerror = torch"
        },
        "Negative overlaps are left out. There is no ReLU in this model.": {
            "error.square()": "error.minimum(error.mul(torch.eye(W.shape[-1]).to(W))).square()"
        },
        "The importances are scaled to sum to 1. Use them as they are.": {
            RESULT: f"{RESULT} / importance.sum(1)"
        },
        "The root of the loss is returned.": {RESULT: f"({RESULT}).sqrt()"},
        "The loss is halved.": {RESULT: f"{RESULT} / 2"},
        "The interference is counted twice.": {RESULT: f"{VARIANCE} * (2 * weighted - {OWN})"},
    },
)
GUESS = "strength * overlap + b[:, None, :]"
ONE_SPARSE_LOSS = mistakes(
    "1.11",
    "one_sparse_loss",
    {
        "The interference is not squared.": {
            "(wanted - guess).square()": "torch.where(wanted > 0, (wanted - guess) ** 2, guess)"
        },
        "The ReLU is applied to the error. Apply it to the output.": {
            f"({GUESS}).relu()": f"({GUESS})",
            "(wanted - guess)": "(wanted - guess).relu()",
        },
        "The overlaps have a ReLU before the bias as well. Apply one to the sum.": {
            GUESS: "strength * overlap.relu() + b[:, None, :]"
        },
        "This is the largest loss over the feature that is on. Sum.": (
            "wanted = strength * torch.eye(W.shape[-1]).to(W)\n"
            "guess = (strength * (W.mT @ W) + b[:, None]).relu()\n"
            "return ((wanted - guess).square() * importance[:, None]).sum(2).amax(1)"
        ),
        "Only feature 0 is on. Sum over the feature that is on.": (
            "wanted = strength * torch.eye(W.shape[-1]).to(W)\n"
            "guess = (strength * (W.mT @ W) + b[:, None]).relu()\n"
            "return ((wanted - guess).square() * importance[:, None]).sum(2)[:, 0]"
        ),
        "This is a mean over both features. Sum over them.": {
            'inst out -> inst")': 'inst out -> inst") / W.shape[-1] ** 2'
        },
        "The bias is averaged over features. Each has its own.": {
            GUESS: "strength * overlap + b.mean(-1)[:, None, None]"
        },
        "The strength of the overlaps is squared.": {
            GUESS: "strength**2 * overlap + b[:, None, :]"
        },
        "The output is multiplied by the strength once more.": {
            f"({GUESS}).relu()": f"strength * ({GUESS}).relu()"
        },
        "The errors are not squared (absolute values).": {
            "(wanted - guess).square()": "(wanted - guess).abs()"
        },
        "The errors are not squared, so that they cancel.": {
            "(wanted - guess).square()": "(wanted - guess)"
        },
        "All features are on at once. Sum over inputs with a single feature on.": [
            "x = torch.full_like(W[0, 0], strength)\n"
            "guess = ((W.mT @ W) @ x + b).relu()\n"
            "return ((x - guess).square() * importance).sum(-1)"
        ],
        "The directions are normalised. Use W as it is.": {
            "overlap = einsum": "W = W / W.norm(dim=1, keepdim=True)\noverlap = einsum"
        },
        "The bias is subtracted. Add it.": {GUESS: "strength * overlap - b[:, None, :]"},
        "This is strength 1, divided by 3: a mean over strengths. Use `strength`.": {
            "overlap = einsum": "strength = 1.0\noverlap = einsum",
            'inst out -> inst")': 'inst out -> inst") / 3',
        },
        "Only the feature that is on has a bias here. Every output has one.": {
            GUESS: "strength * overlap + b[:, None, :] * torch.eye(W.shape[-1]).to(W)"
        },
        "The feature that is on has no bias here. Every output has one.": {
            GUESS: "strength * overlap + b[:, None, :] * (1 - torch.eye(W.shape[-1]).to(W))"
        },
        "Importance is squared. Multiply the squared error by it once.": {
            "importance,": "importance.square(),"
        },
        "Every instance has the first one's importance.": {
            "importance,": "importance[:1].expand_as(importance),"
        },
        "Positive interference is left out, not negative. The ReLU removes negative numbers.": {
            f"({GUESS}).relu()": f"({GUESS}).clamp(max=0)"
        },
        "The output is an absolute value. A ReLU replaces negative numbers by 0.": {
            ".relu()": ".abs()"
        },
        "The hidden vector has a ReLU as well. Only the output has one.": (
            "hidden = (strength * W).relu()\n"
            "guess = (hidden.mT @ W + b[:, None]).relu()\n"
            "wanted = strength * torch.eye(W.shape[-1]).to(W)\n"
            "return (importance[:, None] * (wanted - guess).square()).sum((1, 2))"
        ),
        "The loss is divided by the squared strength.": {
            'inst out -> inst")': 'inst out -> inst") / strength**2'
        },
        "The importances are scaled to sum to 1. Use them as they are.": {
            'inst out -> inst")': 'inst out -> inst") / importance.sum(1)'
        },
    },
)
STRENGTHS = "torch.cat([on.new_zeros(1), on])"
SHARED = "probability[..., None] * weights"
GRID = "torch.cartesian_prod(*[each] * n_features).view(-1, n_features)"
RETURN = 'einsum(errors, importance, chance, "inst point out, inst out, inst point -> inst")'
EXPECTED_LOSS = mistakes(
    "1.12",
    "expected_loss",
    {
        "Strength 0 is last, and its probability first. Use one order in both lists.": {
            STRENGTHS: "torch.cat([on, on.new_zeros(1)])"
        },
        "The hidden overlaps have a ReLU. Only the output has one.": {
            "overlap, x,": "overlap.relu(), x,"
        },
        "Features that are off count with probability 1. Their factor is 1 - p.": [
            {"1 - probability[..., None]": "torch.ones_like(probability)[..., None]"},
            {".prod(dim=-1)": ".where(chosen > 0, 1.0).prod(dim=-1)"},
        ],
        "A combination has the probability of one feature's strength. Multiply over features.": [
            {".prod(dim=-1)": "[..., -1]"},
            {".prod(dim=-1)": "[..., 0]"},
        ],
        "This is the mean over the instances. Each has its own loss.": {
            RETURN: f"{RETURN}.mean().expand(len(W))"
        },
        "The importances are scaled to sum to 1. Use them as they are.": {
            RETURN: f"{RETURN} / importance.sum(-1)"
        },
        "The loss is divided by the number of nodes. Their weights sum to 1.": {
            RETURN: RETURN + " / nodes"
        },
        "The strengths are square roots of the nodes. Use the nodes themselves.": {
            "strengths[chosen]": "strengths[chosen].sqrt()"
        },
        "The strengths are squares of the nodes. Use the nodes themselves.": {
            "strengths[chosen]": "strengths[chosen].square()"
        },
        "The bias is averaged over features. Each has its own.": {
            "b[:, None, :]": "b[:, None, :].mean(dim=-1, keepdim=True)"
        },
        "Every instance uses the first one's bias.": {"b[:, None, :]": "b[:1, None, :]"},
        "The bias is subtracted. Add it.": {"+ b[:, None, :]": "- b[:, None, :]"},
        "The errors are not squared (absolute values).": {
            "(x - guess.relu()).square()": "(x - guess.relu()).abs()"
        },
        "Importance is squared. Multiply the squared error by it once.": {
            "errors, importance,": "errors, importance.square(),"
        },
        "Every feature has the mean importance. Each has its own.": {
            "errors, importance,": (
                "errors, importance.mean(dim=-1, keepdim=True).expand_as(importance),"
            )
        },
        "Every instance has the first one's importance.": {
            "errors, importance,": "errors, importance[:1].expand_as(importance),"
        },
        "The probabilities of the combinations go through a softmax. They sum to 1 already.": {
            "overlap = einsum": "chance = chance.softmax(dim=-1)\noverlap = einsum"
        },
        "There is one node too few. There are `nodes` nodes, and strength 0.": [
            {"quadrature_nodes(nodes)": "quadrature_nodes(nodes - 1)", "nodes + 1,": "nodes,"},
            {"torch.arange(nodes + 1": "torch.arange(nodes"},
        ],
        "There is one node too many. There are `nodes` nodes, and strength 0.": {
            "quadrature_nodes(nodes)": "quadrature_nodes(nodes + 1)",
            "nodes + 1,": "nodes + 2,",
        },
        "Combinations are listed in ascending order only. List every order.": [
            {GRID: "torch.combinations(each, n_features, True).view(-1, n_features)"},
            {GRID: "torch.combinations(each, n_features).view(-1, n_features)"},
        ],
        "p is missing in the probability of a node, p times its weight.": {
            SHARED: "weights.expand(*probability.shape, -1)"
        },
        "The weight of a node is its probability's factor twice.": {SHARED: f"{SHARED} * weights"},
        "Only features that are on have an error here. An output for a feature that is off is one "
        "too.": {RETURN: RETURN.replace("errors,", "errors * (x > 0),")},
        "Only features that are off have an error here. Those that are on have one too.": {
            RETURN: RETURN.replace("errors,", "errors * (x == 0),")
        },
        "The input without any feature is left out. It has an error too.": {
            RETURN: RETURN.replace("chance,", "chance * (x > 0).any(dim=-1),")
        },
        "The target of a feature that is on is 1. It is its strength.": {
            "errors = (x -": "errors = ((x > 0).to(x) -"
        },
        "All features have the mean probability. Each has its own.": {
            "chances = torch": "probability = probability.mean(-1, keepdim=True).expand_as(probability)"
            "\nchances = torch"
        },
        "The errors are summed before the square. Sum squares.": {
            RETURN: '(einsum(x - guess.relu(), importance, "i p o, i o -> i p").square() * chance)'
            ".sum(-1)"
        },
        "The mean output is compared with the mean input. Weight the squared errors.": {
            RETURN: '(einsum(x - guess.relu(), chance, "i p o, i p -> i o").square() * importance)'
            ".sum(-1)"
        },
    },
)
