"""Mistakes with virtual weights (11.6, 11.7) and the split of a pre-activation (11.8)."""

from tests.grading.mistakes import mistakes, right_answers

READS = mistakes(
    "11.6",
    "reading_directions",
    {
        "Is the gain missing?": {"gain[:, None] * W_enc": "W_enc"},
        "Is the gain applied to latents? It has one entry per dimension of x.": {
            "gain[:, None] * W_enc": "W_enc * gain.mean()"
        },
        "Is the centering missing? A LayerNorm reads no mean.": {
            "directions = directions - directions.mean(dim=0)": "pass"
        },
        "Is every norm taken to center? RMSNorm does not.": {"if norm.centers:": "if True:"},
        "Is the mean taken over latents? Take it over d_model.": {
            "directions.mean(dim=0)": "directions.mean(dim=1, keepdim=True)"
        },
        "Is centering done before the gain? x is centered first, so its transpose comes last.": (
            "if norm.centers:\n    W_enc = W_enc - W_enc.mean(dim=0)\nreturn gain[:, None] * W_enc"
        ),
    },
)
DIRECT = mistakes(
    "11.7",
    "direct_weights",
    {
        "Are early and late exchanged? Rows are early latents.": (
            "return (W_dec @ reads).T.contiguous().view(len(W_dec), -1)"
        ),
        "Are decoder rows normalized? V has their length.": (
            "return torch.nn.functional.normalize(W_dec, dim=-1) @ reads"
        ),
        "Is this the cosine?": (
            "return (torch.nn.functional.normalize(W_dec, dim=1) "
            "@ torch.nn.functional.normalize(reads, dim=0))"
        ),
    },
)
HEAD = mistakes(
    "11.7",
    "weights_through_head",
    {
        "Is the head left out?": {"W_dec @ reads_of_head @ W_O @ reads": "W_dec @ reads"},
        "Does the head read where it writes? First W_V, then W_O.": {
            "W_dec @ reads_of_head @ W_O @ reads": "W_dec @ W_O.T @ reads_of_head.T @ reads"
        },
        "Is the direct path added?": {
            "W_dec @ reads_of_head @ W_O @ reads": (
                "W_dec @ reads_of_head @ W_O @ reads + W_dec @ reads"
            )
        },
    },
)
TOKENS = mistakes(
    "11.7",
    "token_weights",
    {
        "Are the embeddings normalized?": {
            "W_E @ reads": "torch.nn.functional.normalize(W_E, dim=-1) @ reads"
        },
        "Is the softmax over tokens taken?": {"W_E @ reads": "(W_E @ reads).softmax(dim=0)"},
        "Is the mean token subtracted?": {"W_E @ reads": "(W_E - W_E.mean(dim=0)) @ reads"},
    },
)
SCALED = (
    'reads = reading_directions(norm, late.W_enc) / cache[f"blocks.{layer}.ln2.hook_scale"][0, pos]'
)
SPLIT = mistakes(
    "11.8",
    "split_pre_activations",
    {
        "Is the division by the norm's scale missing?": {
            ' / cache[f"blocks.{layer}.ln2.hook_scale"][0, pos]': ""
        },
        "Is the scale that of position 0?": {'ln2.hook_scale"][0, pos]': 'ln2.hook_scale"][0, 0]'},
        "Is the gain of the norm left out? Use reading_directions.": {
            "reading_directions(norm, late.W_enc)": "late.W_enc.detach()"
        },
        "Are heads of later layers counted too?": {
            'not name.startswith("mlp") and layer_of(name) <= layer': 'not name.startswith("mlp")'
        },
        "Are the heads of this layer missing? The MLP reads after attention.": {
            "layer_of(name) <= layer": "layer_of(name) < layer"
        },
        "Are MLPs counted twice, whole and by latents?": {
            'not name.startswith("mlp") and layer_of(name) <= layer': (
                'layer_of(name) < layer + (not name.startswith("mlp"))'
            )
        },
        "Is b_enc missing?": {'components["b_enc"] = late.b_enc.detach()\n': ""},
        "Is the norm's bias missing?": {
            'components["norm bias"] = norm.affine().bias @ late.W_enc\n': ""
        },
        "Is the error of the transcoders missing?": {
            'missed = cache[f"blocks.{early}.hook_mlp_out"][0, pos] - acts @ transcoders[early].W_dec': (
                "missed = transcoders[early].b_dec.detach()"
            )
        },
        "Is b_dec missing in the rest?": {
            "acts @ transcoders[early].W_dec": "transcoders[early].decode(acts)"
        },
        "Are pre-activations taken instead of activations?": {
            "transcoders[early](x).acts[0, 0]": "transcoders[early](x).pre_acts[0, 0]"
        },
        "Is this layer's norm used for earlier layers?": {"x = norms[early](": "x = norms[layer]("},
    },
)
RIGHT = [
    *right_answers(
        "11.6",
        "reading_directions",
        {
            "projection": (
                "directions = torch.diag(gain) @ W_enc\n"
                "n = len(gain)\n"
                "ones = torch.ones(n, n).to(W_enc) / n\n"
                "return directions - ones @ directions * norm.centers"
            )
        },
    ),
    *right_answers(
        "11.7",
        "direct_weights",
        {"einsum": 'return torch.einsum("ed,dl->el", W_dec, reads)'},
    ),
    *right_answers(
        "11.7",
        "weights_through_head",
        {"from the right": "return W_dec @ (reads_of_head @ (W_O @ reads))"},
    ),
    *right_answers("11.7", "token_weights", {"matmul": "return torch.matmul(W_E, reads)"}),
    *right_answers(
        "11.8",
        "split_pre_activations",
        {
            "one vector at a time": (
                'scale = cache[f"blocks.{layer}.ln2.hook_scale"][0, pos]\n'
                "gain, bias = norm.affine()\n"
                "def read(v):\n"
                "    if norm.centers:\n"
                "        v = v - v.mean(dim=-1, keepdim=True)\n"
                "    return (v / scale * gain) @ late.W_enc\n"
                'components = {"b_enc": late.b_enc.detach(), "norm bias": bias @ late.W_enc}\n'
                "for name, value in written.items():\n"
                '    if name.split()[0] != "mlp" and layer_of(name) <= layer:\n'
                "        components[name] = read(value[0, pos])\n"
                "latents, rest = {}, {}\n"
                "for early in range(layer):\n"
                "    one = transcoders[early]\n"
                '    resid = cache[f"blocks.{early}.hook_resid_mid"][0]\n'
                "    acts = one.activate(one.pre_activations(norms[early](resid)))[pos]\n"
                "    latents[early] = read(acts[:, None] * one.W_dec)\n"
                '    out = cache[f"blocks.{early}.hook_mlp_out"][0, pos]\n'
                "    rest[early] = read(out) - latents[early].sum(dim=0)\n"
                "return Sources(components, latents, rest)"
            )
        },
    ),
]
