"""Answers to 5.7."""

from tests.grading.variants import Right, Wrong

MORE = "n_new = self.n_active(layer) - len(resid) // self.prompt.batch"
FRESH = "clean = self.prompt.resids[layer][:, self.start :]"
JOIN = "return torch.cat([resid, clean.repeat(n_new, 1, 1)])"
PAST = "return SharedKVCache(cached.k[:, : self.start], cached.v[:, : self.start])"


def slip(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in SweepBatch.append_new or SweepBatch.shared_kv."""
    return Wrong("5.7", name, {old: new}, says=says)


WRONG = [
    slip(
        "born a layer late",
        MORE,
        "n_new = self.n_active(layer - 1) - len(resid) // self.prompt.batch",
        "Versions that begin at this layer do not join",
    ),
    slip(
        "born a layer early",
        MORE,
        "n_new = self.n_active(layer + 1) - len(resid) // self.prompt.batch",
        "Versions that begin at the layer above join here",
    ),
    slip("stream of the layer above", "resids[layer]", "resids[layer + 1]", "behind this layer"),
    slip(
        "stream of the layer below",
        "resids[layer]",
        "resids[max(layer - 1, 0)]",
        "before the layer below",
    ),
    slip(
        "first positions",
        FRESH,
        "clean = self.prompt.resids[layer][:, : self.prompt.n_pos - self.start]",
        "The new rows take the first positions",
    ),
    slip(
        "not cut", FRESH, "clean = self.prompt.resids[layer]", "Sizes of tensors must match except"
    ),
    slip(
        "batch first",
        "clean.repeat(n_new, 1, 1)",
        "clean.repeat_interleave(n_new, dim=0)",
        "Rows are ordered text by text",
    ),
    slip("in front", JOIN, "return torch.cat([clean.repeat(n_new, 1, 1), resid])", "stand before"),
    slip(
        "all anew",
        JOIN,
        "return clean.repeat(self.n_active(layer), 1, 1)",
        "All versions start anew from the text",
    ),
    slip("three texts", MORE, "n_new = self.n_active(layer) - len(resid) // 3", "number of texts"),
    slip("one at a time", MORE, MORE.replace("= ", "= min(1, ") + ")", "One version joins"),
    slip("all that are left", "self.n_active(layer)", "len(self.patches)", "All versions that are"),
    slip(
        "one text",
        JOIN,
        "return torch.cat([resid, clean[:1].repeat(n_new * len(clean), 1, 1)])",
        "Each version gets rows of the first text only",
    ),
    slip("past not cut", PAST, "return SharedKVCache(cached.k, cached.v)", "The past is not cut"),
    slip(
        "past one too late",
        PAST,
        PAST.replace("self.start", "self.start + 1"),
        "The past ends one position too late",
    ),
    slip(
        "past one too early",
        PAST,
        PAST.replace("self.start", "max(self.start - 1, 0)"),
        "The past ends one position too early",
    ),
    slip(
        "own positions", PAST, PAST.replace(": self.start", "self.start :"), "begins at the start"
    ),
    slip(
        "last positions",
        PAST,
        PAST.replace(": self.start", "self.prompt.n_pos - self.start :"),
        "The last positions are taken",
    ),
    slip(
        "keys and values exchanged",
        PAST,
        "return SharedKVCache(cached.v[:, : self.start], cached.k[:, : self.start])",
        "Keys and values are exchanged",
    ),
    slip(
        "last layer",
        PAST,
        "cached = self.prompt.kv_cache.layers[-1]\n        " + PAST,
        "These are the last layer's",
    ),
    slip(
        "first layer",
        PAST,
        "cached = self.prompt.kv_cache.layers[0]\n        " + PAST,
        "These are the first layer's",
    ),
    slip(
        "a copy for every version",
        PAST,
        "k, v = (x[:, : self.start].repeat(len(self.patches), 1, 1, 1) "
        "for x in (cached.k, cached.v))\n        return SharedKVCache(k, v)",
        "A copy is made for every version",
    ),
]

RIGHT = [
    Right(
        "5.7",
        "version by version",
        body={
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
    ),
    Right(
        "5.7",
        "expanded",
        body={
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
    ),
]
