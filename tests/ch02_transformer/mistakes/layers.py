"""Mistakes in the exercises of layers, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

GATEDMLP_FORWARD = mistakes(
    "2.7",
    "GatedMLP.forward",
    {
        "Is the activation on the linear factor? It belongs on the gate, x W_gate + b_gate. (Or are W_gate and W_in exchanged?)": [
            {
                "self.hook_post(self.activation(gate) * linear)": "self.hook_post(gate * self.activation(linear))"
            },
            {
                "gate = self": "linear = self",
                "linear = self.hook_pre_linear": "gate = self.hook_pre_linear",
            },
        ],
        "Is the activation on both factors? It belongs on the gate alone.": {
            "self.hook_post(self.activation(gate) * linear)": "self.hook_post(self.activation(gate) * self.activation(linear))"
        },
        "Is the activation on the product? It belongs on the gate alone.": {
            "self.hook_post(self.activation(gate) * linear)": "self.hook_post(self.activation(gate * linear))"
        },
        "Is the activation forgotten?": {"self.activation(gate)": "gate"},
        "Are the factors added? They are multiplied.": {"(gate) * linear": "(gate) + linear"},
        "Is the gate left out? This is the plain MLP.": {
            "self.activation(gate) * linear": "self.activation(linear)"
        },
        "Is the linear factor left out?": {" * linear": ""},
        "Is b_gate forgotten?": {" + self.b_gate": ""},
        "Is b_in forgotten?": {" + self.b_in": ""},
        "Is b_out forgotten?": {" + self.b_out": ""},
        "Is b_in added after the product? It belongs to the linear factor.": {
            " + self.b_in": "",
            "(gate) * linear": "(gate) * linear + self.b_in",
        },
        "Are W_gate and W_in exchanged?": {
            "self.W_gate": "self.W_in",
            "x @ self.W_in + self.b_in": "x @ self.W_gate + self.b_in",
        },
        "Are b_gate and b_in exchanged?": {
            "self.W_gate + self.b_gate": "self.W_gate + self.b_in",
            "x @ self.W_in + self.b_in": "x @ self.W_in + self.b_gate",
        },
        "Is silu written into the code? self.activation, from the config, is relu.": {
            "self.activation(gate)": "F.silu(gate)"
        },
        "Is gelu written into the code? self.activation, from the config, is relu.": {
            "self.activation(gate)": "F.gelu(gate)"
        },
        "That is the gate after its activation.": [
            {
                "self.hook_pre(x @ self.W_gate + self.b_gate)": "self.hook_pre(self.activation(x @ self.W_gate + self.b_gate))",
                "self.activation(gate)": "gate",
            },
            {
                "self.hook_post(self.activation(gate) * linear)": "self.hook_post(self.activation(gate)) * linear"
            },
        ],
        "That is before its bias, b_gate.": {
            "self.hook_pre(x @ self.W_gate + self.b_gate)": "self.hook_pre(x @ self.W_gate) + self.b_gate"
        },
        "That is what hook_pre_linear must see.": {
            "self.hook_pre(x @ self.W_gate + self.b_gate)": "self.hook_pre_linear(x @ self.W_gate + self.b_gate)",
            "self.hook_pre_linear(x @ self.W_in + self.b_in)": "self.hook_pre(x @ self.W_in + self.b_in)",
        },
        "Is what self.hook_post returns ignored?": {
            "post = self": "post = self.activation(gate) * linear\nself"
        },
        "Is what self.hook_pre_linear returns ignored?": {
            "linear = self.hook_pre_linear(x @ self.W_in + self.b_in)": "linear = (x @ self.W_in + self.b_in)\nself.hook_pre_linear(linear)"
        },
        "Is what self.hook_pre returns ignored?": {
            "gate = self.hook_pre(x @ self.W_gate + self.b_gate)": "gate = (x @ self.W_gate + self.b_gate)\nself.hook_pre(gate)"
        },
        "Is W_gate never read? Each factor has its own matrix.": {"self.W_gate": "self.W_in"},
        "Is W_in never read? Each factor has its own matrix.": {"@ self.W_in": "@ self.W_gate"},
        "Is x added? The block adds what the MLP writes to the stream.": {
            "post @ self.W_out + self.b_out": "x + post @ self.W_out + self.b_out"
        },
    },
    unnamed={
        "The tensor that hook_pre_linear saw is edited in place afterwards": {
            "self.activation(gate) * linear": "linear.mul_(self.activation(gate))"
        },
        "hook_pre must be called once": {
            "self.hook_pre(x @ self.W_gate + self.b_gate)": "(x @ self.W_gate + self.b_gate)"
        },
        "hook_pre_linear must be called": {
            "self.hook_pre_linear(x @ self.W_in + self.b_in)": "(x @ self.W_in + self.b_in)"
        },
        "hook_post must be called once": {
            "self.hook_post(self.activation(gate) * linear)": "(self.activation(gate) * linear)"
        },
        "W_gate": {"activation(gate)": "activation(gate.detach())"},
        "modified by an inplace operation": {
            "self.activation(gate) * linear": "self.activation(gate).mul_(linear)"
        },
        "hook_post sees the wrong thing.": {
            "self.hook_post(self.activation(gate) * linear)": "self.activation(gate) * linear",
            "post @ self.W_out + self.b_out": "self.hook_post(post @ self.W_out + self.b_out)",
        },
    },
)
RIGHT_2_7 = right_answers(
    "2.7",
    "GatedMLP.forward",
    {
        "neuron by neuron": """
            gate = torch.stack([x @ column for column in self.W_gate.T], -1) + self.b_gate
            linear = torch.stack([x @ column for column in self.W_in.T], -1) + self.b_in
            gate, linear = self.hook_pre(gate), self.hook_pre_linear(linear)
            post = self.hook_post(self.activation(gate) * linear)
            out = self.b_out
            for neuron, row in enumerate(self.W_out):
                out = out + post[..., neuron, None] * row
            return out
            """,
        "by einsum, the linear factor first": """
            linear = self.hook_pre_linear(torch.einsum("bpd,dn->bpn", x, self.W_in) + self.b_in)
            gate = self.hook_pre(torch.einsum("bpd,dn->bpn", x, self.W_gate) + self.b_gate)
            post = self.hook_post(linear * self.activation(gate))
            return torch.einsum("bpn,nd->bpd", post, self.W_out) + self.b_out
            """,
        "by F.linear on joined weights": """
            weights = torch.cat([self.W_gate, self.W_in], dim=1)
            both = F.linear(x, weights.T, torch.cat([self.b_gate, self.b_in]))
            gate, linear = both.chunk(2, dim=-1)
            gate, linear = self.hook_pre(gate), self.hook_pre_linear(linear)
            post = self.hook_post(self.activation(gate).mul(linear))
            return F.linear(post, self.W_out.T, self.b_out)
            """,
    },
)
