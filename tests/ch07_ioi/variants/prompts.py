"""Answers to 7.1."""

from tests.grading.variants import Right, Wrong

END = "end=torch.full_like(s1, tokens.shape[1] - 1)"
S2 = "s2=(is_s * index).amax(dim=1)"
IO = "io=is_io.int().argmax(dim=1)"


def wrong(name: str, replace: dict[str, str], says: str) -> Wrong:
    """A mistake in find_positions."""
    return Wrong("7.1", name, replace, says=says)


WRONG = [
    wrong(
        "S1 and S2 exchanged",
        {"        s1=s1,": "        s1=(is_s * index).amax(dim=1),", S2: "s2=s1"},
        "position of S2: fields are exchanged",
    ),
    wrong("S2 is S1", {S2: "s2=s1"}, "position of S1: fields are exchanged"),
    wrong("the sum of places", {S2: "s2=(is_s * index).sum(dim=1)"}, "position of S2 is wrong"),
    wrong("IO at S1", {IO: "io=s1"}, "position of S1: fields are exchanged"),
    wrong(
        "IO and S exchanged",
        {
            IO: "io=is_s.int().argmax(dim=1)",
            "s1 = is_s.int().argmax(dim=1)": "s1 = is_io.int().argmax(dim=1)",
        },
        "position of S1: fields are exchanged",
    ),
    wrong("after S2", {"s1_next=s1 + 1": "s1_next=(is_s * index).amax(dim=1) + 1"}, "after S2"),
    wrong(
        "after IO", {"s1_next=s1 + 1": "s1_next=is_io.int().argmax(dim=1) + 1"}, "one is after IO"
    ),
    wrong("before S1", {"s1_next=s1 + 1": "s1_next=s1 - 1"}, "AFTER S1; that one is before"),
    wrong("S1+1 is S1", {"s1_next=s1 + 1": "s1_next=s1"}, "position of S1: fields are exchanged"),
    wrong("END from the wrong end", {END: "end=torch.full_like(s1, -1)"}, "from the end"),
    wrong("END is the first", {END: "end=torch.zeros_like(s1)"}, "position of END is wrong"),
    wrong(
        "END a position before",
        {END: END.replace("- 1", "- 2")},
        "one too far to the left",
    ),
    wrong("END is the length", {END: END.replace(" - 1", "")}, "That is the length"),
    wrong("counted from 1", {"tokens.shape[1], ": "1, tokens.shape[1] + 1, "}, "position of S2"),
    wrong(
        "the first prompt's",
        {"s1 = is_s.int().argmax(dim=1)": "s1 = is_s.int().argmax(dim=1)[:1].expand(len(tokens))"},
        "position of the first one",
    ),
    wrong(
        "ABBA always",
        {"s1 = is_s.int().argmax(dim=1)": "s1 = is_io.int().argmax(dim=1) + 2"},
        "two behind IO, as in ABBA",
    ),
    wrong(
        "the first name is IO",
        {IO: "io=torch.minimum(s1, is_io.int().argmax(dim=1))"},
        "Names are told apart by their order",
    ),
    wrong(
        "as floats",
        {S2: "s2=(is_s * index).amax(dim=1).float()"},
        "must be a tensor of whole numbers",
    ),
]

RIGHT = [
    Right(
        "7.1",
        "a loop over prompts",
        body={
            "find_positions": """
            rows = []
            for one, two in zip(is_io, is_s):
                first, second = two.nonzero()[:, 0].tolist()
                rows.append([int(one.nonzero()), first, first + 1, second, len(one) - 1])
            return RolePositions(*torch.tensor(rows).unbind(dim=1))
            """
        },
    ),
    Right(
        "7.1",
        "nonzero, and a flip",
        body={
            "find_positions": """
            n = tokens.shape[1]
            s = is_s.nonzero()[:, 1].reshape(-1, 2)
            io = is_io.nonzero()[:, 1]
            last = n - 1 - is_s.flip(1).int().argmax(1)
            end = torch.tensor([n - 1] * len(tokens))
            return RolePositions(end=end, io=io, s1=s[:, 0], s2=last, s1_next=1 + s[:, 0])
            """
        },
    ),
]
