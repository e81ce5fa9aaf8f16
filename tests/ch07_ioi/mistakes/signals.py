"""More mistakes in 7.3."""

from tests.grading.mistakes import mistakes

KEPT = 'if position == "original"'

SIGNALS = mistakes(
    "7.3",
    "name_corruption",
    {
        "Is `position` ignored unless the token is kept?": {KEPT: KEPT + ' or token != "original"'},
        "Is `position` ignored unless the token is inverted?": {
            KEPT: KEPT + ' or token != "inverted"'
        },
        "Is `position` ignored unless the token is random?": {KEPT: KEPT + ' or token != "random"'},
        "Are the names mixed by a reshape? Stack them with dim=1.": {
            "torch.stack([at_io, at_s1, twice], dim=1)": (
                "torch.stack([at_io, at_s1, twice]).reshape(-1, 3)"
            )
        },
        "Is one name at all three positions where the position is inverted?": {
            "else (twice, once)": "else (twice, twice)"
        },
        "Are the scored names replaced where the token is random? They stay.": {
            "return prompts._replace(tokens=filled)": (
                "found = prompts._replace(tokens=filled)\n"
                'return found._replace(io_token=once, s_token=twice) if token == "random" else found'
            )
        },
        "Is only S2 replaced, whatever the position? IO and S1 may change too.": {
            "at_io, at_s1, twice": "prompts.io_token, prompts.s_token, twice"
        },
        "Are all prompts filled with the names of the first one?": {
            "[token].unbind(dim=1)": "[token][:1].expand_as(own).unbind(dim=1)"
        },
        "Is the random token drawn from the prompt's own two names?": {
            '"random": new': (
                '"random": torch.where(torch.rand(len(own), 1, generator=generator) < 0.5, '
                "own, own.flip(1))"
            )
        },
    },
)
