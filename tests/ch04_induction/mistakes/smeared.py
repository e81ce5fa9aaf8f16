"""Mistakes in 4.9, smeared keys, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SHARE, BEFORE = "alpha.sigmoid()[:, None]", "torch.cat([keys[:, :1], keys[:, :-1]], dim=1)"
MIX = "share * keys + (1 - share) * before"
SMEAR = mistakes(
    "4.9",
    "smear",
    {
        "Are the keys rolled? The last key is not before the first.": {
            BEFORE: "keys.roll(1, dims=1)"
        },
        "Is the key after mixed in? Use the key before.": {
            BEFORE: "torch.cat([keys[:, 1:], keys[:, -1:]], dim=1)"
        },
        "Is the key after mixed in by a roll? Use the key before.": {
            BEFORE: "keys.roll(-1, dims=1)"
        },
        "Is the first key mixed with zeros? It stays as it is.": {
            BEFORE: BEFORE.replace("keys[:, :1]", "torch.zeros_like(keys[:, :1])")
        },
        "Is the first key missing in the result?": {
            f"before = {BEFORE}": "before = keys[:, :-1]\nkeys = keys[:, 1:]"
        },
        "Are the weights exchanged? A large alpha keeps the key.": {
            MIX: "(1 - share) * keys + share * before"
        },
        "Is the sigmoid missing?": {".sigmoid()": ""},
        "Is it a softmax over heads? Each head has a sigmoid of its own.": {
            ".sigmoid()": ".softmax(0)"
        },
        "Is alpha aligned with d_head? It has one entry per head, axis 2.": {"[:, None]": ""},
        "Is alpha aligned with positions? It has one entry per head, axis 2.": {
            "[:, None]": "[:, None, None]"
        },
        "Do all heads share one weight? Each has its own.": {SHARE: "alpha.sigmoid().mean()"},
        "Do all heads use the first one's alpha? Each has its own.": {SHARE: "alpha.sigmoid()[0]"},
        "Is the key itself not weighted?": {MIX: "keys + (1 - share) * before"},
        "Is the key before not weighted? Its weight is 1 - sigmoid(alpha).": {
            MIX: "share * keys + before"
        },
        "Are keys mixed in that are mixed already? Use the given keys.": {
            f"return {MIX}": """out = [keys[:, 0]]
for j in range(1, keys.shape[1]):
    out.append(share * keys[:, j] + (1 - share) * out[-1])
return torch.stack(out, 1)"""
        },
        "Are heads mixed with each other? The position is axis 1.": {
            BEFORE: "torch.cat([keys[:, :, :1], keys[:, :, :-1]], dim=2)"
        },
        "Are texts mixed with each other? The position is axis 1.": {
            BEFORE: "torch.cat([keys[:1], keys[:-1]], dim=0)"
        },
        "Are the keys changed in place? The caller still uses them.": {
            f"return {MIX}": f"keys.copy_({MIX})\nreturn keys"
        },
        "Is the weight one half for all? It is sigmoid(alpha).": {SHARE: "0.5"},
    },
    unnamed={
        "The gradient of alpha disagrees": {SHARE: "alpha.detach().sigmoid()[:, None]"},
    },
)
RIGHT = right_answers(
    "4.9",
    "smear",
    {
        "only the later keys": """
            share = torch.sigmoid(alpha).reshape(1, 1, -1, 1)
            mixed = share * keys[:, 1:] + (1 - share) * keys[:, :-1]
            return torch.cat([keys[:, :1], mixed], dim=1)
            """,
        "a step towards the key before": """
            rolled = keys.roll(1, dims=1)
            rolled[:, 0] = keys[:, 0]
            return torch.lerp(rolled, keys, (1 / (1 + torch.exp(-alpha)))[:, None].expand_as(keys))
            """,
    },
)
