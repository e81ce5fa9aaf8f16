"""Answers to 1.12."""

from tests.grading.variants import Right, Wrong

START = (
    "t, w = (values.to(W) for values in quadrature_nodes(nodes))\nn = W.shape[-1]\n"
    "p = probability[..., None]\n"
)
CASES = (
    "values = torch.cat([torch.zeros(1).to(W), t])\nchances = torch.cat([1 - p, p * w], dim=-1)\n"
)
GRID = "each = torch.arange(len(values))\nchosen = torch.cartesian_prod(*[each] * n).view(-1, n)\n"
CHANCE = "x, chance = values[chosen], chances[:, torch.arange(n), chosen].prod(-1)\n"
PASS = "x_hat = (x @ W.mT @ W + b[:, None]).relu()\nerror = (x_hat - x).square()\n"
END = "return ((error * importance[:, None]).sum(-1) * chance).sum(-1)"
WHOLE = START + CASES + GRID + CHANCE + PASS + END


def wrong(name, says, *changes):
    """The reference in other words, with some of them changed."""
    answer = WHOLE
    for old, new in changes:
        assert answer.count(old) == 1, (name, old)
        answer = answer.replace(old, new)
    return Wrong("1.12", name, body={"expected_loss": answer}, says=says)


def right(name, answer):
    return Right("1.12", name, body={"expected_loss": answer})


WRONG = [
    wrong(
        "density and sparsity",
        "Density and sparsity are exchanged",
        ("p = probability[..., None]", "p = 1 - probability[..., None]"),
    ),
    wrong(
        "weights forgotten",
        "The nodes' weights are forgotten",
        ("p * w", "p.expand(-1, -1, nodes) / nodes"),
    ),
    wrong("p at every node", "Every node has probability p", ("p * w", "p.expand(-1, -1, nodes)")),
    wrong("nodes on [-1, 1]", "The nodes lie on [-1, 1]", (", t])", ", 2 * t - 1])")),
    wrong("weights sum to 2", "which sum to 2", ("p * w", "2 * p * w")),
    wrong(
        "numpy's own nodes",
        "Nodes and weights are those of [-1, 1]",
        ("in quadrature_nodes(nodes))", "in map(torch.from_numpy, leggauss(nodes)))"),
    ),
    wrong(
        "never off",
        "Features are never off",
        ("torch.cat([torch.zeros(1).to(W), t])", "t"),
        ("torch.cat([1 - p, p * w], dim=-1)", "p * w"),
    ),
    wrong(
        "always on",
        "Features are always on",
        ("torch.cat([torch.zeros(1).to(W), t])", "t"),
        ("torch.cat([1 - p, p * w], dim=-1)", "w.expand(len(W), n, -1)"),
    ),
    wrong("mean strength", "its mean strength, 1/2", (", t])", ", t * 0 + 0.5])")),
    wrong(
        "diagonal",
        "All features are in the same case",
        ("torch.cartesian_prod(*[each] * n).view(-1, n)", "each[:, None].expand(-1, n)"),
    ),
    wrong(
        "sum of chances", "probabilities of a combination are added up", (".prod(-1)", ".sum(-1)")
    ),
    wrong(
        "mean of chances", "mean of the probabilities of a combination", (".prod(-1)", ".mean(-1)")
    ),
    wrong("plain mean", "a plain mean over the combinations", (" * chance).sum(-1)", ").mean(-1)")),
    wrong(
        "weighed mean",
        "divided by the number of combinations",
        (" * chance).sum(-1)", " * chance).mean(-1)"),
    ),
    wrong("no bias", "The bias is ignored", (" + b[:, None]", "")),
    wrong("no ReLU", "The ReLU is missing", (".relu()", "")),
    wrong(
        "ReLU before the bias",
        "The ReLU comes before the bias",
        ("(x @ W.mT @ W + b[:, None]).relu()", "(x @ W.mT @ W).relu() + b[:, None]"),
    ),
    wrong("no importance", "Importance is not applied", (" * importance[:, None]", "")),
    wrong(
        "first probability",
        "The first feature's probability serves for all",
        ("p = probability[..., None]", "p = probability[:, :1, None].expand(-1, n, -1)"),
    ),
    wrong(
        "mean over features",
        "a mean over the features",
        ("importance[:, None]).sum", "importance[:, None]).mean"),
    ),
    wrong("no view", "one axis only", (".view(-1, n)", "")),
    wrong(
        "float64 nodes",
        "quadrature_nodes` gives float64",
        ("(values.to(W) for values in quadrature_nodes(nodes))", "quadrature_nodes(nodes)"),
    ),
    wrong("no graph", "is wrong or missing", ("x_hat = (x @", "W = W.detach()\nx_hat = (x @")),
    wrong(
        "edits the bias",
        "edited in place",
        ("x_hat = (", "b -= 1\nb += 1 + 1e-9\nx_hat = ("),
    ),
    wrong(
        "features in another order",
        "belong to other features",
        ("values[chosen],", "values[chosen.flip(-1)],"),
    ),
    wrong(
        "one at a time",
        "Inputs with several features on are left out",
        ("x_hat = (x @", "chance = chance * ((x > 0).sum(-1) < 2)\nx_hat = (x @"),
    ),
    wrong(
        "first instance's chances", "the first one's probability", (" * chance)", " * chance[0])")
    ),
    wrong(
        "even nodes",
        "Nodes lie evenly",
        (", t])", ", (torch.arange(nodes).to(W) + 0.5) / nodes])"),
        ("p * w", "p.expand(-1, -1, nodes) / nodes"),
    ),
    Wrong(
        "1.12",
        "same node",
        body={
            "expected_loss": START + "total = 0\nfor node, share in zip(t, w):\n"
            "    values = torch.stack([torch.zeros(()).to(W), node])\n"
            "    chances = torch.cat([1 - p, p], dim=-1)\n"
            + "".join(f"    {line}\n" for line in (GRID + CHANCE + PASS).splitlines())
            + "    part = ((error * importance[:, None]).sum(-1) * chance).sum(-1)\n"
            "    total = total + share * part\nreturn total"
        },
        says="All features share one node",
    ),
]

RIGHT = [
    right("a forward pass on the combinations", WHOLE),
    right(
        "meshgrid, and probabilities of one feature after the other",
        START + CASES + "axes = torch.meshgrid(*[values] * n, indexing='ij')\n"
        "x = torch.stack([axis.reshape(-1) for axis in axes], dim=-1)\n"
        "chance = chances[:, 0]\nfor i in range(1, n):\n"
        "    chance = (chance[:, :, None] * chances[:, i, None]).flatten(1)\n" + PASS + END,
    ),
    right(
        "a loop over the combinations",
        START + CASES + "from itertools import product\ntotal = 0\n"
        "for chosen in product(range(nodes + 1), repeat=n):\n"
        "    x = values[list(chosen)]\n"
        "    guess = (einsum(W, W, x, 'i m out, i m f, f -> i out') + b).relu()\n"
        "    share = torch.stack([chances[:, i, c] for i, c in enumerate(chosen)]).prod(0)\n"
        "    total = total + share * (importance * (guess - x) ** 2).sum(-1)\n"
        "return total",
    ),
]
