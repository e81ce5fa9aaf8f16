"""Mistakes in the input gradient (0.5), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

FRESH = "embedded = embedded.detach().requires_grad_()\n"
ASK = "(gradient,) = torch.autograd.grad({}, embedded)\n"
GRADIENT = FRESH + ASK.format("score(embedded).sum()")
BACKWARD = "embedded = {}\nscore(embedded).sum().backward()\nreturn embedded.grad"
INPUT = mistakes(
    "0.5",
    "input_gradient",
    {
        "Is this gradient times input? This function returns the gradient.": (
            GRADIENT + "return (gradient * embedded).detach()"
        ),
        "Is it the gradient of the MEAN of the scores? Differentiate their sum.": (
            FRESH + ASK.format("score(embedded).mean()") + "return gradient"
        ),
        "Is it the gradient of the first score alone? Differentiate the sum.": (
            FRESH + ASK.format("score(embedded)[0]") + "return gradient"
        ),
        "Is it the gradient of the last score alone? Differentiate the sum.": (
            FRESH + ASK.format("score(embedded)[-1]") + "return gradient"
        ),
        "Is it multiplied by the score?": (
            FRESH
            + "s = score(embedded)\n"
            + ASK.format("(s * s.detach()).sum()")
            + "return gradient"
        ),
        "Is it the gradient of the absolute score?": (
            FRESH + ASK.format("score(embedded).abs().sum()") + "return gradient"
        ),
        "Is it the gradient of the logarithm of the score?": (
            FRESH + ASK.format("score(embedded).log().sum()") + "return gradient"
        ),
        "Is it the gradient of the sigmoid of the score?": (
            FRESH + ASK.format("score(embedded).sigmoid().sum()") + "return gradient"
        ),
        "Is it multiplied by the batch size? The sum of the scores needs no correction.": (
            GRADIENT + "return gradient * len(gradient)"
        ),
        "Is it normalised over the whole batch? Keep the norm of the gradient.": [
            GRADIENT + "return gradient / gradient.norm()",
            GRADIENT + "return gradient / gradient.abs().max()",
        ],
        "Is it divided by d_model? The gradient is not averaged.": (
            GRADIENT + "return gradient / gradient.shape[-1]"
        ),
        "Is it divided by the number of positions? The gradient is not averaged.": (
            GRADIENT + "return gradient / gradient.shape[1]"
        ),
        "Is it the norm of each token's gradient? Every entry has its own gradient.": (
            GRADIENT + "return gradient.norm(dim=-1, keepdim=True).expand_as(gradient)"
        ),
        "Is it the sign of the gradient alone?": GRADIENT + "return gradient.sign()",
        "Is it counted twice? backward() adds to `.grad`.": GRADIENT + "return gradient * 2",
        "Are negative gradients set to zero?": GRADIENT + "return gradient.relu()",
        "Is it averaged over the positions? Each position has its own.": (
            GRADIENT + "return gradient.mean(1, keepdim=True).expand_as(gradient)"
        ),
        "Is it averaged over all entries? Each entry has its own.": (
            GRADIENT + "return gradient.mean().expand_as(gradient)"
        ),
        "Is the gradient taken at zero? Take it at the input.": (
            GRADIENT.replace("embedded.detach()", "torch.zeros_like(embedded).detach()")
            + "return gradient"
        ),
        "torch.autograd.grad needs one number: sum the scores.": (
            FRESH + ASK.format("score(embedded)") + "return gradient"
        ),
        "Does the differentiated tensor not require gradients? detach() clears requires_grad.": [
            "embedded = embedded.detach()\n"
            + ASK.format("score(embedded).sum()")
            + "return gradient",
            "x = embedded.detach()\nreturn torch.autograd.grad(score(embedded).sum(), x)[0]",
        ],
        "Is the score computed under no_grad? Then it has no graph.": (
            FRESH
            + "with torch.no_grad():\n    total = score(embedded).sum()\n"
            + ASK.format("total")
            + "return gradient"
        ),
        "Is the score computed from another tensor than the one that is differentiated?": [
            "x = embedded.detach().requires_grad_()\n"
            "return torch.autograd.grad(score(embedded).sum(), x)[0]",
            ASK.format("score(embedded.detach()).sum()") + "return gradient",
            "x = embedded.detach().requires_grad_()\n"
            + ASK.format("score(x).sum()")
            + "return gradient",
        ],
        "torch.autograd.grad returns a tuple with one gradient per input: unpack it.": (
            FRESH + "return torch.autograd.grad(score(embedded).sum(), embedded)"
        ),
        "The axis d_model is gone: each entry has its own gradient.": (
            GRADIENT + "return gradient.sum(-1)"
        ),
        "Is it the gradient of the squared score?": (
            FRESH + ASK.format("score(embedded).pow(2).sum()") + "return gradient"
        ),
        "Is this an absolute value? A gradient can be negative.": GRADIENT
        + "return gradient.abs()",
        "Is it squared?": GRADIENT + "return gradient**2",
        "Is the sign flipped?": GRADIENT + "return -gradient",
        "Is it normalised at every position? Keep the norm of the gradient.": (
            GRADIENT + "return gradient / gradient.norm(dim=-1, keepdim=True)"
        ),
        "Is it normalised for every example? Keep the norm of the gradient.": (
            GRADIENT + "return gradient / gradient.flatten(1).norm(dim=1)[:, None, None]"
        ),
        "Is it summed over d_model and expanded? Every entry has its own.": (
            GRADIENT + "return gradient.sum(-1, keepdim=True).expand_as(gradient)"
        ),
        "Is each review scored alone? A score may hold an answer for each: pass it the batch.": """
            rows = [one.detach().requires_grad_() for one in embedded.split(1)]
            return torch.cat([torch.autograd.grad(score(one).sum(), one)[0] for one in rows])
        """,
        "Is it averaged over the batch? Each example has its own.": (
            GRADIENT + "return gradient.mean(0, keepdim=True).expand_as(gradient)"
        ),
        "Is it zero everywhere, because the graph was cut (detach, no_grad)?": (
            "return torch.zeros_like(embedded.detach())"
        ),
        "Is this the input itself?": "return embedded.detach()",
        "Is the second call added to the gradient of the first? `.grad` accumulates.": (
            "embedded.requires_grad_()\nembedded.retain_grad()\nscore(embedded).sum().backward()\n"
            "return embedded.grad"
        ),
    },
    unnamed={
        "own weights hold a gradient": BACKWARD.format(
            "embedded.detach().clone().requires_grad_()"
        ),
        "now asks for gradients": "embedded.requires_grad_()\n"
        + ASK.format("score(embedded).sum()")
        + "return gradient",
        "Is it .grad after backward()?": [
            BACKWARD.format("embedded.requires_grad_()"),
            BACKWARD.format("embedded.clone().requires_grad_()"),
        ],
        "switches gradients on or off": GRADIENT + "torch.set_grad_enabled(False)\nreturn gradient",
    },
)
TIMES = mistakes(
    "0.5",
    "gradient_times_input",
    {
        "Is this the gradient without the input? Multiply by embedded.": {
            " * embedded.detach()": ""
        },
        "Is it multiplied by the absolute value of the input? Keep its sign.": {
            "* embedded.detach()": "* embedded.detach().abs()"
        },
        "Is it multiplied by the norm of each token's vector? Multiply entry by entry.": {
            "* embedded.detach()": "* embedded.detach().norm(dim=-1, keepdim=True)"
        },
        "Is it multiplied by the absolute value of the gradient? Keep its sign.": {
            "embedded) *": "embedded).abs() *"
        },
        "Is it multiplied by the sign of the input alone?": {
            "* embedded.detach()": "* embedded.detach().sign()"
        },
        "Is it multiplied by the input minus its mean? Multiply by it as it is.": [
            {"* embedded.detach()": f"* (embedded - embedded.mean({axis}, keepdim=True)).detach()"}
            for axis in (0, 1, 2)
        ],
        "Is it multiplied by the first example's input? Each example has its own.": {
            "* embedded.detach()": "* embedded.detach()[0]"
        },
        "Is the gradient taken at zero? Take it at the input.": {
            "score, embedded)": "score, 0 * embedded)"
        },
        "Is the product divided by the number of positions, or by d_model?": [
            "return input_gradient(score, embedded) * embedded.detach() / embedded.shape[1]",
            "return input_gradient(score, embedded) * embedded.detach() / embedded.shape[2]",
        ],
        "Are negative products set to zero? Keep their sign.": (
            "return (input_gradient(score, embedded) * embedded.detach()).relu()"
        ),
        "Is the product doubled?": (
            "return input_gradient(score, embedded) * 2 * embedded.detach()"
        ),
        "The axis of positions is gone: each entry has its own product.": (
            "return (input_gradient(score, embedded) * embedded.detach()).sum(1)"
        ),
        "Is it divided by the input? Multiply by it.": {"* embedded": "/ embedded"},
        "Is the gradient squared? Multiply it by the input.": {"* embedded.detach()": "** 2"},
        "Is the sign of the product flipped?": {"return input_gradient": "return -input_gradient"},
        "Is the gradient averaged over the batch? Each example has its own.": {
            "embedded) *": "embedded).mean(0) *"
        },
        "Is it the gradient of a score of the product? Multiply after differentiating.": (
            "x = embedded.detach()\nreturn input_gradient(lambda e: score(e * x), embedded)"
        ),
        "Is it summed over d_model and expanded? Every entry has its own product.": (
            "x = embedded.detach()\n"
            "return (input_gradient(score, x) * x).sum(-1, keepdim=True).expand_as(x)"
        ),
        "Is the product divided by the batch size?": (
            "return input_gradient(score, embedded) * embedded.detach() / len(embedded)"
        ),
        "The axis d_model is gone: each entry has its own product. per_token sums them.": (
            "return (input_gradient(score, embedded) * embedded).sum(-1).detach()"
        ),
        "Are gradient and input multiplied as matrices? Multiply entry by entry.": [
            {"* embedded.detach()": "@ embedded.detach().mT"},
            {"* embedded.detach()": "@ embedded.detach()"},
        ],
        "Is it multiplied by the input twice?": {"* embedded.detach()": "* embedded.detach() ** 2"},
        "Is this the input without the gradient?": "return embedded.detach().clone()",
        "Is the input added? Multiply by it.": {"* embedded.detach()": "+ embedded.detach()"},
        "Is this the absolute value of the product? Keep its sign.": (
            "return (input_gradient(score, embedded) * embedded.detach()).abs()"
        ),
        "Is it multiplied by the mean over positions? Each position has its own vector.": {
            "* embedded.detach()": "* embedded.detach().mean(1, keepdim=True)"
        },
        "Is it multiplied by the score? Multiply by the input.": {
            "* embedded.detach()": "* score(embedded).detach()[:, None, None]"
        },
        "Is the input normalised first? Multiply by it as it is.": {
            "* embedded.detach()": "* F.normalize(embedded.detach(), dim=-1)",
            "return input_gradient": "import torch.nn.functional as F\nreturn input_gradient",
        },
    },
)
RIGHT = right_answers(
    "0.5",
    "input_gradient",
    {
        "the mean times the batch": {
            "input_gradient": (
                "x = embedded.detach().clone().requires_grad_()\n"
                "return len(x) * torch.autograd.grad(score(x).mean(), x)[0]"
            ),
            "gradient_times_input": (
                "x = embedded.detach().clone().requires_grad_()\n"
                "ones = torch.ones(len(x), dtype=x.dtype)\n"
                "return torch.autograd.grad(score(x), x, ones)[0] * x"
            ),
        },
        "functional gradient": (
            "return torch.func.grad(lambda x: score(x).sum())(embedded).detach()"
        ),
    },
)
