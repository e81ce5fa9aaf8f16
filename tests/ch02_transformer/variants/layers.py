"""Answers to 2.7, the gated MLP."""

from tests.grading.variants import Right, Wrong

GATED = "GatedMLP.forward"
GATE = "self.hook_pre(x @ self.W_gate + self.b_gate)"
LINEAR = "self.hook_pre_linear(x @ self.W_in + self.b_in)"
POST = "self.hook_post(self.activation(gate) * linear)"
END = "post @ self.W_out + self.b_out"

WRONG = [
    Wrong(
        "2.7",
        "the other factor is activated",
        {POST: "self.hook_post(gate * self.activation(linear))"},
        says="Is the activation on the linear factor?",
    ),
    Wrong(
        "2.7",
        "both activated",
        {POST: "self.hook_post(self.activation(gate) * self.activation(linear))"},
        says="Is the activation on both factors?",
    ),
    Wrong(
        "2.7",
        "product activated",
        {POST: "self.hook_post(self.activation(gate * linear))"},
        says="Is the activation on the product?",
    ),
    Wrong(
        "2.7",
        "nothing activated",
        {"self.activation(gate)": "gate"},
        says="Is the activation forgotten?",
    ),
    Wrong(
        "2.7",
        "added",
        {"(gate) * linear": "(gate) + linear"},
        says="Are the factors added?",
    ),
    Wrong(
        "2.7",
        "plain MLP",
        {"self.activation(gate) * linear": "self.activation(linear)"},
        says="Is the gate left out?",
    ),
    Wrong("2.7", "no linear factor", {" * linear": ""}, says="Is the linear factor left out?"),
    Wrong("2.7", "no b_gate", {" + self.b_gate": ""}, says="Is b_gate forgotten?"),
    Wrong("2.7", "no b_in", {" + self.b_in": ""}, says="Is b_in forgotten?"),
    Wrong("2.7", "no b_out", {" + self.b_out": ""}, says="Is b_out forgotten?"),
    Wrong(
        "2.7",
        "b_in after the product",
        {" + self.b_in": "", "(gate) * linear": "(gate) * linear + self.b_in"},
        says="Is b_in added after the product?",
    ),
    Wrong(
        "2.7",
        "weights exchanged",
        {"self.W_gate": "self.W_in", "x @ self.W_in + self.b_in": "x @ self.W_gate + self.b_in"},
        says="Are W_gate and W_in exchanged?",
    ),
    Wrong(
        "2.7",
        "names exchanged",
        {
            "gate = self": "linear = self",
            "linear = self.hook_pre_linear": "gate = self.hook_pre_linear",
        },
        says="are W_gate and W_in exchanged?",
    ),
    Wrong(
        "2.7",
        "biases exchanged",
        {
            "self.W_gate + self.b_gate": "self.W_gate + self.b_in",
            "x @ self.W_in + self.b_in": "x @ self.W_in + self.b_gate",
        },
        says="Are b_gate and b_in exchanged?",
    ),
    Wrong(
        "2.7",
        "silu for all",
        {"self.activation(gate)": "F.silu(gate)"},
        says="Is silu written into the code?",
    ),
    Wrong(
        "2.7",
        "gelu for all",
        {"self.activation(gate)": "F.gelu(gate)"},
        says="Is gelu written into the code?",
    ),
    Wrong(
        "2.7",
        "hook_pre after the activation",
        {
            GATE: "self.hook_pre(self.activation(x @ self.W_gate + self.b_gate))",
            "self.activation(gate)": "gate",
        },
        says="That is the gate after its activation.",
    ),
    Wrong(
        "2.7",
        "hook_pre before the bias",
        {GATE: "self.hook_pre(x @ self.W_gate) + self.b_gate"},
        says="That is before its bias, b_gate.",
    ),
    Wrong(
        "2.7",
        "linear factor edited in place",
        {"self.activation(gate) * linear": "linear.mul_(self.activation(gate))"},
        says="The tensor that hook_pre_linear saw is edited in place afterwards",
    ),
    Wrong(
        "2.7",
        "points exchanged",
        {GATE: GATE.replace("pre", "pre_linear"), LINEAR: LINEAR.replace("pre_linear", "pre")},
        says="That is what hook_pre_linear must see.",
    ),
    Wrong("2.7", "no hook_pre", {GATE: GATE[13:]}, says="hook_pre must be called once"),
    Wrong(
        "2.7", "no hook_pre_linear", {LINEAR: LINEAR[20:]}, says="hook_pre_linear must be called"
    ),
    Wrong("2.7", "no hook_post", {POST: POST[14:]}, says="hook_post must be called once"),
    Wrong(
        "2.7",
        "hook_post ignored",
        {"post = self": "post = self.activation(gate) * linear\n        self"},
        says="Is what self.hook_post returns ignored?",
    ),
    Wrong(
        "2.7",
        "hook_pre_linear ignored",
        {f"linear = {LINEAR}": f"linear = {LINEAR[20:]}\n        self.hook_pre_linear(linear)"},
        says="Is what self.hook_pre_linear returns ignored?",
    ),
    Wrong(
        "2.7",
        "hook_pre ignored",
        {f"gate = {GATE}": f"gate = {GATE[13:]}\n        self.hook_pre(gate)"},
        says="Is what self.hook_pre returns ignored?",
    ),
    Wrong(
        "2.7",
        "gate without graph",
        {"activation(gate)": "activation(gate.detach())"},
        says="W_gate",
    ),
]

WRONG += [
    Wrong(
        "2.7",
        "activation edited in place",
        {"self.activation(gate) * linear": "self.activation(gate).mul_(linear)"},
        says="modified by an inplace operation",
    ),
    Wrong("2.7", "W_in for both", {"self.W_gate": "self.W_in"}, says="Is W_gate never read?"),
    Wrong("2.7", "W_gate for both", {"@ self.W_in": "@ self.W_gate"}, says="Is W_in never read?"),
    Wrong("2.7", "x added", {END: f"x + {END}"}, says="Is x added?"),
    Wrong(
        "2.7",
        "hook_post before the product",
        {POST: "self.hook_post(self.activation(gate)) * linear"},
        says="That is the gate after its activation.",
    ),
    Wrong(
        "2.7",
        "hook_post sees what is written",
        {POST: "self.activation(gate) * linear", END: f"self.hook_post({END})"},
        says="hook_post sees the wrong thing.",
    ),
]

RIGHT = [
    Right(
        "2.7",
        "neuron by neuron",
        body={
            GATED: """
            gate = torch.stack([x @ column for column in self.W_gate.T], -1) + self.b_gate
            linear = torch.stack([x @ column for column in self.W_in.T], -1) + self.b_in
            gate, linear = self.hook_pre(gate), self.hook_pre_linear(linear)
            post = self.hook_post(self.activation(gate) * linear)
            out = self.b_out
            for neuron, row in enumerate(self.W_out):
                out = out + post[..., neuron, None] * row
            return out
            """
        },
    ),
    Right(
        "2.7",
        "by einsum, the linear factor first",
        body={
            GATED: """
            linear = self.hook_pre_linear(torch.einsum("bpd,dn->bpn", x, self.W_in) + self.b_in)
            gate = self.hook_pre(torch.einsum("bpd,dn->bpn", x, self.W_gate) + self.b_gate)
            post = self.hook_post(linear * self.activation(gate))
            return torch.einsum("bpn,nd->bpd", post, self.W_out) + self.b_out
            """
        },
    ),
    Right(
        "2.7",
        "by F.linear on joined weights",
        body={
            GATED: """
            weights = torch.cat([self.W_gate, self.W_in], dim=1)
            both = F.linear(x, weights.T, torch.cat([self.b_gate, self.b_in]))
            gate, linear = both.chunk(2, dim=-1)
            gate, linear = self.hook_pre(gate), self.hook_pre_linear(linear)
            post = self.hook_post(self.activation(gate).mul(linear))
            return F.linear(post, self.W_out.T, self.b_out)
            """
        },
    ),
]
