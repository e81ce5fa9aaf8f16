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
        "This is a softplus, not a ReLU.": (
            "return torch.nn.functional.softplus(self.decode(self.hidden(x)))"
        ),
        "This is a tanh, not a ReLU.": {"relu": "tanh"},
        "This is a softmax, not a ReLU.": {"relu()": "softmax(dim=-1)"},
        "This is an ELU, not a ReLU.": (
            "return torch.nn.functional.elu(self.decode(self.hidden(x)))"
        ),
        "This is a mask of the positive outputs. Return the outputs themselves.": [
            "out = self.decode(self.hidden(x))\nreturn (out > 0).to(out.dtype)",
            "return self.decode(self.hidden(x)) > 0",
        ],
        "x is returned where the output is positive. Return the output there.": (
            "return x * (self.decode(self.hidden(x)) > 0)"
        ),
        "The sign of the output is reversed before the ReLU.": {
            "self.decode": "(-1 * self.decode",
            ".relu()": ").relu()",
        },
        "This is the larger of x and the output. A ReLU compares with 0.": (
            "return torch.maximum(self.decode(self.hidden(x)), x)"
        ),
        "There is a ReLU on x. Only the output has one.": {"hidden(x)": "hidden(x.relu())"},
        "The bias is subtracted from x as well. It belongs to the output only.": {
            "hidden(x)": f"hidden(x - {BIAS})"
        },
        "The bias is added to x. Add it to the output.": [
            f"return (self.hidden(x + {BIAS}) @ self.W).relu()",
            f"return self.decode(self.hidden(x + {BIAS})).relu()",
        ],
        "The bias is averaged over features. Each has its own.": (
            f"return ({GRAM} + self.b.mean(dim=-1)[:, None, None]).relu()"
        ),
        "The output uses absolute weights.": [
            f"return (self.hidden(x) @ self.W.abs() + {BIAS}).relu()",
            f"return (x @ (self.W.mT @ self.W).abs() + {BIAS}).relu()",
        ],
        "A feature's own term, ||W_i||^2 x_i, is missing.": (
            "gram = self.W.mT @ self.W\n"
            "gram = gram - torch.diag_embed(gram.diagonal(dim1=1, dim2=2))\n"
            f"return (x @ gram + {BIAS}).relu()"
        ),
        "The interference of other features is missing.": (
            f"return (x * self.W.square().sum(dim=1)[:, None] + {BIAS}).relu()"
        ),
        "The hidden vectors are averaged over the examples.": {
            "self.hidden(x)": "self.hidden(x).mean(dim=1, keepdim=True).expand(-1, x.shape[1], -1)"
        },
        "This is the hidden vector. Decode it.": [
            "return self.hidden(x).relu()",
            "return self.hidden(x)",
        ],
        "The output is clamped at 1. A ReLU has no upper bound.": {"relu()": "clamp(0, 1)"},
        "x itself is added. There is no residual connection.": {
            "self.decode": "(x + self.decode",
            ".relu()": ").relu()",
        },
        "Every instance uses the first one's W.": (
            f"return (x @ (self.W[0].T @ self.W[0]) + {BIAS}).relu()"
        ),
        "W is a mean over the instances. Each has its own.": (
            f"W = self.W.mean(dim=0)\nreturn (x @ W.T @ W + {BIAS}).relu()"
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
        "W is summed over the instances. Each has its own.": [
            f"return (self.hidden(x) @ self.W.sum(dim=0) + {BIAS}).relu()",
            "return self.decode(x @ self.W.sum(dim=0).T).relu()",
        ],
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
        "This is one number for all instances. Each has its own loss.": [
            {"mean(dim=-1)": "mean()"},
            {"mean(dim=-1)": "mean(dim=-1).sum()"},
        ],
        "This is a square root. The loss is the squared error itself.": {
            "mean(dim=-1)": "mean(dim=-1).sqrt()"
        },
        "This takes the square root of each example's error.": {
            "per_example.": "per_example.sqrt()."
        },
        "Errors are not squared (absolute values).": {"square()": "abs()"},
        "Errors are not squared, so that they cancel.": {"(x_hat - x).square()": "(x_hat - x)"},
        "This is a difference of squares. Square the difference.": {
            "(x_hat - x).square()": "x_hat.square() - x.square()"
        },
        "Errors are summed over the features before the square, so that they cancel.": (
            "return (importance[:, None] * (x_hat - x)).sum(-1).square().mean(-1)"
        ),
        "The mean error is subtracted first. Square the error itself.": {
            "(x_hat - x).square()": "(x_hat - x - (x_hat - x).mean(1, keepdim=True)).square()"
        },
        "Errors are divided by x. Square the error itself.": {
            "(x_hat - x).square()": "((x_hat - x) / x).square()"
        },
        "Only outputs that are too large have an error here.": {
            "(x_hat - x).square()": "(x_hat - x).relu().square()"
        },
        "The third power of the error is taken. Square it.": {
            "(x_hat - x).square()": "(x_hat - x).abs() ** 3"
        },
        "The fourth power of the error is taken. Square it.": {
            "(x_hat - x).square()": "(x_hat - x) ** 4"
        },
        "Large errors are not squared (Huber loss).": {
            "(x_hat - x).square()": "torch.nn.functional.smooth_l1_loss(x_hat, x, reduction='none')"
        },
        "This is the plain mean squared error: importance is not applied, and features are averaged.": [
            "return (x_hat - x).square().mean((1, 2))",
            "return torch.nn.functional.mse_loss(x_hat, x).expand(len(x))",
        ],
        "The loss is divided by that of zeros. It is the weighted squared error itself.": {
            "mean(dim=-1)": "mean(dim=-1) / (x.square() @ importance[..., None]).mean((1, 2))"
        },
        "This is the largest weighted error of an example. Sum over the features.": (
            WEIGHTED + "return errors.amax(-1).mean(-1)"
        ),
        "This is the median over examples. Take the mean.": {
            "mean(dim=-1)": "median(dim=-1).values"
        },
        "This is the loss of the first example. Take the mean over examples.": {
            "mean(dim=-1)": "select(-1, 0)"
        },
        "This is one loss per example. Take the mean over examples.": {".mean(dim=-1)": ""},
        "The mean runs over the instances. Take it over the examples, axis 1.": {
            "mean(dim=-1)": "mean(dim=0)"
        },
        "Importance multiplies the features instead of the error.": (
            "return ((x_hat - importance[:, None] * x) ** 2).sum(-1).mean(-1)"
        ),
        "Importances are scaled to sum to 1.": {
            "mean(dim=-1)": "mean(dim=-1) / importance.sum(-1)"
        },
        "The importances go through a softmax. Use them as they are.": {
            "(), importance,": "(), importance.softmax(-1),"
        },
        "This is the square root of the importance. Multiply by the importance itself.": {
            "(), importance,": "(), importance.sqrt(),"
        },
        "Every feature has the mean importance. Each has its own.": {
            "(), importance,": "(), importance.mean(-1, keepdim=True).expand_as(importance),"
        },
        "Importance is added to the squared error. Multiply by it.": (
            "return ((x_hat - x) ** 2 + importance[:, None]).sum(-1).mean(-1)"
        ),
        "This divides by the importance. Multiply by it.": (
            "return ((x_hat - x) ** 2 / importance[:, None]).sum(-1).mean(-1)"
        ),
        "Only the first feature is counted. Sum over them.": (
            WEIGHTED + "return errors.mean(1)[:, 0]"
        ),
        "The sum is divided by the number of instances. Take the mean over examples.": (
            WEIGHTED + "return errors.sum((1, 2)) / len(x)"
        ),
        "The sum is divided by the number of examples minus 1. Take the mean.": (
            WEIGHTED + "return errors.sum((1, 2)) / (x.shape[1] - 1)"
        ),
        "Importances are scaled to a mean of 1.": {
            "mean(dim=-1)": "mean(dim=-1) / importance.mean(-1)"
        },
        "Every instance has the mean importance of all.": {
            "(), importance,": "(), importance.mean(0).expand_as(importance),"
        },
        "Every instance has the importances of all instances, summed.": {
            "(), importance,": "(), importance.sum(0).expand_as(importance),"
        },
        "Every instance has the first one's importance.": {
            "(), importance,": "(), importance[:1].expand_as(importance),"
        },
        "The loss is halved.": {"mean(dim=-1)": "mean(dim=-1) / 2"},
        "The mean over the batch is taken before the square, so that errors cancel.": (
            "return (importance * (x_hat - x).mean(1) ** 2).sum(-1)"
        ),
        "Only features that are on have an error here. An output for a feature that is off is one "
        "too.": [
            WEIGHTED + "return (errors * (x != 0)).sum(-1).mean(-1)",
            WEIGHTED + "return (errors * (x > 0)).sum(-1).mean(-1)",
        ],
    },
    unnamed={
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
