"""Mistakes in the exercises of model, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

POS = """self.hook_pos_embed(
    self.pos_embed(tokens, start)
)"""
SUM = f"self.hook_embed(self.embed(tokens)) + {POS}"
STOPPED = "self.run_blocks(resid, stop=stop_at_layer, past=past)"
WHOLE = "self.unembed_resid(self.run_blocks(resid, past=past))"
STEP = "resid = self.blocks[layer](resid, None if past is None else past.layers[layer])"
UNEMBED = "self.unembed(self.ln_final(resid))"
HOOKEDTRANSFORMER_EMBED_TOKENS = mistakes(
    "2.14",
    "HookedTransformer.embed_tokens",
    {
        "Are the position vectors missing?": {SUM: "self.hook_embed(self.embed(tokens))"},
        "Are the token vectors missing?": {SUM: POS},
        "Is `start` ignored? It is the position of the first token.": {
            "tokens, start)\n": "tokens, 0)\n"
        },
        "Is the first token at position start + 1? It is at `start`.": {
            "tokens, start)\n": "tokens, start + 1)\n"
        },
        "Are the token vectors scaled? Add them as they are.": {
            "self.embed(tokens))": "self.embed(tokens) * self.config.d_model**0.5)"
        },
        "Does one hook see the sum? Is it changed in place, or is the hook around both?": [
            {
                SUM: "self.hook_embed(self.embed(tokens) + self.hook_pos_embed(self.pos_embed(tokens, start)))"
            },
            {
                f"return {SUM}": f"out = self.hook_embed(self.embed(tokens)); out += {POS}; return out"
            },
        ],
        "Are the two hooks exchanged?": {
            SUM: "self.hook_pos_embed(self.embed(tokens)) + self.hook_embed(self.pos_embed(tokens, start))"
        },
        "Is the return value of self.hook_embed(...) used?": {
            SUM: f"(self.hook_embed(e := self.embed(tokens)), e)[1] + {POS}"
        },
        "Is the return value of self.hook_pos_embed(...) used?": {
            POS: "(self.hook_pos_embed(p := self.pos_embed(tokens, start)), p)[1]"
        },
        "Is hook_embed left out?": {"self.hook_embed(self.embed(tokens))": "self.embed(tokens)"},
        "Is hook_pos_embed left out?": """
            return self.hook_embed(self.embed(tokens)) + self.pos_embed(tokens, start)
            """,
        "Are token and position vectors multiplied?": {
            "(self.embed(tokens)) +": "(self.embed(tokens)) *"
        },
        "Is the sum multiplied by sqrt(d_model)?": {
            "return self.hook_embed": "return self.config.d_model**0.5 * self.hook_embed"
        },
        "Is what both hooks return ignored?": """
            embed, pos = self.embed(tokens), self.pos_embed(tokens, start)
            self.hook_embed(embed)
            self.hook_pos_embed(pos)
            return embed + pos
            """,
    },
    unnamed={
        "hook_embed must be called once": {
            "self.hook_embed(self.embed(tokens))": "self.embed(tokens)"
        },
        "hook_pos_embed must be called once": {POS: "self.pos_embed(tokens, start)"},
        "embed.W_E has none": {"self.embed(tokens))": "self.embed(tokens).detach())"},
    },
)
HOOKEDTRANSFORMER_FORWARD = mistakes(
    "2.14",
    "HookedTransformer.forward",
    {
        "Does it stop one block too early?": {
            "stop=stop_at_layer": "stop=max(stop_at_layer - 1, 0)"
        },
        "Does it stop one block too late? Block stop_at_layer does not run.": {
            "stop=stop_at_layer": "stop=min(stop_at_layer + 1, len(self.blocks))"
        },
        "These are the logits. Is stop_at_layer ignored, or 0 treated as None?": [
            {"if stop_at_layer is not None:": "if stop_at_layer:"},
            {"stop_at_layer is not None": "False"},
        ],
        "Is the result unembedded? Return the residual stream before block stop_at_layer.": {
            STOPPED: f"self.unembed_resid({STOPPED})"
        },
        "Is the last norm applied? Return the residual stream as it is.": {
            STOPPED: f"self.ln_final({STOPPED})"
        },
        "This is the residual stream. Apply the last norm and the unembedding.": {
            WHOLE: "self.run_blocks(resid, past=past)"
        },
        "Does no block run?": {WHOLE: "self.unembed_resid(resid)"},
        "Does block stop_at_layer itself run?": {"stop=stop_at_layer": "stop=stop_at_layer + 1"},
        "Is `past` not passed on to the blocks?": """
            resid = self.embed_tokens(tokens, start=0 if past is None else past.length)
            if stop_at_layer is not None:
                return self.run_blocks(resid, stop=stop_at_layer)
            return self.unembed_resid(self.run_blocks(resid))
            """,
        "Is `past` not passed on where the run stops early?": {
            "stop=stop_at_layer, past=past": "stop=stop_at_layer"
        },
        "Do positions begin at 0 with a cache as well?": {
            "start=0 if past is None else past.length": "start=0"
        },
        "Do positions begin one too late with a cache?": {
            "else past.length": "else past.length + 1"
        },
        "Do positions begin at the number of new tokens?": {
            "else past.length": "else tokens.shape[1]"
        },
        "Are the blocks given as start, and not as stop?": {
            "stop=stop_at_layer": "start=stop_at_layer"
        },
    },
    unnamed={
        "from the length of the past": {"start=0 if past is None else past.length": "start=0"},
        "have positions 6 to 10": [
            {"else past.length": "else past.length + 1"},
            {"else past.length": "else past.length - 1"},
        ],
        "must pass its cache to the blocks": [
            {WHOLE: "self.unembed_resid(self.run_blocks(resid))"},
            {STOPPED: "self.run_blocks(resid, stop=stop_at_layer)"},
        ],
        "only the blocks before": {
            f"return {STOPPED}": f"out = {STOPPED}; self.unembed_resid(self.run_blocks(out, stop_at_layer)); return out"
        },
        "wrong shape or type: the return value of model.HookedTransformer.forward": {
            "past.length)\n": "past.length)\nresid = resid if past is None else resid[:, -1:]\n"
        },
        "the residual stream before block 2": {
            "stop=stop_at_layer": "start=max(stop_at_layer - 1, 0), stop=stop_at_layer"
        },
    },
)
HOOKEDTRANSFORMER_RUN_BLOCKS = mistakes(
    "2.14",
    "HookedTransformer.run_blocks",
    {
        "Do the blocks run in reverse order?": {
            "range(start, stop)": "reversed(range(start, stop))"
        },
        "Is `start` ignored?": {"range(start, stop)": "range(stop)"},
        "Is `stop` ignored?": {"range(start, stop)": "range(start, len(self.blocks))"},
        "Does block `stop` run too? stop - 1 is the last.": {
            "range(start, stop)": "range(start, min(stop + 1, len(self.blocks)))"
        },
        "Is the last block left out?": {"range(start, stop)": "range(start, stop - 1)"},
        "Is the first block left out?": {"range(start, stop)": "range(start + 1, stop)"},
        "Does every block read the embedding? It reads the output of the block before.": {
            "for layer in range(start, stop):": "given = resid\nfor layer in range(start, stop):",
            "(resid, None": "(given, None",
        },
        "Is the residual stream added again? A block returns the sum already.": {
            STEP: "resid = resid + self.blocks[layer](resid, None if past is None else past.layers[layer])"
        },
        "Does one block run? Is the return inside the loop?": {
            STEP: "return self.blocks[layer](resid, None if past is None else past.layers[layer])"
        },
        "Do all blocks run, whatever start and stop are?": """
            for layer, block in enumerate(self.blocks):
                resid = block(resid, None if past is None else past.layers[layer])
            return resid
            """,
        "Do the caches begin at layer 0 where the blocks begin at `start`?": """
            for layer, block in enumerate(self.blocks[start:stop]):
                resid = block(resid, None if past is None else past.layers[layer])
            return resid
            """,
        "Do all blocks get the cache of layer 0?": {"past.layers[layer]": "past.layers[0]"},
        "Do the blocks get the whole cache, and not that of their layer?": {
            "None if past is None else past.layers[layer]": "past"
        },
        "Do the blocks get no cache?": {
            "(resid, None if past is None else past.layers[layer])": "(resid)"
        },
    },
    unnamed={
        "got NoneType": {"None if past is None else past.layers[layer]": "None"},
        "expected past.layers": [
            {"past.layers[layer]": "past.layers[0]"},
            {"past.layers[layer]": "past.layers[layer - start]"},
        ],
        "got KVCache": {"None if past is None else past.layers[layer]": "past"},
        "got past.layers[0]": {
            "for layer in range(start, stop):\n    resid = self.blocks[layer](resid, None if past is None else past.layers[layer])": "layers = past.layers if past else self.blocks\nfor block, layer in zip(self.blocks[start:stop], layers):\n    resid = block(resid, layer if past else None)"
        },
        "tokens in each layer": {
            "None if past is None else past": "None if not past or not past.length else past"
        },
        "Every weight must have a gradient": {"(resid, None": "(resid.detach(), None"},
    },
)
HOOKEDTRANSFORMER_UNEMBED_RESID = mistakes(
    "2.14",
    "HookedTransformer.unembed_resid",
    {
        "Is the last norm missing?": {UNEMBED: "self.unembed(resid)"},
        "Is the last norm applied twice?": {
            UNEMBED: "self.unembed(self.ln_final(self.ln_final(resid)))"
        },
        "This is the softmax of the logits. Return the logits.": {
            UNEMBED: f"{UNEMBED}.softmax(dim=-1)"
        },
        "This is the log softmax of the logits. Return the logits.": {
            UNEMBED: f"{UNEMBED}.log_softmax(dim=-1)"
        },
        "They agree to five digits: is a precision lower, or a small number added?": {
            UNEMBED: "self.unembed(self.ln_final(resid.float()))"
        },
        "Is the unembedding left out?": {
            "self.unembed(self.ln_final(resid))": "self.ln_final(resid)"
        },
        "Is W_U used without its bias?": {
            "self.unembed(self.ln_final(resid))": "self.ln_final(resid) @ self.unembed.W_U"
        },
        "Is the unembedding the transposed embedding, whatever the parts are?": {
            "self.unembed(self.ln_final(resid))": "self.ln_final(resid) @ self.embed.W_E.T"
        },
        "Are only the logits of the last position returned?": {
            "self.unembed(self.ln_final(resid))": "self.unembed(self.ln_final(resid[:, -1:]))"
        },
        "Is the norm the last block's, and not ln_final?": {
            "self.ln_final(resid)": "self.blocks[-1].ln1(resid)"
        },
    },
    unnamed={
        "changes the sign": [
            {UNEMBED: "self.ln_final(self.unembed(resid))"},
            {UNEMBED: "self.ln_final(resid) @ self.embed.W_E.T"},
        ],
        "wrong shape": {UNEMBED: "self.unembed(self.ln_final(resid[:, -1:]))"},
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
