"""Answers to 1.15."""

from tests.grading.variants import Right, Wrong

ANSWER = (
    "for _ in range(steps):\n"
    "    perturbation.requires_grad_()\n"
    "    loss = reconstruction_loss(model(x + perturbation), x, importance).sum()\n"
    "    (slope,) = torch.autograd.grad(loss, perturbation)\n"
    "    step = F.normalize(slope, dim=-1)\n"
    "    perturbation = perturbation.detach() + radius / 4 * step\n"
    "    length = perturbation.norm(dim=-1, keepdim=True)\n"
    "    perturbation = perturbation * (radius / length).clamp(max=1)\n"
    "return x + perturbation\n"
)
SLOPE = "(slope,) = torch.autograd.grad(loss, perturbation)\n"
UNIT, PROJECT = "F.normalize(slope, dim=-1)", "perturbation * (radius / length).clamp(max=1)"


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
    wrong("no projection", "Perturbations leave the ball", (PROJECT, "perturbation")),
    wrong(
        "projection before the step",
        "A perturbation is",
        ("    length = perturbation.norm(dim=-1, keepdim=True)\n", ""),
        (f"    perturbation = {PROJECT}\n", ""),
        (
            "    perturbation.requires_grad_()\n",
            "    length = perturbation.norm(dim=-1, keepdim=True)\n"
            f"    perturbation = ({PROJECT}).detach().requires_grad_()\n",
        ),
    ),
    wrong("a box", "the ball is Euclidean", (PROJECT, "perturbation.clamp(-radius, radius)")),
    wrong(
        "one ball",
        "All examples share one ball",
        ("perturbation.norm(dim=-1, keepdim=True)", "perturbation.norm()"),
    ),
    wrong("a sphere", "pushed out to its surface", (PROJECT, "perturbation * (radius / length)")),
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
        (", x, importance)", ", x + perturbation, importance)"),
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
        (SLOPE, "loss.backward()\n    slope = perturbation.grad\n"),
    ),
    wrong(
        "takes the model's gradients away",
        "an attack leaves none behind",
        (SLOPE, "loss.backward()\n    slope = perturbation.grad\n    model.zero_grad()\n"),
    ),
    wrong(
        "switches training off",
        "is switched from or to being trained",
        ("for _ in range(steps):", "model.requires_grad_(False)\nfor _ in range(steps):"),
    ),
    wrong(
        "moves the model",
        "only the perturbation moves",
        (
            "return x + perturbation",
            "with torch.no_grad():\n    for w in model.parameters():\n        w += 1e-3\n"
            "return x + perturbation",
        ),
    ),
    wrong(
        "x in place", "edited in place", ("return x + perturbation", "x += perturbation\nreturn x")
    ),
    wrong(
        "perturbation alone",
        "That is the perturbation alone",
        ("return x + perturbation", "return perturbation"),
    ),
    wrong("whole radius", "A step goes the whole radius", ("radius / 4", "radius")),
    wrong("fixed length", "A step goes a fixed length", ("radius / 4 *", "0.25 *")),
    wrong("radius 1", "ball of radius 1", ("radius / 4", "0.25"), ("(radius /", "(1 /")),
    wrong("one step", "One step is taken", ("range(steps)", "range(1)")),
    wrong("ten steps", "Another place is reached", ("range(steps)", "range(10)")),
    wrong("a step missing", "One step is missing", ("range(steps)", "range(1, steps)")),
    wrong(
        "from x itself",
        "The attack starts at x itself",
        ("for _", "perturbation = perturbation * 0\nfor _"),
    ),
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
        "Does the perturbation ask for a gradient in every step",
        ("for _", "perturbation.requires_grad_()\nfor _"),
        ("    perturbation.requires_grad_()\n", ""),
    ),
    wrong(
        "the guess on x is wanted",
        "The guess on x is the answer wanted here",
        ("for _", "with torch.no_grad():\n    wanted = model(x)\nfor _"),
        (", x, importance)", ", wanted, importance)"),
    ),
    wrong(
        "largest entry",
        "divided by its largest entry",
        (UNIT, "slope / slope.abs().amax(-1, keepdim=True).clamp(min=1e-12)"),
    ),
    wrong(
        "onto the ball at the end",
        "at the end alone",
        (f"    perturbation = {PROJECT}\n", f"perturbation = {PROJECT}\n"),
    ),
    wrong("only one instance", "Only the first instance climbs", (".sum()", "[0]")),
    wrong("radius over the steps", "over the number of steps", ("radius / 4", "radius / steps")),
    wrong(
        "between 0 and 1",
        "is cut at 0",
        ("return x + perturbation", "return (x + perturbation).clamp(0, 1)"),
    ),
]

RIGHT = [
    right("as hinted", ANSWER),
    right(
        "backward on a model that asks for nothing",
        "wishes = [w.requires_grad for w in model.parameters()]\n"
        "model.requires_grad_(False)\nfor _ in range(steps):\n"
        "    perturbation = perturbation.detach().requires_grad_()\n"
        "    reconstruction_loss(model(x + perturbation), x, importance).mean().backward()\n"
        "    with torch.no_grad():\n"
        "        step = F.normalize(perturbation.grad, dim=-1)\n"
        "        perturbation = perturbation + radius / 4 * step\n"
        "        perturbation *= (radius / perturbation.norm(dim=-1, keepdim=True)).clamp(max=1)\n"
        "for w, wish in zip(model.parameters(), wishes):\n    w.requires_grad_(wish)\n"
        "return x + perturbation",
    ),
    right(
        "moves the input; renorm",
        "for _ in range(steps):\n"
        "    moved = (x + perturbation).detach().requires_grad_()\n"
        "    errors = importance[:, None] * (model(moved) - x) ** 2\n"
        "    slope = torch.autograd.grad(errors.sum(), moved)[0]\n"
        "    length = slope.norm(dim=-1, keepdim=True)\n"
        "    step = torch.where(length > 0, slope / length, 0.0)\n"
        "    perturbation = perturbation + radius * step / 4\n"
        "    longest = perturbation.norm(dim=-1, keepdim=True).clamp(min=radius)\n"
        "    perturbation = radius * perturbation / longest\n"
        "return x + perturbation",
    ),
]
