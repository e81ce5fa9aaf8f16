"""Mistakes with CLTs (11.9-11.11) and their cost (11.12)."""

from tests.grading.mistakes import mistakes, right_answers

ENCODE = mistakes(
    "11.9",
    "AbstractCLT.pre_activations",
    {
        "Is the first layer's encoder used for all?": {"self.W_enc[layer]": "self.W_enc[0]"},
        "Is b_enc missing?": {" + self.b_enc[layer]": ""},
        "Is the first layer's bias used for all?": {"self.b_enc[layer]": "self.b_enc[0]"},
        "Is the input shifted by b_dec?": {
            "x @ self.W_enc[layer]": "(x - self.b_dec[layer]) @ self.W_enc[layer]"
        },
    },
    unnamed={"is something detached": {"self.W_enc[layer]": "self.W_enc.detach()[layer]"}},
)
DECODE = mistakes(
    "11.9",
    "AbstractCLT.decode_layer",
    {
        "Is the target layer's own latents' contribution missing?": {
            "range(target + 1)": "range(target)"
        },
        "Is only one source decoded? Add what all layers up to the target write.": [
            {"range(target + 1)": "range(target, target + 1)"},
            {"y_hat = y_hat + acts[source]": "y_hat = self.b_dec[target] + acts[source]"},
        ],
        "Is the first axis of W_dec the layer itself? It is counted from the source.": {
            "self.W_dec[source][target - source]": (
                "self.W_dec[source][min(target, self.n_layers - source - 1)]"
            )
        },
        "Is each decoder that of a source to itself?": {
            "self.W_dec[source][target - source]": "self.W_dec[source][0]"
        },
        "Is b_dec added once per source?": {
            "y_hat = y_hat + acts[source]": "y_hat = y_hat + source * self.b_dec[target] + acts[source]"
        },
        "Is b_dec missing?": {
            "y_hat = self.b_dec[target]": "y_hat = torch.zeros_like(self.b_dec[target])"
        },
        "Is the first bias used for all layers?": {"self.b_dec[target]": "self.b_dec[0]"},
    },
    unnamed={
        "depends on activations of later layers": (
            "y_hat = self.b_dec[target]\n"
            "for source in range(len(acts)):\n"
            "    W = self.W_dec[source]\n"
            "    y_hat = y_hat + acts[source] @ W[max(0, min(len(W) - 1, target - source))]\n"
            "return y_hat"
        ),
    },
)
NORMS = mistakes(
    "11.10",
    "AbstractCLT.decoder_norms",
    {
        "Is only the decoder to the layer itself measured? Concatenate all.": {
            "torch.linalg.vector_norm(W, dim=(0, 2))": "W[0].norm(dim=1)"
        },
        "Are the lengths of the decoders added? Take the length of all together.": {
            "torch.linalg.vector_norm(W, dim=(0, 2))": "W.norm(dim=2).sum(dim=0)"
        },
        "Is the root missing?": {
            "torch.linalg.vector_norm(W, dim=(0, 2))": "W.square().sum(dim=(0, 2))"
        },
        "Is the mean over targets taken?": {
            "torch.linalg.vector_norm(W, dim=(0, 2))": "W.norm(dim=2).mean(dim=0)"
        },
    },
    unnamed={
        "is something detached": {"vector_norm(W,": "vector_norm(W.detach(),"},
        "gradients that are not finite": {
            "torch.linalg.vector_norm(W, dim=(0, 2))": "W.square().sum(dim=(0, 2)).sqrt()"
        },
    },
)
LOSS = mistakes(
    "11.10",
    "AbstractCLT.loss_parts",
    {
        "Is the error a mean over layers? Sum over them.": {
            "y).square().sum(dim=(1, 2)).mean()": "y).square().sum(dim=2).mean()"
        },
        "Is only the last layer's error counted?": {
            "(made.y_hat - y).square()": "(made.y_hat - y)[:, -1:].square()"
        },
        "Is the error summed over the batch? Take the mean over tokens.": {
            "y).square().sum(dim=(1, 2)).mean()": "y).square().sum()"
        },
        "Is the sparsity loss missing?": {"self.penalty(made.acts)": "auxiliary"},
        "Is the error a mean over everything?": {
            "y).square().sum(dim=(1, 2)).mean()": "y).square().mean()"
        },
    },
)
PENALTY = mistakes(
    "11.10",
    "JumpReLUCLT.penalty",
    {
        "Is tanh missing?": {"sizes.tanh()": "sizes"},
        "Is c missing? It is the steepness.": {"self.steepness * ": ""},
        "Is lambda missing?": {"self.coefficient * ": ""},
        "Are decoder lengths left out?": {" * self.decoder_norms()": ""},
        "Is tanh taken of the sum? Take it of each latent.": {
            "sizes.tanh().sum(dim=(1, 2))": "sizes.sum(dim=(1, 2)).tanh()"
        },
        "Is the penalty a mean over latents?": {"tanh().sum(dim=(1, 2)).mean()": "tanh().mean()"},
        "Is the penalty summed over the batch?": {"tanh().sum(dim=(1, 2)).mean()": "tanh().sum()"},
        "Is c outside of tanh?": {
            "sizes = self.steepness * acts * self.decoder_norms()": (
                "sizes = acts * self.decoder_norms()"
            ),
            "sizes.tanh()": "(self.steepness * sizes.tanh())",
        },
    },
)
AS_CLT = mistakes(
    "11.11",
    "as_crosslayer",
    {
        "Is b_enc left out?": {"    clt.b_enc[layer] = one.b_enc\n": ""},
        "Is b_dec left out?": {"    clt.b_dec[layer] = one.b_dec\n": ""},
        "Is the decoder written to the wrong target? The first axis counts from the source.": {
            "clt.W_dec[layer][0] = one.W_dec": "clt.W_dec[layer][-1] = one.W_dec"
        },
        "Is the decoder written to every target?": {
            "clt.W_dec[layer][0] = one.W_dec": "clt.W_dec[layer][:] = one.W_dec"
        },
        "Is the encoder left random?": {"    clt.W_enc[layer] = one.W_enc\n": ""},
    },
)
PER_LAYER = mistakes(
    "11.12",
    "per_layer_cost",
    {
        "Is the encoder's bias missing?": {"2 * d_model * d_sae + d_sae": "2 * d_model * d_sae"},
        "Is the decoder's bias missing?": {
            "2 * d_model * d_sae + d_sae + d_model)": "2 * d_model * d_sae + d_sae)"
        },
        "Is the decoder missing?": {"2 * d_model * d_sae": "d_model * d_sae"},
        "Is every latent decoded? Only k are active.": {"(d_sae + k)": "(2 * d_sae)"},
        "Are layers left out of the multiplications?": {
            "Cost(parameters, layers * d_model": "Cost(parameters, d_model"
        },
    },
)
CROSS = mistakes(
    "11.12",
    "crosslayer_cost",
    {
        "Is there a decoder from every layer to every layer? None points backward.": {
            "layers * (layers + 1) // 2": "layers * layers"
        },
        "Is the decoder from a layer to itself missing?": {
            "layers * (layers + 1) // 2": "layers * (layers - 1) // 2"
        },
        "Are encoders missing?": {"(layers + decoders) * d_model": "decoders * d_model"},
        "Does every layer have a full set of encoders per target?": {
            "(layers + decoders) * d_model": "2 * decoders * d_model"
        },
        "Is each active latent decoded once? Once per target.": {"decoders * k)": "layers * k)"},
        "Are biases missing?": {" + layers * (d_sae + d_model)": ""},
    },
    unnamed={"whole numbers": {"layers * (layers + 1) // 2": "layers * (layers + 1) / 2"}},
)
BYTES = mistakes(
    "11.12",
    "training_bytes",
    {
        "Are Adam's averages missing?": {"4 * 4 *": "4 * 2 *"},
        "Is the gradient missing?": {"4 * 4 *": "4 * 3 *"},
        "Are numbers counted instead of bytes?": {"4 * 4 *": "4 *"},
    },
)
RIGHT = [
    *right_answers(
        "11.9",
        "AbstractCLT.pre_activations",
        {"linear": "W, b = self.W_enc[layer], self.b_enc[layer]\nreturn b + x.matmul(W)"},
    ),
    *right_answers(
        "11.9",
        "AbstractCLT.decode_layer",
        {
            "sum": (
                "parts = [acts[s] @ self.W_dec[s][target - s] for s in range(target + 1)]\n"
                "return sum(parts) + self.b_dec[target]"
            ),
            "concatenated": (
                "rows = torch.cat([self.W_dec[s][target - s] for s in range(target + 1)])\n"
                "return torch.cat(list(acts[: target + 1]), dim=-1) @ rows + self.b_dec[target]"
            ),
        },
    ),
    *right_answers(
        "11.10",
        "AbstractCLT.decoder_norms",
        {
            "concatenated": (
                "rows = [W.permute(1, 0, 2).flatten(1) for W in self.W_dec]\n"
                "return torch.stack([row.norm(dim=1) for row in rows])"
            )
        },
    ),
    *right_answers(
        "11.10",
        "AbstractCLT.loss_parts",
        {
            "flattened": (
                "error = (y - made.y_hat).flatten(1).pow(2).sum(1).mean()\n"
                "return LossParts(error, self.penalty(made.acts), torch.zeros_like(error))"
            )
        },
    ),
    *right_answers(
        "11.10",
        "JumpReLUCLT.penalty",
        {
            "layer by layer": (
                "total = acts.new_zeros(len(acts))\n"
                "for layer, norms in enumerate(self.decoder_norms()):\n"
                "    total = total + torch.tanh(acts[:, layer] * norms * self.steepness).sum(-1)\n"
                "return (self.coefficient * total).mean()"
            )
        },
    ),
    *right_answers(
        "11.11",
        "as_crosslayer",
        {
            "stacked": (
                "clt.W_enc.copy_(torch.stack([one.W_enc for one in transcoders]))\n"
                "clt.b_enc.copy_(torch.stack([one.b_enc for one in transcoders]))\n"
                "clt.b_dec.copy_(torch.stack([one.b_dec for one in transcoders]))\n"
                "for W, one in zip(clt.W_dec, transcoders):\n"
                "    W[0].copy_(one.W_dec)\n"
                "return clt"
            )
        },
    ),
    *right_answers(
        "11.12",
        "per_layer_cost",
        {
            "one layer first": (
                "one = (d_model + 1) * d_sae + d_sae * d_model + d_model\n"
                "return Cost(layers * one, layers * (d_model * d_sae + k * d_model))"
            )
        },
    ),
    *right_answers(
        "11.12",
        "crosslayer_cost",
        {
            "source by source": (
                "parameters = work = 0\n"
                "for source in range(layers):\n"
                "    targets = layers - source\n"
                "    parameters += d_model * d_sae * (1 + targets) + d_sae + d_model\n"
                "    work += d_model * d_sae + targets * k * d_model\n"
                "return Cost(parameters, work)"
            )
        },
    ),
    *right_answers("11.12", "training_bytes", {"16": "return cost.parameters * 16"}),
]
