"""More mistakes in the absolute-value model (1.14)."""

from tests.grading.mistakes import mistakes

HIDDEN, BIAS = "(x @ self.W_in.mT)", "self.b[:, None]"
NEURONS = mistakes(
    "1.14",
    "AbsoluteToy.neurons",
    {
        "The neurons get |x|. Their input is x, with its sign.": (
            "return (x.abs() @ self.W_in.mT).relu()"
        ),
        "Every instance uses the first one's W_in.": "return (x @ self.W_in[0].T).relu()",
        "W_in is a mean over the instances. Each has its own.": (
            "return (x @ self.W_in.mean(dim=0).T).relu()"
        ),
        "The neurons have a sigmoid. They have a ReLU.": f"return {HIDDEN}.sigmoid()",
        "The neurons have a tanh. They have a ReLU.": f"return {HIDDEN}.tanh()",
        "The neurons have a GELU or a leaky ReLU. They have a ReLU.": [
            f"return torch.nn.functional.gelu{HIDDEN}",
            f"return torch.nn.functional.leaky_relu{HIDDEN}",
        ],
        "The neurons are clamped at 1. A ReLU has no upper bound.": f"return {HIDDEN}.clamp(0, 1)",
        "The neurons are squared. They have a ReLU.": [
            f"return {HIDDEN}.relu().square()",
            f"return {HIDDEN}.square()",
        ],
        "The sign of W_in x is reversed before the ReLU.": f"return (-{HIDDEN}).relu()",
        "The neurons use absolute weights.": "return (x @ self.W_in.abs().mT).relu()",
        "The weights of the neurons are normalised. Use W_in as it is.": (
            "return (x @ torch.nn.functional.normalize(self.W_in, dim=2).mT).relu()"
        ),
        "The neurons have a softplus. They have a ReLU.": (
            f"return torch.nn.functional.softplus{HIDDEN}"
        ),
        "Each neuron is a mask. It is the ReLU itself.": f"return ({HIDDEN} > 0).to(x.dtype)",
    },
)


def output(hidden="self.neurons(x)", end=".relu()", bias=f" + {BIAS}"):
    """The output layer on other hidden activations, or with another end."""
    return f"return ({hidden} @ self.W_out.mT{bias}){end}"


FORWARD = mistakes(
    "1.14",
    "AbsoluteToy.forward",
    {
        "W_out reads x. It reads the neurons.": [
            f"return (x @ self.W_out + {BIAS}).relu()",
            f"return (x @ self.W_out.mT + {BIAS}).relu()",
        ],
        "b is [inst, n_features]. Add b[:, None] to [inst, batch, n_features].": [
            output(bias=" + self.b"),
            output(bias=" + self.b[:, :, None]"),
        ],
        "The output is an absolute value. It has a ReLU.": output(end=".abs()"),
        "The neurons of -x are added. One call of `neurons` with x is enough.": output(
            "(self.neurons(x) + self.neurons(-x))"
        ),
        "The outputs for x and for -x are added. One call of `neurons` with x is enough.": (
            f"out = (self.neurons(x) @ self.W_out.mT + {BIAS}).relu()\n"
            f"return out + (self.neurons(-x) @ self.W_out.mT + {BIAS}).relu()"
        ),
        "Every instance uses the first one's W_out.": (
            f"return (self.neurons(x) @ self.W_out[0].T + {BIAS}).relu()"
        ),
        "Every instance uses the first one's bias.": output(bias=" + self.b[0]"),
        "The bias is subtracted. Add it.": output(bias=f" - {BIAS}"),
        "The bias is added twice.": output(bias=f" + 2 * {BIAS}"),
        "The negative half of x is removed before the neurons. Their input is x.": output(
            "self.neurons(x.relu())"
        ),
        "The neurons of `forward` get |x|. Their input is x, with its sign.": output(
            "self.neurons(x.abs())"
        ),
        "The output gets the sign of x back. |x| has none.": output(end=".relu() * x.sign()"),
        "W_out is reshaped. Transpose it.": (
            "W = self.W_out.reshape(len(x), -1, x.shape[-1])\n"
            f"return (self.neurons(x) @ W + {BIAS}).relu()"
        ),
        "Bias and ReLU of the output are missing.": output(end="", bias=""),
        "The output has a GELU or a leaky ReLU. It has a ReLU.": [
            f"return torch.nn.functional.gelu(self.neurons(x) @ self.W_out.mT + {BIAS})",
            f"return torch.nn.functional.leaky_relu(self.neurons(x) @ self.W_out.mT + {BIAS})",
        ],
        "The output has a sigmoid. It has a ReLU.": output(end=".sigmoid()"),
        "The output has a softplus. It has a ReLU.": (
            f"return torch.nn.functional.softplus(self.neurons(x) @ self.W_out.mT + {BIAS})"
        ),
        "This is a mean over the neurons. Sum over them.": (
            f"return (self.neurons(x) @ self.W_out.mT / self.W_out.shape[2] + {BIAS}).relu()"
        ),
        "The output uses absolute weights.": (
            f"return (self.neurons(x) @ self.W_out.abs().mT + {BIAS}).relu()"
        ),
        "The ReLU is applied to W_out. Apply it to the output.": [
            f"return (self.neurons(x) @ self.W_out.relu().mT + {BIAS}).relu()",
            f"return self.neurons(x) @ self.W_out.relu().mT + {BIAS}",
        ],
        "|x| is added. The model has to estimate it.": [
            f"return x.abs() + self.neurons(x) @ self.W_out.mT + {BIAS}",
            f"return x.abs() + (self.neurons(x) @ self.W_out.mT + {BIAS}).relu()",
        ],
        "The output is `neurons` of `neurons`. The output layer is W_out.": (
            f"return ((self.neurons(x) @ self.W_in).relu() + {BIAS}).relu()"
        ),
    },
)
