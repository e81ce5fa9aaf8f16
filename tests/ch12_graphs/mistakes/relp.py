"""Mistakes with the half rule (12.11), neurons as nodes (12.12) and all paths (12.13)."""

from tests.grading.mistakes import mistakes, right_answers

HALF = mistakes(
    "12.11",
    "half_rule",
    {
        "Is the half missing? This is the product rule, whose sum is twice the activation.": {
            " / 2": ""
        },
        "Are the two coefficients exchanged? That of the gate contains the linear factor.": {
            "[slope * linear, slope * gate]": "[slope * gate, slope * linear]"
        },
        "Is the slope missing?": {"[slope * linear, slope * gate]": "[linear, gate]"},
        "Does the gate get everything? Then the linear factor has no edges.": {
            "[slope * linear, slope * gate]) / 2": "[slope * linear, 0 * gate])"
        },
        "Is the derivative of the activation taken? The slope is activation(g) / g.": (
            "from torch.func import grad, vmap\n"
            "inner = factors[0].reshape(-1)\n"
            "slope = vmap(grad(activation))(inner).view_as(factors[0])\n"
            "if len(factors) == 1:\n"
            "    return slope[None]\n"
            "return torch.stack([slope * factors[1], slope * factors[0]]) / 2"
        ),
        "Is one factor halved too? Without a gate the slope is the whole coefficient.": {
            "return slope[None]": "return slope[None] / 2"
        },
    },
)
READS = mistakes(
    "12.12",
    "neuron_reads",
    {
        "Is only one factor read? Add the columns of all factors.": {
            "columns = columns + coefficient": "columns = coefficient"
        },
        "Is the neuron's own bias missing?": {
            "own = own + coefficient[pos, unit] * b[unit]": "own = own + 0 * b[unit]"
        },
        "Are biases added without their coefficients?": {
            "coefficient[pos, unit] * b[unit]": "b[unit]"
        },
        "Is the norm's bias read after the norm's division? Read it with the columns.": {
            "columns @ frozen.norm2.bias": (
                "read_through(frozen.norm2, pos, columns) @ frozen.norm2.bias"
            )
        },
        "Is the norm before attention used? The MLP reads through the second one.": {
            "read_through(frozen.norm2": "read_through(frozen.norm1",
            "columns @ frozen.norm2": "columns @ frozen.norm1",
        },
        "Is the norm left out?": {"read_through(frozen.norm2, pos, columns)": "columns"},
        "Are coefficients taken at position 0?": {
            "coefficient[pos, unit][:, None] * W": "coefficient[0, unit][:, None] * W",
            "coefficient[pos, unit] * b": "coefficient[0, unit] * b",
        },
        "Are the two constants exchanged?": {
            "[columns @ frozen.norm2.bias, torch.as_tensor(own)]": (
                "[torch.as_tensor(own), columns @ frozen.norm2.bias]"
            )
        },
    },
)
EFFECTS = mistakes(
    "12.13",
    "total_effects",
    {
        "Do rows stop at neurons? Let them go on, by the coefficients.": {
            "row = row + norm_transpose(frozen.norm2, torch.as_tensor(through)[None])[0]": (
                "row = row + 0 * torch.as_tensor(through)"
            )
        },
        "Is the row that passes by lost at the MLP?": {
            "row = row + norm_transpose(frozen.norm2": "row = norm_transpose(frozen.norm2"
        },
        "Is the row that passes by lost at attention?": {
            "row = row + norm_transpose(frozen.norm1": "row = norm_transpose(frozen.norm1"
        },
        "Is attention left out?": {
            "row = row + norm_transpose(frozen.norm1, moved)[0]": "moved.abs()"
        },
        "Does attention come before the MLP? On the way down the MLP is first.": (
            "found = []\n"
            "for layer, frozen in zip(reversed(layers), reversed(local.layers), strict=True):\n"
            "    moved = attention_transpose(frozen.attention, row[None])\n"
            "    row = row + norm_transpose(frozen.norm1, moved)[0]\n"
            "    read = row @ layer.W_out.T\n"
            "    found.append(read)\n"
            "    through = sum((read * c) @ W.T\n"
            "        for (W, _), c in zip(layer.weights, layer.coefficients, strict=True))\n"
            "    row = row + norm_transpose(frozen.norm2, through[None])[0]\n"
            "return TotalEffects(torch.stack(found[::-1]), row)"
        ),
        "Is the norm's transpose missing before the MLP?": {
            "norm_transpose(frozen.norm2, torch.as_tensor(through)[None])[0]": (
                "torch.as_tensor(through)"
            )
        },
        "Is the norm's transpose missing before attention?": {
            "norm_transpose(frozen.norm1, moved)[0]": "moved[0]"
        },
        "Are gradients multiplied by activations already?": {
            "found.append(read)": "found.append(read * layer.acts)"
        },
        "Are the layers in the wrong order? The first one comes first.": {
            "torch.stack(found[::-1])": "torch.stack(found)"
        },
    },
)
RIGHT = [
    *right_answers(
        "12.11",
        "half_rule",
        {
            "any number of factors": (
                "value = slope * factors[0] * factors[1:].prod(dim=0)\n"
                "n = len(factors)\n"
                "made = []\n"
                "for i in range(n):\n"
                "    others = [factors[j] for j in range(n) if j != i]\n"
                "    product = slope\n"
                "    for one in others:\n"
                "        product = product * one\n"
                "    made.append(product / n)\n"
                "return torch.stack(made) + 0 * value"
            )
        },
    ),
    *right_answers(
        "12.12",
        "neuron_reads",
        {
            "einsum": (
                "W = torch.stack([one.W for one in layer.weights])\n"
                "b = torch.stack([one.b for one in layer.weights])\n"
                "c = layer.coefficients[:, pos, unit]\n"
                'columns = torch.einsum("fn,fdn->nd", c, W[:, :, unit])\n'
                "own = (c * b[:, unit]).sum(dim=0)\n"
                "constants = torch.stack([columns @ frozen.norm2.bias, own], dim=1)\n"
                "directions = read_through(frozen.norm2, pos, columns)\n"
                "where = torch.zeros_like(pos)\n"
                "return Targets(where, pos, directions, constants, layer.acts[pos, unit])"
            )
        },
    ),
    *right_answers(
        "12.13",
        "total_effects",
        {
            "by index": (
                "n = len(layers)\n"
                "neurons = torch.empty(n, *layers[0].acts.shape).to(row)\n"
                "for number in range(n - 1, -1, -1):\n"
                "    layer, frozen = layers[number], local.layers[number]\n"
                '    neurons[number] = torch.einsum("pd,nd->pn", row, layer.W_out)\n'
                "    back = torch.zeros_like(row)\n"
                "    for weights, coefficient in zip(layer.weights, layer.coefficients):\n"
                "        back += (neurons[number] * coefficient) @ weights.W.T\n"
                "    row = row + norm_transpose(frozen.norm2, back[None])[0]\n"
                "    back = attention_transpose(frozen.attention, row[None])\n"
                "    row = row + norm_transpose(frozen.norm1, back)[0]\n"
                "return TotalEffects(neurons, row)"
            )
        },
    ),
]
