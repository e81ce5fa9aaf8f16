"""Answers to 4.9."""

from tests.grading.variants import Right, Wrong

SHARE = "share = alpha.sigmoid()[:, None]"
BEFORE = "before = torch.cat([keys[:, :1], keys[:, :-1]], dim=1)"
MIX = "return share * keys + (1 - share) * before"


def smear(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in smear."""
    return Wrong("4.9", name, {old: new}, says=says)


WRONG = [
    smear("rolled", BEFORE, "before = keys.roll(1, dims=1)", "The keys are rolled round"),
    smear(
        "key after",
        BEFORE,
        "before = torch.cat([keys[:, 1:], keys[:, -1:]], dim=1)",
        "The key AFTER is mixed in: ",
    ),
    smear("rolled back", BEFORE, "before = keys.roll(-1, dims=1)", "AFTER is mixed in, and rolled"),
    smear(
        "zeros before",
        BEFORE,
        "before = torch.cat([torch.zeros_like(keys[:, :1]), keys[:, :-1]], dim=1)",
        "The first key is mixed with zeros",
    ),
    smear(
        "first left out",
        BEFORE,
        "before = keys[:, :-1]\n    keys = keys[:, 1:]",
        "wrong shape or type",
    ),
    smear(
        "shares exchanged",
        MIX,
        "return (1 - share) * keys + share * before",
        "The shares are exchanged",
    ),
    smear("no sigmoid", ".sigmoid()", "", "Alpha is taken as the share itself"),
    smear("softmax", ".sigmoid()", ".softmax(0)", "A softmax over heads"),
    smear("along d_head", ".sigmoid()[:, None]", ".sigmoid()", "Alpha lines up with d_head"),
    smear(
        "along positions",
        SHARE,
        "share = alpha.sigmoid()[:, None, None]",
        "Alpha lines up with positions",
    ),
    smear("one for all", SHARE, "share = alpha.sigmoid().mean()", "One alpha for all heads"),
    smear("the first one's", SHARE, "share = alpha.sigmoid()[0]", "The first head's alpha is used"),
    smear("key whole", MIX, "return keys + (1 - share) * before", "Only the key before is given"),
    smear("before whole", MIX, "return share * keys + before", "The key before is added whole"),
    smear(
        "mixed already",
        MIX,
        "out = [keys[:, 0]]\n"
        "    for j in range(1, keys.shape[1]):\n"
        "        out.append(share * keys[:, j] + (1 - share) * out[-1])\n"
        "    return torch.stack(out, 1)",
        "Keys that are mixed already are mixed in",
    ),
    smear(
        "axis of heads",
        BEFORE,
        "before = torch.cat([keys[:, :, :1], keys[:, :, :-1]], dim=2)",
        "Heads are mixed with each other",
    ),
    smear(
        "axis of texts",
        BEFORE,
        "before = torch.cat([keys[:1], keys[:-1]], dim=0)",
        "Texts are mixed with each other",
    ),
    smear(
        "in place",
        MIX,
        "keys.copy_(share * keys + (1 - share) * before)\n    return keys",
        "`keys` is edited in place",
    ),
    smear(
        "alpha detached",
        SHARE,
        "share = alpha.detach().sigmoid()[:, None]",
        "The gradient of alpha",
    ),
    smear("half", SHARE, "share = 0.5", "A constant half stands for the share"),
]

RIGHT = [
    Right(
        "4.9",
        "only the later keys",
        body={
            "smear": """
            share = torch.sigmoid(alpha).reshape(1, 1, -1, 1)
            mixed = share * keys[:, 1:] + (1 - share) * keys[:, :-1]
            return torch.cat([keys[:, :1], mixed], dim=1)
            """
        },
    ),
    Right(
        "4.9",
        "step from the key to the one before",
        body={
            "smear": """
            rolled = keys.roll(1, dims=1)
            rolled[:, 0] = keys[:, 0]
            return torch.lerp(rolled, keys, (1 / (1 + torch.exp(-alpha)))[:, None].expand_as(keys))
            """
        },
    ),
]
