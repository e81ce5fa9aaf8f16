"""Mistakes in the corruptions of 7.2 and 7.3, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

DRAWN = "names[lot.argsort(dim=1)[:, :n]]"
WRITTEN = "prompts.tokens.scatter(1, where, new))"
NEW_GENERATOR = "Does every call draw with one fixed seed? Draw from `generator`."

FRESH_NAMES = mistakes(
    "7.2",
    "fresh_names",
    {
        "Are names drawn with replacement? A prompt needs different ones.": {
            DRAWN: "names[torch.multinomial((~own).float(), n, True, generator=generator)]"
        },
        "Can a prompt draw its own IO or S?": {".masked_fill(own, torch.inf)": ""},
        "Can a prompt draw its own subject?": {" | (names == prompts.s_token[:, None])": ""},
        "Can a prompt draw its own IO?": {"(names == prompts.io_token[:, None]) | ": ""},
        "Are the prompt's own names drawn FIRST? They have to come last.": [
            {"torch.inf": "-torch.inf"},
            {"(dim=1)[:, :n]": "(dim=1)[:, -n:]"},
        ],
        "May a name be drawn twice, and the prompt's own as well?": (
            "where = torch.randint(len(names), (len(prompts.tokens), n), generator=generator)\n"
            "return names[where]"
        ),
        "Are the names of ALL prompts left out? Leave out each prompt's own two.": (
            "own = torch.isin(names, torch.cat([prompts.io_token, prompts.s_token]))\n"
            "orders = torch.rand(len(prompts.tokens), int((~own).sum()), generator=generator)\n"
            "return names[~own][orders.argsort(dim=1)[:, :n]]"
        ),
        "Is `argsort` along the prompts? Sort the names of each prompt: dim=1.": {
            "argsort(dim=1)": "argsort(dim=0)"
        },
        "Are these ranks? Sort once: the order of the names is what is needed.": {
            "argsort(dim=1)": "argsort(dim=1).argsort(dim=1)"
        },
        "Are these all names of the first n prompts? Take n names of every prompt.": {
            "[:, :n]": "[:n]"
        },
        "Is this [n, batch]? Each prompt is a row.": {DRAWN: DRAWN + ".T"},
        "Are the drawn names sorted? Their order has to be random too.": {
            DRAWN: DRAWN + ".sort(dim=1).values"
        },
        NEW_GENERATOR: {"generator=generator": "generator=torch.Generator().manual_seed(0)"},
        "Does every prompt start again with one seed? All prompts draw from one generator.": (
            "own = (names == prompts.io_token[:, None]) | (names == prompts.s_token[:, None])\n"
            "state, rows = generator.get_state(), []\n"
            "for row in own:\n"
            "    generator.set_state(state)\n"
            "    left = names[~row]\n"
            "    rows.append(left[torch.randperm(len(left), generator=generator)[:n]])\n"
            "return torch.stack(rows)"
        ),
        "Are the own names read from fixed positions? Use io_token and s_token.": {
            "prompts.io_token": "prompts.tokens[:, 1]",
            "prompts.s_token": "prompts.tokens[:, 3]",
        },
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
        NEW_GENERATOR: {", 3, generator)": ", 3, torch.Generator().manual_seed(0))"},
        "Are the three names drawn one by one? Then one may be drawn twice.": {
            "fresh_names(prompts, names, 3, generator)": (
                "torch.cat([fresh_names(prompts, names, 1, generator) for _ in range(3)], dim=1)"
            )
        },
        "Do all prompts get the names of one of them?": {
            WRITTEN: WRITTEN.replace("new)", "new[:1].expand_as(new))")
        },
        "Do IO and S2 get the same name?": {WRITTEN: WRITTEN.replace("new)", "new[:, [0, 1, 0]])")},
        "Do IO and S1 get the same name?": {WRITTEN: WRITTEN.replace("new)", "new[:, [0, 0, 1]])")},
        "Does S2 keep its name? All three names are replaced.": {
            WRITTEN: WRITTEN.replace("where, new", "where[:, :2], new[:, :2]")
        },
        "Does S1 keep its name? All three names are replaced.": {
            WRITTEN: WRITTEN.replace("where, new", "where[:, ::2], new[:, ::2]")
        },
        "Do IO and S1 keep their names? All three names are replaced.": {
            WRITTEN: WRITTEN.replace("where, new", "where[:, 2:], new[:, 2:]")
        },
        "Does S2 get the source's IO? All three names are new.": {
            WRITTEN: WRITTEN.replace(
                "new)", "torch.hstack([new[:, :2], prompts.io_token[:, None]]))"
            )
        },
        "Does IO get the source's subject? All three names are new.": {
            WRITTEN: WRITTEN.replace(
                "new)", "torch.hstack([prompts.s_token[:, None], new[:, 1:]]))"
            )
        },
        "Are the new tokens added to the old ones? Replace them.": {"scatter(": "scatter_add("},
        "Are the positions those of one order? Each prompt has its own.": {
            "where, new)": "where[:1].expand_as(where), new)"
        },
        "Is a name written at S1+1 instead of S2?": {
            "prompts.positions.s2]": "prompts.positions.s1_next]"
        },
        "Is a name written at END instead of S2?": {
            "prompts.positions.s2]": "prompts.positions.end]"
        },
        "Are index and source of `scatter` exchanged? The positions are the index.": {
            "where, new)": "new, where)"
        },
        "Are the positions [3, batch]? Stack them with dim=1.": [
            {"s2], dim=1)": "s2], dim=0)"},
            {"s2], dim=1)": "s2], dim=0)", WRITTEN: WRITTEN.replace("new)", "new.T)")},
        ],
        "Is it scattered along the prompts? Positions are axis 1.": {"scatter(1": "scatter(0"},
        "Is each prompt written at the positions of ALL prompts? Pair prompts with positions.": """
            new, where = fresh_names(prompts, names, 3, generator), prompts.positions
            tokens = prompts.tokens.clone()
            for column, role in enumerate((where.io, where.s1, where.s2)):
                tokens[:, role] = new[:, column]
            return prompts._replace(tokens=tokens)
            """,
        "Is every name of the pool replaced? Only IO, S1 and S2 are.": """
            new = names[torch.randint(len(names), prompts.tokens.shape, generator=generator)]
            named = torch.isin(prompts.tokens, names)
            return prompts._replace(tokens=torch.where(named, new, prompts.tokens))
            """,
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
        "Is the subject kept where the token is random? Both names are new.": {
            '"random": new': '"random": torch.stack([new[:, 0], prompts.s_token], 1)'
        },
        "Does S2 keep its name where the token is random? It has the new name.": {
            "twice], dim=1))": 'prompts.s_token if token == "random" else twice], dim=1))'
        },
        "Does S2 get a third name where the token is random? One of the two occurs twice.": {
            "twice], dim=1))": (
                "fresh_names(prompts, names, 3, generator)[:, 2] "
                'if token == "random" else twice], dim=1))'
            )
        },
        "Do all prompts get one pair of new names? Each has its own.": {
            '"random": new': '"random": new[:1].expand_as(new)'
        },
        "May the new names be the prompt's own, or one name twice?": {
            '"random": new': (
                '"random": names[torch.randint(len(names), new.shape, generator=generator)]'
            )
        },
        NEW_GENERATOR: {
            '"random": new': (
                '"random": fresh_names(prompts, names, 2, torch.Generator().manual_seed(0))'
            )
        },
        "Are the two names exchanged? The second one occurs twice.": {
            "once, twice =": "twice, once ="
        },
        "Does S2 have the name at S1, whatever the position? If inverted, it is the one at IO.": {
            "twice], dim=1))": "at_s1], dim=1))"
        },
        "Does S2 have the name at IO, whatever the position? If kept, it is the one at S1.": {
            "twice], dim=1))": "at_io], dim=1))"
        },
        "Is only S2 replaced where the token is inverted? With the position kept, all three are.": {
            'if position == "original"': 'if position == "original" and token != "inverted"'
        },
        "Is the position signal inverted where the token is? These are two signals.": {
            'if position == "original"': 'if (position == "original") != (token == "inverted")'
        },
        "Are the scored names exchanged where the token is inverted? They stay.": {
            "_replace(tokens=filled)": (
                "_replace(tokens=filled, io_token=prompts.s_token, s_token=prompts.io_token) "
                'if token == "inverted" else prompts._replace(tokens=filled)'
            )
        },
        "Is `abba` changed? It is the source's order.": {
            "_replace(tokens=filled)": (
                '_replace(tokens=filled, abba=prompts.abba ^ (position == "inverted"))'
            )
        },
        "Is the template changed? It is the source's.": {
            "_replace(tokens=filled)": (
                '_replace(tokens=filled, template=prompts.template ^ (position == "inverted"))'
            )
        },
        "Is the first name taken to be IO? In BABA the subject comes first.": {
            "where.io, where.s1, where.s2": (
                "where.io.minimum(where.s1), where.io.maximum(where.s1), where.s2"
            )
        },
        "Is the source returned where the token is kept? The position may be inverted.": {
            "once, twice =": 'if token == "original":\n    return prompts\nonce, twice ='
        },
        "Is the source returned where the position is kept? The token may change.": {
            "once, twice =": 'if position == "original":\n    return prompts\nonce, twice ='
        },
        "Are the names unbound along the prompts? Use dim=1.": {"[token].unbind(dim=1)": "[token]"},
        "Is the order of the prompts flipped as well? Flip the names only.": {
            "own.flip(1)": "own.flip(0, 1)"
        },
        "Is a name written at S1+1 instead of S1?": {
            "where.s1, where.s2], dim=1": "where.s1_next, where.s2], dim=1"
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
