"""Mistakes in toy_model.py (1.3, 1.4), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

REFERENCE = "return self.decode(self.hidden(x)).relu()"
GRAM, BIAS = "x @ (self.W.mT @ self.W)", "self.b[:, None, :]"
FORWARD = mistakes(
    "1.3",
    "ReluOutputToy.forward",
    {
        "The bias is missing.": f"return ({GRAM}).relu()",
        "The ReLU is missing: there are negative outputs.": {".relu()": ""},
        "Bias and ReLU are missing.": f"return {GRAM}",
        "The bias is added after the ReLU. Add it before.": f"return ({GRAM}).relu() + {BIAS}",
        "The bias is subtracted.": f"return ({GRAM} - {BIAS}).relu()",
        "The ReLU is at the hidden layer. Here it is at the output only.": {
            "self.hidden(x)).relu()": "self.hidden(x).relu())"
        },
        "There is a ReLU at the hidden layer as well. Only the output has one.": {
            "self.hidden(x)": "self.hidden(x).relu()"
        },
        "This is an absolute value. A ReLU replaces negative numbers by 0.": {"relu": "abs"},
        "This is a sigmoid, not a ReLU.": {"relu": "sigmoid"},
        "The output is clamped at 1. A ReLU has no upper bound.": {"relu()": "clamp(0, 1)"},
        "x itself is added. There is no residual connection.": {
            "self.decode": "(x + self.decode",
            ".relu()": ").relu()",
        },
        "Every instance uses the first one's W.": (
            f"return (x @ (self.W[0].T @ self.W[0]) + {BIAS}).relu()"
        ),
        "Every instance uses the first one's bias.": f"return ({GRAM} + self.b[0]).relu()",
        "The directions are normalised. Use W as it is.": (
            "W = self.W / self.W.norm(dim=1, keepdim=True)\n"
            f"return (x @ (W.mT @ W) + {BIAS}).relu()"
        ),
        "The ReLU is applied to W^T W. Apply it to the output.": (
            f"return (x @ (self.W.mT @ self.W).relu() + {BIAS}).relu()"
        ),
        "The bias is added twice: `decode` already adds it.": {
            "self.decode(self.hidden(x))": f"(self.decode(self.hidden(x)) + {BIAS})"
        },
        "This is a leaky ReLU or a GELU, not a ReLU.": [
            "return torch.nn.functional.leaky_relu(self.decode(self.hidden(x)))",
            "return torch.nn.functional.gelu(self.decode(self.hidden(x)))",
        ],
        "The ReLU is applied to x, in place. Apply it to the output.": {
            "return": "x.relu_()\nreturn"
        },
        "The instances are summed. Each has its own output.": (
            "hidden = torch.einsum('imf,jbf->ibm', self.W, x)\nreturn self.decode(hidden).relu()"
        ),
    },
    unnamed={
        "without its graph": f"return (x @ (self.W.mT @ self.W).detach() + {BIAS}).relu()",
        "W is transposed": "return (self.W @ (self.W.mT @ x.mT) + self.b[..., None]).mT.relu()",
        "the same way twice": f"return (x @ (self.W @ self.W).mT + {BIAS}).relu()",
        "b[:, None] broadcasts": f"return ({GRAM} + self.b).relu()",
    },
)
WEIGHTED = "errors = importance[:, None, :] * (x_hat - x) ** 2\n"
RECONSTRUCTION_LOSS = mistakes(
    "1.4",
    "reconstruction_loss",
    {
        "Importance is not applied.": "return ((x_hat - x) ** 2).sum(-1).mean(-1)",
        "Importance is squared. Multiply the SQUARED error, not the error.": (
            "return ((importance[:, None] * (x_hat - x)) ** 2).sum(-1).mean(-1)"
        ),
        "This is the mean over features. Sum over them.": (
            WEIGHTED + "return errors.mean((-2, -1))"
        ),
        "This is the sum over the batch. Take the mean over examples.": (
            WEIGHTED + "return errors.sum((-2, -1))"
        ),
        "This is the mean over features and the sum over the batch. It is the other way round.": (
            WEIGHTED + "return errors.mean(-1).sum(-1)"
        ),
        "This is the mean over instances. Each has its own loss.": (
            WEIGHTED + "return errors.sum(-1).mean().expand(len(x))"
        ),
        "This is a square root. The loss is the squared error itself.": {
            "mean(dim=-1)": "mean(dim=-1).sqrt()"
        },
        "This takes the square root of each example's error.": {
            "per_example.": "per_example.sqrt()."
        },
        "Errors are not squared (absolute values).": {"square()": "abs()"},
        "Importance multiplies the features instead of the error.": (
            "return ((x_hat - importance[:, None] * x) ** 2).sum(-1).mean(-1)"
        ),
        "Importances are scaled to sum to 1.": {
            "mean(dim=-1)": "mean(dim=-1) / importance.sum(-1)"
        },
        "Every instance has the first one's importance.": {
            "(), importance,": "(), importance[:1].expand_as(importance),"
        },
        "The loss is halved.": {"mean(dim=-1)": "mean(dim=-1) / 2"},
        "The mean over the batch is taken before the square, so that errors cancel.": (
            "return (importance * (x_hat - x).mean(1) ** 2).sum(-1)"
        ),
        "Only features that are on have an error here. An output for a feature that is off is one "
        "too.": WEIGHTED + "return (errors * (x != 0)).sum(-1).mean(-1)",
    },
    unnamed={
        "wrong shape or type": {"mean(dim=-1)": "mean()"},
        "Importance weights the examples": (
            "errors = importance[:, : x.shape[1], None] * (x_hat - x) ** 2\n"
            "return errors.sum(-1).mean(-1)"
        ),
        "One NaN makes": {"(x_hat - x)": "(x_hat - x).nan_to_num()"},
        "is it detached": {"mean(dim=-1)": "mean(dim=-1).detach()"},
        "edited": "x_hat -= x\nreturn (importance[:, None] * x_hat**2).sum(-1).mean(-1)",
        "importance[:, None] broadcasts": "return (importance * (x_hat - x) ** 2).sum(-1).mean(-1)",
    },
)
RIGHT_1_3 = right_answers(
    "1.3",
    "ReluOutputToy.forward",
    {
        "by einsum": """
            hidden = torch.einsum('imf,ibf->ibm', self.W, x)
            back = torch.einsum('imf,ibm->ibf', self.W, hidden)
            return torch.relu(back + self.b[:, None, :])
            """,
        "one square matrix": f"return ({GRAM} + self.b.unsqueeze(1)).clamp(min=0)",
        "a loop over the instances": """
            outs = [one @ W.T @ W + b for one, W, b in zip(x, self.W, self.b)]
            return torch.stack([out * (out > 0) for out in outs])
            """,
    },
)
RIGHT_1_4 = right_answers(
    "1.4",
    "reconstruction_loss",
    {
        "broadcast": WEIGHTED + "return errors.mean(1).sum(1)",
        "root of the importance on the error": """
            error = importance.sqrt().unsqueeze(1) * (x_hat - x)
            return torch.linalg.vector_norm(error, dim=(1, 2)) ** 2 / x.shape[1]
            """,
    },
)
