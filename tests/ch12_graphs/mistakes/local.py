"""Mistakes with the local replacement model (12.1) and directions carried back (12.2)."""

from tests.grading.mistakes import mistakes, right_answers

APPLY = mistakes(
    "12.1",
    "apply_norm",
    {
        "Is the divisor computed from x? It is held fixed: use norm.scale.": {
            "x / norm.scale": "x / (x.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()"
        },
        "Is the gain missing?": {" * norm.gain": ""},
        "Is the bias added? It belongs to no piece of the residual stream.": {
            "norm.gain": "norm.gain + norm.bias"
        },
        "Is the mean always subtracted? RMSNorm does not center.": {
            "if norm.centers:": "if norm.gain.numel():"
        },
        "Is the mean never subtracted? LayerNorm centers.": {"if norm.centers:": "if False:"},
    },
)
RUN = mistakes(
    "12.1",
    "run_local",
    {
        "Is the norm's divisor computed again? It is held fixed, also where something is added.": {
            "normed = apply_norm(layer.norm1, resid) + layer.norm1.bias": (
                "x = resid - resid.mean(-1, keepdim=True) if layer.norm1.centers else resid\n"
                "    scale = (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()\n"
                "    normed = apply_norm(layer.norm1._replace(scale=scale), resid)"
                " + layer.norm1.bias"
            )
        },
        "Is the bias of the norm before attention missing?": {
            "apply_norm(layer.norm1, resid) + layer.norm1.bias": "apply_norm(layer.norm1, resid)"
        },
        "Is the bias of the final norm missing?": {
            "apply_norm(local.norm_final, resid) + local.norm_final.bias": (
                "apply_norm(local.norm_final, resid)"
            )
        },
        "Are the position embeddings missing?": {" + local.pos_embed": ""},
        "Does attention read the residual stream itself? It reads through its norm.": {
            "apply_attention(layer.attention, normed)": "apply_attention(layer.attention, resid)"
        },
        "Is what was added to an MLP's output left out?": {" + added.get(number, 0)": ""},
        "Is what was added to the embeddings left out?": {" + added.get(EMBEDDING, 0)": ""},
        "Is an addition to the MLP's output in place before that MLP reads?": {
            "resid + apply_attention(layer.attention, normed)": (
                "resid + apply_attention(layer.attention, normed) + added.get(number, 0)"
            ),
            " + added.get(number, 0)": "",
        },
        "Is the residual stream before the MLP the one before attention?": {
            "torch.stack(middle)": "torch.stack([local.embed + local.pos_embed, *middle[:-1]])"
        },
        "Is the unembedding's input returned as the residual stream?": {
            "torch.stack(middle), resid, normed": "torch.stack(middle), normed, normed"
        },
    },
)
NORM_BACK = mistakes(
    "12.2",
    "norm_transpose",
    {
        "Is this the forward direction? Going back, the gain comes first, then the centering.": (
            "if norm.centers:\n"
            "    rows = rows - rows.mean(dim=-1, keepdim=True)\n"
            "return rows / norm.scale * norm.gain"
        ),
        "Is the centering missing?": {"if norm.centers:": "if False:"},
        "Is every norm taken to center? RMSNorm does not.": {
            "if norm.centers:": "if norm.gain.numel():"
        },
        "Is the inverse taken instead of the transpose? Multiply by the gain, divide by the scale.": {
            "rows * norm.gain / norm.scale": "rows / norm.gain * norm.scale"
        },
        "Is the division by the scale missing?": {" / norm.scale": ""},
        "Is the gain missing?": {"rows * norm.gain": "rows"},
    },
)
ATTENTION_BACK = mistakes(
    "12.2",
    "attention_transpose",
    {
        "Is the pattern used forward? What is read at a query goes back to its keys.": {
            "target query head d_head -> target key": "target key head d_head -> target query"
        },
        "Are W_V and W_O exchanged? Going back, W_O comes first.": (
            "W_V = attn.W_V.repeat_interleave(len(pattern) // kv_heads, dim=0)\n"
            "z = torch.einsum('tpd,hdk->tphk', rows, W_V)\n"
            "v = torch.einsum('hqk,tqhd->tkhd', pattern, z)\n"
            "return torch.einsum('tkhd,hdm->tkm', v, attn.W_O)"
        ),
        "Are query heads of one group averaged? They add up.": {'"sum"': '"mean"'},
        "Are query heads grouped by turns? Heads 0, 1, 2 share the first key head.": {
            '"target pos (kv group) d_head': '"target pos (group kv) d_head'
        },
        "Is what passes by added? Return what attention reads alone.": {
            '"target pos kv d_head, kv d_model d_head -> target pos d_model")': (
                '"target pos kv d_head, kv d_model d_head -> target pos d_model") + rows'
            )
        },
    },
)
RIGHT = [
    *right_answers(
        "12.1",
        "apply_norm",
        {
            "gain first": (
                "mean = x.mean(dim=-1, keepdim=True) if norm.centers else 0\n"
                "return (x - mean) * norm.gain / norm.scale"
            )
        },
    ),
    *right_answers(
        "12.1",
        "run_local",
        {
            "one norm function": (
                "def read(norm, x):\n"
                "    return apply_norm(norm, x) + norm.bias\n"
                "resid = local.embed + local.pos_embed\n"
                "if EMBEDDING in added:\n"
                "    resid = resid + added[EMBEDDING]\n"
                "middle = []\n"
                "for number, layer in enumerate(local.layers):\n"
                "    resid = resid + apply_attention(layer.attention, read(layer.norm1, resid))\n"
                "    middle.append(resid)\n"
                "    resid = resid + layer.mlp_out\n"
                "    if number in added:\n"
                "        resid = resid + added[number]\n"
                "logits = read(local.norm_final, resid) @ local.W_U + local.b_U\n"
                "return LocalRun(torch.stack(middle), resid, logits)"
            )
        },
    ),
    *right_answers(
        "12.2",
        "norm_transpose",
        {
            "scale last": (
                "back = rows * norm.gain\n"
                "if norm.centers:\n"
                "    back = back - back.mean(dim=-1, keepdim=True)\n"
                "return back / norm.scale"
            )
        },
    ),
    *right_answers(
        "12.2",
        "attention_transpose",
        {
            "head by head": (
                "group = len(pattern) // kv_heads\n"
                "back = torch.zeros_like(rows)\n"
                "for head, mix in enumerate(pattern):\n"
                "    ov = attn.W_V[head // group] @ attn.W_O[head]\n"
                "    back = back + mix.T @ (rows @ ov.T)\n"
                "return back"
            )
        },
    ),
]
