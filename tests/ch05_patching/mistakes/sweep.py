"""Mistakes in sweep batches (5.7), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

COUNT = "n_new = self.n_active(layer) - len(resid) // self.prompt.batch"
CLEAN = "clean = self.prompt.resids[layer][:, self.start :]"
JOIN = "return torch.cat([resid, clean.repeat(n_new, 1, 1)])"
SHARED = "return SharedKVCache(cached.k[:, : self.start], cached.v[:, : self.start])"

APPENDED = mistakes(
    "5.7",
    "SweepBatch.append_new",
    {
        "Are patches appended one layer late? They must be there before the block runs.": {
            COUNT: COUNT.replace("layer", "layer - 1")
        },
        "Are patches appended one layer early?": {COUNT: COUNT.replace("layer", "layer + 1")},
        "Is this the residual stream after this layer? resids[layer] is the one before it.": {
            "resids[layer]": "resids[layer + 1]"
        },
        "Is this the residual stream before the layer below?": {
            "resids[layer]": "resids[max(layer - 1, 0)]"
        },
        "Do new rows have the first positions? They begin at `start`.": {
            CLEAN: "clean = self.prompt.resids[layer][:, : self.prompt.n_pos - self.start]"
        },
        "Are rows ordered by prompt? A row is (patch batch), patch first.": {
            "clean.repeat(n_new, 1, 1)": "clean.repeat_interleave(n_new, dim=0)"
        },
        "Are new rows before the running ones? Append them.": {
            JOIN: "return torch.cat([clean.repeat(n_new, 1, 1), resid])"
        },
        "Do all patches start again? Running rows stay as they are.": {
            JOIN: "return clean.repeat(self.n_active(layer), 1, 1)"
        },
        "Is one copy of the prompts appended where several patches begin? Each has its own.": [
            {COUNT: COUNT.replace("= ", "= min(1, ") + ")"},
            {JOIN: "return torch.cat([resid, clean])"},
        ],
        "Are all patches that are left appended? Only those that begin at this layer are.": {
            "self.n_active(layer)": "len(self.patches)"
        },
        "Does each patch have rows of the first prompt only?": {
            JOIN: "return torch.cat([resid, clean[:1].repeat(n_new * len(clean), 1, 1)])"
        },
        "Are patches appended only while no rows run? Append them at each layer.": {
            COUNT: "n_new = 0 if len(resid) else self.n_active(layer)"
        },
        "Are these the last `start` positions? New rows begin at `start`.": {
            CLEAN: "clean = self.prompt.resids[layer][:, -self.start :]"
        },
        "Is resid divided by the number of patches? It has one row per prompt of each patch.": {
            COUNT: "n_new = self.n_active(layer) - len(resid) // len(self.patches)"
        },
        "Do new rows begin at position 0? They begin at `start`.": {
            CLEAN: "clean = self.prompt.resids[layer]"
        },
        "Do new rows have position `start` alone? They hold all positions from it on.": {
            CLEAN: "clean = self.prompt.resids[layer][:, self.start : self.start + 1]"
        },
        "Do new rows begin one position late? They hold position `start` too.": {
            CLEAN: "clean = self.prompt.resids[layer][:, self.start + 1 :]"
        },
        "Do new rows begin one position early? They begin at `start`.": {
            CLEAN: "clean = self.prompt.resids[layer][:, max(self.start - 1, 0) :]"
        },
        "Are there n_active(layer) new rows? Subtract the patches that run already.": {
            COUNT: "n_new = self.n_active(layer)"
        },
        "Are running rows counted as patches? There is one row per patch and prompt.": {
            COUNT: "n_new = max(0, self.n_active(layer) - len(resid))"
        },
        "Is there one new row per patch? There is one per patch and prompt.": [
            {
                COUNT: "n_new = self.n_active(layer) - len(resid)",
                JOIN: JOIN.replace("clean", "clean[:1]"),
            },
            {JOIN: JOIN.replace("clean", "clean[:1]")},
        ],
        "Are these the new rows alone? Return the running rows too.": {
            JOIN: "return clean.repeat(n_new, 1, 1)"
        },
        "Is there an axis of patches? A row is (patch batch), one axis.": {
            JOIN: "return torch.cat([resid, clean.repeat(n_new, 1, 1, 1)])"
        },
        "Are rows joined along another axis than the first?": {
            JOIN: "return torch.cat([resid, clean.repeat(n_new, 1, 1)], dim=1)"
        },
        "Is this the residual stream after the last layer? Take the one before this layer.": {
            "resids[layer]": "resids[-1]"
        },
        "Are these the embeddings? Take the residual stream before this layer.": {
            "resids[layer]": "resids[0]"
        },
        "Are new rows zero? They start from the prompts' residual stream.": {
            JOIN: "return torch.cat([resid, 0 * clean.repeat(n_new, 1, 1)])"
        },
        "Is the number of prompts fixed to 3? Use self.prompt.batch.": {
            COUNT: "n_new = self.n_active(layer) - len(resid) // 3"
        },
    },
)
PAST = mistakes(
    "5.7",
    "SweepBatch.shared_kv",
    {
        "Is the past not cut? From the start on, rows have keys of their own.": {
            SHARED: "return SharedKVCache(cached.k, cached.v)"
        },
        "Does the past end one position too late? The start belongs to the rows.": {
            SHARED: SHARED.replace("self.start", "self.start + 1")
        },
        "Does the past end one position too early?": {
            SHARED: SHARED.replace("self.start", "max(self.start - 1, 0)")
        },
        "Does the past begin at the start? It is what comes before it.": {
            SHARED: SHARED.replace(": self.start", "self.start :")
        },
        "Are these the last positions? The past is the first `start` ones.": {
            SHARED: SHARED.replace(": self.start", "self.prompt.n_pos - self.start :")
        },
        "Are keys and values exchanged?": {
            SHARED: "return SharedKVCache(cached.v[:, : self.start], cached.k[:, : self.start])"
        },
        "Are these the last layer's keys? Each layer has its own.": {
            SHARED: "cached = self.prompt.kv_cache.layers[-1]\n" + SHARED
        },
        "Are these the first layer's keys? Each layer has its own.": {
            SHARED: "cached = self.prompt.kv_cache.layers[0]\n" + SHARED
        },
        "Is the past cut along another axis? Positions are axis 1.": {
            SHARED: "return SharedKVCache(cached.k[: self.start], cached.v[: self.start])"
        },
        "Are later keys set to zero? Cut them off: a zero key gets attention.": {
            SHARED: "k, v = cached.k.clone(), cached.v.clone()\n"
            "k[:, self.start :], v[:, self.start :] = 0, 0\nreturn SharedKVCache(k, v)"
        },
        "Do all prompts have the first one's past? Each has its own.": {
            SHARED: "k, v = (x[:1, : self.start].expand(len(x), -1, -1, -1) "
            "for x in (cached.k, cached.v))\nreturn SharedKVCache(k, v)"
        },
        "Is the past one position long? It has `start` positions.": {
            SHARED: SHARED.replace("self.start", "1")
        },
        "Are only the keys cut? Values are cut too.": {
            SHARED: "return SharedKVCache(cached.k[:, : self.start], cached.v)"
        },
        "Are only the values cut? Keys are cut too.": {
            SHARED: "return SharedKVCache(cached.k, cached.v[:, : self.start])"
        },
        "Are the keys returned twice?": {
            SHARED: "return SharedKVCache(cached.k[:, : self.start], cached.k[:, : self.start])"
        },
        "Is this the past of the layer before? Each layer has its own.": {
            SHARED: "cached = self.prompt.kv_cache.layers[max(layer - 1, 0)]\n" + SHARED
        },
        "Is this a tuple? Return a SharedKVCache.": {
            SHARED: "return cached.k[:, : self.start], cached.v[:, : self.start]"
        },
        "Is a copy made for every patch? All patches share one past.": {
            SHARED: "k, v = (x[:, : self.start].repeat(len(self.patches), 1, 1, 1) "
            "for x in (cached.k, cached.v))\nreturn SharedKVCache(k, v)"
        },
    },
)
RIGHT = right_answers(
    "5.7",
    "SweepBatch.append_new",
    {
        "patch by patch": {
            "SweepBatch.append_new": """
            rows = list(resid)
            while len(rows) < self.n_active(layer) * self.prompt.batch:
                rows.extend(self.prompt.resids[layer][:, self.start :])
            return torch.stack(rows) if rows else resid
            """,
            "SweepBatch.shared_kv": """
            k, v = cached.k, cached.v
            return SharedKVCache(k.narrow(1, 0, self.start), v.narrow(1, 0, self.start).clone())
            """,
        },
        "expanded": {
            "SweepBatch.append_new": """
            n = sum(first_layer(patch) == layer for patch in self.patches)
            clean = self.prompt.resids[layer][:, self.start :]
            return torch.cat([resid, clean.expand(n, *clean.shape).flatten(0, 1)])
            """,
            "SweepBatch.shared_kv": """
            here = torch.arange(self.prompt.n_pos) < self.start
            return SharedKVCache(k=cached.k[:, here], v=cached.v[:, here])
            """,
        },
    },
)
