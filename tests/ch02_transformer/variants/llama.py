"""Variants of exercise 2.23."""

from tests.grading.variants import Right, Wrong

SPLIT_ROWS = "(head d_head) d_model -> head d_model d_head"
SPLIT_COLUMNS = "d_model (head d_head) -> head d_head d_model"
QKV = "rearrange(W, split, d_head=config.d_head)"
GATE_UP = '("W_gate", "gate"), ("W_in", "up")'
LAYER = 'f"model.layers.{layer}"'
UNTIED = """
    if "lm_head.weight" in weights:
        yield "unembed.W_U", weights["lm_head.weight"].T"""
EMBEDDING = 'weights["model.embed_tokens.weight"]'
PAIRS = '"head d_model (pair two) -> head d_model (two pair)", two=2)'

WRONG = [
    Wrong(
        "2.23", "MLP not transposed", {'_proj.weight"].T': '_proj.weight"]'}, says="transposed, or"
    ),
    Wrong(
        "2.23", "W_U not transposed", {'head.weight"].T': 'head.weight"]'}, says="transposed, or"
    ),
    Wrong(
        "2.23",
        "heads take turns",
        {SPLIT_ROWS: SPLIT_ROWS.replace("head d_head", "d_head head", 1)},
        says="not taking turns",
    ),
    Wrong(
        "2.23",
        "heads take turns in W_O",
        {SPLIT_COLUMNS: SPLIT_COLUMNS.replace("head d_head", "d_head head", 1)},
        says="not taking turns",
    ),
    Wrong(
        "2.23",
        "queries as they are stored",
        {SPLIT_ROWS: "(head d_head) d_model -> head d_head d_model"},
        says="axes stand in another order",
    ),
    Wrong(
        "2.23",
        "W_O as it is stored",
        {SPLIT_COLUMNS: "d_model (head d_head) -> head d_model d_head"},
        says="axes stand in another order",
    ),
    Wrong(
        "2.23",
        "keys split with n_heads",
        {QKV: "rearrange(W, split, head=config.n_heads)"},
        says="keys and values have n_kv_heads",
    ),
    Wrong(
        "2.23",
        "gate and up exchanged",
        {GATE_UP: '("W_gate", "up"), ("W_in", "gate")'},
        says="belongs in blocks.0.mlp.W_in",
    ),
    Wrong(
        "2.23",
        "norms exchanged",
        {
            '.ln1.w", weights[f"{theirs}.input': '.ln1.w", weights[f"{theirs}.post_attention',
            '.ln2.w", weights[f"{theirs}.post_attention': '.ln2.w", weights[f"{theirs}.input',
        },
        says="belongs in blocks.0.ln2.w",
    ),
    Wrong(
        "2.23",
        "one norm for both",
        {"post_attention_layernorm": "input_layernorm"},
        says="belongs in blocks.0.ln1.w",
    ),
    Wrong(
        "2.23",
        "last norm forgotten",
        {'    yield "ln_final.w", weights["model.norm.weight"]\n': ""},
        says="not given: ln_final.w",
    ),
    Wrong("2.23", "lm_head forgotten", {UNTIED: ""}, says="never taken: lm_head.weight"),
    Wrong(
        "2.23",
        "lm_head always",
        {'if "lm_head.weight" in weights': "if True"},
        says="lacks the tensor 'lm_head.weight'",
    ),
    Wrong("2.23", "down forgotten", {', ("W_out", "down")': ""}, says="blocks.0.mlp.W_out"),
    Wrong(
        "2.23",
        "their names",
        {'("W_in", "up")': '("W_up", "up")'},
        says="the model does not know: blocks.0.mlp.W_up",
    ),
    Wrong(
        "2.23", "layers from 1", {LAYER: LAYER.replace("layer}", "layer + 1}")}, says="lacks the"
    ),
    Wrong(
        "2.23",
        "layers in reverse",
        {LAYER: LAYER.replace("layer}", "config.n_layers - 1 - layer}")},
        says="belongs in blocks.2.ln1.w",
    ),
    Wrong("2.23", "layer 0 for all", {LAYER: '"model.layers.0"'}, says="belongs in blocks.0.ln1.w"),
    Wrong("2.23", "a layer short", {"(config.n_layers)": "(1, config.n_layers)"}, says="blocks.0."),
    Wrong(
        "2.23",
        "keys and values exchanged",
        {"{letter.lower()}": "{dict(Q='q', K='v', V='k')[letter]}"},
        says="belongs in blocks.0.attn.W_V",
    ),
    Wrong(
        "2.23",
        "reordered for rotary pairs",
        {
            f'W_{{letter}}", {QKV}': f'W_{{letter}}", (lambda x: x if letter == "V" else '
            f"rearrange(x, {PAIRS})({QKV})"
        },
        says="both sides pair halves already",
    ),
    Wrong(
        "2.23",
        "reshaped, not transposed",
        {QKV: "W.reshape(-1, config.d_model, config.d_head)"},
        says="reshaped as it lies in memory",
    ),
    Wrong(
        "2.23",
        "keys repeated for the queries",
        {QKV: f"(x := {QKV}).repeat_interleave(config.n_heads // len(x), dim=0)"},
        says="Expected shape [2, 10, 6]",
    ),
    Wrong(
        "2.23",
        "gains plus one",
        {'["model.norm.weight"]': '["model.norm.weight"] + 1'},
        says="as it is",
    ),
    Wrong("2.23", "embedding transposed", {EMBEDDING: f"{EMBEDDING}.T"}, says="once too often"),
    Wrong("2.23", "30 layers", {"range(config.n_layers)": "range(30)"}, says="lacks the tensor"),
    Wrong(
        "2.23", "always tied", {UNTIED: f'\n    yield "unembed.W_U", {EMBEDDING}.T'}, says="lm_head"
    ),
    Wrong(
        "2.23", "down as it is", {'_proj.weight"].T': '_proj.weight"].T.T'}, says="transposed, or"
    ),
]

RIGHT = [
    Right(
        "2.23",
        "by reshape, all at once",
        body={
            "translate": """
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
            """
        },
    ),
    Right(
        "2.23",
        "the embedding again where it is tied",
        {UNTIED: f'{UNTIED}\n    else:\n        yield "unembed.W_U", {EMBEDDING}.T'},
    ),
    Right(
        "2.23",
        "the last first",
        body={
            "translate": """
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
            """
        },
    ),
]
