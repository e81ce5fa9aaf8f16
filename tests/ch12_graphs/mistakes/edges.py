"""Mistakes with direct effects (12.5), biases and the gap (12.6)."""

from tests.grading.mistakes import mistakes, right_answers

WRITES = mistakes(
    "12.5",
    "write_effects",
    {
        "Is the activation missing?": {"effects * nodes.acts[node]": "effects"},
        "Is a node's activation that of another? `acts` has all nodes, `node` names the writers.": {
            "nodes.acts[node]": "nodes.acts[: len(node)]"
        },
        "Is the row read at all positions? A node writes at its own.": (
            "return rows.sum(dim=1) @ decoders.T * nodes.acts[node]"
        ),
        "Is the row read at the last position? A node writes at its own.": {
            "rows[:, position]": "rows[:, -1]"
        },
        "Is position 0 skipped?": {"in pos.unique():": "in pos[pos > 0].unique():"},
        "Are negative activations lost? Those of neurons are often negative.": [
            {"nodes.acts[node]": "nodes.acts[node].relu()"},
            {"nodes.acts[node]": "nodes.acts[node].abs()"},
        ],
    },
)
TRACE = mistakes(
    "12.5",
    "trace_back",
    {
        "Are later layers counted twice? Add the targets of a layer after its MLP was read.": {
            "    rows = add_targets(rows, targets, number)\n": "",
            "layer = local.layers[number]\n": (
                "layer = local.layers[number]\n    rows = add_targets(rows, targets, number)\n"
            ),
        },
        "Are the targets of each layer missing? Only those at the end are there before the loop.": {
            "    rows = add_targets(rows, targets, number)\n": ""
        },
        "Is what passes by attention lost? Add to the row.": {
            "rows = rows + norm_transpose": "rows = norm_transpose"
        },
        "Is the norm before attention skipped?": {
            "norm_transpose(layer.norm1, attention_transpose(layer.attention, rows))": (
                "attention_transpose(layer.attention, rows)"
            )
        },
        "Are norm and attention exchanged? Going back, attention comes first.": {
            "norm_transpose(layer.norm1, attention_transpose(layer.attention, rows))": (
                "attention_transpose(layer.attention, norm_transpose(layer.norm1, rows))"
            )
        },
        "Do the layers run forward? Start at the last one.": {
            "reversed(range(n_layers))": "range(n_layers)"
        },
        "Is attention skipped?": {
            "rows = rows + norm_transpose(layer.norm1, attention_transpose(layer.attention, rows))": (
                "pass"
            )
        },
        "Does a node's effect through its last decoder replace the others? Add them.": {
            "nodes[:, writes.node] +=": "nodes[:, writes.node] ="
        },
        "Are attention biases read after the row went through attention? Read them before.": {
            "    biases[:, number, :2] = einsum(rows, fixed[:2], DOT).sum(dim=2)\n": "",
            "attention_transpose(layer.attention, rows))": (
                "attention_transpose(layer.attention, rows))\n"
                "    biases[:, number, :2] = einsum(rows, fixed[:2], DOT).sum(dim=2)"
            ),
        },
        "Is position 0 left out of errors and remainders?": {
            "einsum(rows, written[:, number], DOT)": (
                "einsum(rows, written[:, number] * (torch.arange(pos) > 0)[:, None], DOT)"
            )
        },
        "Are position embeddings part of tokens?": {
            "(local.embed, local.pos_embed)": (
                "(local.embed + local.pos_embed, 0 * local.pos_embed)"
            )
        },
        "Are errors and remainders exchanged?": {
            "errors, remainders = missed": "remainders, errors = missed"
        },
    },
)
BIASES = mistakes(
    "12.6",
    "bias_writes",
    {
        "Is the norm's bias in both? Subtract what attention writes without it.": {
            "nothing + layer.norm1.bias) - attention": "nothing + layer.norm1.bias)"
        },
        "Is the norm's bias written as it is? Attention reads it.": {
            "norm = apply_attention(layer.attention, nothing + layer.norm1.bias) - attention": (
                "norm = nothing + layer.norm1.bias"
            )
        },
        "Is b_V missing? Values have a bias, which the pattern moves.": {
            "attention = apply_attention(layer.attention, nothing)": (
                "attention = nothing + layer.attention.attn.b_O.detach()"
            )
        },
        "Is b_O missing?": {
            "torch.stack([norm, attention, bias": (
                "torch.stack([norm, attention - layer.attention.attn.b_O.detach(), bias"
            )
        },
        "Is the bias of the norm before the MLP taken?": {
            "nothing + layer.norm1.bias": "nothing + layer.norm2.bias"
        },
        "Is the MLP's bias missing?": {
            "bias.expand_as(attention)": "0 * bias.expand_as(attention)"
        },
    },
)
GAP = mistakes(
    "12.6",
    "unclosed",
    {
        "Is the difference not taken in absolute value? Gaps of both signs would cancel.": {
            "left.abs().mean()": "left.mean().abs()"
        },
        "Is the gap not divided by the size of the values?": {" / values.abs().mean()": ""},
        "Is this the mean of ratios? Divide the means.": {
            "left.abs().mean() / values.abs().mean()": "(left / values).abs().mean()"
        },
        "Are absolute effects summed? They have signs.": {
            "getattr(effects, name).flatten(1)": "getattr(effects, name).abs().flatten(1)"
        },
        "Are the squares compared? The claim is about absolute values.": {
            "left.abs().mean() / values.abs().mean()": (
                "left.square().mean() / values.square().mean()"
            )
        },
    },
)
RIGHT = [
    *right_answers(
        "12.5",
        "write_effects",
        {
            "gather every row": (
                "gathered = rows[:, pos] * decoders\nreturn gathered.sum(dim=-1) * nodes.acts[node]"
            )
        },
    ),
    *right_answers(
        "12.5",
        "trace_back",
        {
            "remainders by subtraction": (
                "for number in range(n_layers - 1, -1, -1):\n"
                "    layer = local.layers[number]\n"
                "    fixed = bias_writes(layer, basis.bias[number])\n"
                "    node, _ = basis.nodes.writes[number]\n"
                "    step = write_effects(rows, basis.nodes, basis.nodes.writes[number])\n"
                "    nodes = nodes.index_add(1, node, step)\n"
                "    for place in range(2):\n"
                "        missed[:, place, number] = (rows * written[place, number]).sum(-1)\n"
                "    biases[:, number, 2] = (rows * fixed[2]).sum((1, 2))\n"
                "    rows = add_targets(rows, targets, number)\n"
                "    biases[:, number, 0] = (rows * fixed[0]).sum((1, 2))\n"
                "    biases[:, number, 1] = (rows * fixed[1]).sum((1, 2))\n"
                "    back = attention_transpose(layer.attention, rows)\n"
                "    rows = rows + norm_transpose(layer.norm1, back)\n"
                "tokens = (rows * local.embed).sum(-1)\n"
                "positions = (rows * local.pos_embed).sum(-1)\n"
                "errors, remainders = missed[:, 0], missed[:, 1]\n"
                "constants = targets.constants\n"
                "return Effects(nodes, tokens, positions, errors, remainders, biases, constants)"
            )
        },
    ),
    *right_answers(
        "12.6",
        "bias_writes",
        {
            "from weights": (
                "attn, pattern = layer.attention\n"
                "group = len(pattern) // len(attn.W_V)\n"
                "values = attn.b_O.detach().clone()\n"
                "norm = torch.zeros_like(values)\n"
                "for head in range(len(pattern)):\n"
                "    values = values + attn.b_V[head // group] @ attn.W_O[head]\n"
                "    norm = norm + layer.norm1.bias @ attn.W_V[head // group] @ attn.W_O[head]\n"
                "rows = torch.stack([norm, values, bias])\n"
                "return rows[:, None].expand(3, *layer.mlp_out.shape).clone()"
            )
        },
    ),
    *right_answers(
        "12.6",
        "unclosed",
        {
            "a loop": (
                "gap = size = 0.0\n"
                "for place, value in enumerate(values):\n"
                "    seen = sum(float(getattr(effects, name)[place].sum()) for name in names)\n"
                "    gap += abs(float(value) - seen)\n"
                "    size += abs(float(value))\n"
                "return gap / size"
            )
        },
    ),
]
