"""Mistakes in the exercises of model, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

HOOKEDTRANSFORMER_EMBED_TOKENS = mistakes(
    "2.14",
    "HookedTransformer.embed_tokens",
    {
        "The position vectors are forgotten.": {
            "self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "self.hook_embed(self.embed(tokens))"
        },
        "The token vectors are forgotten.": {
            "self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)"
        },
        "`start` is ignored: the first token stands at position `start`.": {
            "tokens, start)\n": "tokens, 0)\n"
        },
        "The first token stands at position `start`, not one later.": {
            "tokens, start)\n": "tokens, start + 1)\n"
        },
        "The token vectors are scaled; add them as they are.": {
            "self.embed(tokens))": "self.embed(tokens) * self.config.d_model**0.5)"
        },
        "It saw their sum; was one changed in place, or the hook put around both?": [
            {
                "self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "self.hook_embed(self.embed(tokens) + self.hook_pos_embed(self.pos_embed(tokens, start)))"
            },
            {
                "return self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "out = self.hook_embed(self.embed(tokens)); out += self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n); return out"
            },
        ],
        "It saw the other one.": {
            "self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "self.hook_pos_embed(self.embed(tokens)) + self.hook_embed(self.pos_embed(tokens, start))"
        },
        "What the hook returned is lost: use what self.hook_embed(...) returns.": {
            "self.hook_embed(self.embed(tokens)) + self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "(self.hook_embed(e := self.embed(tokens)), e)[1] + self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)"
        },
        "What the hook returned is lost: use what self.hook_pos_embed(...) returns.": {
            "self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "(self.hook_pos_embed(p := self.pos_embed(tokens, start)), p)[1]"
        },
    },
    unnamed={
        "hook_embed must be called once": {
            "self.hook_embed(self.embed(tokens))": "self.embed(tokens)"
        },
        "hook_pos_embed must be called once": {
            "self.hook_pos_embed(\n    self.pos_embed(tokens, start)\n)": "self.pos_embed(tokens, start)"
        },
        "embed.W_E has none": {"self.embed(tokens))": "self.embed(tokens).detach())"},
    },
)
HOOKEDTRANSFORMER_FORWARD = mistakes(
    "2.14",
    "HookedTransformer.forward",
    {
        "It stops one block too early.": {"stop=stop_at_layer": "stop=max(stop_at_layer - 1, 0)"},
        "It stops one block too late: block stop_at_layer does not run.": {
            "stop=stop_at_layer": "stop=min(stop_at_layer + 1, len(self.blocks))"
        },
        "These are the logits: is stop_at_layer=0 taken for False?": [
            {"if stop_at_layer is not None:": "if stop_at_layer:"},
            {"stop_at_layer is not None": "False"},
        ],
        "These are logits; return the stream.": {
            "self.run_blocks(resid, stop=stop_at_layer, past=past)": "self.unembed_resid(self.run_blocks(resid, stop=stop_at_layer, past=past))"
        },
        "The last norm has no place here: return the stream.": {
            "self.run_blocks(resid, stop=stop_at_layer, past=past)": "self.ln_final(self.run_blocks(resid, stop=stop_at_layer, past=past))"
        },
        "The result is the stream; the logits are read off it by the unembedding.": {
            "self.unembed_resid(self.run_blocks(resid, past=past))": "self.run_blocks(resid, past=past)"
        },
        "No block runs.": {
            "self.unembed_resid(self.run_blocks(resid, past=past))": "self.unembed_resid(resid)"
        },
    },
    unnamed={
        "The length of the past is the position of the first token": {
            "start=0 if past is None else past.length": "start=0"
        },
        "stand at positions 6 to 10": [
            {"else past.length": "else past.length + 1"},
            {"else past.length": "else past.length - 1"},
        ],
        "must pass the cache on": [
            {
                "self.unembed_resid(self.run_blocks(resid, past=past))": "self.unembed_resid(self.run_blocks(resid))"
            },
            {
                "self.run_blocks(resid, stop=stop_at_layer, past=past)": "self.run_blocks(resid, stop=stop_at_layer)"
            },
        ],
        "only the blocks before": {
            "return self.run_blocks(resid, stop=stop_at_layer, past=past)": "out = self.run_blocks(resid, stop=stop_at_layer, past=past); self.unembed_resid(self.run_blocks(out, stop_at_layer)); return out"
        },
        "wrong shape or type: the return value of model.HookedTransformer.forward": {
            "past.length)\n": "past.length)\nresid = resid if past is None else resid[:, -1:]\n"
        },
        "the stream in front of block 2": {
            "stop=stop_at_layer": "start=max(stop_at_layer - 1, 0), stop=stop_at_layer"
        },
    },
)
HOOKEDTRANSFORMER_RUN_BLOCKS = mistakes(
    "2.14",
    "HookedTransformer.run_blocks",
    {
        "The blocks come in reverse.": {"range(start, stop)": "reversed(range(start, stop))"},
        "`start` is ignored.": {"range(start, stop)": "range(stop)"},
        "`stop` is ignored.": {"range(start, stop)": "range(start, len(self.blocks))"},
        "Block number `stop` runs too; stop - 1 is the last.": {
            "range(start, stop)": "range(start, min(stop + 1, len(self.blocks)))"
        },
        "The last block is left out.": {"range(start, stop)": "range(start, stop - 1)"},
        "The first block is left out.": {"range(start, stop)": "range(start + 1, stop)"},
        "Every block reads the embedding, instead of what the one before it wrote.": {
            "for layer in range(start, stop):": "given = resid\nfor layer in range(start, stop):",
            "(resid, None": "(given, None",
        },
        "What a block returns is the stream already; do not add it again.": {
            "resid = self.blocks[layer](resid, None if past is None else past.layers[layer])": "resid = resid + self.blocks[layer](resid, None if past is None else past.layers[layer])"
        },
        "One block runs: is the return inside the loop?": {
            "resid = self.blocks[layer](resid, None if past is None else past.layers[layer])": "return self.blocks[layer](resid, None if past is None else past.layers[layer])"
        },
    },
    unnamed={
        "it was given None": {"None if past is None else past.layers[layer]": "None"},
        "given past.layers[0]": [
            {"past.layers[layer]": "past.layers[0]"},
            {"past.layers[layer]": "past.layers[layer - start]"},
        ],
        "it was given KVCache": {"None if past is None else past.layers[layer]": "past"},
        "it was given past.layers[0]": {
            "for layer in range(start, stop):\n    resid = self.blocks[layer](resid, None if past is None else past.layers[layer])": "layers = past.layers if past else self.blocks\nfor block, layer in zip(self.blocks[start:stop], layers):\n    resid = block(resid, layer if past else None)"
        },
        "tokens are read, the past says 0": {
            "None if past is None else past": "None if not past or not past.length else past"
        },
        "must have a say in the logits": {"(resid, None": "(resid.detach(), None"},
    },
)
HOOKEDTRANSFORMER_UNEMBED_RESID = mistakes(
    "2.14",
    "HookedTransformer.unembed_resid",
    {
        "The last norm is forgotten.": {
            "self.unembed(self.ln_final(resid))": "self.unembed(resid)"
        },
        "The last norm comes twice.": {
            "self.unembed(self.ln_final(resid))": "self.unembed(self.ln_final(self.ln_final(resid)))"
        },
        "That is softmax of the logits; return the logits.": {
            "self.unembed(self.ln_final(resid))": "self.unembed(self.ln_final(resid)).softmax(dim=-1)"
        },
        "That is log softmax of the logits; return the logits.": {
            "self.unembed(self.ln_final(resid))": "self.unembed(self.ln_final(resid)).log_softmax(dim=-1)"
        },
        "They differ by rounding alone: is something computed in lower precision?": {
            "self.unembed(self.ln_final(resid))": "self.unembed(self.ln_final(resid.float()))"
        },
    },
    unnamed={
        "changes the sign": [
            {"self.unembed(self.ln_final(resid))": "self.ln_final(self.unembed(resid))"},
            {"self.unembed(self.ln_final(resid))": "self.ln_final(resid) @ self.embed.W_E.T"},
        ],
        "wrong shape": {
            "self.unembed(self.ln_final(resid))": "self.unembed(self.ln_final(resid[:, -1:]))"
        },
    },
)
RIGHT_2_14 = right_answers(
    "2.14",
    "HookedTransformer.forward",
    {
        "slices of blocks, one path through forward": {
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
            "HookedTransformer.unembed_resid": "normed = self.ln_final(resid)\nreturn self.unembed(normed)",
        },
        "layers of the past zipped with the blocks": {
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
        "through by recursion, forward by a loop of its own": {
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
    },
)
