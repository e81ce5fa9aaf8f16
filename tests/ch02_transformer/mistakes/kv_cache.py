"""Mistakes in the exercises of kv_cache, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

LAYERCACHE_EXTEND = mistakes(
    "2.19",
    "LayerCache.extend",
    {
        "New keys come after the old ones, not before them.": {
            "[self.k, k]": "[k, self.k]",
            "[self.v, v]": "[v, self.v]",
        },
        "New values come after the old ones, not before them.": {"[self.v, v]": "[v, self.v]"},
        "Only the new keys came back; return the old ones too.": [
            {
                "return k, v": "return new",
                "if self.k is not None and": "new = k, v\nif self.k is not None and",
            },
            {"k, v = torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)": "pass"},
        ],
        "The first chunk and the new one are there: store all keys at every call.": {
            "self.k, self.v = k, v": "if self.k is None:\n    self.k, self.v = k, v"
        },
        "Only the last two chunks are there: store all keys, not the new ones alone.": """
            old_k, old_v = self.k, self.v
            self.k, self.v = k, v
            if old_k is None:
                return k, v
            return torch.cat([old_k, k], dim=1), torch.cat([old_v, v], dim=1)
            """,
        "Nothing is remembered: does extend keep what it returns?": {
            "self.k, self.v = k, v": "pass"
        },
        "Keys and values are exchanged.": {"return k, v": "return v, k"},
        "Keys and values were exchanged when they were stored.": {
            "self.k, self.v = k, v": "self.v, self.k = k, v"
        },
        "The new values come from the wrong argument.": {"[self.v, v]": "[self.v, k]"},
        "Heads are cut along the wrong axis: the projected one is split into heads.": [
            {"torch.cat([self.k, k], dim=1)": "torch.cat([self.k, k])"},
            {"torch.cat([self.k, k], dim=1)": "torch.cat([self.k, k], dim=2)"},
        ],
        "Only the last of the new keys is appended; several tokens may come at once.": {
            "[self.k, k]": "[self.k, k[:, -1:]]",
            "[self.v, v]": "[self.v, v[:, -1:]]",
        },
        "Only the old keys came back; return the new ones too.": {
            "self.k, self.v = k, v": "old = k[:, : self.length or None], v[:, : self.length or None]\nself.k, self.v = k, v",
            "return k, v": "return old",
        },
    },
    unnamed={
        "dropped when the text grows long": {
            "self.k, self.v = k, v": "self.k, self.v = k[:, -1024:], v[:, -1024:]"
        },
        "not in the class": """
            if hasattr(LayerCache, "kept"):
                k = torch.cat([LayerCache.kept[0], k], dim=1)
                v = torch.cat([LayerCache.kept[1], v], dim=1)
            LayerCache.kept = self.k, self.v = k, v
            return k, v
            """,
        "no detach": {"self.k, self.v = k, v": "self.k, self.v = k, v = k.detach(), v.detach()"},
        "ambiguous": {"self.k is not None and": "self.k and"},
        "Shape [3, 12, 2, 5]": {
            "self.k, self.v = k, v": "self.k, self.v = k, v = k[:, -8:], v[:, -8:]"
        },
        "return value of": {"        return k, v": "        pass"},
    },
)
LAYERCACHE_LENGTH = mistakes(
    "2.19",
    "LayerCache.length",
    {
        "That is the size of the batch.": {"self.k.shape[1]": "self.k.shape[0]"},
        "That is the number of heads.": {"self.k.shape[1]": "self.k.shape[2]"},
        "That is the position of the last token; the next one stands one further.": {
            "self.k.shape[1]": "self.k.shape[1] - 1"
        },
        "That is one too many: positions start at 0.": {"self.k.shape[1]": "self.k.shape[1] + 1"},
        "That counts keys and values; a token has one of each.": {
            "self.k.shape[1]": "2 * self.k.shape[1]"
        },
    },
    unnamed={
        "'NoneType'": {"0 if self.k is None else ": ""},
    },
)
RIGHT_2_19 = right_answers(
    "2.19",
    "LayerCache.extend",
    {
        "early return": {
            "LayerCache.extend": """
            if self.length == 0:
                self.k = k
                self.v = v
                return self.k, self.v
            self.k = torch.concat((self.k, k), 1)
            self.v = torch.concat((self.v, v), 1)
            return self.k, self.v
            """,
            "LayerCache.length": "if self.v is None:\n    return 0\nreturn self.v.size(1)",
        },
        "an empty start, then always the same": {
            "if self.k is not None and self.v is not None:": "if self.k is None:\n    self.k, self.v = k[:, :0], v[:, :0]\nif True:"
        },
        "a buffer filled in place": {
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
        "what there is, joined": {
            "torch.cat([self.k, k], dim=1)": "torch.hstack((self.k, k))",
            "torch.cat([self.v, v], dim=1)": "torch.cat([x for x in (self.v, v) if x is not None], dim=-3)",
        },
    },
)
