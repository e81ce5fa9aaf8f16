"""Mistakes in the gated MLP (2.7), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

GATE, LINEAR = "affine(x, self.W_gate, self.b_gate)", "affine(x, self.W_in, self.b_in)"
POST, OUT = "self.activation(gate) * linear", "affine(post, self.W_out, self.b_out)"

GATED_MLP = mistakes(
    "2.7",
    "GatedMLP.forward",
    {
        "Is the activation on the linear factor? It belongs on the gate, x W_gate + b_gate.": [
            {POST: "gate * self.activation(linear)"},
            {"gate = ": "linear = ", "linear = ": "gate = "},
        ],
        "Is the activation on both factors? It belongs on the gate alone.": {
            POST: "self.activation(gate) * self.activation(linear)"
        },
        "Is the activation on the product? It belongs on the gate alone.": {
            POST: "self.activation(gate * linear)"
        },
        "Is the activation forgotten?": {"self.activation(gate)": "gate"},
        "Are the factors added? They are multiplied.": {"(gate) * linear": "(gate) + linear"},
        "Is the gate left out? This is the plain MLP.": {POST: "self.activation(linear)"},
        "Is the linear factor left out?": {" * linear": ""},
        "Is b_gate forgotten?": {GATE: "x @ self.W_gate"},
        "Is b_in forgotten?": {LINEAR: "x @ self.W_in"},
        "Are b_gate and b_in forgotten?": {GATE: "x @ self.W_gate", LINEAR: "x @ self.W_in"},
        "Is b_out forgotten?": {OUT: "post @ self.W_out"},
        "Is b_gate added after the activation? It belongs inside.": {
            GATE: "x @ self.W_gate",
            "self.activation(gate)": "(self.activation(gate) + self.b_gate)",
        },
        "Is b_in added after the product? It belongs to the linear factor.": {
            LINEAR: "x @ self.W_in",
            POST: f"{POST} + self.b_in",
        },
        "Are W_gate and W_in exchanged?": {
            "self.W_gate": "self.W_in",
            "self.W_in,": "self.W_gate,",
        },
        "Are b_gate and b_in exchanged?": {
            "self.b_gate": "self.b_in",
            "self.b_in)": "self.b_gate)",
        },
        "Is W_gate never read? Each factor has its own matrix.": {"self.W_gate": "self.W_in"},
        "Is W_in never read? Each factor has its own matrix.": {"self.W_in,": "self.W_gate,"},
        "Is silu written into the code? The config has the activation.": {
            "self.activation(gate)": "F.silu(gate)"
        },
        "Is gelu written into the code? The config has the activation.": {
            "self.activation(gate)": "F.gelu(gate)"
        },
        "Is x added? The block adds the MLP's output to the residual stream.": {OUT: f"x + {OUT}"},
        "hook_pre must see the gate before its activation.": {
            GATE: f"self.activation({GATE})",
            "self.activation(gate)": "gate",
        },
        "hook_pre must see the gate with its bias, b_gate.": {
            f"self.hook_pre({GATE})": "self.hook_pre(x @ self.W_gate) + self.b_gate"
        },
        "hook_post must see the product, not the gate alone.": {
            f"self.hook_post({POST})": "self.hook_post(self.activation(gate)) * linear"
        },
        "hook_post must see the neurons, not the output.": {
            f"self.hook_post({POST})": POST,
            OUT: f"self.hook_post({OUT})",
        },
        "Are hook_pre and hook_pre_linear exchanged?": {
            "self.hook_pre(": "self.hook_pre_linear(",
            "self.hook_pre_linear(": "self.hook_pre(",
        },
        "Is the return value of self.hook_pre ignored?": {
            f"gate = self.hook_pre({GATE})": f"gate = {GATE}\nself.hook_pre(gate)"
        },
        "Is the return value of self.hook_pre_linear ignored?": {
            f"linear = self.hook_pre_linear({LINEAR})": f"linear = {LINEAR}\nself.hook_pre_linear(linear)"
        },
        "Is the return value of self.hook_post ignored?": {
            f"post = self.hook_post({POST})": f"post = {POST}\nself.hook_post(post)"
        },
        "Is hook_pre never called?": {f"self.hook_pre({GATE})": GATE},
        "Is hook_pre_linear never called?": {f"self.hook_pre_linear({LINEAR})": LINEAR},
        "Is hook_post never called?": {f"self.hook_post({POST})": POST},
        "Is the linear factor edited in place? A cache holds the tensor that its hook saw.": {
            POST: "linear.mul_(self.activation(gate))"
        },
        "Is the gate detached? Its weights have a gradient too.": {
            "activation(gate)": "activation(gate.detach())"
        },
        "Is sigmoid written into the code? The config has the activation.": {
            "self.activation(gate)": "gate.sigmoid()"
        },
        "Are W_gate and W_in exchanged, with their biases?": {
            "self.W_gate, self.b_gate": "self.W_in, self.b_in",
            "self.W_in, self.b_in": "self.W_gate, self.b_gate",
        },
        "Are all three biases forgotten?": {
            "affine(x, self.W_gate, self.b_gate)": "x @ self.W_gate",
            "affine(x, self.W_in, self.b_in)": "x @ self.W_in",
            "affine(post, self.W_out, self.b_out)": "post @ self.W_out",
        },
        "Is the gate left out, as in a plain MLP?": """
            inner = self.hook_pre(affine(x, self.W_in, self.b_in))
            inner = self.hook_post(self.activation(inner))
            return affine(inner, self.W_out, self.b_out)
            """,
        "Do both factors use W_gate? The linear factor uses W_in.": {
            "affine(x, self.W_in, self.b_in)": "affine(x, self.W_gate, self.b_gate)"
        },
        "Is the gate multiplied by itself? The other factor is x W_in + b_in.": {
            "self.activation(gate) * linear": "self.activation(gate) * gate"
        },
        "hook_pre_linear must see the linear factor with its bias, b_in.": {
            "self.hook_pre_linear(affine(x, self.W_in, self.b_in))": "self.hook_pre_linear(x @ self.W_in) + self.b_in"
        },
        "Is b_out added twice?": {
            "affine(post, self.W_out, self.b_out)": "affine(post, self.W_out, 2 * self.b_out)"
        },
        "Is the activation applied twice?": {
            "self.activation(gate)": "self.activation(self.activation(gate))"
        },
        "Is the activation on the product, after hook_post? It belongs on the gate alone.": {
            "self.hook_post(self.activation(gate) * linear)": "self.activation(self.hook_post(gate * linear))"
        },
        "Is the product multiplied by the gate again?": {
            "return affine(post, self.W_out, self.b_out)": "return affine(post * self.activation(gate), self.W_out, self.b_out)"
        },
        "Is W_out.T used in place of W_gate?": {
            "affine(x, self.W_gate, self.b_gate)": "affine(x, self.W_out.T, self.b_gate)"
        },
        "Is the gate a sigmoid, and the activation on the other factor? It belongs on the gate.": {
            "self.activation(gate) * linear": "gate.sigmoid() * self.activation(linear)"
        },
        "Is the gate a softmax over neurons? It is the activation.": {
            "self.activation(gate)": "gate.softmax(dim=-1)"
        },
    },
    unnamed={"modified by an inplace operation": {POST: "self.activation(gate).mul_(linear)"}},
)
RIGHT = right_answers(
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
        "einsum, the linear factor first": """
            linear = self.hook_pre_linear(torch.einsum("bpd,dn->bpn", x, self.W_in) + self.b_in)
            gate = self.hook_pre(torch.einsum("bpd,dn->bpn", x, self.W_gate) + self.b_gate)
            post = self.hook_post(linear * self.activation(gate))
            return torch.einsum("bpn,nd->bpd", post, self.W_out) + self.b_out
            """,
        "F.linear on joined weights": """
            weights = torch.cat([self.W_gate, self.W_in], dim=1)
            both = F.linear(x, weights.T, torch.cat([self.b_gate, self.b_in]))
            gate, linear = both.chunk(2, dim=-1)
            gate, linear = self.hook_pre(gate), self.hook_pre_linear(linear)
            post = self.hook_post(self.activation(gate).mul(linear))
            return F.linear(post, self.W_out.T, self.b_out)
            """,
    },
)
