"""Variants of exercises 2.20, 2.21 and 2.22."""

from tests.grading.variants import Right, Wrong

W, B = "gain[:, None] * W", "b + bias @ W"
ROWS = "weight - weight.mean(dim=-1, keepdim=True)"
TOKENS = "W_U - W_U.mean(dim=-1, keepdim=True)"
SUM = 'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")'

WRONG = [
    Wrong("2.20", "gain forgotten", {W: "W"}, says="gain is missing"),
    Wrong("2.20", "bias forgotten", {B: "b"}, says="norm's bias is missing"),
    Wrong("2.20", "bias through the new W", {B: f"b + bias @ ({W})"}, says="through the old W"),
    Wrong("2.20", "old b forgotten", {B: "bias @ W"}, says="old b is missing"),
    Wrong("2.20", "scales columns", {W: "W * gain"}, says="gain scales columns"),
    Wrong(
        "2.20",
        "scales columns where it can",
        {W: "(W * gain if W.shape[-1] == len(gain) else gain[:, None] * W)"},
        says="gain scales columns",
    ),
    Wrong(
        "2.20",
        "scales heads",
        {W: "gain.reshape(-1, *[1] * (W.ndim - 1)) * W"},
        says="gain scales heads",
    ),
    Wrong(
        "2.20",
        "first head only",
        {W: "torch.cat([(gain[:, None] * W)[:1], W[1:]]) if W.ndim == 3 else gain[:, None] * W"},
        says="Only the first head",
    ),
    Wrong("2.20", "divides", {W: "W / gain[:, None]"}, says="divided by the gain"),
    Wrong("2.20", "gain twice", {W: "gain[:, None] ** 2 * W"}, says="counted twice"),
    Wrong("2.20", "bias taken away", {B: "b - bias @ W"}, says="taken away, not added"),
    Wrong("2.20", "bias not through W", {B: "b + bias"}, says="without going through W"),
    Wrong("2.20", "W transposed", {B: "b + W @ bias"}, says="W is transposed"),
    Wrong(
        "2.20", "in place", {W: "W.mul_(gain[:, None])", B: "b + bias @ W"}, says="counted twice"
    ),
    Wrong(
        "2.20",
        "in place, bias first",
        {f"return {W}, {B}": f"b = {B}\n    return W.mul_(gain[:, None]), b"},
        says="W was edited in place",
    ),
    Wrong("2.20", "one plus the gain", {W: "(1 + gain[:, None]) * W"}, says="Gains 10 and 100"),
    Wrong("2.20", "bias in W", {W: "gain[:, None] * W + bias[:, None]"}, says="Gains 10 and 100"),
    Wrong("2.20", "exchanged", {f"{W}, {B}": f"{B}, {W}"}, says="return value of fold.fold_affine"),
    Wrong(
        "2.20",
        "b in place",
        {f"return {W}, {B}": f"return {W}, b.add_(bias @ W)"},
        says="but b was",
    ),
    Wrong(
        "2.20", "heads for rows", {W: "torch.stack([g * w for g, w in zip(gain, W)])"}, says="Row i"
    ),
    Wrong("2.20", "bias over gain", {B: "b + (bias / gain) @ W"}, says="13, 17, 21"),
    Wrong("2.21", "wrong axis", {ROWS: ROWS.replace("-1", "0")}, says="mean runs over axis 0"),
    Wrong("2.21", "one mean", {ROWS: "weight - weight.mean()"}, says="One mean of all numbers"),
    Wrong(
        "2.21",
        "one mean a head",
        {ROWS: "weight - weight.mean(dim=(-2, -1) if weight.ndim > 1 else -1, keepdim=True)"},
        says="One mean a head",
    ),
    Wrong("2.21", "biases left", {ROWS: f"{ROWS} if weight.ndim > 1 else weight"}, says="Nothing"),
    Wrong("2.21", "no keepdim", {ROWS: "weight - weight.mean(dim=-1)"}, says="keepdim=True"),
    Wrong("2.21", "divided", {ROWS: f"({ROWS}) / weight.std(-1, keepdim=True)"}, says="divided"),
    Wrong("2.21", "the mean alone", {ROWS: "weight.mean(-1, True).expand_as(weight)"}, says="part"),
    Wrong("2.21", "in place", {ROWS: "weight.sub_(weight.mean(-1, True))"}, says="old was edited"),
    Wrong("2.21", "unembedding over d_model", {TOKENS: TOKENS.replace("-1", "0")}, says="ignores"),
    Wrong("2.21", "unembedding, one mean", {TOKENS: "W_U - W_U.mean()"}, says="One mean of all"),
    Wrong("2.21", "unembedding untouched", {TOKENS: "W_U"}, says="Nothing was taken away"),
    Wrong("2.21", "axis 1", {ROWS: ROWS.replace("-1", "1")}, says="Dimension out of range"),
    Wrong(
        "2.21",
        "layer norm",
        {ROWS: "nn.functional.layer_norm(weight, weight.shape[-1:])"},
        says="loses",
    ),
    Wrong(
        "2.21", "median", {ROWS: "weight - weight.median(-1, True).values"}, says="loses the mean"
    ),
    Wrong(
        "2.21",
        "unembedding by both",
        {TOKENS: f"center_output({TOKENS} - W_U.mean(0))"},
        says="loses",
    ),
    Wrong(
        "2.21",
        "log softmax",
        {TOKENS: "W_U.log_softmax(dim=-1)"},
        says="loses the mean over tokens",
    ),
    Wrong(
        "2.21",
        "W_U in place",
        {
            TOKENS: TOKENS.replace("W_U - (", "W_U.sub_(").replace(
                "W_U - W_U.mean(dim=-1, keepdim=True)", "W_U.sub_(W_U.mean(-1, True))"
            )
        },
        says="old was edited",
    ),
    Wrong("2.22", "b_O forgotten", {"b_O + ": ""}, says="old b_O is missing"),
    Wrong("2.22", "nothing carried", {f"b_O + {SUM}": "b_O.clone()"}, says="bias is missing"),
    Wrong("2.22", "taken away", {"b_O + ": "b_O - "}, says="taken away, not added"),
    Wrong("2.22", "heads first", {SUM: "b_V.sum(0) @ W_O.sum(0)"}, says="added up before W_O"),
    Wrong("2.22", "mean over heads", {SUM: f"{SUM} / len(W_O)"}, says="averaged"),
    Wrong("2.22", "b_O for each head", {"b_O +": "len(W_O) * b_O +"}, says="once for each head"),
    Wrong("2.22", "W_O forgotten", {SUM: "torch.zeros_like(b_O) + b_V.sum()"}, says="its own W_O."),
    Wrong("2.22", "all through all", {SUM: "(b_V @ W_O).sum((0, 1))"}, says="added up before W_O"),
    Wrong(
        "2.22", "not summed", {SUM: SUM.replace("-> d", "-> head d")}, says="return value of fold"
    ),
    Wrong("2.22", "largest", {SUM: "(b_V[:, None] @ W_O).amax(0)[0]"}, says="its own W_O."),
    Wrong(
        "2.22",
        "last head",
        {SUM: "[b @ W for b, W in zip(b_V, W_O)][-1]"},
        says="Only the last head",
    ),
    Wrong("2.22", "sums first", {SUM: "b_V.sum(-1) @ W_O.sum(1)"}, says="its own W_O."),
    Wrong(
        "2.22",
        "W_O transposed",
        {SUM: 'einsum(b_V, W_O, "head i, head j i -> j")'},
        says="W_O is transposed",
    ),
    Wrong(
        "2.22",
        "heads take turns",
        {
            "return": "kv_heads = len(b_V.unique(dim=0))\n"
            "    order = torch.arange(len(W_O)) % kv_heads * (len(W_O) // kv_heads)\n"
            "    b_V = b_V[order]\n"
            "    return"
        },
        says="neighbours share",
    ),
    Wrong("2.22", "first head", {SUM: "b_V[0] @ W_O[0]"}, says="Only the first head is there"),
    Wrong(
        "2.22",
        "one head of each group",
        {
            "return": "new = torch.cat([b_V[:1] * 0 + 1, b_V.diff(dim=0)]).any(dim=1)\n"
            "    W_O = W_O * new[:, None, None]\n"
            "    return"
        },
        says="Only one head of each group",
    ),
    Wrong(
        "2.22",
        "in place",
        {"b_O + ": "b_O.data.add_(", 'd_model -> d_model")': 'd_model -> d_model"))'},
        says="b_O was edited in place",
    ),
]

RIGHT = [
    Right(
        "2.20",
        "by einsum",
        body={
            "fold_affine": """
            new_W = einsum(gain, W, "d_model, ... d_model d_out -> ... d_model d_out")
            new_b = b + einsum(bias, W, "d_model, ... d_model d_out -> ... d_out")
            return new_W, new_b
            """
        },
    ),
    Right(
        "2.20",
        "by a diagonal matrix",
        {W: "torch.diag(gain) @ W", B: "(bias[:, None] * W).sum(dim=-2) + b"},
    ),
    Right(
        "2.21",
        "by a projection",
        {
            ROWS: "weight @ (torch.eye(weight.shape[-1]).to(weight) - 1 / weight.shape[-1])",
            TOKENS: "(W_U.T - W_U.T.mean(dim=0)).T",
        },
    ),
    Right(
        "2.21",
        "by the sum",
        {
            ROWS: "weight - weight.sum(-1)[..., None] / weight.shape[-1]",
            TOKENS: "center_output(W_U)",
        },
    ),
    Right("2.22", "one long row", {SUM: "b_V.flatten() @ W_O.flatten(0, 1)"}),
    Right(
        "2.22",
        "head by head",
        {
            f"return b_O + {SUM}": "for b, W in zip(b_V, W_O):\n        b_O = b_O + b @ W\n"
            "    return b_O"
        },
    ),
    Right("2.22", "tensordot", {SUM: "torch.tensordot(b_V, W_O, dims=2)"}),
    Right("2.22", "number by number", {SUM: "(b_V[..., None] * W_O).sum((0, 1))"}),
    Right(
        "2.20",
        "head by head, in place on copies",
        body={
            "fold_affine": """
            if W.ndim > 2:
                pairs = [fold_affine(w, c, gain, bias) for w, c in zip(W, b)]
                return torch.stack([w for w, _ in pairs]), torch.stack([c for _, c in pairs])
            new_W, new_b = W.clone(), b.clone()
            new_W *= gain.unsqueeze(1)
            new_b += W.mT @ bias
            return new_W, new_b
            """
        },
    ),
    Right(
        "2.21",
        "row by row, and with ones",
        {
            ROWS: "torch.sub(weight, torch.var_mean(weight, -1, keepdim=True)[1])",
            TOKENS: "torch.stack([row - row.mean() for row in W_U])",
        },
    ),
]
