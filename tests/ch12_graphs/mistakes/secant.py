"""Mistakes with secants (12.15) and terms of a change (12.16)."""

from tests.grading.mistakes import mistakes, right_answers

SECANT = mistakes(
    "12.15",
    "secant",
    {
        "Is the derivative taken everywhere? Only equal points have no secant.": (
            "return derivative(function, x)"
        ),
        "Is the derivative at the midpoint taken? It is near the secant, and not equal.": (
            "return derivative(function, (x + other) / 2)"
        ),
        "Is the slope 0 where the points are equal?": {
            "derivative(function, x), slope": "0.0, slope"
        },
        "Is the slope that of a line from zero?": {
            "slope = (function(x) - function(other)) / torch.where(same, 1.0, gap)": (
                "slope = function(x) / x"
            )
        },
    },
)
COEFFICIENTS = mistakes(
    "12.15",
    "secant_coefficients",
    {
        "Is the linear factor that of the first prompt? Take the mean of both.": {
            "linear = (factors[1] + other[1]) / 2": "linear = factors[1]"
        },
        "Is the value that of the first prompt? Take the mean of both.": {
            "value = (activation(factors[0]) + activation(other[0])) / 2": (
                "value = activation(factors[0])"
            )
        },
        "Do both belong to one prompt? It adds up, but depends on which is the first.": {
            "linear = (factors[1] + other[1]) / 2": "linear = other[1]",
            "value = (activation(factors[0]) + activation(other[0])) / 2": (
                "value = activation(factors[0])"
            ),
        },
        "Is the activation of the mean taken? Take the mean of activations.": {
            "(activation(factors[0]) + activation(other[0])) / 2": (
                "activation((factors[0] + other[0]) / 2)"
            )
        },
        "Is the half rule applied? The rule for changes needs no half.": {
            "[slope * linear, value]": "[slope * linear / 2, value / 2]"
        },
        "Are the two coefficients exchanged?": {
            "[slope * linear, value]": "[value, slope * linear]"
        },
    },
)
NORM = mistakes(
    "12.16",
    "norm_shift",
    {
        "Is the input of the first prompt taken? Take the mean of both.": {
            "middle = (x + x_other) / 2": "middle = x"
        },
        "Is this the whole change? Only the part of the divisor is wanted.": (
            "return apply_norm(norm, x) - apply_norm(other, x_other)"
        ),
        "Is the sign reversed?": {
            "apply_norm(norm, middle) - apply_norm(other, middle)": (
                "apply_norm(other, middle) - apply_norm(norm, middle)"
            )
        },
        "Are the inputs added and not averaged?": {
            "middle = (x + x_other) / 2": "middle = x + x_other"
        },
    },
)
ATTENTION = mistakes(
    "12.16",
    "attention_shift",
    {
        "Are the values those of the first prompt? Take the mean of both.": {
            "((x + x_other) / 2)[None]": "x[None]"
        },
        "Is the pattern's mean taken? Take its change.": {
            "frozen.pattern - other.pattern": "(frozen.pattern + other.pattern) / 2"
        },
        "Is the sign reversed?": {
            "frozen.pattern - other.pattern": "other.pattern - frozen.pattern"
        },
        "Are key heads assigned in turn? Heads of a group are neighbors.": {
            "repeat_kv_heads(values, len(frozen.pattern))": (
                "values.repeat(1, 1, len(frozen.pattern) // values.shape[2], 1)"
            )
        },
        "Is b_O added? Biases do not change.": {
            'return einsum(z, attn.W_O, "pos head d_head, head d_head d_model -> pos head d_model")': (
                'return einsum(z, attn.W_O, "pos head d_head, head d_head d_model '
                '-> pos head d_model") + attn.b_O'
            )
        },
    },
)
CHANGE = mistakes(
    "12.16",
    "change_effects",
    {
        "Is the term of the norm before attention missing?": {
            "norms = norms + (read * shift.norm1).sum(dim=(1, 2))": "read.sum()"
        },
        "Do targets read before what their own layer's attention moved?": {
            "    rows = add_targets(rows, targets, number)\n": "",
            "read = attention_transpose(layer.attention, rows)": (
                "rows = add_targets(rows, targets, number)\n"
                "    read = attention_transpose(layer.attention, rows)"
            ),
        },
        "Are targets added before their own layer's MLP? They read before it.": {
            "    rows = add_targets(rows, targets, number)\n": "",
            "nodes[:, writes.node] += write": (
                "rows = add_targets(rows, targets, number)\n    nodes[:, writes.node] += write"
            ),
        },
        "Is the row that passes by lost at attention?": {
            "rows = rows + norm_transpose(layer.norm1, read)": (
                "rows = norm_transpose(layer.norm1, read)"
            )
        },
        "Is the norm before attention left out on the way down?": {
            "rows + norm_transpose(layer.norm1, read)": "rows + read"
        },
        "Are layers in the wrong order? The first one comes first.": {"found[::-1]": "found"},
        "Are remainders left out?": {"(rows * rest[number]).sum(dim=2)": "0 * rows[:, :, 0]"},
    },
)
RIGHT = [
    *right_answers(
        "12.15",
        "secant",
        {
            "masked": (
                "slope = derivative(function, x)\n"
                "apart = x != other\n"
                "rise = function(x) - function(other)\n"
                "slope[apart] = rise[apart] / (x - other)[apart]\n"
                "return slope"
            )
        },
    ),
    *right_answers(
        "12.15",
        "secant_coefficients",
        {
            "means of both orders": (
                "slope = secant(activation, factors[0], other[0])\n"
                "if len(factors) == 1:\n"
                "    return slope[None]\n"
                "one = torch.stack([slope * other[1], activation(factors[0])])\n"
                "two = torch.stack([slope * factors[1], activation(other[0])])\n"
                "return one.lerp(two, 0.5)"
            )
        },
    ),
    *right_answers(
        "12.16",
        "norm_shift",
        {
            "one by one": (
                "halves = [apply_norm(norm, y) - apply_norm(other, y) for y in (x, x_other)]\n"
                "return (halves[0] + halves[1]) / 2"
            )
        },
    ),
    *right_answers(
        "12.16",
        "attention_shift",
        {
            "with einsum": (
                "group = len(attn.W_O) // len(attn.W_V)\n"
                "W_V, b_V = (w.repeat_interleave(group, dim=0) for w in (attn.W_V, attn.b_V))\n"
                "mean = (x + x_other) / 2\n"
                'v = torch.einsum("pd,hdf->hpf", mean, W_V) + b_V[:, None]\n'
                "z = (frozen.pattern - other.pattern) @ v\n"
                'return torch.einsum("hpf,hfd->phd", z, attn.W_O)'
            ),
            "pattern by torch.einsum": (
                "values = project(((x + x_other) / 2)[None], attn.W_V, attn.b_V)\n"
                "values = repeat_kv_heads(values, len(frozen.pattern))[0]\n"
                'z = torch.einsum("hqk,khe->qhe", frozen.pattern - other.pattern, values)\n'
                'return torch.einsum("qhe,hem->qhm", z, attn.W_O)'
            ),
        },
    ),
    *right_answers(
        "12.16",
        "change_effects",
        {
            "tensors made first": (
                "n_heads = change.shifts[0].moved.shape[1]\n"
                "left = rows.new_zeros(n_targets, n_layers, rows.shape[1])\n"
                "turned = rows.new_zeros(n_targets, n_layers, n_heads)\n"
                "for number in range(n_layers - 1, -1, -1):\n"
                "    layer, shift = local.layers[number], change.shifts[number]\n"
                "    writes = basis.nodes.writes[number]\n"
                "    for node, row in zip(writes.node.tolist(), writes.rows):\n"
                "        pos = int(basis.nodes.pos[node])\n"
                "        nodes[:, node] = rows[:, pos] @ row * basis.nodes.acts[node]\n"
                '    left[:, number] = torch.einsum("tpd,pd->tp", rows, rest[number])\n'
                "    rows = add_targets(rows, targets, number)\n"
                '    turned[:, number] = torch.einsum("tpd,phd->th", rows, shift.moved)\n'
                "    back = attention_transpose(layer.attention, rows)\n"
                '    norms = norms + torch.einsum("tpd,pd->t", back, shift.norm1)\n'
                "    rows = rows + norm_transpose(layer.norm1, back)\n"
                "tokens = rows @ torch.zeros(rows.shape[2], 1).to(rows)\n"
                "tokens = tokens[:, :, 0] + (rows * (local.embed + local.pos_embed)).sum(dim=2)\n"
                "return ChangeEffects(nodes, tokens, left, turned, norms)"
            )
        },
    ),
]
