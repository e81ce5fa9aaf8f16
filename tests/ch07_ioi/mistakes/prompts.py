"""Mistakes in the positions of 7.1, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

END = "end=torch.full_like(s1, tokens.shape[1] - 1)"
IO = "io=is_io.int().argmax(dim=1)"
S1 = "s1 = is_s.int().argmax(dim=1)"
S2 = "s2=(is_s * index).amax(dim=1)"
NEXT = "s1_next=s1 + 1"

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
        "Is IO taken to be the first name? In BABA the subject comes first.": {
            IO: "io=torch.minimum(s1, is_io.int().argmax(dim=1))"
        },
        "Are S1 and S2 exchanged?": {
            "    s1=s1,": "    s1=(is_s * index).amax(dim=1),",
            S2: "s2=s1",
        },
        "Are S1 and S2 from topk of a mask? The order of equal entries is not defined.": {
            S1: "s1, second = is_s.int().topk(2, dim=1).indices.unbind(dim=1)",
            S2: "s2=second",
        },
        "Is S2 the first occurrence of the subject, which is S1?": {S2: "s2=s1"},
        "Is S2 the sum of both positions of the subject?": {S2: "s2=(is_s * index).sum(dim=1)"},
        "Is IO the position of S1?": {IO: "io=s1"},
        "Are IO and S exchanged?": {
            IO: "io=is_s.int().argmax(dim=1)",
            S1: "s1 = is_io.int().argmax(dim=1)",
        },
        "Is S2 counted from 1? Positions count from 0.": {
            "tokens.shape[1], ": "1, tokens.shape[1] + 1, "
        },
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
