"""Mistakes in the exercises of llama, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

TIED = '\nif "lm_head.weight" in weights:\n    yield "unembed.W_U", weights["lm_head.weight"].T'
SPLIT = "rearrange(W, split, d_head=config.d_head)"
IN = "(head d_head) d_model -> head d_model d_head"
OUT = "d_model (head d_head) -> head d_head d_model"
TRANSLATE = mistakes(
    "2.23",
    "translate",
    {
        "Is it not transposed, or transposed twice?": [
            {'_proj.weight"].T': '_proj.weight"]'},
            {'head.weight"].T': 'head.weight"]'},
            {'weights["model.embed_tokens.weight"]': 'weights["model.embed_tokens.weight"].T'},
            {'_proj.weight"].T': '_proj.weight"].T.T'},
            {'{name}_proj.weight"].T': '{name}_proj.weight"]'},
            {'weights["lm_head.weight"].T': 'weights["lm_head.weight"]'},
            {'weights["model.embed_tokens.weight"]': 'weights["model.embed_tokens.weight"].T'},
        ],
        "Is the axis split as (d_head head)? It is (head d_head).": [
            {IN: "(d_head head) d_model -> head d_model d_head"},
            {OUT: "d_model (d_head head) -> head d_head d_model"},
        ],
        "Are d_model and d_head exchanged?": [
            {IN: "(head d_head) d_model -> head d_head d_model"},
            {OUT: "d_model (head d_head) -> head d_model d_head"},
            {
                'split = "(head d_head) d_model -> head d_model d_head"': 'split = "(head d_head) d_model -> head d_head d_model"'
            },
            {
                'split = "d_model (head d_head) -> head d_head d_model"': 'split = "d_model (head d_head) -> head d_model d_head"'
            },
        ],
        "Are keys and values split into n_heads? They have n_kv_heads.": [
            {SPLIT: "rearrange(W, split, head=config.n_heads)"},
            {
                "rearrange(W, split, d_head=config.d_head)": "rearrange(W, split, head=config.n_heads)"
            },
        ],
        "Are gate_proj and up_proj exchanged?": {
            '("W_gate", "gate"), ("W_in", "up")': '("W_gate", "up"), ("W_in", "gate")'
        },
        "Are the gains of the two norms exchanged?": {
            '.ln1.w", weights[f"{theirs}.input': '.ln1.w", weights[f"{theirs}.post_attention',
            '.ln2.w", weights[f"{theirs}.post_attention': '.ln2.w", weights[f"{theirs}.input',
        },
        "Is input_layernorm used for both norms?": {"post_attention_layernorm": "input_layernorm"},
        "Does every layer get the weights of layer 0?": [
            {'f"model.layers.{layer}"': '"model.layers.0"'},
            {'f"model.layers.{layer}"': '"model.layers.0"'},
        ],
        "Are the layers in reverse order?": {
            'f"model.layers.{layer}"': 'f"model.layers.{config.n_layers - 1 - layer}"'
        },
        "Is W_K filled from v_proj?": {"{letter.lower()}": "{dict(Q='q', K='v', V='k')[letter]}"},
        "Is d_head reordered for rotary pairs? Both sides pair halves already.": {
            SPLIT: f'{SPLIT} if letter == "V" else rearrange({SPLIT}, "head d_model (pair two) -> head d_model (two pair)", two=2)'
        },
        "Is it reshaped without exchanging axes? Split the first axis, then transpose.": {
            SPLIT: "W.reshape(-1, config.d_model, config.d_head)"
        },
        "Is 1 added to the gain? It is used as it is.": [
            {'["model.norm.weight"]': '["model.norm.weight"] + 1'},
            {
                'weights[f"{theirs}.input_layernorm.weight"]': '1 + weights[f"{theirs}.input_layernorm.weight"]'
            },
        ],
        "Are up_proj and down_proj exchanged?": {
            '(("W_gate", "gate"), ("W_in", "up"), ("W_out", "down"))': '(("W_gate", "gate"), ("W_in", "down"), ("W_out", "up"))'
        },
        "Is lm_head.weight read where the checkpoint lacks it? Ask first.": {
            'if "lm_head.weight" in weights:\n    yield': "yield"
        },
        "Is lm_head.weight never read?": {
            'if "lm_head.weight" in weights:\n    yield "unembed.W_U", weights["lm_head.weight"].T': ""
        },
        "Is the embedding given as W_U? Give W_U only if there is a lm_head.weight.": {
            'if "lm_head.weight" in weights:\n    yield "unembed.W_U", weights["lm_head.weight"].T': 'yield "unembed.W_U", weights["model.embed_tokens.weight"].T'
        },
        "Is the final norm missing?": {'yield "ln_final.w", weights["model.norm.weight"]\n': ""},
        "Is the last layer missing?": {"range(config.n_layers)": "range(config.n_layers - 1)"},
        "Are the checkpoint's layers counted from 1? They count from 0.": {
            'f"model.layers.{layer}"': 'f"model.layers.{layer + 1}"'
        },
        "Is W_O split along its first axis? Its heads are along the second.": [
            {OUT: "(head d_head) d_model -> head d_head d_model"},
            {
                "rearrange(W_O, split, d_head=config.d_head)": (
                    "W_O.reshape(-1, config.d_head, config.d_model)"
                )
            },
        ],
        "Are q, k and v split along their second axis? Their heads are along the first.": {
            'split = "(head d_head) d_model -> head d_model d_head"': 'split = "d_model (head d_head) -> head d_model d_head"'
        },
        "Is n_heads given as d_head?": {
            "W, split, d_head=config.d_head": "W, split, d_head=config.n_heads"
        },
        "Are W_K and W_V repeated for each query head? They have n_kv_heads.": {
            "rearrange(W, split, d_head=config.d_head)": "rearrange(W, split, d_head=config.d_head).repeat_interleave(config.n_heads * config.d_head // len(W), dim=0)"
        },
        "Are biases given, too? Llama has none.": {
            'yield "ln_final.w", weights["model.norm.weight"]': 'yield "ln_final.w", weights["model.norm.weight"]\nyield "ln_final.b", weights["model.norm.weight"] * 0'
        },
        "Is W_in called W_up? Use our names.": {'("W_in", "up")': '("W_up", "up")'},
        "Is `model.` missing in front of the checkpoint's names?": {
            'f"model.layers.{layer}"': 'f"layers.{layer}"'
        },
        "Is a dictionary given? Give pairs of a name and a tensor.": {
            'yield "ln_final.w", weights["model.norm.weight"]': 'yield {"ln_final.w": weights["model.norm.weight"]}'
        },
        "Is W_Q divided by sqrt(d_head)? The pattern does this.": {
            "rearrange(W, split, d_head=config.d_head)": 'rearrange(W, split, d_head=config.d_head) / (config.d_head**0.5 if letter == "Q" else 1)'
        },
    },
    unnamed={
        "Missing weights of the model: ln_final.w": {
            'yield "ln_final.w", weights["model.norm.weight"]\n': ""
        },
        "are not used: lm_head.weight": {TIED: ""},
        "lacks the tensor 'lm_head.weight'": {'if "lm_head.weight" in weights': "if True"},
        "blocks.0.mlp.W_out": {', ("W_out", "down")': ""},
        "Unknown names: blocks.0.mlp.W_up": {'("W_in", "up")': '("W_up", "up")'},
        "lacks the": {'f"model.layers.{layer}"': 'f"model.layers.{layer + 1}"'},
        "blocks.0.": {"(config.n_layers)": "(1, config.n_layers)"},
        "Expected shape [2, 10, 6]": {
            SPLIT: f"(x := {SPLIT}).repeat_interleave(config.n_heads // len(x), dim=0)"
        },
        "lacks the tensor": {"range(config.n_layers)": "range(30)"},
        "lm_head": {TIED: '\nyield "unembed.W_U", weights["model.embed_tokens.weight"].T'},
    },
)
RIGHT_2_23 = right_answers(
    "2.23",
    "translate",
    {
        "by reshape, all at once": """
            found = {
                "embed.W_E": weights["model.embed_tokens.weight"],
                "ln_final.w": weights["model.norm.weight"],
            }
            for layer in range(config.n_layers):
                def take(name):
                    return weights[f"model.layers.{layer}.{name}.weight"]
                def split(W, heads):
                    return W.reshape(heads, config.d_head, config.d_model).transpose(1, 2)
                block = {
                    "ln1.w": take("input_layernorm"),
                    "ln2.w": take("post_attention_layernorm"),
                    "attn.W_Q": split(take("self_attn.q_proj"), config.n_heads),
                    "attn.W_K": split(take("self_attn.k_proj"), config.kv_heads),
                    "attn.W_V": split(take("self_attn.v_proj"), config.kv_heads),
                    "attn.W_O": take("self_attn.o_proj").T.unflatten(0, (-1, config.d_head)),
                    "mlp.W_gate": take("mlp.gate_proj").t(),
                    "mlp.W_in": take("mlp.up_proj").t(),
                    "mlp.W_out": take("mlp.down_proj").t().contiguous(),
                }
                found |= {f"blocks.{layer}.{name}": tensor for name, tensor in block.items()}
            if "lm_head.weight" in weights:
                found["unembed.W_U"] = weights["lm_head.weight"].T
            return iter(found.items())
            """,
        "the embedding again where it is tied": {
            TIED: TIED + '\nelse:\n    yield "unembed.W_U", weights["model.embed_tokens.weight"].T'
        },
        "the last first": """
            if "lm_head.weight" in weights:
                yield "unembed.W_U", weights["lm_head.weight"].t()
            yield "ln_final.w", weights["model.norm.weight"]
            for layer in reversed(range(config.n_layers)):
                theirs = {
                    name: weights[f"model.layers.{layer}.{name}.weight"]
                    for name in "input_layernorm post_attention_layernorm".split()
                    + [f"self_attn.{letter}_proj" for letter in "qkvo"]
                    + [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
                }
                for (name, W), ours in zip(theirs.items(), (
                    "ln1.w ln2.w attn.W_Q attn.W_K attn.W_V attn.W_O mlp.W_gate mlp.W_in mlp.W_out"
                ).split()):
                    if "o_proj" in name:
                        W = W.T.reshape(config.n_heads, config.d_head, -1)
                    elif "attn" in name:
                        W = W.view(-1, config.d_head, config.d_model).transpose(-1, -2).clone()
                    yield f"blocks.{layer}.{ours}", W.permute(1, 0) if "mlp" in name else W
            yield "embed.W_E", weights["model.embed_tokens.weight"]
            """,
    },
)
