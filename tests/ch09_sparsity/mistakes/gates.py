"""Mistakes in gated SAEs (9.8-9.10) and JumpReLU SAEs (9.11-9.13)."""

from tests.grading.mistakes import mistakes, right_answers

STRENGTH = "strength = (pre_acts - self.b_enc) * self.r_mag.exp() + self.b_mag"
ACTIVATE = mistakes(
    "9.8",
    "GatedSAE.activate",
    {
        "Is the gate's bias still in the strength? Subtract b_enc first.": {
            "(pre_acts - self.b_enc)": "pre_acts"
        },
        "Is r_mag used without exp?": {"self.r_mag.exp()": "self.r_mag"},
        "Is b_mag missing?": {" + self.b_mag": ""},
        "Is the bias scaled by exp(r_mag) too?": {
            STRENGTH: "strength = (pre_acts - self.b_enc + self.b_mag) * self.r_mag.exp()"
        },
        "Is the gate missing? A latent is active where pre_acts > 0.": {
            "(pre_acts > 0) * strength.relu()": "strength.relu()"
        },
        "Is ReLU of the strength missing?": {"strength.relu()": "strength"},
        "Is the gate multiplied in by its size? It is 0 or 1.": {
            "(pre_acts > 0) * strength.relu()": "pre_acts.relu() * strength.relu()"
        },
        "Is the gate itself the activation?": {
            "(pre_acts > 0) * strength.relu()": "pre_acts.relu()"
        },
    },
)
GATES = "open_gates = made.pre_acts.relu()\n"
PENALTY = "sparsity = self.l1_coefficient * open_gates.sum(dim=-1).mean()\n"
BY_GATE = "by_gate = open_gates @ self.W_dec.detach() + self.b_dec.detach()\n"
RETURN = "return LossParts(squared_error(x, made.x_hat), sparsity, squared_error(x, by_gate))"
LOSS = mistakes(
    "9.9",
    "GatedSAE.loss_parts",
    {
        "Is the penalty on acts? It is on ReLU of the gate, so that strengths do not shrink.": {
            "open_gates.sum(dim=-1).mean()": "made.acts.sum(dim=-1).mean()"
        },
        "Is ReLU missing? A closed gate must not be rewarded.": {
            "made.pre_acts.relu()": "made.pre_acts"
        },
        "Is lambda missing in the penalty?": {"self.l1_coefficient * ": ""},
        "Is the penalty on the absolute pre-activation? Only open gates are penalized.": {
            "open_gates.sum(dim=-1).mean()": "made.pre_acts.abs().sum(dim=-1).mean()"
        },
        "Is the auxiliary reconstruction made from acts? It is made from ReLU of the gate.": {
            "open_gates @ self.W_dec.detach()": "made.acts @ self.W_dec.detach()"
        },
        "Is b_dec missing in the auxiliary reconstruction?": {" + self.b_dec.detach()": ""},
        "Is the auxiliary loss missing? Without it the gate learns from the penalty alone.": {
            "squared_error(x, by_gate))": "x.new_zeros(()))"
        },
        "Is the auxiliary loss multiplied by lambda?": {
            "sparsity, squared_error(x, by_gate))": (
                "sparsity, self.l1_coefficient * squared_error(x, by_gate))"
            )
        },
        "Is the penalty a mean over latents? Sum over them.": {
            "open_gates.sum(dim=-1).mean()": "open_gates.mean()"
        },
        "Is the number of open gates penalized? It has no gradient.": {
            "open_gates.sum(dim=-1).mean()": "(open_gates > 0).to(x).sum(dim=-1).mean()"
        },
    },
    unnamed={
        "moves W_dec": {"self.W_dec.detach()": "self.W_dec"},
        "is it detached where": {"self.b_dec.detach()": "self.b_dec"},
        "is something detached": {"made.pre_acts.relu()": "made.pre_acts.detach().relu()"},
    },
)
JUMP = mistakes(
    "9.10",
    "as_jumprelu",
    {
        "Is the threshold's scale missing? The gate is open where strength > b_mag - exp(r_mag) b.": {
            "sae.b_mag - scale * sae.b_enc": "sae.b_mag - sae.b_enc"
        },
        "Is the sign of b_enc wrong?": {"sae.b_mag - scale": "sae.b_mag + scale"},
        "Is the encoder not scaled by exp(r_mag)?": {"sae.W_enc * scale": "sae.W_enc.clone()"},
        "Is the bias that of the gate? Strengths have b_mag.": {
            "sae.b_mag.clone(), threshold": "sae.b_enc.clone(), threshold"
        },
        "Is the threshold negative? Strengths below zero are zero anyway.": {
            "(sae.b_mag - scale * sae.b_enc).relu()": "sae.b_mag - scale * sae.b_enc"
        },
        "Is the threshold that of the gate, zero?": {
            "(sae.b_mag - scale * sae.b_enc).relu()": "torch.zeros_like(sae.b_mag)"
        },
        "Is r_mag used without exp?": {"sae.r_mag.exp()": "sae.r_mag"},
    },
    unnamed={"shares memory": {"sae.b_mag.clone(), threshold": "sae.b_mag, threshold"}},
)
WINDOW = "in_window(z, threshold, ctx.width)"
THRESHOLD = "d_threshold = -threshold / ctx.width * grad * " + WINDOW
JUMPRELU = mistakes(
    "9.11",
    "JumpReLU.backward",
    {
        "Is the sign wrong? A higher threshold lowers the output.": {
            "-threshold / ctx.width": "threshold / ctx.width"
        },
        "Is the height of the jump missing? Its size is the threshold.": {
            "-threshold / ctx.width": "-1 / ctx.width"
        },
        "Is the division by the width missing?": {"-threshold / ctx.width": "-threshold"},
        "Is it multiplied by the width?": {"-threshold / ctx.width": "-threshold * ctx.width"},
        "Is the window missing? Only z close to the threshold count.": {" * " + WINDOW: ""},
        "Is the window twice as wide? It reaches half a width to each side.": {
            WINDOW: "in_window(z, threshold, 2 * ctx.width)"
        },
        "Is z inside at exactly half a width from the threshold? It must be closer.": {
            WINDOW: "((z - threshold).abs() <= ctx.width / 2)"
        },
        "Does z get a gradient where it is silent?": {
            "return grad * (z > threshold), ": "return grad, "
        },
        "Does z get no gradient? Active entries pass it on.": {
            "return grad * (z > threshold), ": "return torch.zeros_like(grad), "
        },
        "Does z get a gradient wherever it is positive? It must exceed the threshold.": {
            "return grad * (z > threshold), ": "return grad * (z > 0), "
        },
        "Is the mean over tokens taken? The threshold's gradient is a sum.": {
            "d_threshold.flatten(0, -2).sum(dim=0)": "d_threshold.flatten(0, -2).mean(dim=0)"
        },
        "Is the incoming gradient missing in that of the threshold?": {
            "ctx.width * grad *": "ctx.width *"
        },
    },
)
STEP = mistakes(
    "9.12",
    "Step.backward",
    {
        "Is the sign wrong? A higher threshold switches latents off.": {
            "-grad / ctx.width": "grad / ctx.width"
        },
        "Is the threshold in the gradient? The step's height is 1.": {
            "-grad / ctx.width": "-grad * threshold / ctx.width"
        },
        "Is the division by the width missing?": {"-grad / ctx.width": "-grad"},
        "Is the window missing? Only z close to the threshold count.": {" * " + WINDOW: ""},
        "Is the window twice as wide? It reaches half a width to each side.": {
            WINDOW: "in_window(z, threshold, 2 * ctx.width)"
        },
        "Is z inside at exactly half a width from the threshold? It must be closer.": {
            WINDOW: "((z - threshold).abs() <= ctx.width / 2)"
        },
        "Does z get a gradient? The step is flat in z.": {
            "return None, ": "return grad * (z > threshold), "
        },
        "Does z get the kernel's gradient? It is for the threshold alone.": {
            "return None, ": "return -d_threshold, "
        },
        "Is the mean over tokens taken? The threshold's gradient is a sum.": {
            "d_threshold.flatten(0, -2).sum(dim=0)": "d_threshold.flatten(0, -2).mean(dim=0)"
        },
    },
)
COUNT = mistakes(
    "9.13",
    "JumpReLUSAE.count",
    {
        "Is the decoder's norm missing in tanh?": {" * self.W_dec.norm(dim=-1)": ""},
        "Is the factor 4 missing in tanh?": {"4 * made.acts": "made.acts"},
        "Are these the lengths of encoder columns?": {
            "self.W_dec.norm(dim=-1)": "self.W_enc.norm(dim=0)"
        },
        "Is the tanh of pre-activations taken? Silent latents cost nothing.": {
            "4 * made.acts": "4 * made.pre_acts"
        },
        "Is the width of the kernel a number of your own? It is self.width.": {
            "self.width": "0.05"
        },
        "Is tanh missing? That is an L1 penalty.": {
            "(4 * made.acts * self.W_dec.norm(dim=-1)).tanh()": (
                "4 * made.acts * self.W_dec.norm(dim=-1)"
            )
        },
    },
    unnamed={
        "must have a gradient for the thresholds": {
            "Step.apply(made.pre_acts, self.threshold, self.width)": "(made.acts > 0).to(made.acts)"
        },
        "for the decoder's rows": {"self.W_dec.norm(dim=-1)": "self.W_dec.detach().norm(dim=-1)"},
    },
)
RIGHT = [
    *right_answers(
        "9.8",
        "GatedSAE.activate",
        {
            "with where": STRENGTH
            + "\nreturn torch.where((pre_acts > 0) & (strength > 0), strength, 0.0)"
        },
    ),
    *right_answers(
        "9.9",
        "GatedSAE.loss_parts",
        {
            "with no_grad": (
                "gates = torch.clamp(made.pre_acts, min=0)\n"
                "W, b = self.W_dec.data, self.b_dec.data\n"
                "error = (x - gates @ W - b).pow(2).sum(-1).mean()\n"
                "penalty = self.l1_coefficient * gates.sum(-1).mean()\n"
                "return LossParts((x - made.x_hat).pow(2).sum(-1).mean(), penalty, error)"
            ),
            "gates computed again": {"made.pre_acts": "self.pre_activations(x)"},
        },
    ),
    *right_answers(
        "9.10",
        "as_jumprelu",
        {
            "with clamp": (
                "scale = torch.exp(sae.r_mag)\n"
                "threshold = torch.clamp(sae.b_mag - scale * sae.b_enc, min=0)\n"
                "return JumpReLUWeights(sae.W_enc * scale[None], sae.b_mag + 0, threshold)"
            )
        },
    ),
    *right_answers(
        "9.11",
        "JumpReLU.backward",
        {
            "by hand": (
                "inside = ((z - threshold).abs() < ctx.width / 2).to(grad)\n"
                "d = -(grad * inside).reshape(-1, len(threshold)).sum(0) * threshold / ctx.width\n"
                "return torch.where(z > threshold, grad, 0), d, None"
            )
        },
    ),
    *right_answers(
        "9.12",
        "Step.backward",
        {
            "with zeros for z": (
                "inside = ((z - threshold).abs() < ctx.width / 2).to(grad)\n"
                "d = -(grad * inside).reshape(-1, len(threshold)).sum(0) / ctx.width\n"
                "return torch.zeros_like(z), d, None"
            )
        },
    ),
    *right_answers(
        "9.13",
        "JumpReLUSAE.count",
        {
            "tanh first": (
                'if self.penalty == "tanh":\n'
                "    return torch.tanh(4 * self.W_dec.norm(dim=1) * made.acts)\n"
                "return Step.apply(made.pre_acts, self.threshold, self.width)"
            )
        },
    ),
]
