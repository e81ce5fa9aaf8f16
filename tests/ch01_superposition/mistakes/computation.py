"""Mistakes in computation.py (1.13, 1.14), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers


def ratio(above="(W**2).sum(-1) ** 2", below="(W**4).sum(-1)"):
    """A quotient that is 0 where the denominator is."""
    return f"above, below = {above}, {below}\nreturn torch.where(below > 0, above / below, 0.0)"


FEATURES_PER_NEURON = mistakes(
    "1.13",
    "features_per_neuron",
    {
        "There are absolute values instead of squares: (sum w^2)^2 / sum w^4.": [
            ratio("W.abs().sum(-1) ** 2", "(W**2).sum(-1)"),
            "return W.abs().sum(-1) ** 2 / (W**2).sum(-1)",
        ],
        "The sum of squares is not squared: (sum w^2)^2.": [
            ratio("(W**2).sum(-1)"),
            "return (W**2).sum(-1) / (W**4).sum(-1)",
            "return ((W**2).sum(-1) / (W**4).sum(-1)).nan_to_num()",
        ],
        "The denominator is clamped. That changes the result of small weights: use torch.where.": [
            "return (W**2).sum(-1) ** 2 / (W**4).sum(-1).clamp(min=1e-8)",
            "return (W**2).sum(-1) ** 2 / (W**4).sum(-1).clamp(min=1e-12)",
        ],
        "Weights are summed with their signs. Square each.": ratio(
            "W.sum(-1) ** 2", "(W**2).sum(-1)"
        ),
        "This compares with the largest weight: sum w^2 / max w^2.": ratio(
            "(W**2).sum(-1)", "(W**2).amax(-1)"
        ),
        "This is the inverse. (sum w^2)^2 is the numerator.": ratio(
            "(W**4).sum(-1)", "(W**2).sum(-1) ** 2"
        ),
        "This is divided by n_features. The unit is features.": ratio(
            "(W**2).mean(-1) ** 2", "(W**4).mean(-1)"
        ),
        "This is multiplied by n_features. The formula has sums, not means.": ratio(
            below="(W**4).mean(-1)"
        ),
        "This counts weights that are not zero, however small.": "return (W != 0).sum(-1).to(W)",
        "This counts weights above a threshold: (sum w^2)^2 / sum w^4.": [
            "return (W.abs() > 0.5 * W.abs().amax(-1, keepdim=True)).sum(-1).to(W)",
            "return (W.abs() > 0.1).sum(-1).to(W)",
            "return (W.abs() > 0.5).sum(-1).to(W)",
        ],
        "Each square is squared before the sum, which leaves 1.": [
            ratio("(W**2).square().sum(-1)"),
            ratio("(W**4).sum(-1)"),
        ],
        "The denominator is the fourth power of a sum. Sum fourth powers.": [
            ratio(below="W.sum(-1) ** 4"),
            ratio(below="W.abs().sum(-1) ** 4"),
        ],
        "A neuron without weights gets 1. It has 0 features.": {"/ fourth, 0.0": "/ fourth, 1.0"},
        "A neuron without weights is infinite here. It has 0 features.": (
            "shares = torch.nn.functional.normalize(W, dim=-1).square()\n"
            "return 1 / shares.square().sum(-1)"
        ),
        "Small weights count as zero. Scale does not matter: test whether the sum is above 0.": [
            {"fourth > 0": "fourth > 1e-6"},
            {"fourth > 0": "fourth > 1e-8"},
            {"fourth > 0": "fourth > 1e-12"},
        ],
        "W is normalised over the neurons first. Use the weights as they are.": (
            "W = torch.nn.functional.normalize(W, dim=1)\n" + ratio()
        ),
        "This is one number for all neurons of an instance. Each has its own.": (
            "squares = W.square()\nwhole = squares.sum((1, 2)) ** 2 / squares.square().sum((1, 2))\n"
            "return whole.nan_to_num()[:, None].expand(-1, W.shape[1])"
        ),
        "This is 1 - sum w^4 / (sum w^2)^2, another measure.": """
            whole = W.square().sum(-1).square()
            return torch.where(whole > 0, 1 - W.pow(4).sum(-1) / whole, 0.0)
            """,
        "The powers are 1 and 3. They are 2 and 4.": ratio(
            "W.abs().sum(-1) ** 3", "(W.abs() ** 3).sum(-1)"
        ),
        "This compares with the largest weight: sum |w| / max |w|.": ratio(
            "W.abs().sum(-1)", "W.abs().amax(-1)"
        ),
        "The shares are a softmax. They are w^2 / sum w^2.": (
            "return 1 / W.softmax(-1).square().sum(-1)"
        ),
        "Every instance has the first one's neurons.": "W = W[:1].expand_as(W)\n" + ratio(),
        "1 is subtracted. A single weight counts as 1 feature.": {
            "/ fourth, 0.0": "/ fourth - 1, 0.0"
        },
        "The number is rounded. It is a fraction.": {
            "squares.sum(dim=-1).square() / fourth": "(squares.sum(dim=-1).square() / fourth).round()"
        },
        "The mean weight is subtracted first. Use the weights as they are.": (
            "W = W - W.mean(-1, keepdim=True)\n" + ratio()
        ),
        "A square root is missing or extra: (sum w^2)^2 / sum w^4.": ratio(
            "(W**2).sum(-1)", "(W**4).sum(-1).sqrt()"
        ),
        "This is the exponential of an entropy, another measure.": """
            share = W**2 / (W**2).sum(-1, keepdim=True)
            return torch.exp(torch.special.entr(share).sum(-1)).nan_to_num()
            """,
        "This is the mean over the instances. Each has its own neurons.": """
            each = (W**2).sum(-1) ** 2 / (W**4).sum(-1).clamp(min=1e-30)
            return each.mean(0).expand_as(each)
            """,
        "Only positive weights are counted. Squares count both signs.": "W = W.relu()\n" + ratio(),
        "Something is added to the denominator. That changes all results: use torch.where.": (
            "return (W**2).sum(-1) ** 2 / ((W**4).sum(-1) + 1e-8)"
        ),
    },
    unnamed={
        "1.4706": "return (W.abs() > 0.1 * W.abs().amax(-1, keepdim=True)).sum(-1).to(W)",
        "A neuron whose weights are all zero": "return (W**2).sum(-1) ** 2 / (W**4).sum(-1)",
        "wrong shape or type": "squares = (W**2).sum(1)\nreturn squares**2 / (W**4).sum(1)",
        "The sum runs over the neurons": "axis = 1 if W.shape[1] == W.shape[2] else -1\n"
        + ratio("(W**2).sum(axis) ** 2", "(W**4).sum(axis)"),
    },
)
HIDDEN, BIAS = "(x @ self.W_in.mT)", "self.b[:, None]"
NEURONS = mistakes(
    "1.14",
    "AbsoluteToy.neurons",
    {
        "The ReLU of the hidden layer is missing.": f"return {HIDDEN}",
        "This is an absolute value. The hidden layer has a ReLU.": f"return {HIDDEN}.abs()",
        "W_out reads the features here. Use W_in.": "return (x @ self.W_out).relu()",
        "The hidden layer has no bias. b belongs to the output.": (
            f"h = {HIDDEN}\nreturn (h + {BIAS} if h.shape == x.shape else h).relu()"
        ),
        "The ReLU is applied to x. Apply it to W_in x.": "return (x.relu() @ self.W_in.mT).relu()",
    },
    unnamed={"The hidden neurons are": "return (x @ self.W_in).relu()"},
)


def output(hidden="self.neurons(x)", end=".relu()", before=""):
    """The output layer on other hidden activations, or with another end."""
    return f"{before}h = {hidden}\nreturn (h @ self.W_out.mT + {BIAS}){end}"


FORWARD = mistakes(
    "1.14",
    "AbsoluteToy.forward",
    {
        "The weights are tied. The output layer is W_out, not W_in transposed.": (
            f"return (self.neurons(x) @ self.W_in + {BIAS}).relu()"
        ),
        "The ReLU of the hidden layer is missing in `forward`.": output(HIDDEN),
        "The ReLU of the output is missing.": output(end=""),
        "The bias of the output is missing.": "return (self.neurons(x) @ self.W_out.mT).relu()",
        "The ReLU comes before the bias.": (
            f"return (self.neurons(x) @ self.W_out.mT).relu() + {BIAS}"
        ),
        "The bias is added to the hidden layer, not to the output.": f"""
            h = {HIDDEN}
            fits = h.shape == x.shape
            h = (h + {BIAS} if fits else h).relu()
            return (h @ self.W_out.mT + (0 if fits else {BIAS})).relu()
            """,
        "The bias is added to the hidden layer too.": output(
            f"(g + {BIAS} if g.shape == x.shape else g).relu()", before=f"g = {HIDDEN}\n"
        ),
        "This is |x|, the target. The model has to estimate it.": "return x.abs()",
        "x is added. There is no residual connection.": output(end=".relu() + x"),
        "The output is clamped at 1. A ReLU has no upper bound.": output(end=".clamp(0, 1)"),
    },
    unnamed={
        "that of W_in, x is wrong or missing": """
            with torch.no_grad():
                h = self.neurons(x)
            return (h @ self.W_out.mT + self.b[:, None]).relu()
            """,
    },
)
RIGHT_1_13 = right_answers(
    "1.13",
    "features_per_neuron",
    {
        "shares": """
            squares = W.square()
            total = squares.sum(-1, keepdim=True)
            shares = torch.where(total > 0, squares / total, 0.0)
            inverse = shares.square().sum(-1)
            return torch.where(inverse > 0, 1 / inverse, 0.0)
            """,
        "norms, nan to zero": "return ((W.norm(dim=2) / W.norm(p=4, dim=2)) ** 4).nan_to_num(0.0)",
    },
)
RIGHT_1_14 = right_answers(
    "1.14",
    "AbsoluteToy.neurons",
    {
        "matmul": {
            "AbsoluteToy.neurons": f"return {HIDDEN}.relu()",
            "AbsoluteToy.forward": output(),
        },
        "batched product with the bias in it": {
            "AbsoluteToy.neurons": "return torch.relu(torch.bmm(x, self.W_in.transpose(1, 2)))",
            "AbsoluteToy.forward": """
            h = (self.W_in @ x.mT).clamp(min=0)
            return torch.baddbmm(self.b[:, None], h.mT, self.W_out.mT).clamp(min=0)
            """,
        },
        "a loop over instances": {
            "AbsoluteToy.neurons": "pairs = zip(x, self.W_in)\n"
            "return torch.stack([(one @ w.T).relu() for one, w in pairs])",
            "AbsoluteToy.forward": """
            parts = zip(self.neurons(x), self.W_out, self.b)
            return torch.stack([(h @ w.T + b).relu() for h, w, b in parts])
            """,
        },
    },
)
