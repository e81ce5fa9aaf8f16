"""Mistakes with nodes (12.3) and logits as targets (12.4)."""

from tests.grading.mistakes import mistakes, right_answers

LATENTS = mistakes(
    "12.3",
    "active_latents",
    {
        "Is the encoder transposed wrongly? A latent reads a column of W_enc.": {
            "W_enc.T[unit]": "W_enc.reshape(W_enc.shape[1], -1)[unit]"
        },
        "Is the norm left out of the direction? Use read_through.": {
            "directions = read_through(norm, pos, columns)": "directions = columns"
        },
        "Is the scale of position 0 used everywhere?": {
            "read_through(norm, pos, columns)": "read_through(norm, 0 * pos, columns)"
        },
        "Is the norm's bias missing?": {"columns @ norm.bias": "0 * (columns @ norm.bias)"},
        "Is position 0 dropped? Its latents are nodes like any other.": {
            "acts.nonzero(as_tuple=True)": (
                "((acts != 0) & (torch.arange(len(acts))[:, None] > 0)).nonzero(as_tuple=True)"
            )
        },
        "Is the activation taken as the value? Edges sum to the pre-activation.": {
            "pre_acts[pos, unit]": "acts[pos, unit]"
        },
        "Are latents without an activation listed too?": {
            "acts.nonzero(as_tuple=True)": "(acts == acts).nonzero(as_tuple=True)"
        },
        "Is the order that of units? List position by position.": {
            "pos, unit = acts.nonzero(as_tuple=True)": ("unit, pos = acts.T.nonzero(as_tuple=True)")
        },
    },
)
CLT = mistakes(
    "12.3",
    "clt_basis",
    {
        "Is the decoder to the latent's own layer used everywhere? Each target has its own.": {
            "clt.W_dec[source][layer - source]": "clt.W_dec[source][0]"
        },
        "Are decoders counted from the last layer? The first is to the source's own layer.": {
            "clt.W_dec[source][layer - source]": "clt.W_dec[source][source - layer - 1]"
        },
        "Do latents write to their own layer alone?": {
            "for source in range(layer + 1)]\n": "for source in [layer]]\n",
            "torch.arange(len(written))": (
                "torch.arange(len(written)) + sum(len(units[i]) for i in range(layer))"
            ),
        },
        "Is the latent's own layer left out?": {
            "for source in range(layer + 1)]\n    written = torch.cat(rows)": (
                "for source in range(layer)]\n"
                "    written = torch.cat([*rows, clt.b_dec.new_zeros(0, clt.b_dec.shape[1])])"
            )
        },
        "Is b_dec in the error? It has a place of its own, the bias.": {
            "clt.decode_layer(acts, layer)": "clt.decode_layer(acts, layer) + clt.b_dec[layer]"
        },
        "Are the activations multiplied into the rows? Edges do that.": {
            "written = torch.cat(rows)": (
                "written = torch.cat(rows) * active[: sum(map(len, rows)), None]"
            )
        },
        "Is the sign of the error flipped?": {
            "local.layers[layer].mlp_out - clt.decode_layer(acts, layer)": (
                "clt.decode_layer(acts, layer) - local.layers[layer].mlp_out"
            )
        },
    },
)
LOGITS = mistakes(
    "12.4",
    "logit_targets",
    {
        "Is the logit's direction not demeaned? Subtract the mean over the vocabulary.": {
            "W[tokens] - W.mean(dim=0), b[tokens] - b.mean()": "W[tokens], b[tokens]"
        },
        "Is the bias not demeaned?": {"b[tokens] - b.mean()": "b[tokens]"},
        "Is the mean taken over the chosen tokens? Take it over the whole vocabulary.": {
            "W.mean(dim=0), b[tokens] - b.mean()": (
                "W[tokens].mean(dim=0), b[tokens] - b[tokens].mean()"
            )
        },
        "Is the mean taken over d_model? Subtract the mean token.": {
            "W[tokens] - W.mean(dim=0)": "W[tokens] - W[tokens].mean(dim=1, keepdim=True)"
        },
        "Are the probabilities of the last position used?": {
            "local.logits[pos]": "local.logits[-1]"
        },
        "Is the token that reaches the share left out?": {
            "sorted_.values.cumsum(dim=0) - sorted_.values": "sorted_.values.cumsum(dim=0)"
        },
        "Is there no limit on the number of tokens?": {
            "min(int((before < share).sum()), most)": "int((before < share).sum())"
        },
        "Are always as many tokens taken as allowed?": {
            "min(int((before < share).sum()), most)": "most"
        },
    },
)
DIFFERENCE = mistakes(
    "12.4",
    "difference_target",
    {
        "Is the sign flipped?": {
            "W[token] - W[against]": "W[against] - W[token]",
            "b[token] - b[against]": "b[against] - b[token]",
        },
        "Is the difference of the biases missing?": {"(b[token] - b[against])[None]": "0 * b[:1]"},
        "Is the position left out?": {
            "direction[None], (b[token] - b[against])[None], pos": (
                "direction[None], (b[token] - b[against])[None]"
            )
        },
    },
)
RIGHT = [
    *right_answers(
        "12.3",
        "active_latents",
        {
            "one at a time": (
                "pos, unit = torch.where(acts != 0)\n"
                "columns = torch.stack([W_enc[:, u] for u in unit] or [W_enc[:, 0]])[: len(unit)]\n"
                "constants = torch.stack([(columns * norm.bias).sum(1), b_enc[unit]], dim=-1)\n"
                "where = torch.full((len(pos),), layer)\n"
                "directions = read_through(norm, pos, columns)\n"
                "return Targets(where, pos, directions, constants, pre_acts[pos, unit]), unit"
            )
        },
    ),
    *right_answers(
        "12.3",
        "clt_basis",
        {
            "sum by hand": (
                "writes, errors = [], []\n"
                "where = targets.layer\n"
                "every = torch.cat(units)\n"
                "for layer in layers:\n"
                "    node = (where <= layer).nonzero()[:, 0]\n"
                "    rows = torch.stack([clt.W_dec[where[i]][layer - where[i], every[i]]"
                " for i in node])\n"
                "    writes.append(Writes(node, rows))\n"
                "    error = local.layers[layer].mlp_out - clt.b_dec[layer]\n"
                "    error = error.index_add(0, targets.pos[node], -active[node, None] * rows)\n"
                "    errors.append(error)\n"
                "nodes = Nodes(targets, every, active, tuple(writes))\n"
                "return Basis('latent', nodes, clt.b_dec.detach(), torch.stack(errors))"
            )
        },
    ),
    *right_answers(
        "12.4",
        "logit_targets",
        {
            "a loop over tokens": (
                "p = local.logits[pos].softmax(dim=-1)\n"
                "order = p.argsort(descending=True, stable=True)\n"
                "n, total = 0, 0.0\n"
                "while n < most and (n == 0 or total < share):\n"
                "    total, n = total + float(p[order[n]]), n + 1\n"
                "tokens = order[:n]\n"
                "centered, biases = W - W.mean(dim=0), b - b.mean()\n"
                "targets = direction_targets(local, centered[tokens], biases[tokens], pos)\n"
                "return LogitTargets(tokens, p[tokens], targets)"
            )
        },
    ),
    *right_answers(
        "12.4",
        "difference_target",
        {
            "by slices": (
                "pair = torch.tensor([token, against])\n"
                "directions = W[pair[:1]] - W[pair[1:]]\n"
                "return direction_targets(local, directions, b[pair[:1]] - b[pair[1:]], pos)"
            )
        },
    ),
]
