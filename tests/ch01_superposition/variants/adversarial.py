"""Answers to 1.15."""

from tests.grading.variants import Right, Wrong

ANSWER = (
    "for _ in range(steps):\n"
    "    nudge.requires_grad_()\n"
    "    loss = reconstruction_loss(model(x + nudge), x, importance).sum()\n"
    "    (slope,) = torch.autograd.grad(loss, nudge)\n"
    "    step = F.normalize(slope, dim=-1)\n"
    "    nudge = nudge.detach() + radius / 4 * step\n"
    "    length = nudge.norm(dim=-1, keepdim=True)\n"
    "    nudge = nudge * (radius / length).clamp(max=1)\n"
    "return x + nudge\n"
)
SLOPE = "(slope,) = torch.autograd.grad(loss, nudge)\n"
UNIT, PROJECT = "F.normalize(slope, dim=-1)", "nudge * (radius / length).clamp(max=1)"


def wrong(name, says, *changes):
    """The answer with some of its words changed."""
    answer = ANSWER
    for old, new in changes:
        assert answer.count(old) == 1, (name, old)
        answer = answer.replace(old, new)
    return Wrong("1.15", name, body={"attack": answer}, says=says)


def right(name, answer):
    return Right("1.15", name, body={"attack": answer})


WRONG = [
    wrong("no projection", "Nudges leave the ball", (PROJECT, "nudge")),
    wrong(
        "projection before the step",
        "A nudge is",
        ("    length = nudge.norm(dim=-1, keepdim=True)\n", ""),
        (f"    nudge = {PROJECT}\n", ""),
        (
            "    nudge.requires_grad_()\n",
            "    length = nudge.norm(dim=-1, keepdim=True)\n"
            f"    nudge = ({PROJECT}).detach().requires_grad_()\n",
        ),
    ),
    wrong("a box", "the ball is Euclidean", (PROJECT, "nudge.clamp(-radius, radius)")),
    wrong(
        "one ball",
        "All examples share one ball",
        ("nudge.norm(dim=-1, keepdim=True)", "nudge.norm()"),
    ),
    wrong("a sphere", "pushed out to its surface", (PROJECT, "nudge * (radius / length)")),
    wrong("one gradient norm", "serves the batch", (UNIT, "slope / slope.norm()")),
    wrong(
        "one gradient norm an instance",
        "serves an instance",
        (UNIT, "slope / slope.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)"),
    ),
    wrong("descent", "The loss goes down", ("radius / 4 *", "-radius / 4 *")),
    wrong(
        "target moves",
        "the answer wanted stays x",
        (", x, importance)", ", x + nudge, importance)"),
    ),
    wrong("raw gradient", "is not brought to length 1", (UNIT, "slope")),
    wrong(
        "raw gradient of a sum over the batch",
        "The gradient is not brought to length 1",
        (UNIT, "slope * x.shape[1]"),
    ),
    wrong("sign", "The SIGN of the gradient", (UNIT, "slope.sign()")),
    wrong("over the batch", "normalised over the batch", ("slope, dim=-1)", "slope, dim=1)")),
    wrong("nan", "zero over its own length", (UNIT, "slope / slope.norm(dim=-1, keepdim=True)")),
    wrong(
        "gradients in the model",
        "an attack leaves none behind",
        (SLOPE, "loss.backward()\n    slope = nudge.grad\n"),
    ),
    wrong(
        "takes the model's gradients away",
        "an attack leaves none behind",
        (SLOPE, "loss.backward()\n    slope = nudge.grad\n    model.zero_grad()\n"),
    ),
    wrong(
        "switches training off",
        "is switched from or to being trained",
        ("for _ in range(steps):", "model.requires_grad_(False)\nfor _ in range(steps):"),
    ),
    wrong(
        "moves the model",
        "only the nudge moves",
        (
            "return x + nudge",
            "with torch.no_grad():\n    for w in model.parameters():\n        w += 1e-3\n"
            "return x + nudge",
        ),
    ),
    wrong("x in place", "edited in place", ("return x + nudge", "x += nudge\nreturn x")),
    wrong("nudge alone", "That is the nudge alone", ("return x + nudge", "return nudge")),
    wrong("whole radius", "A step goes the whole radius", ("radius / 4", "radius")),
    wrong("fixed length", "A step goes a fixed length", ("radius / 4 *", "0.25 *")),
    wrong("radius 1", "ball of radius 1", ("radius / 4", "0.25"), ("(radius /", "(1 /")),
    wrong("one step", "One step is taken", ("range(steps)", "range(1)")),
    wrong("ten steps", "Another place is reached", ("range(steps)", "range(10)")),
    wrong("a step missing", "One step is missing", ("range(steps)", "range(1, steps)")),
    wrong("from x itself", "The attack starts at x itself", ("for _", "nudge = nudge * 0\nfor _")),
    wrong(
        "no importance",
        "Importance is not applied",
        (", importance)", ", torch.ones_like(importance))"),
    ),
    wrong(
        "adds gradients up",
        "Gradients of earlier steps",
        ("for _", "heard = 0\nfor _"),
        (SLOPE, SLOPE + "    heard = slope = heard + slope\n"),
    ),
    wrong(
        "asks for a gradient once",
        "Does the nudge ask for a gradient in every step",
        ("for _", "nudge.requires_grad_()\nfor _"),
        ("    nudge.requires_grad_()\n", ""),
    ),
]

RIGHT = [
    right("as hinted", ANSWER),
    right(
        "backward on a model that asks for nothing",
        "wishes = [w.requires_grad for w in model.parameters()]\n"
        "model.requires_grad_(False)\nfor _ in range(steps):\n"
        "    nudge = nudge.detach().requires_grad_()\n"
        "    reconstruction_loss(model(x + nudge), x, importance).mean().backward()\n"
        "    with torch.no_grad():\n"
        "        nudge = nudge + radius / 4 * F.normalize(nudge.grad, dim=-1)\n"
        "        nudge *= (radius / nudge.norm(dim=-1, keepdim=True)).clamp(max=1)\n"
        "for w, wish in zip(model.parameters(), wishes):\n    w.requires_grad_(wish)\n"
        "return x + nudge",
    ),
    right(
        "moves the input; renorm",
        "for _ in range(steps):\n"
        "    moved = (x + nudge).detach().requires_grad_()\n"
        "    errors = importance[:, None] * (model(moved) - x) ** 2\n"
        "    slope = torch.autograd.grad(errors.sum(), moved)[0]\n"
        "    length = slope.norm(dim=-1, keepdim=True)\n"
        "    nudge = nudge + radius * torch.where(length > 0, slope / length, 0.0) / 4\n"
        "    longest = nudge.norm(dim=-1, keepdim=True).clamp(min=radius)\n"
        "    nudge = radius * nudge / longest\n"
        "return x + nudge",
    ),
]
