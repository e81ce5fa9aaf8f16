"""Variants of exercise 2.19."""

from tests.grading.variants import Right, Wrong

JOIN_K, JOIN_V = "torch.cat([self.k, k], dim=1)", "torch.cat([self.v, v], dim=1)"
KEEP = "self.k, self.v = k, v"
LENGTH = "self.k.shape[1]"

WRONG = [
    Wrong(
        "2.19",
        "drops what is older than 1024 tokens",
        {KEEP: "self.k, self.v = k[:, -1024:], v[:, -1024:]"},
        says="dropped when the text grows long",
    ),
    Wrong(
        "2.19",
        "new first",
        {"[self.k, k]": "[k, self.k]", "[self.v, v]": "[v, self.v]"},
        says="not before them",
    ),
    Wrong("2.19", "new values first", {"[self.v, v]": "[v, self.v]"}, says="New values come after"),
    Wrong(
        "2.19",
        "returns the new only",
        {"return k, v": "return new"}
        | {"if self.k is not None and": "new = k, v\n        if self.k is not None and"},
        says="Only the new keys",
    ),
    Wrong("2.19", "forgets the old", {f"k, v = {JOIN_K}, {JOIN_V}": "pass"}, says="Only the new"),
    Wrong(
        "2.19",
        "stores the first only",
        {KEEP: "if self.k is None:\n            self.k, self.v = k, v"},
        says="store all keys",
    ),
    Wrong(
        "2.19",
        "stores the new only",
        body={
            "LayerCache.extend": """
            old_k, old_v = self.k, self.v
            self.k, self.v = k, v
            if old_k is None:
                return k, v
            return torch.cat([old_k, k], dim=1), torch.cat([old_v, v], dim=1)
            """
        },
        says="store all keys",
    ),
    Wrong("2.19", "never stores", {KEEP: "pass"}, says="does extend keep what it returns"),
    Wrong("2.19", "exchanged", {"return k, v": "return v, k"}, says="exchanged"),
    Wrong(
        "2.19", "stored exchanged", {KEEP: "self.v, self.k = k, v"}, says="when they were stored"
    ),
    Wrong(
        "2.19", "values from keys", {"[self.v, v]": "[self.v, k]"}, says="from the wrong argument"
    ),
    Wrong("2.19", "along the batch", {JOIN_K: "torch.cat([self.k, k])"}, says="wrong axis"),
    Wrong("2.19", "along the heads", {JOIN_K: JOIN_K.replace("1", "2")}, says="wrong axis"),
    Wrong("2.19", "length of the batch", {LENGTH: "self.k.shape[0]"}, says="size of the batch"),
    Wrong("2.19", "length of the heads", {LENGTH: "self.k.shape[2]"}, says="number of heads"),
    Wrong("2.19", "length of an empty cache", {"0 if self.k is None else ": ""}, says="'NoneType'"),
    Wrong("2.19", "last position", {LENGTH: f"{LENGTH} - 1"}, says="position of the last token"),
    Wrong("2.19", "one too many", {LENGTH: f"{LENGTH} + 1"}, says="positions start at 0"),
    Wrong("2.19", "twice", {LENGTH: f"2 * {LENGTH}"}, says="counts keys and values"),
    Wrong(
        "2.19",
        "shared by all layers",
        body={
            "LayerCache.extend": """
            if hasattr(LayerCache, "kept"):
                k = torch.cat([LayerCache.kept[0], k], dim=1)
                v = torch.cat([LayerCache.kept[1], v], dim=1)
            LayerCache.kept = self.k, self.v = k, v
            return k, v
            """
        },
        says="not in the class",
    ),
    Wrong(
        "2.19",
        "the last new token only",
        {"[self.k, k]": "[self.k, k[:, -1:]]", "[self.v, v]": "[self.v, v[:, -1:]]"},
        says="Only the last of the new keys",
    ),
    Wrong("2.19", "detached", {KEEP: f"{KEEP} = k.detach(), v.detach()"}, says="no detach"),
    Wrong("2.19", "truth of a tensor", {"self.k is not None and": "self.k and"}, says="ambiguous"),
    Wrong(
        "2.19",
        "returns the old only",
        {KEEP: "old = k[:, : self.length or None], v[:, : self.length or None]\n        " + KEEP}
        | {"return k, v": "return old"},
        says="Only the old keys",
    ),
    Wrong("2.19", "a window", {KEEP: f"{KEEP} = k[:, -8:], v[:, -8:]"}, says="Shape [3, 12, 2, 5]"),
    Wrong(
        "2.19", "nothing returned", {"        return k, v": "        pass"}, says="return value of"
    ),
]

RIGHT = [
    Right(
        "2.19",
        "early return",
        body={
            "LayerCache.extend": """
            if self.length == 0:
                self.k = k
                self.v = v
                return self.k, self.v
            self.k = torch.concat((self.k, k), 1)
            self.v = torch.concat((self.v, v), 1)
            return self.k, self.v
            """,
            "LayerCache.length": """
            if self.v is None:
                return 0
            return self.v.size(1)
            """,
        },
    ),
    Right(
        "2.19",
        "an empty start, then always the same",
        {
            "if self.k is not None and self.v is not None:": "if self.k is None:\n"
            "            self.k, self.v = k[:, :0], v[:, :0]\n"
            "        if True:"
        },
    ),
    Right(
        "2.19",
        "a buffer filled in place",
        body={
            "LayerCache.extend": """
            old = self.length
            def grown(before, new):
                whole = new.new_empty(len(new), old + new.shape[1], *new.shape[2:])
                if old:
                    whole[:, :old] = before
                whole[:, old:] = new
                return whole
            self.k, self.v = grown(self.k, k), grown(self.v, v)
            return self.k, self.v
            """,
            "LayerCache.length": "return len(self.k[0]) if self.k is not None else 0",
        },
    ),
    Right(
        "2.19",
        "what there is, joined",
        {
            JOIN_K: "torch.hstack((self.k, k))",
            JOIN_V: "torch.cat([x for x in (self.v, v) if x is not None], dim=-3)",
        },
    ),
]
