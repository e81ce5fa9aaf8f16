"""Mistakes in the positions of 7.1, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

END = "end=torch.full_like(s1, tokens.shape[1] - 1)"
IO = "io=is_io.int().argmax(dim=1)"
S1 = "s1 = is_s.int().argmax(dim=1)"
S2 = "s2=(is_s * index).amax(dim=1)"
NEXT = "s1_next=s1 + 1"
FOUND = (
    "io, s1 = is_io.int().argmax(dim=1), is_s.int().argmax(dim=1)\n"
    "s2 = (is_s * torch.arange(tokens.shape[1])).amax(dim=1)\n"
    "end = torch.full_like(s1, tokens.shape[1] - 1)\n"
)
AFTER = "torch.stack([is_s[b, n + 1 :].int().argmax() for b, n in enumerate(s1)]) + 1"
VALUES = "return RolePositions(io=io, s1=s1, s1_next=s1 + 1, s2=s2, end=end)"
ORDERED = FOUND + "after, io, s1 = s1 + 1, torch.minimum(io, s1), torch.maximum(io, s1)\n"

POSITIONS = mistakes(
    "7.1",
    "find_positions",
    {
        "S1+1 is the token after S1, the FIRST occurrence; this is the one after S2.": {
            NEXT: "s1_next=(is_s * index).amax(dim=1) + 1"
        },
        "S1+1 is the token after S1; this is the one after IO.": {
            NEXT: "s1_next=is_io.int().argmax(dim=1) + 1"
        },
        "S1+1 is the token AFTER S1; this is the one before it.": {NEXT: "s1_next=s1 - 1"},
        "Is s1_next the position of S1 itself?": {NEXT: "s1_next=s1"},
        "Is END counted from the end of the prompt? Count from its start.": {
            END: "end=torch.full_like(s1, -1)"
        },
        "Is END one position too early?": {END: END.replace("- 1", "- 2")},
        "This END is the length. The last position is one less.": {END: END.replace(" - 1", "")},
        "Is END the first position?": {END: "end=torch.zeros_like(s1)"},
        "Do all prompts have the first one's S1? Each has its own.": {
            S1: "s1 = is_s.int().argmax(dim=1)[:1].expand(len(tokens))"
        },
        "Is S1 taken to be two positions after IO, as in ABBA?": {
            S1: "s1 = is_io.int().argmax(dim=1) + 2"
        },
        "Is IO taken to be the first name? In BABA the subject comes first.": [
            {IO: "io=torch.minimum(s1, is_io.int().argmax(dim=1))"},
            ORDERED + VALUES.replace("s1 + 1", "after"),
            ORDERED + VALUES,
            ORDERED + "s1 = io + 2\n" + VALUES,
        ],
        "Are S1 and S2 exchanged?": [
            {"    s1=s1,": "    s1=(is_s * index).amax(dim=1),", S2: "s2=s1"},
            FOUND + "s1, s2 = s2, s1\n" + VALUES,
        ],
        "Are S1 and S2 from topk of a mask? The order of equal entries is not defined.": {
            S1: "s1, second = is_s.int().topk(2, dim=1).indices.unbind(dim=1)",
            S2: "s2=second",
        },
        "Is S2 the first occurrence of the subject, which is S1?": [
            {S2: "s2=s1"},
            {S2: "s2=(is_s * tokens).argmax(dim=1)"},
        ],
        "Is S2 counted from the token after S1? Count from the start of the prompt.": [
            {S2: f"s2={AFTER} - 1"},
            {S2: f"s2={AFTER}"},
        ],
        "Is S2 counted from S1, and one too early?": {S2: f"s2={AFTER} - 1 + s1"},
        "Is S2 the number of positions from it to the end? Count from the start.": {
            S2: "s2=(is_s.cumsum(1) == 2).sum(1)"
        },
        "Is S2 the mean of both positions of the subject?": {S2: "s2=(is_s * index).sum(1) // 2"},
        "Is S1 the least of the mask times the index? That is 0 where the mask is false.": {
            S1: "s1 = (is_s * index).amin(dim=1)"
        },
        "Is S1 the second name of the prompt? It is the subject's first occurrence.": [
            {S1: "s1 = torch.maximum(is_io.int().argmax(1), is_s.int().argmax(1))"},
            {"    s1=s1,": "    s1=torch.maximum(s1, is_io.int().argmax(1)),"},
        ],
        "S1+1 is the token after S1; this is the one before S2.": {
            NEXT: "s1_next=(is_s * index).amax(dim=1) - 1"
        },
        "Are these tokens? Return their positions.": [
            {END: "end=tokens[:, -1]"},
            {NEXT: "s1_next=tokens.gather(1, (s1 + 1)[:, None])[:, 0]"},
            FOUND
            + "after = tokens.gather(1, (s1 + 1)[:, None])[:, 0]\n"
            + "return RolePositions(io_token, s_token, after, s_token, tokens[:, -1])",
        ],
        "Is IO the position of S2?": {IO: "io=(is_s * index).amax(dim=1)"},
        "Is S2 the sum of both positions of the subject?": {S2: "s2=(is_s * index).sum(dim=1)"},
        "Is IO the position of S1?": {IO: "io=s1"},
        "Are IO and S exchanged?": [
            {IO: "io=is_s.int().argmax(dim=1)", S1: "s1 = is_io.int().argmax(dim=1)"},
            FOUND + VALUES.replace("io=io, s1=s1", "io=s1, s1=io"),
            "is_io, is_s = is_s, is_io\n" + FOUND + VALUES,
        ],
        "Is S2 counted from 1? Positions count from 0.": {
            "tokens.shape[1], ": "1, tokens.shape[1] + 1, "
        },
        "Are all positions counted from 1? Positions count from 0.": (
            FOUND + "io, s1, s2, end = io + 1, s1 + 1, s2 + 1, end + 1\n" + VALUES
        ),
        "Is S2 counted from the end of the prompt? Count from its start.": {
            S2: "s2=is_s.flip(1).int().argmax(dim=1)"
        },
        "Is S2 the maximum over prompts? Take it over the positions of each prompt.": {
            S2: "s2=(is_s * index).amax(dim=0)"
        },
        "Is S2 the second name of the prompt? It is the subject's second occurrence.": {
            S2: "s2=torch.maximum(s1, is_io.int().argmax(dim=1))"
        },
        "Is S2 the last name of the prompt? It is the subject's second occurrence.": {
            S2: "s2=torch.maximum(is_io.int().argmax(dim=1), (is_s * index).amax(dim=1))"
        },
        "Is S2 the token after S1? It is the subject's second occurrence.": {S2: "s2=s1 + 1"},
        "Is S1 the first name of the prompt? In ABBA that is IO.": [
            {S1: "s1 = (is_io | is_s).int().argmax(dim=1)"},
            {"    s1=s1,": "    s1=(is_io | is_s).int().argmax(dim=1),"},
        ],
        "S1+1 is the token after S1; this is the one after the first name.": {
            NEXT: "s1_next=(is_io | is_s).int().argmax(dim=1) + 1"
        },
        "Are S1+1 and S2 exchanged?": {NEXT: "s1_next=(is_s * index).amax(dim=1)", S2: "s2=s1 + 1"},
        "Is END the position of S2? It is the last token.": {END: "end=(is_s * index).amax(dim=1)"},
        "Is END the token after S2? It is the last token.": {
            END: "end=(is_s * index).amax(dim=1) + 1"
        },
        "Is END from the number of prompts? Use the number of tokens.": {
            END: END.replace("tokens.shape[1]", "len(tokens)")
        },
        "Is END one number? Each prompt needs its own entry.": {
            END: "end=torch.tensor(tokens.shape[1] - 1)"
        },
        "Do all prompts have the positions of one of them? Each has its own.": [
            FOUND + "io, s1, s2 = (x[:1].expand(len(x)) for x in (io, s1, s2))\n" + VALUES,
            FOUND + "io, s1, s2 = (x[-1:].expand(len(x)) for x in (io, s1, s2))\n" + VALUES,
        ],
        "Are the positions columns? Each role needs one axis, the batch.": (
            FOUND + "io, s1, s2, end = (x[:, None] for x in (io, s1, s2, end))\n" + VALUES
        ),
        "Does `nonzero` give S1 of all prompts first? It lists one prompt after the other.": (
            "where = is_s.nonzero()[:, 1]\n"
            + FOUND
            + "s1, s2 = where[: len(io)], where[len(io) :]\n"
            + VALUES
        ),
        "Is column 0 of `nonzero` the position? It is the prompt; column 1 is the position.": (
            FOUND
            + "io, s1, s2 = is_io.nonzero()[:, 0], is_s.nonzero()[::2, 0], is_s.nonzero()[1::2, 0]\n"
            + VALUES
        ),
    },
    unnamed={"Positions must be whole numbers": {S2: S2 + ".float()"}},
)
RIGHT = right_answers(
    "7.1",
    "find_positions",
    {
        "a loop over prompts": """
            rows = []
            for one, two in zip(is_io, is_s):
                first, second = two.nonzero()[:, 0].tolist()
                rows.append([int(one.nonzero()), first, first + 1, second, len(one) - 1])
            return RolePositions(*torch.tensor(rows).unbind(dim=1))
            """,
        "nonzero, and a flip": """
            n = tokens.shape[1]
            s = is_s.nonzero()[:, 1].reshape(-1, 2)
            io = is_io.nonzero()[:, 1]
            last = n - 1 - is_s.flip(1).int().argmax(1)
            end = torch.tensor([n - 1] * len(tokens))
            return RolePositions(end=end, io=io, s1=s[:, 0], s2=last, s1_next=1 + s[:, 0])
            """,
    },
)
