"""Variants of the whole forward (2.14)."""

from tests.grading.variants import Right, Wrong

POSITIONS = """self.hook_pos_embed(
            self.pos_embed(tokens, start)
        )"""
SUM = f"self.hook_embed(self.embed(tokens)) + {POSITIONS}"
BLOCK = "resid = self.blocks[layer](resid, None if past is None else past.layers[layer])"
LOOP = "for layer in range(start, stop):"
AFTER = "self.run_blocks(resid, stop=stop_at_layer, past=past)"
ALL = "self.unembed_resid(self.run_blocks(resid, past=past))"
READ = "self.unembed(self.ln_final(resid))"

WHOLE = {
    "positions forgotten": ({SUM: "self.hook_embed(self.embed(tokens))"}, "position vectors are"),
    "tokens forgotten": ({SUM: POSITIONS}, "The token vectors are forgotten"),
    "start ignored by the embedding": ({"tokens, start)\n": "tokens, 0)\n"}, "`start` is ignored"),
    "positions from 1": ({"tokens, start)\n": "tokens, start + 1)\n"}, "not one later"),
    "token vectors scaled": (
        {"self.embed(tokens))": "self.embed(tokens) * self.config.d_model**0.5)"},
        "The token vectors are scaled",
    ),
    "hook_embed skipped": (
        {"self.hook_embed(self.embed(tokens))": "self.embed(tokens)"},
        "hook_embed must be called once",
    ),
    "hook_pos_embed skipped": (
        {POSITIONS: "self.pos_embed(tokens, start)"},
        "hook_pos_embed must be called once",
    ),
    "hook_embed around the sum": (
        {
            SUM: "self.hook_embed("
            "self.embed(tokens) + self.hook_pos_embed(self.pos_embed(tokens, start)))"
        },
        "It saw their sum",
    ),
    "hooks exchanged": (
        {
            SUM: "self.hook_pos_embed(self.embed(tokens)) + "
            "self.hook_embed(self.pos_embed(tokens, start))"
        },
        "It saw the other one",
    ),
    "sum in place": (
        {
            f"return {SUM}": "out = self.hook_embed(self.embed(tokens)); "
            f"out += {POSITIONS}; return out"
        },
        "It saw their sum",
    ),
    "what hook_embed returns is lost": (
        {SUM: f"(self.hook_embed(e := self.embed(tokens)), e)[1] + {POSITIONS}"},
        "use what self.hook_embed(...) returns",
    ),
    "what hook_pos_embed returns is lost": (
        {POSITIONS: "(self.hook_pos_embed(p := self.pos_embed(tokens, start)), p)[1]"},
        "use what self.hook_pos_embed(...) returns",
    ),
    "forward starts at 0 whatever the past": (
        {"start=0 if past is None else past.length": "start=0"},
        "The length of the past is the position of the first token",
    ),
    "forward starts one late": (
        {"else past.length": "else past.length + 1"},
        "stand at positions 6 to 10",
    ),
    "past dropped": ({ALL: "self.unembed_resid(self.run_blocks(resid))"}, "must pass the cache on"),
    "past dropped by stop_at_layer": (
        {AFTER: "self.run_blocks(resid, stop=stop_at_layer)"},
        "must pass the cache on",
    ),
    "past dropped by through": (
        {"None if past is None else past.layers[layer]": "None"},
        "it was given None",
    ),
    "past of layer 0 for all": ({"past.layers[layer]": "past.layers[0]"}, "given past.layers[0]"),
    "past counted from start": (
        {"past.layers[layer]": "past.layers[layer - start]"},
        "given past.layers[0]",
    ),
    "whole past instead of a layer's": (
        {"None if past is None else past.layers[layer]": "past"},
        "it was given KVCache",
    ),
    "stops a block early": (
        {"stop=stop_at_layer": "stop=max(stop_at_layer - 1, 0)"},
        "It stops one block too early",
    ),
    "stops a block late": (
        {"stop=stop_at_layer": "stop=min(stop_at_layer + 1, len(self.blocks))"},
        "It stops one block too late",
    ),
    "stop_at_layer=0 taken for False": (
        {"if stop_at_layer is not None:": "if stop_at_layer:"},
        "is stop_at_layer=0 taken for False",
    ),
    "stop_at_layer ignored": ({"stop_at_layer is not None": "False"}, "These are the logits"),
    "stop_at_layer returns logits": ({AFTER: f"self.unembed_resid({AFTER})"}, "These are logits"),
    "stop_at_layer returns the norm": ({AFTER: f"self.ln_final({AFTER})"}, "no place here"),
    "computes all, returns the middle": (
        {
            f"return {AFTER}": f"out = {AFTER}; "
            "self.unembed_resid(self.run_blocks(out, stop_at_layer)); "
            "return out"
        },
        "only the blocks before",
    ),
    "blocks in reverse": ({"range(start, stop)": "reversed(range(start, stop))"}, "in reverse"),
    "start ignored by through": ({"range(start, stop)": "range(stop)"}, "`start` is ignored"),
    "stop ignored": ({"range(start, stop)": "range(start, len(self.blocks))"}, "`stop` is ignored"),
    "stop included": (
        {"range(start, stop)": "range(start, min(stop + 1, len(self.blocks)))"},
        "stop - 1 is the last",
    ),
    "stop left out": ({"range(start, stop)": "range(start, stop - 1)"}, "last block is left out"),
    "start left out": ({"range(start, stop)": "range(start + 1, stop)"}, "first block is left out"),
    "every block reads what came in": (
        {
            LOOP: "given = resid\n        for layer in range(start, stop):",
            "(resid, None": "(given, None",
        },
        "Every block reads the embedding",
    ),
    "the stream added again": ({BLOCK: BLOCK.replace("= self", "= resid + self")}, "already"),
    "the first block only": ({BLOCK: BLOCK.replace("resid =", "return")}, "return inside the loop"),
    "norm forgotten": ({READ: "self.unembed(resid)"}, "The last norm is forgotten"),
    "norm twice": ({READ: "self.unembed(self.ln_final(self.ln_final(resid)))"}, "norm comes twice"),
    "norm after unembedding": ({READ: "self.ln_final(self.unembed(resid))"}, "changes the sign"),
    "last position only": ({READ: "self.unembed(self.ln_final(resid[:, -1:]))"}, "wrong shape"),
    "softmax of logits": ({READ: f"{READ}.softmax(dim=-1)"}, "That is softmax of the logits"),
    "log softmax of logits": ({READ: f"{READ}.log_softmax(dim=-1)"}, "That is log softmax"),
    "stream returned": ({ALL: "self.run_blocks(resid, past=past)"}, "The result is the stream"),
    "read out without blocks": ({ALL: "self.unembed_resid(resid)"}, "No block runs"),
    "the last token only, with a past": (
        {
            "past.length)\n": "past.length)\n"
            "        resid = resid if past is None else resid[:, -1:]\n"
        },
        "wrong shape or type: the return value of model.HookedTransformer.forward",
    ),
    "past zipped from its first layer": (
        {
            f"{LOOP}\n            {BLOCK}": "layers = past.layers if past else self.blocks\n"
            "        for block, layer in zip(self.blocks[start:stop], layers):\n"
            "            resid = block(resid, layer if past else None)"
        },
        "it was given past.layers[0]",
    ),
    "an empty past is dropped": (
        {"None if past is None else past": "None if not past or not past.length else past"},
        "tokens are read, the past says 0",
    ),
    "starts at the last token read": (
        {"else past.length": "else past.length - 1"},
        "stand at positions 6 to 10",
    ),
    "stops after one block alone": (
        {"stop=stop_at_layer": "start=max(stop_at_layer - 1, 0), stop=stop_at_layer"},
        "the stream in front of block 2",
    ),
    "embedding without a gradient": (
        {"self.embed(tokens))": "self.embed(tokens).detach())"},
        "embed.W_E has none",
    ),
    "always tied": ({READ: "self.ln_final(resid) @ self.embed.W_E.T"}, "changes the sign"),
    "no gradient": ({"(resid, None": "(resid.detach(), None"}, "must have a say in the logits"),
    "float32 on the way": ({READ: "self.unembed(self.ln_final(resid.float()))"}, "rounding alone"),
}

WRONG = [Wrong("2.14", name, old, says=says) for name, (old, says) in WHOLE.items()]

RIGHT = [
    Right(
        "2.14",
        "slices of blocks, one path through forward",
        body={
            "HookedTransformer.forward": """
start = past.length if past is not None else 0
stop = len(self.blocks) if stop_at_layer is None else stop_at_layer
x = self.run_blocks(self.embed_tokens(tokens, start), 0, stop, past)
return self.unembed_resid(x) if stop_at_layer is None else x
""",
            "HookedTransformer.embed_tokens": """
positions = self.hook_pos_embed(self.pos_embed(tokens, start=start))
return torch.add(self.hook_embed(self.embed(tokens)), positions)
""",
            "HookedTransformer.run_blocks": """
for number, block in enumerate(self.blocks[start:stop], start=start):
    resid = block(resid) if past is None else block(resid, past=past.layers[number])
return resid
""",
            "HookedTransformer.unembed_resid": """
normed = self.ln_final(resid)
return self.unembed(normed)
""",
        },
    ),
    Right(
        "2.14",
        "layers of the past zipped with the blocks",
        body={
            "HookedTransformer.forward": """
if past is None:
    resid = self.embed_tokens(tokens)
else:
    resid = self.embed_tokens(tokens, start=past.length)
resid = self.run_blocks(resid, stop=stop_at_layer, past=past)
if stop_at_layer is not None:
    return resid
return self.unembed_resid(resid)
""",
            "HookedTransformer.embed_tokens": """
x = self.hook_embed(self.embed(tokens))
x = x + self.hook_pos_embed(self.pos_embed(tokens, start))
return x
""",
            "HookedTransformer.run_blocks": """
layers = [None] * len(self.blocks) if past is None else past.layers
for block, layer in list(zip(self.blocks, layers))[start:stop]:
    resid = block(resid, layer)
return resid
""",
            "HookedTransformer.unembed_resid": "return self.unembed.forward(self.ln_final(resid))",
        },
    ),
    Right(
        "2.14",
        "through by recursion, forward by a loop of its own",
        body={
            "HookedTransformer.forward": """
resid = self.embed_tokens(tokens, past.length if past else 0)
for layer, block in enumerate(self.blocks):
    if layer == stop_at_layer:
        return resid
    resid = block(resid, past.layers[layer] if past else None)
return self.unembed_resid(resid) if stop_at_layer is None else resid
""",
            "HookedTransformer.run_blocks": """
if start == stop:
    return resid
layer = past.layers[start] if past else None
return self.run_blocks(self.blocks[start](resid, layer), start + 1, stop, past)
""",
        },
    ),
]
