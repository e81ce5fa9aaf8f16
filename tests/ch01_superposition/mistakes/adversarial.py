"""Mistakes in attack (1.15), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

UNIT, LENGTH = "F.normalize(slope, dim=-1)", "perturbation.norm(dim=-1, keepdim=True)"
DIVIDED = "slope / slope.norm(dim=-1, keepdim=True)"
PROJECTED = "perturbation * (radius / length).clamp(max=1)"
SLOPE = "(slope,) = torch.autograd.grad(losses.sum(), perturbation)"
LOOP = "for _ in range(steps):"
ATTACK = mistakes(
    "1.15",
    "attack",
    {
        "Perturbations leave the ball. Project after each step.": {PROJECTED: "perturbation"},
        "Each entry is clamped to the radius, a box. The ball is Euclidean.": {
            PROJECTED: "perturbation.clamp(-radius, radius)"
        },
        "All examples share one ball. Each has its own, with a length over the last axis.": {
            LENGTH: "perturbation.norm()"
        },
        "Perturbations inside the ball are scaled up to its surface. Scale only long ones.": [
            {PROJECTED: "perturbation * (radius / length)"},
            {PROJECTED: "radius * F.normalize(perturbation, dim=-1)", UNIT: DIVIDED},
        ],
        "A gradient of zero is divided by its length of zero. Divide by F.normalize.": {
            UNIT: DIVIDED
        },
        "The batch shares one norm of the gradient. Normalise each example's.": {
            UNIT: "slope / slope.norm()"
        },
        "An instance shares one norm of the gradient. Normalise each example's.": {
            UNIT: "slope / slope.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)"
        },
        "The loss decreases. Step along the gradient, not against it.": {
            "+ radius / 4": "- radius / 4"
        },
        "The target is x + perturbation here. The target stays x.": {
            "x, importance": "x + perturbation, importance"
        },
        "The gradient is not normalised.": [{UNIT: "slope"}, {UNIT: "slope * x.shape[1]"}],
        "This is the SIGN of the gradient. Normalise it instead.": {UNIT: "slope.sign()"},
        "The gradient is normalised over the batch (dim=1). Normalise over features, dim=-1.": {
            UNIT: "F.normalize(slope, dim=1)"
        },
        "This is the perturbation alone. Return x + perturbation.": {
            "return x + perturbation": "return perturbation"
        },
        "A step has the length of the radius. Use a quarter of it.": {"radius / 4": "radius"},
        "A step has a fixed length, whatever the radius. Use a quarter of the radius.": {
            "radius / 4": "0.25"
        },
        "The radius is ignored: this is a ball of radius 1.": {
            "radius / 4": "0.25",
            "(radius / length)": "(1 / length)",
        },
        "There is one step, whatever `steps` is.": {"range(steps)": "range(1)"},
        "One step is missing.": {"range(steps)": "range(1, steps)"},
        "There is one step too many.": {"range(steps)": "range(steps + 1)"},
        "Steps become shorter. Each is a quarter of the radius long.": [
            {LOOP: "for k in range(steps):", "radius / 4": "radius / 4 / (k + 1)"},
            {LOOP: "for k in range(steps):", "radius / 4": "radius / 4 * (1 - k / steps)"},
        ],
        "A step has half the length of the radius. Use a quarter of it.": {
            "radius / 4": "radius / 2"
        },
        "The length is the largest entry. The ball is Euclidean.": {
            LENGTH: "perturbation.abs().amax(dim=-1, keepdim=True)"
        },
        "The length is the sum of absolute values. The ball is Euclidean.": {
            LENGTH: "perturbation.norm(p=1, dim=-1, keepdim=True)"
        },
        "The length is squared. Use the length itself.": {
            LENGTH: "perturbation.square().sum(dim=-1, keepdim=True)"
        },
        "The ball is around zero. It is around x: take the perturbation's length.": [
            {LENGTH: "(x + perturbation).norm(dim=-1, keepdim=True)"},
            {
                "return x + perturbation": "moved = x + perturbation\n"
                "return moved * (radius / moved.norm(dim=-1, keepdim=True)).clamp(max=1)"
            },
        ],
        "A step has an eighth of the radius. Use a quarter of it.": {"radius / 4": "radius / 8"},
        "Negative perturbations are removed. The ball is the only bound.": {
            "return x + perturbation": "return x + perturbation.relu()"
        },
        "Steps have momentum. Use each step's own gradient.": {
            LOOP: "speed = 0\n" + LOOP,
            UNIT: f"(speed := 0.9 * speed + {UNIT})",
        },
        "The target is zero. It is x.": {"x, importance)": "torch.zeros_like(x), importance)"},
        "The radius of the ball is squared.": {"(radius / length)": "(radius**2 / length)"},
        "The ball has the radius of a step. Its radius is `radius`.": {
            "(radius / length)": "(radius / 4 / length)"
        },
        "Perturbations are enlarged: clamp(min=1). They are scaled down, clamp(max=1).": {
            "clamp(max=1)": "clamp(min=1)"
        },
        "Perturbations are projected onto the sphere at the end. Inside the ball they stay.": {
            "return x + perturbation": "return x + radius * F.normalize(perturbation, dim=-1)"
        },
        "Every step uses the gradient at x. Use that at x + perturbation.": [
            {"model(x + perturbation), x": ("model(x + perturbation - perturbation.detach()), x")},
            {
                LOOP: "start = perturbation.clone().requires_grad_()\n"
                "losses = reconstruction_loss(model(x + start), x, importance)\n"
                "(slope,) = torch.autograd.grad(losses.sum(), start)\n" + LOOP,
                "    losses = reconstruction_loss(model(x + perturbation), x, importance)\n": "",
                f"    {SLOPE}\n": "",
            },
        ],
        "Perturbation and target are exchanged: the model gets x, and the target moves.": {
            "model(x + perturbation), x": "model(x), x + perturbation"
        },
        "The attack starts at random. It starts at the perturbation given.": {
            LOOP: "seeded = torch.Generator().manual_seed(0)\n"
            "perturbation = random_perturbation(torch.zeros_like(x), radius, seeded)\n" + LOOP
        },
        "Features below 0 are clamped to 0. The ball is the only bound.": {
            "return x + perturbation": "return (x + perturbation).clamp(min=0)"
        },
        "Importance is squared.": {"x, importance)": "x, importance.square())"},
        "There are ten steps, whatever `steps` is.": {"range(steps)": "range(10)"},
        "The attack starts at x, not at the perturbation given.": {
            LOOP: "perturbation = perturbation * 0\n" + LOOP
        },
        "Importance is not applied.": {"x, importance": "x, torch.ones_like(importance)"},
        "Gradients of earlier steps are added. Use each step's own.": {
            LOOP: "total = 0\n" + LOOP,
            SLOPE: SLOPE + "\n    total = slope = total + slope",
        },
        "The target is the output on x here. The target is x itself.": {
            LOOP: "with torch.no_grad():\n    wanted = model(x)\n" + LOOP,
            "x, importance": "wanted, importance",
        },
        "The gradient is divided by its largest entry. Divide by its Euclidean length.": {
            UNIT: "slope / slope.abs().amax(-1, keepdim=True).clamp(min=1e-12)"
        },
        "Perturbations are projected at the end only. Project after each step.": {
            f"    perturbation = {PROJECTED}": f"perturbation = {PROJECTED}"
        },
        "Only one instance is attacked. Use the SUM of the losses.": [
            {".sum()": "[0]"},
            {".sum()": ".max()"},
            {".sum()": "[-1]"},
        ],
        "An instance shares one ball. Each example has its own, with a length over the last axis.": {
            LENGTH: "perturbation.norm(dim=(1, 2), keepdim=True)"
        },
        "A step has the length of the radius over the number of steps. Use a quarter of it.": {
            "radius / 4": "radius / steps"
        },
        "The result is clamped to 0 and 1. The ball is the only bound.": {
            "return x + perturbation": "return (x + perturbation).clamp(0, 1)"
        },
        "The projection comes before the step. Project after it.": """
            for _ in range(steps):
                length = perturbation.norm(dim=-1, keepdim=True)
                perturbation = perturbation * (radius / length).clamp(max=1)
                perturbation = perturbation.detach().requires_grad_()
                losses = reconstruction_loss(model(x + perturbation), x, importance)
                (slope,) = torch.autograd.grad(losses.sum(), perturbation)
                perturbation = perturbation.detach() + radius / 4 * F.normalize(slope, dim=-1)
            return x + perturbation
            """,
    },
    unnamed={
        "leaves no gradients": [
            {SLOPE: "losses.sum().backward()\n    slope = perturbation.grad"},
            {
                SLOPE: "losses.sum().backward()\n    slope = perturbation.grad\n"
                "    model.zero_grad()"
            },
        ],
        "requires_grad is changed": {LOOP: "model.requires_grad_(False)\n" + LOOP},
        "has changed": {
            "return": "with torch.no_grad():\n    for w in model.parameters():\n"
            "        w += 1e-3\nreturn"
        },
        "in place": {"return x + perturbation": "x += perturbation\nreturn x"},
        "require a gradient in every step": {
            LOOP: "perturbation.requires_grad_()\n" + LOOP,
            "    perturbation.requires_grad_()\n    losses": "    losses",
        },
    },
)
RIGHT = right_answers(
    "1.15",
    "attack",
    {
        "as hinted": """
            for _ in range(steps):
                perturbation.requires_grad_()
                loss = reconstruction_loss(model(x + perturbation), x, importance).sum()
                (slope,) = torch.autograd.grad(loss, perturbation)
                step = F.normalize(slope, dim=-1)
                perturbation = perturbation.detach() + radius / 4 * step
                length = perturbation.norm(dim=-1, keepdim=True)
                perturbation = perturbation * (radius / length).clamp(max=1)
            return x + perturbation
            """,
        "backward on a model without gradients": """
            wishes = [w.requires_grad for w in model.parameters()]
            model.requires_grad_(False)
            for _ in range(steps):
                perturbation = perturbation.detach().requires_grad_()
                reconstruction_loss(model(x + perturbation), x, importance).mean().backward()
                with torch.no_grad():
                    step = F.normalize(perturbation.grad, dim=-1)
                    perturbation = perturbation + radius / 4 * step
                    perturbation *= (radius / perturbation.norm(dim=-1, keepdim=True)).clamp(max=1)
            for w, wish in zip(model.parameters(), wishes):
                w.requires_grad_(wish)
            return x + perturbation
            """,
        "moves the input; renorm": """
            for _ in range(steps):
                moved = (x + perturbation).detach().requires_grad_()
                errors = importance[:, None] * (model(moved) - x) ** 2
                slope = torch.autograd.grad(errors.sum(), moved)[0]
                length = slope.norm(dim=-1, keepdim=True)
                step = torch.where(length > 0, slope / length, 0.0)
                perturbation = perturbation + radius * step / 4
                longest = perturbation.norm(dim=-1, keepdim=True).clamp(min=radius)
                perturbation = radius * perturbation / longest
            return x + perturbation
            """,
    },
)
