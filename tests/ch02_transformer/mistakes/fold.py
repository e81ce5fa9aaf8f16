"""Mistakes in the exercises of fold, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

GAIN, BIAS = "gain[:, None] * W", "b + bias @ W"
CENTRED = "weight - weight.mean(dim=-1, keepdim=True)"
CENTRED_U = "W_U - W_U.mean(dim=-1, keepdim=True)"
WRITTEN = 'einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")'
FOLD_AFFINE = mistakes(
    "2.20",
    "fold_affine",
    {
        "Is W not multiplied by the gain?": {GAIN: "W"},
        "Is the norm's bias missing? W reads it too.": {BIAS: "b"},
        "Is the norm's bias multiplied by the new W? It is added after the gain: use the old W.": [
            {BIAS: f"b + bias @ ({GAIN})"},
            {GAIN: "W.mul_(gain[:, None])"},
        ],
        "Is the old b missing?": {BIAS: "bias @ W"},
        "Does the gain scale columns? It belongs to the rows, the axis that W reads.": [
            {GAIN: "W * gain"},
            {GAIN: f"(W * gain if W.shape[-1] == len(gain) else {GAIN})"},
        ],
        "Does the gain scale heads? It belongs to the rows of each head.": {
            GAIN: "gain.reshape(-1, *[1] * (W.ndim - 1)) * W"
        },
        "Is only the first head multiplied by the gain?": {
            GAIN: f"torch.cat([({GAIN})[:1], W[1:]]) if W.ndim == 3 else {GAIN}"
        },
        "Is W divided by the gain? Multiply it.": {GAIN: "W / gain[:, None]"},
        "Is W multiplied by the gain twice?": {GAIN: "gain[:, None] ** 2 * W"},
        "Is the norm's bias subtracted? Add it.": {BIAS: "b - bias @ W"},
        "Is the norm's bias added as it is? Multiply it by W.": {BIAS: "b + bias"},
        "Is W transposed?": {BIAS: "b + W @ bias"},
        "Is the old b multiplied by the gain? It stays as it is.": {
            "return gain[:, None] * W, b + bias @ W": "return gain[:, None] * W, b * gain.mean() + bias @ W"
        },
        "Is the gain 1 + gain? It is used as it is.": {
            "gain[:, None] * W": "(1 + gain[:, None]) * W"
        },
        "Is the norm's bias divided by the gain? Multiply it by the old W as it is.": {
            "bias @ W": "(bias / gain) @ W"
        },
        "Is W changed in place?": {
            "return gain[:, None] * W, b + bias @ W": "new_b = b + bias @ W\nW *= gain[:, None]\nreturn W, new_b"
        },
        "Is b changed in place?": {
            "return gain[:, None] * W, b + bias @ W": "b += bias @ W\nreturn gain[:, None] * W, b"
        },
        "Is bias @ W summed over heads? Each head has its own b.": {
            "return gain[:, None] * W, b + bias @ W": "shift = bias @ W\nreturn gain[:, None] * W, b + (shift.sum(0) if W.ndim == 3 else shift)"
        },
        "Is the mean of bias @ W over heads taken? Each head has its own b.": {
            "return gain[:, None] * W, b + bias @ W": "shift = bias @ W\nreturn gain[:, None] * W, b + (shift.mean(0) if W.ndim == 3 else shift)"
        },
        "Are the bias and W summed apart? Multiply them, then sum over d_model.": {
            "bias @ W": "bias.sum() * W.sum(-2)"
        },
        "Is it the mean over d_model? bias @ W is a sum.": {
            "bias @ W": "(bias[:, None] * W).mean(-2)"
        },
        "Are W and b in the wrong order? Return W first.": {
            "return gain[:, None] * W, b + bias @ W": "return b + bias @ W, gain[:, None] * W"
        },
        "Do all heads get the first head's bias @ W?": {
            "return gain[:, None] * W, b + bias @ W": "shift = bias @ W\nreturn gain[:, None] * W, b + (shift[:1] if W.ndim == 3 else shift)"
        },
        "Is the old b counted twice?": {"b + bias @ W": "2 * b + bias @ W"},
        "Is the gain added to the bias before it is multiplied by W?": {
            "b + bias @ W": "b + (bias + gain) @ W"
        },
    },
    unnamed={
        "argument 1 is changed in place": {
            f"return {GAIN}, {BIAS}": "b = b + bias @ W\nreturn W.mul_(gain[:, None]), b"
        },
        "Gains 10 and 100": [
            {GAIN: "(1 + gain[:, None]) * W"},
            {GAIN: f"{GAIN} + bias[:, None]"},
        ],
        "return value of fold.fold_affine": {f"{GAIN}, {BIAS}": f"{BIAS}, {GAIN}"},
        "argument 2 is changed in place": {
            f"return {GAIN}, {BIAS}": "return gain[:, None] * W, b.add_(bias @ W)"
        },
        "Row i": {GAIN: "torch.stack([g * w for g, w in zip(gain, W)])"},
        "13, 17, 21": {BIAS: "b + (bias / gain) @ W"},
    },
)
CENTER_OUTPUT = mistakes(
    "2.21",
    "center_output",
    {
        "Is the mean over axis 0? Take it over d_model, the last axis.": {
            CENTRED: "weight - weight.mean(dim=0, keepdim=True)"
        },
        "Is one mean of all numbers subtracted? Each row has its own mean over d_model.": {
            CENTRED: "weight - weight.mean()"
        },
        "Is one mean per head subtracted? Each row has its own mean over d_model.": {
            CENTRED: "weight - weight.mean(dim=(-2, -1) if weight.ndim > 1 else -1, keepdim=True)"
        },
        "Is nothing subtracted?": {CENTRED: f"{CENTRED} if weight.ndim > 1 else weight"},
        "Are the means of rows subtracted from columns? Use keepdim=True.": {
            CENTRED: "weight - weight.mean(dim=-1)"
        },
        "Is it divided by the standard deviation too? Only subtract the mean.": [
            {CENTRED: f"({CENTRED}) / weight.std(-1, keepdim=True)"},
            {
                "return weight - weight.mean(dim=-1, keepdim=True)": "centred = weight - weight.mean(dim=-1, keepdim=True)\nreturn centred / centred.pow(2).mean(dim=-1, keepdim=True).sqrt()"
            },
        ],
        "This is the mean. Subtract it.": {CENTRED: "weight.mean(-1, True).expand_as(weight)"},
        "Is the sum of a row subtracted? Subtract its mean.": {
            "return weight - weight.mean(dim=-1, keepdim=True)": "return weight - weight.sum(dim=-1, keepdim=True)"
        },
        "Is the mean of a row added? Subtract it.": {
            "return weight - weight.mean(dim=-1, keepdim=True)": "return weight + weight.mean(dim=-1, keepdim=True)"
        },
        "Is the weight changed in place? Return a new one.": {
            "return weight - weight.mean(dim=-1, keepdim=True)": "weight -= weight.mean(dim=-1, keepdim=True)\nreturn weight"
        },
        "Is the median of a row subtracted? Subtract its mean.": {
            "return weight - weight.mean(dim=-1, keepdim=True)": "return weight - weight.median(dim=-1, keepdim=True).values"
        },
        "Is the mean over d_head, the last axis but one? Take it over d_model, the last axis.": {
            "return weight - weight.mean(dim=-1, keepdim=True)": "return weight - weight.mean(dim=max(-2, -weight.ndim), keepdim=True)"
        },
        "Is the largest entry of a row subtracted? Subtract the mean.": {
            "return weight - weight.mean(dim=-1, keepdim=True)": "return weight - weight.amax(dim=-1, keepdim=True)"
        },
        "Is the weight returned as it is?": {
            "return weight - weight.mean(dim=-1, keepdim=True)": "return weight"
        },
    },
    unnamed={
        "is changed in place": {CENTRED: "weight.sub_(weight.mean(-1, True))"},
        "Dimension out of range": {CENTRED: "weight - weight.mean(dim=1, keepdim=True)"},
        "loses": {CENTRED: "nn.functional.layer_norm(weight, weight.shape[-1:])"},
        "loses the mean": {CENTRED: "weight - weight.median(-1, True).values"},
    },
)
CENTER_UNEMBED = mistakes(
    "2.21",
    "center_unembed",
    {
        "Is the mean over d_model? The softmax ignores the mean over the vocabulary, the last axis.": {
            CENTRED_U: "W_U - W_U.mean(dim=0, keepdim=True)"
        },
        "Is one mean of all numbers subtracted? Each row has its own mean over d_vocab.": {
            CENTRED_U: "W_U - W_U.mean()"
        },
        "Is nothing subtracted?": {CENTRED_U: "W_U"},
        "Is the sum over tokens subtracted? Subtract the mean.": {
            "return W_U - W_U.mean(dim=-1, keepdim=True)": "return W_U - W_U.sum(dim=-1, keepdim=True)"
        },
        "Is the mean over tokens added? Subtract it.": {
            "return W_U - W_U.mean(dim=-1, keepdim=True)": "return W_U + W_U.mean(dim=-1, keepdim=True)"
        },
        "Is W_U changed in place? Return a new one.": {
            "return W_U - W_U.mean(dim=-1, keepdim=True)": "W_U -= W_U.mean(dim=-1, keepdim=True)\nreturn W_U"
        },
        "Is the median over tokens subtracted? Subtract the mean.": {
            "return W_U - W_U.mean(dim=-1, keepdim=True)": "return W_U - W_U.median(dim=-1, keepdim=True).values"
        },
        "Are both means of W_U subtracted? Subtract the mean over tokens alone.": {
            "return W_U - W_U.mean(dim=-1, keepdim=True)": "return W_U - W_U.mean(dim=-1, keepdim=True) - W_U.mean(dim=0, keepdim=True)"
        },
        "Is the largest entry over tokens subtracted? Subtract the mean.": {
            "return W_U - W_U.mean(dim=-1, keepdim=True)": "return W_U - W_U.amax(dim=-1, keepdim=True)"
        },
    },
    unnamed={
        "loses": {CENTRED_U: f"center_output({CENTRED_U} - W_U.mean(0))"},
        "loses the mean over tokens": {CENTRED_U: "W_U.log_softmax(dim=-1)"},
        "is changed in place": {CENTRED_U: "W_U.sub_(W_U.mean(-1, True))"},
    },
)
FOLD_VALUE_BIAS = mistakes(
    "2.22",
    "fold_value_bias",
    {
        "Is the old b_O missing?": {"b_O + ": ""},
        "Is the values' bias missing?": {f"b_O + {WRITTEN}": "b_O.clone()"},
        "Is the values' bias subtracted? Add it.": {"b_O + ": "b_O - "},
        "Are the heads summed before W_O? Multiply each by its own W_O first.": [
            {WRITTEN: "b_V.sum(0) @ W_O.sum(0)"},
            {WRITTEN: "(b_V @ W_O).sum((0, 1))"},
        ],
        "Is every head's bias multiplied by the MEAN of W_O? Each head has its own.": {
            WRITTEN: "b_V.sum(0) @ W_O.mean(0)"
        },
        "Are the heads averaged? Sum them.": {WRITTEN: f"{WRITTEN} / len(W_O)"},
        "Is b_O added once per head? All heads share it.": {"b_O +": "len(W_O) * b_O +"},
        "This is the last head alone.": {WRITTEN: "[b @ W for b, W in zip(b_V, W_O)][-1]"},
        "Is W_O transposed?": {WRITTEN: 'einsum(b_V, W_O, "head i, head j i -> j")'},
        "Do query heads take KV heads in turn (0 1 0 1)? Neighbours share one (0 0 1 1).": {
            "return": "kv_heads = len(b_V.unique(dim=0))\norder = torch.arange(len(W_O)) % kv_heads * (len(W_O) // kv_heads)\nb_V = b_V[order]\nreturn"
        },
        "This is the first head alone.": {WRITTEN: "b_V[0] @ W_O[0]"},
        "Is one head per group summed? Every query head adds the bias.": {
            "return": "new = torch.cat([b_V[:1] * 0 + 1, b_V.diff(dim=0)]).any(dim=1)\nW_O = W_O * new[:, None, None]\nreturn"
        },
        "Is the sum over heads missing?": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': 'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> head d_model")'
        },
        "Is every bias multiplied by the first head's W_O? Each head has its own.": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "return b_O + b_V.sum(0) @ W_O[0]"
        },
        "Is it the mean over d_head? It is a sum.": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "return b_O + (b_V[..., None] * W_O).mean(1).sum(0)"
        },
        "Are the axes head and d_head of b_V confused?": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "return b_O + b_V.T.flatten() @ W_O.flatten(0, 1)"
        },
        "Are the heads of b_V in reverse order?": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': "return b_O + b_V.flip(0).flatten() @ W_O.flatten(0, 1)"
        },
        "Is b_O changed in place?": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': 'b_O += einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")\nreturn b_O'
        },
        "Is the whole result divided by the number of heads?": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': 'return (b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")) / len(W_O)'
        },
        "Is the last head left out?": {
            'return b_O + einsum(b_V, W_O, "head d_head, head d_head d_model -> d_model")': 'return b_O + einsum(b_V[:-1], W_O[:-1], "head d_head, head d_head d_model -> d_model")'
        },
        "Is it multiplied by b_O? Add b_O.": {"b_O + ": "b_O * "},
        "Is b_O counted twice?": {"b_O + ": "2 * b_O + "},
    },
    unnamed={
        "its own W_O.": [
            {WRITTEN: "torch.zeros_like(b_O) + b_V.sum()"},
            {WRITTEN: "(b_V[:, None] @ W_O).amax(0)[0]"},
            {WRITTEN: "b_V.sum(-1) @ W_O.sum(1)"},
        ],
        "return value of fold": {
            WRITTEN: 'einsum(b_V, W_O, "head d_head, head d_head d_model -> head d_model")'
        },
        "argument 3 is changed in place": {
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
            GAIN: "torch.diag(gain) @ W",
            BIAS: "(bias[:, None] * W).sum(dim=-2) + b",
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
            CENTRED: "weight @ (torch.eye(weight.shape[-1]).to(weight) - 1 / weight.shape[-1])",
            CENTRED_U: "(W_U.T - W_U.T.mean(dim=0)).T",
        },
        "by the sum": {
            CENTRED: "weight - weight.sum(-1)[..., None] / weight.shape[-1]",
            CENTRED_U: "center_output(W_U)",
        },
        "row by row, and with ones": {
            CENTRED: "torch.sub(weight, torch.var_mean(weight, -1, keepdim=True)[1])",
            CENTRED_U: "torch.stack([row - row.mean() for row in W_U])",
        },
    },
)
RIGHT_2_22 = right_answers(
    "2.22",
    "fold_value_bias",
    {
        "one long row": {WRITTEN: "b_V.flatten() @ W_O.flatten(0, 1)"},
        "head by head": {
            f"return b_O + {WRITTEN}": "for b, W in zip(b_V, W_O):\n    b_O = b_O + b @ W\nreturn b_O"
        },
        "tensordot": {WRITTEN: "torch.tensordot(b_V, W_O, dims=2)"},
        "number by number": {WRITTEN: "(b_V[..., None] * W_O).sum((0, 1))"},
    },
)
