"""Answers to 5.7."""

from tests.grading.variants import Right, Wrong

MORE = "more = self.born(layer) - len(stream) // self.text.batch"
FRESH = "fresh = self.text.streams[layer][:, self.start :]"
JOIN = "return torch.cat([stream, fresh.repeat(more, 1, 1)])"
PAST = "return SharedPast(of_layer.k[:, : self.start], of_layer.v[:, : self.start])"


def slip(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in Walk.join or Walk.past."""
    return Wrong("5.7", name, {old: new}, says=says)


WRONG = [
    slip(
        "born a layer late",
        MORE,
        "more = self.born(layer - 1) - len(stream) // self.text.batch",
        "Versions that begin at this layer do not join",
    ),
    slip(
        "born a layer early",
        MORE,
        "more = self.born(layer + 1) - len(stream) // self.text.batch",
        "Versions that begin at the layer above join here",
    ),
    slip("stream of the layer above", "streams[layer]", "streams[layer + 1]", "behind this layer"),
    slip(
        "stream of the layer below",
        "streams[layer]",
        "streams[max(layer - 1, 0)]",
        "before the layer below",
    ),
    slip(
        "first positions",
        FRESH,
        "fresh = self.text.streams[layer][:, : self.text.n_pos - self.start]",
        "The new rows take the first positions",
    ),
    slip(
        "not cut", FRESH, "fresh = self.text.streams[layer]", "Sizes of tensors must match except"
    ),
    slip(
        "batch first",
        "fresh.repeat(more, 1, 1)",
        "fresh.repeat_interleave(more, dim=0)",
        "Rows are ordered text by text",
    ),
    slip("in front", JOIN, "return torch.cat([fresh.repeat(more, 1, 1), stream])", "stand before"),
    slip(
        "all anew",
        JOIN,
        "return fresh.repeat(self.born(layer), 1, 1)",
        "All versions start anew from the text",
    ),
    slip("three texts", MORE, "more = self.born(layer) - len(stream) // 3", "number of texts"),
    slip("one at a time", MORE, MORE.replace("= ", "= min(1, ") + ")", "One version joins"),
    slip("all that are left", "self.born(layer)", "len(self.versions)", "All versions that are"),
    slip(
        "one text",
        JOIN,
        "return torch.cat([stream, fresh[:1].repeat(more * len(fresh), 1, 1)])",
        "Each version gets rows of the first text only",
    ),
    slip("past not cut", PAST, "return SharedPast(of_layer.k, of_layer.v)", "The past is not cut"),
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
        PAST.replace(": self.start", "self.text.n_pos - self.start :"),
        "The last positions are taken",
    ),
    slip(
        "keys and values exchanged",
        PAST,
        "return SharedPast(of_layer.v[:, : self.start], of_layer.k[:, : self.start])",
        "Keys and values are exchanged",
    ),
    slip(
        "last layer",
        PAST,
        "of_layer = self.text.past.layers[-1]\n        " + PAST,
        "These are the last layer's",
    ),
    slip(
        "first layer",
        PAST,
        "of_layer = self.text.past.layers[0]\n        " + PAST,
        "These are the first layer's",
    ),
    slip(
        "a copy for every version",
        PAST,
        "k, v = (x[:, : self.start].repeat(len(self.versions), 1, 1, 1) "
        "for x in (of_layer.k, of_layer.v))\n        return SharedPast(k, v)",
        "A copy is made for every version",
    ),
]

RIGHT = [
    Right(
        "5.7",
        "version by version",
        body={
            "Walk.join": """
            rows = list(stream)
            while len(rows) < self.born(layer) * self.text.batch:
                rows.extend(self.text.streams[layer][:, self.start :])
            return torch.stack(rows) if rows else stream
            """,
            "Walk.past": """
            k, v = of_layer.k, of_layer.v
            return SharedPast(k.narrow(1, 0, self.start), v.narrow(1, 0, self.start).clone())
            """,
        },
    ),
    Right(
        "5.7",
        "expanded",
        body={
            "Walk.join": """
            n = sum(first_layer(version) == layer for version in self.versions)
            fresh = self.text.streams[layer][:, self.start :]
            return torch.cat([stream, fresh.expand(n, *fresh.shape).flatten(0, 1)])
            """,
            "Walk.past": """
            here = torch.arange(self.text.n_pos) < self.start
            return SharedPast(k=of_layer.k[:, here], v=of_layer.v[:, here])
            """,
        },
    ),
]
