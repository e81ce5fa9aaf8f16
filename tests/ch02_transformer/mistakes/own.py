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
        "Are the position vectors missing?": {' + weights["wpe.weight"][: tokens.shape[1]]': ""},
        "Do the positions begin at 1? They begin at 0.": {
            'weights["wpe.weight"][: tokens.shape[1]]': 'weights["wpe.weight"][1 : tokens.shape[1] + 1]'
        },
        "Are the matrices transposed? They are [in, out].": {
            '@ weights[f"{name}.weight"]': '@ weights[f"{name}.weight"].T'
        },
        "Are the biases of the linear layers missing?": {
            '@ weights[f"{name}.weight"] + weights[f"{name}.bias"]': '@ weights[f"{name}.weight"]'
        },
        "Is 1e-6 added to the variance? It is 1e-5.": {"1e-5": "1e-6"},
        "Is 1e-5 missing under the root?": {" + 1e-5": ""},
        "Is the mean not subtracted? GPT-2 has LayerNorm.": {
            "centred = x - x.mean(dim=-1, keepdim=True)": "centred = x"
        },
        "Is the bias of the norms missing?": {
            'centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]': 'centred / scale * weights[f"{name}.weight"]'
        },
        "Is the order of c_attn q, k, v?": {"q, k, v = qkv": "k, q, v = qkv"},
        "Is v taken before k? The order is q, k, v.": {"q, k, v = qkv": "q, v, k = qkv"},
        "Is the score divided by d_head? Divide by its root.": {
            "q.shape[-1] ** 0.5": "q.shape[-1]"
        },
        "Is it divided by the root of the number of positions? Divide by that of d_head.": {
            "q.shape[-1] ** 0.5": "q.shape[-2] ** 0.5"
        },
        "Is a query's own position masked, too? It sees itself.": {
            "triu(diagonal=1)": "triu(diagonal=0)"
        },
        "Does each query see the next position? Mask it.": {"triu(diagonal=1)": "triu(diagonal=2)"},
        "Is the mask left out?": {"scores.masked_fill(future, -torch.inf)": "scores"},
        "Is the past masked? Mask the future.": {"triu(diagonal=1)": "tril(diagonal=-1)"},
        "Is the output projection of attention left out?": {
            'linear((pattern @ v).transpose(1, 2).flatten(2), f"{name}.c_proj")': "(pattern @ v).transpose(1, 2).flatten(2)"
        },
        "Is it ReLU? GPT-2 uses GELU.": {
            'torch.nn.functional.gelu(pre, approximate="tanh")': "pre.relu()"
        },
        "Is the norm applied after the parts (post-norm)?": {
            'x = x + attention(norm(x, f"h.{layer}.ln_1"), f"h.{layer}.attn")\n    x = x + mlp(norm(x, f"h.{layer}.ln_2"), f"h.{layer}.mlp")': 'x = norm(x + attention(x, f"h.{layer}.attn"), f"h.{layer}.ln_1")\n    x = norm(x + mlp(x, f"h.{layer}.mlp"), f"h.{layer}.ln_2")'
        },
        "Is attention's output not added to the residual stream?": {
            "x = x + attention": "x = attention"
        },
        "Is the MLP's output not added to the residual stream?": {"x = x + mlp": "x = mlp"},
        "Are ln_1 and ln_2 exchanged?": {
            'norm(x, f"h.{layer}.ln_1"), f"h.{layer}.attn")\n    x = x + mlp(norm(x, f"h.{layer}.ln_2")': 'norm(x, f"h.{layer}.ln_2"), f"h.{layer}.attn")\n    x = x + mlp(norm(x, f"h.{layer}.ln_1")'
        },
        "Does only the first block run?": {"    layer += 1": "    layer += 1\n    break"},
        "Are there always 12 blocks? Count them by the names.": {
            'while f"h.{layer}.ln_1.weight" in weights:': "while layer < 12:"
        },
        "Are the logits divided by the root of d_model?": {
            'return norm(x, "ln_f") @ weights["wte.weight"].T': 'return norm(x, "ln_f") @ weights["wte.weight"].T / x.shape[-1] ** 0.5'
        },
        "Is the embedding multiplied by the root of d_model?": {
            'x = weights["wte.weight"][tokens] +': 'x = weights["wte.weight"].shape[1] ** 0.5 * weights["wte.weight"][tokens] +'
        },
        "Are log-probabilities returned? Return logits.": {
            'return norm(x, "ln_f") @ weights["wte.weight"].T': 'return (norm(x, "ln_f") @ weights["wte.weight"].T).log_softmax(-1)'
        },
        "Are there logits of the last position alone?": {
            'return norm(x, "ln_f") @ weights["wte.weight"].T': 'return (norm(x, "ln_f") @ weights["wte.weight"].T)[:, -1:]'
        },
        "Is the score of a hidden key 0? It is minus infinity.": {"-torch.inf": "0.0"},
        "Are the positions counted from the end of wpe?": {
            'weights["wpe.weight"][: tokens.shape[1]]': 'weights["wpe.weight"][-tokens.shape[1] :]'
        },
        "Are the outputs of attention and MLP not added to the residual stream?": {
            "x = x + attention": "x = attention",
            "x = x + mlp": "x = mlp",
        },
        "Is the pattern divided by sqrt(d_head), and not the scores?": {
            " / q.shape[-1] ** 0.5": "",
            ".softmax(dim=-1)": ".softmax(dim=-1) / q.shape[-1] ** 0.5",
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
