"""Mistakes in the exercises of kv_cache, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

STORE = "self.k, self.v = k, v"
JOIN_K = "torch.cat([self.k, k], dim=1)"
LAYERCACHE_EXTEND = mistakes(
    "2.19",
    "LayerCache.extend",
    {
        "Are new keys before the old ones? Append them.": {
            "[self.k, k]": "[k, self.k]",
            "[self.v, v]": "[v, self.v]",
        },
        "Are new values before the old ones? Append them.": {"[self.v, v]": "[v, self.v]"},
        "Are the new keys returned alone? Return the old ones too.": [
            {
                "return k, v": "return new",
                "if self.k is not None and": "new = k, v\nif self.k is not None and",
            },
            {"k, v = torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)": "pass"},
        ],
        "Is only the first chunk stored? Store all keys at every call.": {
            STORE: f"if self.k is None:\n    {STORE}"
        },
        "Is only the new chunk stored? Store all keys at every call.": """
            old_k, old_v = self.k, self.v
            self.k, self.v = k, v
            if old_k is None:
                return k, v
            return torch.cat([old_k, k], dim=1), torch.cat([old_v, v], dim=1)
            """,
        "Is nothing stored? Set the fields k and v.": {STORE: "pass"},
        "Are keys and values swapped in the result?": {"return k, v": "return v, k"},
        "Are keys and values swapped in the fields?": {STORE: "self.v, self.k = k, v"},
        "Are the new keys appended to the values?": {"[self.v, v]": "[self.v, k]"},
        "Concatenated along the wrong axis: in [batch, pos, kv_head, d_head], positions are axis 1.": [
            {JOIN_K: "torch.cat([self.k, k])"},
            {JOIN_K: "torch.cat([self.k, k], dim=2)"},
        ],
        "Is only the last new key appended? There may be several new tokens.": {
            "[self.k, k]": "[self.k, k[:, -1:]]",
            "[self.v, v]": "[self.v, v[:, -1:]]",
        },
        "Are the old keys returned alone? Return the new ones too.": {
            STORE: f"old = k[:, : self.length or None], v[:, : self.length or None]\n{STORE}",
            "return k, v": "return old",
        },
        "Are they appended along the head axis? Tokens are axis 1.": {
            "torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)": "torch.cat([self.k, k], dim=2), torch.cat([self.v, v], dim=2)"
        },
        "Are they appended along the batch axis? Tokens are axis 1.": {
            "torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)": "torch.cat([self.k, k]), torch.cat([self.v, v])"
        },
        "Are they appended along the last axis? Tokens are axis 1.": {
            "torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)": "torch.cat([self.k, k], dim=-1), torch.cat([self.v, v], dim=-1)"
        },
        "Are the values not appended?": {", torch.cat([self.v, v], dim=1)": ", v"},
        "Are the values appended to the keys?": {
            "torch.cat([self.v, v], dim=1)": "torch.cat([self.k[:, : self.v.shape[1]], v], dim=1)"
        },
        "Is nothing returned?": {"return k, v": "return None"},
        "Is the length the number of calls?": {
            "LayerCache.extend": "if self.k is not None and self.v is not None:\n    k, v = torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)\nself.k, self.v = k, v\nself.calls = getattr(self, 'calls', 0) + 1\nreturn k, v",
            "LayerCache.length": "return getattr(self, 'calls', 0)",
        },
        "Are the keys added, and not appended?": {
            "torch.cat([self.k, k], dim=1), torch.cat([self.v, v], dim=1)": "self.k + k, self.v + v"
        },
        "Is the truth of a tensor asked (if self.k)? Compare with None.": {
            "if self.k is not None and self.v is not None": "if self.k"
        },
        "Do the fields hold the last chunk alone, and the result all? Both hold all.": """
            self.parts = [*getattr(self, 'parts', []), (k, v)]
            ks, vs = zip(*self.parts)
            self.k, self.v = k, v
            return torch.cat(ks, dim=1), torch.cat(vs, dim=1)
            """,
    },
    unnamed={
        "After chunks of 2500": {STORE: "self.k, self.v = k[:, -1024:], v[:, -1024:]"},
        "not in the class": """
            if hasattr(LayerCache, "kept"):
                k = torch.cat([LayerCache.kept[0], k], dim=1)
                v = torch.cat([LayerCache.kept[1], v], dim=1)
            LayerCache.kept = self.k, self.v = k, v
            return k, v
            """,
        "have no gradient": {STORE: f"{STORE} = k.detach(), v.detach()"},
        "ambiguous": {"self.k is not None and": "self.k and"},
        "Expected shape [3, 12, 2, 5]": {STORE: f"{STORE} = k[:, -8:], v[:, -8:]"},
        "return value of": {"return k, v": "pass"},
    },
)
LAYERCACHE_LENGTH = mistakes(
    "2.19",
    "LayerCache.length",
    {
        "This is the size of the batch.": {"self.k.shape[1]": "self.k.shape[0]"},
        "This is the number of KV heads.": {"self.k.shape[1]": "self.k.shape[2]"},
        "This is the position of the last token. The next one is one further.": {
            "self.k.shape[1]": "self.k.shape[1] - 1"
        },
        "This is one too many: positions start at 0.": {"self.k.shape[1]": "self.k.shape[1] + 1"},
        "Are keys and values both counted? A token has one of each.": {
            "self.k.shape[1]": "2 * self.k.shape[1]"
        },
        "This is the width of a head.": {"self.k.shape[1]": "self.k.shape[-1]"},
        "Is the length of an empty cache None? It is 0.": """
            return None if self.k is None else self.k.shape[1]
            """,
        "Does the length of an empty cache fail?": """
            return self.k.shape[1]
            """,
        "Is the length the number of texts times tokens?": {
            "self.k.shape[1]": "self.k.shape[0] * self.k.shape[1]"
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
            JOIN_K: "torch.hstack((self.k, k))",
            "torch.cat([self.v, v], dim=1)": "torch.cat([x for x in (self.v, v) if x is not None], dim=-3)",
        },
    },
)
