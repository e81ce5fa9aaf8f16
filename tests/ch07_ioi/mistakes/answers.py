"""Wrong circuits for 7.12, and a right one."""

from tests.grading.mistakes import mistakes, right_answers

TOY = {
    "end": ("0.1", "1.0", "2.0", "2.1", "2.2", "2.3"),
    "s2": ("0.0", "0.1", "0.3", "1.3"),
    "s1": ("0.1", "0.3", "1.1"),
}
REAL = {
    "s1_next": ("16.0",),
    "s2": ("8.1", "15.7", "17.0", "17.4", "18.6"),
    "end": ("19.2", "20.0", "23.0", "23.2", "23.3", "23.7", "24.4"),
}
"""Without 23.1, which the reference keeps: F(C) / F(M) is 1.07 without it and 1.03 with it."""
RANDOM = {
    "end": ("0.0", "0.2", "0.3", "1.1", "1.2", "1.3"),
    "s2": ("0.2", "1.0", "1.1", "2.0"),
    "s1": ("0.0", "0.2", "1.0"),
}


def nodes(by_role: dict[str, tuple[str, ...]]) -> list[str]:
    """List the nodes as they are written in the table."""
    return [f"{head} {role}" for role, heads in by_role.items() for head in heads]


def table(toy: list | str) -> str:
    """Write the table with this circuit of the toy, and a right one of the real model."""
    return f"toy = {toy!r}\nsmollm2 = {nodes(REAL)!r}"


RIGHT_NODES = nodes(TOY)
EVERY_HEAD = [f"{layer}.{head} {role}" for layer in range(3) for head in range(4) for role in TOY]

CIRCUITS = mistakes(
    "7.12",
    "7.12",
    unnamed={
        "is faithful": table(nodes(RANDOM)),
        "a circuit of everything explains nothing": table(EVERY_HEAD),
        "has no nodes": table([]),
        "No node is at s2": [
            table(nodes({"end": TOY["end"]})),
            table(["2.0 end", "2.1 end", "2.2 end", "2.3 end"]),
        ],
        "right heads, wrong roles": table(
            nodes({"s2": TOY["end"], "s1": TOY["s2"], "end": TOY["s1"]})
        ),
        "node 1.2 s1_next changes F by 0.0%": table([*RIGHT_NODES, "1.2 s1_next"]),
        "something is missing at s2": table([one for one in RIGHT_NODES if one != "1.3 s2"]),
        "something is missing at s1": table(nodes(TOY | {"s1": ()})),
        "lists a node twice: 1.3 s2": table([*RIGHT_NODES, "1.3 s2"]),
        "got '1.3'": table(["1.3", "2.0"]),
        "got '1.3 s3'": table(["1.3 s3"]),
        "got '1.3 END'": table(["1.3 END"]),
        "Are layer and head exchanged?": table(["3.1 s2", *RIGHT_NODES]),
        "expected a list of nodes": [table([[1, 3], [2, 0]]), table("1.3 s2")],
    },
)
RIGHT = right_answers(
    "7.12",
    "7.12",
    {
        "other order, spaces, one node less": table(
            [f" {one}" for one in RIGHT_NODES[::-1] if one != "0.0 s2"]
        ),
    },
)
