"""Answers to 1.3 and 1.4."""

from tests.grading.variants import Right, Wrong

FORWARD = "ReluOutputToy.forward"
HIDDEN = "hidden = torch.einsum('imf,ibf->ibm', self.W, x)\n"
BACK = HIDDEN + "back = torch.einsum('imf,ibm->ibf', self.W, hidden)\n"
BIAS = "self.b[:, None, :]"
SQUARES = "errors = importance[:, None, :] * (x_hat - x) ** 2\n"


def model(name, answer, says):
    return Wrong("1.3", name, body={FORWARD: answer}, says=says)


def loss(name, answer, says):
    return Wrong("1.4", name, body={"reconstruction_loss": answer}, says=says)


WRONG = [
    model("no bias", BACK + "return back.relu()", "The bias is forgotten"),
    model("no ReLU", "return self.decode(self.hidden(x))", "The ReLU is forgotten"),
    model("neither", BACK + "return back", "Bias and ReLU are forgotten"),
    model("bias after", BACK + f"return back.relu() + {BIAS}", "The bias is added after the ReLU"),
    model("minus bias", BACK + f"return (back - {BIAS}).relu()", "The bias is subtracted"),
    model("hidden ReLU", "return self.decode(self.hidden(x).relu())", "at the output alone"),
    model(
        "two ReLUs", "return self.decode(self.hidden(x).relu()).relu()", "at the hidden layer as w"
    ),
    model("absolute", "return self.decode(self.hidden(x)).abs()", "The absolute value is taken"),
    model("sigmoid", "return self.decode(self.hidden(x)).sigmoid()", "a sigmoid, not a ReLU"),
    model("cut at 1", "return self.decode(self.hidden(x)).clamp(0, 1)", "It is cut at 1 as well"),
    model("residual", "return (x + self.decode(self.hidden(x))).relu()", "x itself is added"),
    model(
        "leaky", "return torch.nn.functional.leaky_relu(self.decode(self.hidden(x)))", "x' = ReLU("
    ),
    model("GELU", "return torch.nn.functional.gelu(self.decode(self.hidden(x)))", "x' = ReLU("),
    model(
        "first instance's W",
        f"return (torch.einsum('mf,mg,ibg->ibf', self.W[0], self.W[0], x) + {BIAS}).relu()",
        "Every instance uses the first one's W",
    ),
    model(
        "first instance's bias",
        BACK + "return (back + self.b[0]).relu()",
        "Every instance uses the first one's bias",
    ),
    model(
        "unit directions",
        "W = self.W / self.W.norm(dim=1, keepdim=True)\n"
        f"return (torch.einsum('imf,img,ibg->ibf', W, W, x) + {BIAS}).relu()",
        "The directions are scaled to length 1",
    ),
    model(
        "instances mixed",
        "hidden = torch.einsum('imf,jbf->ibm', self.W, x)\nreturn self.decode(hidden).relu()",
        "x' = ReLU(W^T W x + b)",
    ),
    model(
        "without a graph",
        "return (x @ (self.W.mT @ self.W).detach() + self.b[:, None]).relu()",
        "without its graph",
    ),
    model(
        "transposed",
        "return (self.W @ (self.W.mT @ x.mT) + self.b[..., None]).mT.relu()",
        "W is used transposed",
    ),
    model(
        "W h for W^T h",
        HIDDEN + "back = torch.einsum('ifm,ibm->ibf', self.W, hidden)\n"
        f"return (back + {BIAS}).relu()",
        "the same way round twice",
    ),
    model("in place", "x.relu_()\nreturn self.decode(self.hidden(x)).relu()", "`x` is edited in"),
    loss(
        "no importance",
        "return ((x_hat - x) ** 2).sum(-1).mean(-1)",
        "The importance is not applied",
    ),
    loss(
        "importance squared",
        "return ((importance[:, None] * (x_hat - x)) ** 2).sum(-1).mean(-1)",
        "The importance is squared",
    ),
    loss("mean over features", SQUARES + "return errors.mean((-2, -1))", "the mean over features"),
    loss("sum over the batch", SQUARES + "return errors.sum((-2, -1))", "the sum over the batch"),
    loss(
        "the other way round",
        SQUARES + "return errors.mean(-1).sum(-1)",
        "it is the other way round",
    ),
    loss("one number", SQUARES + "return errors.sum(-1).mean()", "wrong shape or type"),
    loss(
        "mean over instances",
        SQUARES + "return errors.sum(-1).mean().expand(len(x))",
        "The instances are averaged",
    ),
    loss("root", SQUARES + "return errors.sum(-1).mean(-1).sqrt()", "The root is taken"),
    loss("root of each", SQUARES + "return errors.sum(-1).sqrt().mean(-1)", "root of each example"),
    loss(
        "absolute",
        "return (importance[:, None] * (x_hat - x).abs()).sum(-1).mean(-1)",
        "Errors are not squared",
    ),
    loss(
        "importance on the features",
        "return ((x_hat - importance[:, None] * x) ** 2).sum(-1).mean(-1)",
        "instead of the error",
    ),
    loss(
        "importance scaled",
        SQUARES + "return errors.sum(-1).mean(-1) / importance.sum(-1)",
        "scaled to add up to 1",
    ),
    loss(
        "first importance",
        "return (importance[0] * (x_hat - x) ** 2).sum(-1).mean(-1)",
        "the first one's importance",
    ),
    loss(
        "importance along the batch",
        SQUARES.replace("[:, None, :]", "[:, : x.shape[1], None]")
        + "return errors.sum(-1).mean(-1)",
        "Importance weighs the examples here",
    ),
    loss(
        "NaN hidden",
        "return (importance[:, None] * (x_hat - x).nan_to_num() ** 2).sum(-1).mean(-1)",
        "so that it is seen",
    ),
    loss("halved", SQUARES + "return errors.sum(-1).mean(-1) / 2", "It is halved"),
    loss(
        "mean before the square",
        "return (importance * (x_hat - x).mean(1) ** 2).sum(-1)",
        "comes before the square",
    ),
    loss("detached", SQUARES + "return errors.sum(-1).mean(-1).detach()", "is it detached"),
    loss(
        "in place", "x_hat -= x\nreturn (importance[:, None] * x_hat**2).sum(-1).mean(-1)", "edited"
    ),
    model(
        "ReLU of the overlaps",
        f"return (x @ (self.W.mT @ self.W).relu() + {BIAS}).relu()",
        "The ReLU cuts W^T W",
    ),
    model("bias twice", f"return (self.decode(self.hidden(x)) + {BIAS}).relu()", "added twice"),
    model(
        "bias as it is", BACK + "return (back + self.b).relu()", "b[:, None] stands beside [inst,"
    ),
    loss(
        "importance as it is",
        "return (importance * (x_hat - x) ** 2).sum(-1).mean(-1)",
        "importance[:, None] stands beside",
    ),
    loss(
        "where features are on",
        SQUARES + "return (errors * (x != 0)).sum(-1).mean(-1)",
        "a guess beside 0 is an error too",
    ),
]

RIGHT = [
    Right("1.3", "by einsum", body={FORWARD: BACK + f"return torch.relu(back + {BIAS})"}),
    Right(
        "1.3",
        "one square matrix",
        body={FORWARD: "return (x @ (self.W.mT @ self.W) + self.b.unsqueeze(1)).clamp(min=0)"},
    ),
    Right(
        "1.3",
        "a loop over the instances",
        body={
            FORWARD: "outs = [one @ W.T @ W + b for one, W, b in zip(x, self.W, self.b)]\n"
            "return torch.stack([out * (out > 0) for out in outs])"
        },
    ),
    Right(
        "1.4",
        "broadcast",
        body={"reconstruction_loss": SQUARES + "return errors.mean(1).sum(1)"},
    ),
    Right(
        "1.4",
        "root of the importance on the error",
        body={
            "reconstruction_loss": "error = importance.sqrt().unsqueeze(1) * (x_hat - x)\n"
            "return torch.linalg.vector_norm(error, dim=(1, 2)) ** 2 / x.shape[1]"
        },
    ),
]
