"""Answers to 7.2 and 7.3."""

from tests.grading.variants import Right, Wrong

PLACES = (
    "where = torch.stack([prompts.positions.io, prompts.positions.s1, prompts.positions.s2], dim=1)"
)
DRAW = "new = fresh_names(prompts, names, 3, generator)\n"
OWN = "own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])"
RETURN = "return prompts._replace(tokens=prompts.tokens.scatter(1, where, new))"


def named(name: str, replace: dict[str, str], says: str) -> Wrong:
    """A mistake in abc or in fresh_names."""
    return Wrong("7.2", name, replace, says=says)


def signal(name: str, replace: dict[str, str], says: str) -> Wrong:
    """A mistake in signals."""
    return Wrong("7.3", name, replace, says=says)


WRONG = [
    named(
        "a repeated name",
        {
            "return names[lot.argsort(dim=1)[:, :n]]": (
                "return names[torch.multinomial((~own).float(), n, True, generator=generator)]"
            )
        },
        "a name is drawn twice",
    ),
    named("S1 is S2", {RETURN: RETURN.replace("new)", "new[:, [0, 1, 1]])")}, "S1 and S2 are one"),
    named("own names", {".masked_fill(own, torch.inf)": ""}, "are the prompt's own IO or S"),
    named(
        "its own subject",
        {" | (names == prompts.s_token[:, None])": ""},
        "are the prompt's own IO or S",
    ),
    named(
        "own names first",
        {"torch.inf": "-torch.inf"},
        "are the prompt's own IO or S",
    ),
    named(
        "the scored names changed",
        {RETURN: RETURN.replace("new))", "new), io_token=new[:, 0], s_token=new[:, 1])")},
        "`io_token` is not the source's",
    ),
    named(
        "the subject that is scored",
        {RETURN: RETURN.replace("new))", "new), s_token=new[:, 2])")},
        "`s_token` is not the source's",
    ),
    named(
        "one group",
        {RETURN: RETURN.replace("new))", "new), template=torch.zeros_like(prompts.template))")},
        "`template` is not the source's",
    ),
    named(
        "names for all prompts alike",
        {
            "torch.rand(own.shape, generator=generator)": (
                "torch.rand(own.shape[1], generator=generator).expand_as(own)"
            )
        },
        "triples of names",
    ),
    named("in place", {"tokens.scatter(": "tokens.scatter_("}, "The source is changed"),
    named(
        "IO stays",
        {RETURN: RETURN.replace("where, new", "where[:, 1:], new[:, 1:]")},
        "keep their source's name at IO",
    ),
    named(
        "the place after S1",
        {"prompts.positions.s1,": "prompts.positions.s1_next,"},
        "keep their source's name at S1",
    ),
    named(
        "all names, unordered",
        {"names[lot.argsort(dim=1)[:, :n]]": "names[own.int().argsort(dim=1, stable=True)[:, :n]]"},
        "names of its own, by chance",
    ),
    named(
        "neighbours in the pool",
        {
            "return names[lot.argsort(dim=1)[:, :n]]": (
                "first = torch.randint(len(names) - 2, (len(own),), generator=generator).tolist()\n"
                "    pools = [names[~row] for row in own]\n"
                "    return torch.stack([one.roll(i)[:n] for one, i in zip(pools, first)])"
            )
        },
        "Are they neighbours in the pool",
    ),
    named("no generator", {", generator=generator)": ")"}, "The same seed must give the same"),
    named(
        "indices for names",
        {"names[lot.argsort(dim=1)[:, :n]]": "lot.argsort(dim=1)[:, :n]"},
        "come from elsewhere than the pool",
    ),
    named(
        "any token",
        {"names[lot.argsort(dim=1)[:, :n]]": "(names[lot.argsort(dim=1)[:, :n]] + 1)"},
        "come from elsewhere than the pool",
    ),
    signal(
        "token and position exchanged",
        {
            "[token].unbind": "[position].unbind",
            'if position == "original"': 'if token == "original"',
        },
        "token and position exchanged",
    ),
    signal("positions turned", {'position == "original"': 'position != "original"'}, "but"),
    signal(
        "position ignored", {' if position == "original" else (twice, once)': ""}, "turned round"
    ),
    signal("token not turned", {"own.flip(1)": "own"}, "Another name stands twice"),
    signal(
        "all turned within the prompts",
        {"own.flip(1)": "own.flip(0)"},
        "token inverted",
    ),
    signal("S2 stands once", {"at_s1, twice]": "at_s1, once]"}, "S2 has the name that stands once"),
    signal("S2 left", {"twice], dim=1))": "prompts.s_token], dim=1))"}, "token inverted"),
    signal(
        "one new name",
        {'"random": new': '"random": torch.stack([prompts.io_token, new[:, 0]], 1)'},
        "keep a name of their source",
    ),
    signal("the same new name", {'"random": new': '"random": new[:, [0, 0]]'}, "at all three"),
    signal(
        "scored names too",
        {"_replace(tokens=filled)": "_replace(tokens=filled, io_token=once, s_token=twice)"},
        "is not the source's",
    ),
    signal("in place", {"tokens.scatter(": "tokens.scatter_("}, "source's own tokens are changed"),
    signal(
        "positions follow",
        {
            "_replace(tokens=filled)": (
                '_replace(tokens=filled, positions=where if position == "original" else '
                "where._replace(io=where.s1, s1=where.io))"
            )
        },
        "`positions` are not the source's",
    ),
]

LOOP = """
found = []
for io, s in zip(prompts.io_token.tolist(), prompts.s_token.tolist()):
    left = [name for name in names.tolist() if name not in (io, s)]
    order = torch.randperm(len(left), generator=generator).tolist()
    found.append([left[i] for i in order[:n]])
return torch.tensor(found)
"""

RIGHT = [
    Right("7.2", "a loop", body={"fresh_names": LOOP}),
    Right(
        "7.2",
        "without putting back, written in place of a copy",
        body={
            "fresh_names": OWN + "\n"
            "return names[torch.multinomial((~own).double(), n, generator=generator)]",
            "abc_corruption": DRAW
            + """
tokens, rows = prompts.tokens.clone(), torch.arange(len(prompts.tokens))
for place, name in zip([prompts.positions.s2, prompts.positions.io, prompts.positions.s1], new.T):
    tokens[rows, place] = name
return prompts._replace(tokens=tokens)
""",
        },
    ),
    Right(
        "7.3",
        "in place of a copy",
        body={
            "name_corruption": """
            if token == "original":
                once, twice = prompts.io_token, prompts.s_token
            elif token == "inverted":
                once, twice = prompts.s_token, prompts.io_token
            else:
                once, twice = new.T
            tokens, rows = prompts.tokens.clone(), torch.arange(len(new))
            tokens[rows, where.s2] = twice
            tokens[rows, where.s1] = twice if position == "original" else once
            tokens[rows, where.io] = once if position == "original" else twice
            return prompts._replace(tokens=tokens)
            """
        },
    ),
]
