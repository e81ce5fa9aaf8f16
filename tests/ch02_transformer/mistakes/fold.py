"""Mistakes in the exercises of fold, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

FOLD_AFFINE = mistakes(
    "2.20",
    "fold_affine",
    {
        "The gain is missing.": {"gain[:, None] * W": "W"},
        "The norm's bias is missing: W reads it too.": {"b + bias @ W": "b"},
        "The gain is counted twice: the norm's bias is added after the gain, so it goes through the old W, not the new one.": [
            {"b + bias @ W": "b + bias @ (gain[:, None] * W)"},
            {"gain[:, None] * W": "W.mul_(gain[:, None])", "b + bias @ W": "b + bias @ W"},
        ],
        "The old b is missing.": {"b + bias @ W": "bias @ W"},
        "The gain scales columns; it belongs to the rows, which are what W reads.": [
            {"gain[:, None] * W": "W * gain"},
            {"gain[:, None] * W": "(W * gain if W.shape[-1] == len(gain) else gain[:, None] * W)"},
        ],
        "The gain scales heads; it belongs to the rows of each head.": {
            "gain[:, None] * W": "gain.reshape(-1, *[1] * (W.ndim - 1)) * W"
        },
        "Only the first head got the gain.": {
            "gain[:, None] * W": "torch.cat([(gain[:, None] * W)[:1], W[1:]]) if W.ndim == 3 else gain[:, None] * W"
        },
        "W was divided by the gain; x * gain is what it has to stand for.": {
            "gain[:, None] * W": "W / gain[:, None]"
        },
        "The gain is counted twice.": {"gain[:, None] * W": "gain[:, None] ** 2 * W"},
        "The norm's bias was taken away, not added.": {"b + bias @ W": "b - bias @ W"},
        "The norm's bias was added without going through W.": {"b + bias @ W": "b + bias"},
        "W is transposed.": {"b + bias @ W": "b + W @ bias"},
    },
    unnamed={
        "W was edited in place": {
            "return gain[:, None] * W, b + bias @ W": "b = b + bias @ W\nreturn W.mul_(gain[:, None]), b"
        },
        "Gains 10 and 100": [
            {"gain[:, None] * W": "(1 + gain[:, None]) * W"},
            {"gain[:, None] * W": "gain[:, None] * W + bias[:, None]"},
        ],
        "return value of fold.fold_affine": {
            "gain[:, None] * W, b + bias @ W": "b + bias @ W, gain[:, None] * W"
        },
        "but b was": {
            "return gain[:, None] * W, b + bias @ W": "return gain[:, None] * W, b.add_(bias @ W)"
        },
        "Row i": {"gain[:, None] * W": "torch.stack([g * w for g, w in zip(gain, W)])"},
        "13, 17, 21": {"b + bias @ W": "b + (bias / gain) @ W"},
    },
)
CENTER_OUTPUT = mistakes(
    "2.21",
    "center_output",
    {
        "The mean runs over axis 0; it must run over d_model, the last axis.": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.mean(dim=0, keepdim=True)"
        },
        "One mean of all numbers was taken away; each row has its own mean over d_model.": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.mean()"
        },
        "One mean a head was taken away; each row has its own mean over d_model.": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.mean(dim=(-2, -1) if weight.ndim > 1 else -1, keepdim=True)"
        },
        "Nothing was taken away.": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.mean(dim=-1, keepdim=True) if weight.ndim > 1 else weight"
        },
        "The means of rows were taken from columns: keepdim=True keeps them in their rows.": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.mean(dim=-1)"
        },
        "It was divided by the standard deviation as well; only the mean goes.": {
            "weight - weight.mean(dim=-1, keepdim=True)": "(weight - weight.mean(dim=-1, keepdim=True)) / weight.std(-1, keepdim=True)"
        },
        "This is the part to take away.": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight.mean(-1, True).expand_as(weight)"
        },
    },
    unnamed={
        "old was edited": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight.sub_(weight.mean(-1, True))"
        },
        "Dimension out of range": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.mean(dim=1, keepdim=True)"
        },
        "loses": {
            "weight - weight.mean(dim=-1, keepdim=True)": "nn.functional.layer_norm(weight, weight.shape[-1:])"
        },
        "loses the mean": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.median(-1, True).values"
        },
    },
)
CENTER_UNEMBED = mistakes(
    "2.21",
    "center_unembed",
    {
        "Every column was centred over d_model; it is the mean over the vocabulary (the last axis) that the softmax ignores.": {
            "W_U - W_U.mean(dim=-1, keepdim=True)": "W_U - W_U.mean(dim=0, keepdim=True)"
        },
        "One mean of all numbers was taken away; each row has its own mean over d_vocab.": {
            "W_U - W_U.mean(dim=-1, keepdim=True)": "W_U - W_U.mean()"
        },
        "Nothing was taken away.": {"W_U - W_U.mean(dim=-1, keepdim=True)": "W_U"},
    },
    unnamed={
        "loses": {
            "W_U - W_U.mean(dim=-1, keepdim=True)": "center_output(W_U - W_U.mean(dim=-1, keepdim=True) - W_U.mean(0))"
        },
        "loses the mean over tokens": {
            "W_U - W_U.mean(dim=-1, keepdim=True)": "W_U.log_softmax(dim=-1)"
        },
        "old was edited": {"W_U - W_U.mean(dim=-1, keepdim=True)": "W_U.sub_(W_U.mean(-1, True))"},
    },
)
FOLD_VALUE_BIAS = mistakes(
    "2.22",
    "fold_value_bias",
    {
        "The old b_O is missing.": {"b_O + ": ""},
        "The values' bias is missing.": {
            'b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "b_O.clone()"
        },
        "The values' bias was taken away, not added.": {"b_O + ": "b_O - "},
        "Heads were added up before W_O; each goes through its own W_O first.": [
            {
                'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "b_V.sum(0) @ W_O.sum(0)"
            },
            {
                'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "(b_V @ W_O).sum((0, 1))"
            },
        ],
        "The heads' shares were averaged; heads add up.": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': 'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model") / len(W_O)'
        },
        "b_O was counted once for each head; all heads share it.": {"b_O +": "len(W_O) * b_O +"},
        "Only the last head is there.": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "[b @ W for b, W in zip(b_V, W_O)][-1]"
        },
        "W_O is transposed.": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': 'einsum(b_V, W_O, "head i, head j i -> j")'
        },
        "Query heads take turns (0 1 0 1); neighbours share a key head (0 0 1 1).": {
            "return": "kv_heads = len(b_V.unique(dim=0))\norder = torch.arange(len(W_O)) % kv_heads * (len(W_O) // kv_heads)\nb_V = b_V[order]\nreturn"
        },
        "Only the first head is there.": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "b_V[0] @ W_O[0]"
        },
        "Only one head of each group is there: every query head passes the bias on.": {
            "return": "new = torch.cat([b_V[:1] * 0 + 1, b_V.diff(dim=0)]).any(dim=1)\nW_O = W_O * new[:, None, None]\nreturn"
        },
    },
    unnamed={
        "its own W_O.": [
            {
                'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "torch.zeros_like(b_O) + b_V.sum()"
            },
            {
                'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "(b_V[:, None] @ W_O).amax(0)[0]"
            },
            {
                'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "b_V.sum(-1) @ W_O.sum(1)"
            },
        ],
        "return value of fold": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': 'einsum(b_V, W_O, "head d_head, head d_head d_model -> head d_model")'
        },
        "b_O was edited in place": {
            "b_O + ": "b_O.data.add_(",
            'd_model -> d_model")': 'd_model -> d_model"))',
        },
    },
)
RIGHT_2_20 = right_answers(
    "2.20",
    "fold_affine",
    {
        "by einsum": """
            new_W = einsum(gain, W, "d_model, ... d_model d_out -> ... d_model d_out")
            new_b = b + einsum(bias, W, "d_model, ... d_model d_out -> ... d_out")
            return new_W, new_b
            """,
        "by a diagonal matrix": {
            "gain[:, None] * W": "torch.diag(gain) @ W",
            "b + bias @ W": "(bias[:, None] * W).sum(dim=-2) + b",
        },
        "head by head, in place on copies": """
            if W.ndim > 2:
                pairs = [fold_affine(w, c, gain, bias) for w, c in zip(W, b)]
                return torch.stack([w for w, _ in pairs]), torch.stack([c for _, c in pairs])
            new_W, new_b = W.clone(), b.clone()
            new_W *= gain.unsqueeze(1)
            new_b += W.mT @ bias
            return new_W, new_b
            """,
    },
)
RIGHT_2_21 = right_answers(
    "2.21",
    "center_output",
    {
        "by a projection": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight @ (torch.eye(weight.shape[-1]).to(weight) - 1 / weight.shape[-1])",
            "W_U - W_U.mean(dim=-1, keepdim=True)": "(W_U.T - W_U.T.mean(dim=0)).T",
        },
        "by the sum": {
            "weight - weight.mean(dim=-1, keepdim=True)": "weight - weight.sum(-1)[..., None] / weight.shape[-1]",
            "W_U - W_U.mean(dim=-1, keepdim=True)": "center_output(W_U)",
        },
        "row by row, and with ones": {
            "weight - weight.mean(dim=-1, keepdim=True)": "torch.sub(weight, torch.var_mean(weight, -1, keepdim=True)[1])",
            "W_U - W_U.mean(dim=-1, keepdim=True)": "torch.stack([row - row.mean() for row in W_U])",
        },
    },
)
RIGHT_2_22 = right_answers(
    "2.22",
    "fold_value_bias",
    {
        "one long row": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "b_V.flatten() @ W_O.flatten(0, 1)"
        },
        "head by head": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "for b, W in zip(b_V, W_O):\n    b_O = b_O + b @ W\nreturn b_O"
        },
        "tensordot": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "torch.tensordot(b_V, W_O, dims=2)"
        },
        "number by number": {
            'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "(b_V[..., None] * W_O).sum((0, 1))"
        },
    },
)
