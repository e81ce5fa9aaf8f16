"""Mistakes in the corruptions of 7.2 and 7.3, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

DRAWN = "names[lot.argsort(dim=1)[:, :n]]"
WRITTEN = "prompts.tokens.scatter(1, where, new))"

FRESH_NAMES = mistakes(
    "7.2",
    "fresh_names",
    {
        "Are names drawn with replacement? A prompt needs different ones.": {
            DRAWN: "names[torch.multinomial((~own).float(), n, True, generator=generator)]"
        },
        "Can a prompt draw its own IO or S?": {".masked_fill(own, torch.inf)": ""},
        "Can a prompt draw its own subject?": {" | (names == prompts.s_token[:, None])": ""},
        "Are the prompt's own names drawn FIRST? Give them infinity.": {"torch.inf": "-torch.inf"},
        "Do all prompts use one order of the names? Draw an order for each.": {
            "torch.rand(own.shape, generator=generator)": (
                "torch.rand(own.shape[1], generator=generator).expand_as(own)"
            )
        },
        "Are these the first names of the pool, not random ones?": {
            DRAWN: "names[own.int().argsort(dim=1, stable=True)[:, :n]]"
        },
        "Is only the first name random, and the others its neighbours in the pool?": (
            "own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])\n"
            "first = torch.randint(len(names) - 2, (len(own),), generator=generator).tolist()\n"
            "pools = [names[~row] for row in own]\n"
            "return torch.stack([one.roll(i)[:n] for one, i in zip(pools, first)])"
        ),
        "Is `generator` not passed on?": {", generator=generator)": ")"},
        "Are these indices in the pool, and not names?": {DRAWN: "lot.argsort(dim=1)[:, :n]"},
        "Are these tokens next to the names in the vocabulary?": {DRAWN: f"({DRAWN} + 1)"},
    },
)
ABC = mistakes(
    "7.2",
    "abc_corruption",
    {
        "Do S1 and S2 get the same name?": {WRITTEN: WRITTEN.replace("new)", "new[:, [0, 1, 1]])")},
        "Are the scored names replaced as well?": {
            WRITTEN: WRITTEN[:-1] + ", io_token=new[:, 0], s_token=new[:, 1])"
        },
        "Is the scored subject replaced as well?": {WRITTEN: WRITTEN[:-1] + ", s_token=new[:, 2])"},
        "Are all prompts put into one template?": {
            WRITTEN: WRITTEN[:-1] + ", template=torch.zeros_like(prompts.template))"
        },
        "Are the source's tokens changed in place?": {"tokens.scatter(": "tokens.scatter_("},
        "Is IO left as it is? All three names are replaced.": {
            WRITTEN: WRITTEN.replace("where, new", "where[:, 1:], new[:, 1:]")
        },
        "Is a name written at S1+1 instead of S1?": {
            "prompts.positions.s1,": "prompts.positions.s1_next,"
        },
    },
)
SIGNALS = mistakes(
    "7.3",
    "name_corruption",
    {
        "Are token and position exchanged?": {
            "[token].unbind": "[position].unbind",
            'if position == "original"': 'if token == "original"',
        },
        "Is the position signal inverted where it should be kept, and the reverse?": {
            'position == "original"': 'position != "original"'
        },
        "Is `position` ignored?": {' if position == "original" else (twice, once)': ""},
        "Is the inverted token signal the original one?": {"own.flip(1)": "own"},
        "Is the order of the prompts flipped, instead of the two names?": {
            "own.flip(1)": "own.flip(0)"
        },
        "Does S2 have the name that occurs once?": {"at_s1, twice]": "at_s1, once]"},
        "Does S2 keep its name where the token is inverted? It has the name that occurs twice.": {
            "twice], dim=1))": 'prompts.s_token if token == "inverted" else twice], dim=1))'
        },
        "Is `position` ignored where the token is inverted?": {
            'if position == "original"': 'if position == "original" or token == "inverted"'
        },
        "Is `position` ignored where the token is random?": {
            'if position == "original"': 'if position == "original" or token == "random"'
        },
        "Does S2 always keep its name?": {"twice], dim=1))": "prompts.s_token], dim=1))"},
        "Is the IO kept where the token is random? Both names are new.": {
            '"random": new': '"random": torch.stack([prompts.io_token, new[:, 0]], 1)'
        },
        "Are both random names the same?": {'"random": new': '"random": new[:, [0, 0]]'},
        "Are the scored names replaced as well?": {
            "_replace(tokens=filled)": "_replace(tokens=filled, io_token=once, s_token=twice)"
        },
        "Are the source's tokens changed in place?": {"tokens.scatter(": "tokens.scatter_("},
        "Are the positions of IO and S1 exchanged as well?": {
            "_replace(tokens=filled)": (
                '_replace(tokens=filled, positions=where if position == "original" else '
                "where._replace(io=where.s1, s1=where.io))"
            )
        },
    },
)
RIGHT_ABC = right_answers(
    "7.2",
    "fresh_names",
    {
        "a loop": """
            found = []
            for io, s in zip(prompts.io_token.tolist(), prompts.s_token.tolist()):
                left = [name for name in names.tolist() if name not in (io, s)]
                order = torch.randperm(len(left), generator=generator).tolist()
                found.append([left[i] for i in order[:n]])
            return torch.tensor(found)
            """,
        "multinomial, and a copy written in place": {
            "fresh_names": """
                own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])
                return names[torch.multinomial((~own).double(), n, generator=generator)]
                """,
            "abc_corruption": """
                new, where = fresh_names(prompts, names, 3, generator), prompts.positions
                tokens, rows = prompts.tokens.clone(), torch.arange(len(prompts.tokens))
                for position, name in zip([where.s2, where.io, where.s1], new.T):
                    tokens[rows, position] = name
                return prompts._replace(tokens=tokens)
                """,
        },
    },
)
RIGHT_SIGNALS = right_answers(
    "7.3",
    "name_corruption",
    {
        "a copy written in place": """
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
            """,
    },
)
