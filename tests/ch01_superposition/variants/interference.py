"""Answers to 1.8: interference and partners."""

from tests.grading.variants import Right, Wrong


def wrong(function, name, answer, says):
    return Wrong("1.8", name, body={function: answer}, says=says)


ALONG = "units = unit_directions(W)\nalong = units.mT @ W\n"
EYE = "own = torch.eye(W.shape[-1], dtype=torch.bool)\n"

WRONG = [
    wrong(
        "interference",
        "self included",
        ALONG + "return along.square().sum(-1)",
        "The feature itself is counted",
    ),
    wrong(
        "interference",
        "cosines",
        EYE + "return cosines(W).masked_fill(own, 0.0).square().sum(-1)",
        "Both are at length 1 (cosines)",
    ),
    wrong(
        "interference",
        "wrong axis",
        ALONG + EYE + "return along.masked_fill(own, 0.0).square().sum(-2)",
        "the sum runs over the wrong axis",
    ),
    wrong(
        "interference",
        "no length 1",
        EYE + "return (W.mT @ W).masked_fill(own, 0.0).square().sum(-1)",
        "Neither is at length 1",
    ),
    wrong(
        "interference",
        "sizes",
        ALONG + EYE + "return along.masked_fill(own, 0.0).abs().sum(-1)",
        "sum SQUARES",
    ),
    wrong(
        "interference",
        "mean",
        ALONG + EYE + "return along.masked_fill(own, 0.0).square().mean(-1)",
        "a mean over the features",
    ),
    wrong(
        "interference",
        "largest",
        ALONG + EYE + "return along.masked_fill(own, 0.0).square().amax(-1)",
        "the largest of the others alone",
    ),
    wrong(
        "interference",
        "nan",
        "along = (W / W.norm(dim=1, keepdim=True)).mT @ W\n"
        + EYE
        + "return along.masked_fill(own, 0.0).square().sum(-1)",
        "its interference is 0",
    ),
    wrong(
        "partners",
        "without abs",
        EYE + "return (cosines(W) > threshold) & ~own",
        "opposites are partners too",
    ),
    wrong("partners", "self", "return cosines(W).abs() > threshold", "its own partner here"),
    wrong(
        "partners",
        "overlaps",
        EYE + "return ((W.mT @ W).abs() > threshold) & ~own",
        "cosines know no lengths",
    ),
    wrong(
        "partners",
        "one at length 1",
        ALONG + EYE + "return (along.abs() > threshold) & ~own",
        "a cosine has both",
    ),
    wrong(
        "partners",
        "squared",
        EYE + "return (cosines(W).square() > threshold) & ~own",
        "SQUARED cosines",
    ),
    wrong(
        "partners",
        "at the threshold",
        EYE + "return (cosines(W).abs() >= threshold) & ~own",
        "EXCEEDED",
    ),
    wrong(
        "partners",
        "one side",
        "return (cosines(W).abs() > threshold).triu(1)",
        "from one side only",
    ),
    wrong(
        "partners",
        "below",
        EYE + "return (cosines(W).abs() < threshold) & ~own",
        "Those BELOW the threshold",
    ),
    wrong("partners", "numbers", "return cosines(W)", "wrong shape or type"),
]

RIGHT = [
    Right(
        "1.8",
        "total without the own; in place",
        body={
            "interference": ALONG + "return along.square().sum(-1) - W.square().sum(1)",
            "partners": "found = cosines(W).abs() > threshold\n"
            "found.diagonal(dim1=1, dim2=2).fill_(False)\nreturn found",
        },
    ),
    Right(
        "1.8",
        "by the eye; squared",
        body={
            "interference": ALONG
            + "return (along * (1 - torch.eye(W.shape[2]).to(W))).square().sum(2)",
            "partners": EYE + "return (cosines(W) ** 2 > threshold**2) * ~own",
        },
    ),
]
