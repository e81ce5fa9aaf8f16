"""Wrong and right answers to 2.24 to 2.26."""

from tests.grading.mistakes import mistakes, right_answers

HEADS = mistakes(
    "2.24",
    "2.24",
    unnamed={
        "expected the same logits as before": [
            'movers = ["0.0"]\ntranslators = ["2.3"]',
            'movers = ["0.0", "0.1", "0.2"]\ntranslators = ["2.3"]',
            'movers = ["0.2", "0.3"]\ntranslators = ["3.2"]',  # another learner's
        ],
        "not needed": 'movers = ["0.0", "0.1", "0.3"]\ntranslators = ["2.3"]',
        "attention on that position itself": 'movers = ["0.0"]\ntranslators = ["0.1", "2.3"]',
        "expected a list of different heads": 'movers = ["0.4"]\ntranslators = ["2.3"]',
    },
)
BLOCKS = mistakes(
    "2.25",
    "2.25",
    unnamed={
        "is predicted in": "source = 4\ndecided_after = 0\nreadable_after = 3",
        "does not matter after block 2 already": (
            "source = 3\ndecided_after = 3\nreadable_after = 3"
        ),
        "or a later one the lens predicts": "source = 3\ndecided_after = 0\nreadable_after = 0",
        "after block 3 already": "source = 3\ndecided_after = 0\nreadable_after = 4",
        "expected a number from 0 to 5": "source = 3\ndecided_after = 0\nreadable_after = 6",
    },
)
SCRATCH = mistakes(
    "2.26",
    "gpt2_logits",
    {
        "Is the score not divided by the square root of d_head?": {" / q.shape[-1] ** 0.5": ""},
        "Is it divided by the square root of d_model? Each head has d_model / n_heads entries.": {
            "q.shape[-1] ** 0.5": "x.shape[-1] ** 0.5"
        },
        "Is the exact GELU used? GPT-2 uses the approximation with tanh.": {
            ', approximate="tanh"': ""
        },
        "Are heads the last axis of q, k and v? The entries of one head are neighbours.": {
            "unflatten(-1, (3, n_heads, -1))": "unflatten(-1, (3, -1, n_heads)).transpose(-1, -2)"
        },
        "Does c_attn give a q, k and v per head? It gives all of q, then all of k, then all of v.": {
            "unflatten(-1, (3, n_heads, -1))": "unflatten(-1, (n_heads, 3, -1)).transpose(2, 3)"
        },
        "Is the variance divided by d_model - 1?": {
            "centred.square().mean(dim=-1, keepdim=True)": "x.var(dim=-1, keepdim=True)"
        },
        "Does the MLP read the block's input? It reads the sum after attention.": {
            "x = x + attention(": "start = x\n    x = x + attention(",
            'mlp(norm(x, f"h.{layer}.ln_2")': 'mlp(norm(start, f"h.{layer}.ln_2")',
        },
        "Is the final norm left out?": {'norm(x, "ln_f") @': "x @"},
        "Are values concatenated before heads and positions change places?": {
            ".transpose(1, 2).flatten(2)": ".reshape(x.shape)"
        },
        "Is the mask a large negative number? A score can be lower still: use -inf.": [
            {"future, -torch.inf": "future, -1e4"},
            {"scores.masked_fill(future, -torch.inf)": "(scores - 1e4 * future.to(scores))"},
            {
                "scores.masked_fill(future, -torch.inf)": "(scores * ~future - 1e4 * future.to(scores))"
            },
        ],
        "Is 1e-5 added to the standard deviation? It belongs to the variance.": {
            "(centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()": (
                "centred.square().mean(dim=-1, keepdim=True).sqrt() + 1e-5"
            )
        },
        "Is the softmax over queries? Each query's weights sum to one.": {
            ".softmax(dim=-1)": ".softmax(dim=-2).nan_to_num()"
        },
    },
    unnamed={
        "is the mask causal?": {"scores.masked_fill(future, -torch.inf)": "scores"},
        "Wrong with 11 blocks": {
            'while f"h.{layer}.ln_1.weight" in weights': (
                'while layer < 9 and f"h.{layer}.ln_1.weight" in weights'
            )
        },
        "give NaN or infinity": {
            "scores.masked_fill(future, -torch.inf).softmax(dim=-1)": (
                "scores.masked_fill(future, -torch.inf).exp()\n"
                "    pattern = pattern / pattern.sum(dim=-1, keepdim=True)"
            )
        },
    },
)
RIGHT = [
    *right_answers(
        "2.24", "2.24", {"in another order": 'translators = ["2.3"]\nmovers = ["0.1", "0.0"]'}
    ),
    *right_answers(
        "2.25", "2.25", {"in another order": "readable_after = 3\ndecided_after = 0\nsource = 3"}
    ),
    *right_answers(
        "2.26",
        "gpt2_logits",
        {
            "torch's own layers": """
            F = torch.nn.functional
            get = weights.__getitem__
            n = tokens.shape[1]
            resid = F.embedding(tokens, get("wte.weight")) + get("wpe.weight")[torch.arange(n)]
            width = resid.shape[-1]
            depth = len([name for name in weights if name.endswith("ln_2.weight")])
            for i in range(depth):
                w = {k[len(f"h.{i}.") :]: v for k, v in weights.items() if k.startswith(f"h.{i}.")}
                a = F.layer_norm(resid, (width,), w["ln_1.weight"], w["ln_1.bias"], 1e-5)
                parts = (a @ w["attn.c_attn.weight"] + w["attn.c_attn.bias"]).split(width, dim=-1)
                q, k, v = (p.view(*p.shape[:2], n_heads, -1).transpose(1, 2) for p in parts)
                z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
                z = z.transpose(1, 2).reshape(resid.shape)
                resid = resid + z @ w["attn.c_proj.weight"] + w["attn.c_proj.bias"]
                b = F.layer_norm(resid, (width,), w["ln_2.weight"], w["ln_2.bias"], 1e-5)
                h = b @ w["mlp.c_fc.weight"] + w["mlp.c_fc.bias"]
                h = 0.5 * h * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (h + 0.044715 * h**3)))
                resid = resid + h @ w["mlp.c_proj.weight"] + w["mlp.c_proj.bias"]
            last = F.layer_norm(resid, (width,), get("ln_f.weight"), get("ln_f.bias"), 1e-5)
            return torch.einsum("bpd,vd->bpv", last, get("wte.weight"))
            """
        },
    ),
]
