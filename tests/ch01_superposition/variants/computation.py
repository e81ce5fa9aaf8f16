"""Answers to 1.13 and 1.14."""

from tests.grading.variants import Right, Wrong

RATIO, HIDDEN, OUTPUT = "features_per_neuron", "AbsoluteToy.neurons", "AbsoluteToy.forward"
NUMBERS = {RATIO: "1.13", HIDDEN: "1.14", OUTPUT: "1.14"}


def wrong(function, name, answer, says):
    return Wrong(NUMBERS[function], name, body={function: answer}, says=says)


def ratio(above, below):
    """A ratio with zeros for neurons without weights."""
    return f"above, below = {above}, {below}\nreturn torch.where(below > 0, above / below, 0.0)"


LISTEN = "return (x @ self.W_in.mT).relu()"
SPEAK = "h = self.neurons(x)\nreturn (h @ self.W_out.mT + self.b[:, None]).relu()"

WRONG = [
    wrong(
        RATIO,
        "sizes",
        ratio("W.abs().sum(-1) ** 2", "(W**2).sum(-1)"),
        "Sizes stand where squares do",
    ),
    wrong(
        RATIO,
        "unsquared",
        ratio("(W**2).sum(-1)", "(W**4).sum(-1)"),
        "The sum of squares is not squared",
    ),
    wrong(
        RATIO,
        "squared weights",
        ratio("W.sum(-1) ** 2", "(W**2).sum(-1)"),
        "Weights are summed with their signs",
    ),
    wrong(
        RATIO,
        "largest",
        ratio("(W**2).sum(-1)", "(W**2).amax(-1)"),
        "That compares with the largest weight",
    ),
    wrong(RATIO, "upside down", ratio("(W**4).sum(-1)", "(W**2).sum(-1) ** 2"), "Upside down"),
    wrong(
        RATIO,
        "fraction",
        ratio("(W**2).mean(-1) ** 2", "(W**4).mean(-1)"),
        "It is divided by n_features",
    ),
    wrong(
        RATIO,
        "mean above",
        ratio("(W**2).sum(-1) ** 2", "(W**4).mean(-1)"),
        "It is multiplied by n_features",
    ),
    wrong(RATIO, "count", "return (W != 0).sum(-1).to(W)", "Weights that are not zero are counted"),
    wrong(
        RATIO,
        "count above a threshold",
        "return (W.abs() > 0.1 * W.abs().amax(-1, keepdim=True)).sum(-1).to(W)",
        "1.4706",
    ),
    wrong(RATIO, "root", ratio("(W**2).sum(-1)", "(W**4).sum(-1).sqrt()"), "The root is missing"),
    wrong(RATIO, "nan", "return (W**2).sum(-1) ** 2 / (W**4).sum(-1)", "A neuron without weights"),
    wrong(
        RATIO,
        "over the neurons",
        "squares = (W**2).sum(1)\nreturn squares**2 / (W**4).sum(1)",
        "wrong shape or type",
    ),
    wrong(
        RATIO,
        "over the neurons where that fits",
        "axis = 1 if W.shape[1] == W.shape[2] else -1\n"
        + ratio("(W**2).sum(axis) ** 2", "(W**4).sum(axis)"),
        "The sum runs over the neurons",
    ),
    wrong(
        RATIO,
        "epsilon",
        "return (W**2).sum(-1) ** 2 / ((W**4).sum(-1) + 1e-8)",
        "serves as many features as before",
    ),
    wrong(
        RATIO,
        "entropy",
        "share = W**2 / (W**2).sum(-1, keepdim=True)\n"
        "return torch.exp(torch.special.entr(share).sum(-1)).nan_to_num()",
        "exponential of an entropy",
    ),
    wrong(
        RATIO,
        "mean over instances",
        "each = (W**2).sum(-1) ** 2 / (W**4).sum(-1).clamp(min=1e-30)\n"
        "return each.mean(0).expand_as(each)",
        "The instances are averaged",
    ),
    wrong(HIDDEN, "no ReLU", "return x @ self.W_in.mT", "The ReLU of the hidden layer is missing"),
    wrong(HIDDEN, "abs", "return (x @ self.W_in.mT).abs()", "The absolute value is taken"),
    wrong(HIDDEN, "tied", "return (x @ self.W_out).relu()", "W_out reads the features here"),
    wrong(
        HIDDEN,
        "bias",
        "h = x @ self.W_in.mT\nreturn (h + self.b[:, None] if h.shape == x.shape else h).relu()",
        "The hidden layer has no bias",
    ),
    wrong(HIDDEN, "transposed", "return (x @ self.W_in).relu()", "The hidden neurons are"),
    wrong(
        OUTPUT,
        "tied",
        SPEAK.replace("self.W_out.mT", "self.W_in"),
        "W_out reads out, not W_in transposed",
    ),
    wrong(
        OUTPUT,
        "no hidden ReLU",
        SPEAK.replace("self.neurons(x)", "x @ self.W_in.mT"),
        "The ReLU of the hidden layer is missing",
    ),
    wrong(
        OUTPUT, "no output ReLU", SPEAK.replace(".relu()", ""), "The ReLU of the output is missing"
    ),
    wrong(
        OUTPUT,
        "no bias",
        SPEAK.replace(" + self.b[:, None]", ""),
        "The bias of the output is missing",
    ),
    wrong(
        OUTPUT,
        "ReLU before the bias",
        "return (self.neurons(x) @ self.W_out.mT).relu() + self.b[:, None]",
        "The ReLU comes before the bias",
    ),
    wrong(
        OUTPUT,
        "bias on the hidden",
        "h = x @ self.W_in.mT\nfits = h.shape == x.shape\n"
        "h = (h + self.b[:, None] if fits else h).relu()\n"
        "return (h @ self.W_out.mT + (0 if fits else self.b[:, None])).relu()",
        "to the hidden layer, not to the output",
    ),
    wrong(
        OUTPUT,
        "bias twice",
        "h = x @ self.W_in.mT\nh = (h + self.b[:, None] if h.shape == x.shape else h).relu()\n"
        "return (h @ self.W_out.mT + self.b[:, None]).relu()",
        "The bias is added to the hidden layer too",
    ),
    wrong(OUTPUT, "target", "return x.abs()", "That is |x|, the target"),
    wrong(
        OUTPUT,
        "no graph",
        "with torch.no_grad():\n    h = self.neurons(x)\n"
        "return (h @ self.W_out.mT + self.b[:, None]).relu()",
        "that of W_in, x is wrong or missing",
    ),
]

RIGHT = [
    Right(
        "1.13",
        "shares",
        body={
            RATIO: "squares = W.square()\ntotal = squares.sum(-1, keepdim=True)\n"
            "shares = torch.where(total > 0, squares / total, 0.0)\n"
            "inverse = shares.square().sum(-1)\n"
            "return torch.where(inverse > 0, 1 / inverse, 0.0)"
        },
    ),
    Right(
        "1.13",
        "norms, nan to zero",
        body={RATIO: "return ((W.norm(dim=2) / W.norm(p=4, dim=2)) ** 4).nan_to_num(0.0)"},
    ),
    Right("1.14", "matmul", body={HIDDEN: LISTEN, OUTPUT: SPEAK}),
    Right(
        "1.14",
        "batched product with the bias in it",
        body={
            HIDDEN: "return torch.relu(torch.bmm(x, self.W_in.transpose(1, 2)))",
            OUTPUT: "h = (self.W_in @ x.mT).clamp(min=0)\n"
            "return torch.baddbmm(self.b[:, None], h.mT, self.W_out.mT).clamp(min=0)",
        },
    ),
    Right(
        "1.14",
        "a loop over instances",
        body={
            HIDDEN: "return torch.stack([(one @ w.T).relu() for one, w in zip(x, self.W_in)])",
            OUTPUT: "parts = zip(self.neurons(x), self.W_out, self.b)\n"
            "return torch.stack([(h @ w.T + b).relu() for h, w, b in parts])",
        },
    ),
]
