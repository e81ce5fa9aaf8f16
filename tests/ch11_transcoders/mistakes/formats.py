"""Mistakes with circuit-tracer's tensors (11.18) and with 8 bits (11.19)."""

from tests.grading.mistakes import mistakes, right_answers

LAYER = mistakes(
    "11.18",
    "pack_layer",
    {
        "Is W_enc as it is here? There its rows are latents.": {
            'own["W_enc"].T': 'own["W_enc"].reshape(own["W_enc"].T.shape)'
        },
        "Is W_skip as it is here? There it is [d_out, d_in].": {
            'own["W_skip"].T': 'own["W_skip"].reshape(own["W_skip"].T.shape)'
        },
        "Is the logarithm of the threshold written, not the threshold?": {
            'own["log_threshold"].exp()': 'own["log_threshold"]'
        },
        "Is b_dec taken off the input, as in an SAE?": {
            'tensors["W_enc"] = own["W_enc"].T\n': (
                'tensors["W_enc"] = own["W_enc"].T\n'
                'shift = torch.zeros(len(own["W_enc"])).to(own["b_dec"])\n'
                'n = min(len(shift), len(own["b_dec"]))\n'
                'shift[:n] = own["b_dec"][:n]\n'
                'tensors["b_enc"] = own["b_enc"] - shift @ own["W_enc"]\n'
            )
        },
    },
    unnamed={
        "left out where it is zero": {' and own["W_skip"].any()': ""},
        "W_skip has an entry that is not zero": [
            {'own["W_skip"].any()': 'own["W_skip"].sum() != 0'},
            {'own["W_skip"].any()': 'own["W_skip"].max() > 0'},
            {'own["W_skip"].any()': 'own["W_skip"].all()'},
            {'own["W_skip"].any()': 'own["W_skip"].abs().max() > 1e-5'},
        ],
        "Biases are written where they are zero, too": {
            "return tensors": (
                'return {name: x for name, x in tensors.items() if name == "W_dec" or x.any()}'
            )
        },
        "Expected the names": [
            {"THRESHOLD]": '"threshold"]'},
            {'for name in ("W_dec", "b_enc", "b_dec")': 'for name in ("W_dec", "b_enc")'},
        ],
    },
)
DECODER = mistakes(
    "11.18",
    "pack_clt_decoder",
    {
        "Is only the shape changed? Move the axis instead.": (
            "target, d_sae, d_model = W_dec.shape\nreturn W_dec.reshape(d_sae, target, d_model)"
        ),
        "Are targets in reverse order?": {"W_dec.transpose(0, 1)": "W_dec.flip(0).transpose(0, 1)"},
        "Are latents and d_model exchanged too?": (
            "target, d_sae, d_model = W_dec.shape\n"
            "return W_dec.permute(1, 0, 2).mT.reshape(d_sae, target, d_model)"
        ),
    },
)
TO = mistakes(
    "11.19",
    "to_eight_bits",
    {
        "Is one scale used for all rows?": {
            "W.abs().amax(dim=-1) / 127": "W.abs().amax().expand(W.shape[:-1]) / 127"
        },
        "Is the sign of the largest entry forgotten? Take absolute values.": {
            "W.abs().amax(dim=-1)": "W.amax(dim=-1).clamp(min=0)"
        },
        "Are numbers cut off instead of rounded?": {".round()": ""},
        "Are there 255 codes from -127 to 127? Half of the range is lost.": {"/ 127": "/ 63"},
        "Does the largest entry get the code 128, which int8 does not have?": {"/ 127": "/ 128"},
        "Are codes above or below zero only? Positive and negative weights need codes.": {
            "(W / step[..., None])": "(W / step[..., None]).abs()"
        },
    },
)
FROM = mistakes(
    "11.19",
    "from_eight_bits",
    {
        "Is the scale divided by instead of multiplied with?": {
            "stored.codes * stored.scale[..., None]": "stored.codes / stored.scale[..., None]"
        },
        "Is the scale that of the first row?": {
            "stored.scale[..., None]": "stored.scale[..., None][..., :1, :]"
        },
        "Is the scale taken for the largest entry? It is one step.": {
            "stored.codes * stored.scale[..., None]": "stored.codes * stored.scale[..., None] / 127"
        },
    },
)
RIGHT = [
    *right_answers(
        "11.18",
        "pack_layer",
        {
            "from the state": (
                "state = transcoder.state_dict()\n"
                "tensors = {}\n"
                "for name, value in state.items():\n"
                '    if name == "log_threshold":\n'
                "        tensors[THRESHOLD] = torch.exp(value)\n"
                '    elif name == "W_enc" or (name == "W_skip" and bool((value != 0).any())):\n'
                "        tensors[name] = value.clone().mT\n"
                '    elif name in ("W_dec", "b_enc", "b_dec"):\n'
                "        tensors[name] = value.clone()\n"
                "return tensors"
            )
        },
    ),
    *right_answers(
        "11.18", "pack_clt_decoder", {"stack": "return torch.stack(tuple(W_dec), dim=1)"}
    ),
    *right_answers(
        "11.19",
        "to_eight_bits",
        {
            "row by row": (
                "rows = W.reshape(-1, W.shape[-1])\n"
                "largest = torch.stack([row.abs().max() for row in rows])\n"
                "codes = torch.zeros_like(rows)\n"
                "for i, row in enumerate(rows):\n"
                "    if largest[i] > 0:\n"
                "        codes[i] = torch.round(row / (largest[i] / 127))\n"
                "shape = W.shape\n"
                "return EightBits(codes.char().view(shape), (largest / 127).view(shape[:-1]))"
            )
        },
    ),
    *right_answers(
        "11.19",
        "from_eight_bits",
        {
            "einsum": (
                "return torch.einsum("
                '"...rc,...r->...rc", stored.codes.to(stored.scale), stored.scale)'
            )
        },
    ),
]
