"""More mistakes in the model, its loss and one step of training (1.3 to 1.5)."""

from tests.grading.mistakes import mistakes

FORWARD = mistakes(
    "1.3",
    "ReluOutputToy.forward",
    {
        "The encoder uses W transposed. W is [inst, d_hidden, n_features].": [
            {"self.hidden(x)": "torch.einsum('ibf,ifd->ibd', x, self.W)"},
            {"self.hidden(x)": "x @ self.W"},
        ],
        "The hidden vector is normalised. Use it as it is.": [
            {"self.hidden(x)": "torch.nn.functional.normalize(self.hidden(x), dim=-1)"},
            {"self.hidden(x)": "self.hidden(x) / self.hidden(x).norm(dim=-1, keepdim=True)"},
        ],
        "The output is encoded and decoded again. Once is enough.": {
            "hidden(x)": "hidden(self.decode(self.hidden(x)).relu())"
        },
        "Every instance uses the last one's bias.": (
            "return (x @ (self.W.mT @ self.W) + self.b[-1]).relu()"
        ),
    },
)
SUMMED = "mean(dim=-1)"
RECONSTRUCTION_LOSS = mistakes(
    "1.4",
    "reconstruction_loss",
    {
        "Every instance gets the last one's loss.": {SUMMED: f"{SUMMED}[-1:].expand(len(x))"},
        "Every instance gets the first one's loss.": {SUMMED: f"{SUMMED}[:1].expand(len(x))"},
        "This is the root of the mean squared error of each feature. Do not take a root.": (
            "return ((x_hat - x).square().mean(1).sqrt() * importance).sum(-1)"
        ),
        "This is a norm of weighted errors. Sum the squared errors times the importance.": [
            "return (importance[:, None] * (x_hat - x)).norm(dim=-1).mean(-1)",
            "return (importance[:, None] * (x_hat - x)).square().sum(-1).mean(-1).sqrt()",
        ],
        "Every feature has the sum of the importances. Each has its own.": {
            "(), importance,": "(), importance.sum(-1, keepdim=True).expand_as(importance),"
        },
    },
)
LOSSES = "reconstruction_loss(model(x), target, importance)"
TRAIN_STEP = mistakes(
    "1.5",
    "train_step",
    {
        "The output goes through a ReLU once more. Use model(x) as it is.": {
            "model(x)": "model(x).relu()"
        },
        "Every instance gets the last one's loss. Return all of them.": {
            "detach()": "detach()[-1:].expand(len(x))"
        },
        "The losses are multiplied by the summed importance. They contain it already.": {
            LOSSES: f"{LOSSES} * importance.sum(-1)"
        },
    },
)
