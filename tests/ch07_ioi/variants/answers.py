"""Answers to 7.12."""

from tests.grading.variants import Right, Wrong

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


def nodes(by_role: dict[str, tuple[str, ...]]) -> list[str]:
    """As they stand in the table."""
    return [f"{head} {role}" for role, heads in by_role.items() for head in heads]


def table(toy: list[str] | str = "", real: list[str] | str = "") -> dict[str, str]:
    """The whole answer; what is not given is right."""
    toy, real = toy or nodes(TOY), real or nodes(REAL)
    return {"7.12": f"toy = {toy!r}\nsmollm2 = {real!r}"}


def wrong(name: str, toy: list[str] | str, says: str) -> Wrong:
    """A mistake about the toy."""
    return Wrong("7.12", name, body=table(toy=toy), says=says)


EVERY = [f"{layer}.{head} {role}" for layer in range(3) for head in range(4) for role in TOY]
ROLES_SHIFTED = {"s2": TOY["end"], "s1": TOY["s2"], "end": TOY["s1"]}
RANDOM = {
    "end": ("0.0", "0.2", "0.3", "1.1", "1.2", "1.3"),
    "s2": ("0.2", "1.0", "1.1", "2.0"),
    "s1": ("0.0", "0.2", "1.0"),
}

WRONG = [
    wrong("random heads", nodes(RANDOM), "is faithful"),
    wrong("all heads", EVERY, "everything is no answer"),
    Wrong("7.12", "empty", body={"7.12": f"toy = []\nsmollm2 = {nodes(REAL)!r}"}, says="no node"),
    wrong("only those that point", nodes({"end": TOY["end"]}), "No node stands at s2"),
    wrong("the last layer", ["2.0 end", "2.1 end", "2.2 end", "2.3 end"], "No node stands at s2"),
    wrong("right heads, wrong roles", nodes(ROLES_SHIFTED), "right heads, wrong roles"),
    wrong("one node more", [*nodes(TOY), "1.2 s1_next"], "1.2 s1_next (0.0%)"),
    wrong(
        "one node missing", [n for n in nodes(TOY) if n != "1.3 s2"], "something is missing at s2"
    ),
    wrong("nothing at S1", nodes(TOY | {"s1": ()}), "something is missing at s1"),
    wrong("a node twice", [*nodes(TOY), "1.3 s2"], "names a node twice: 1.3 s2"),
    wrong("no role", ["1.3", "2.0"], "'1.3' is no node"),
    wrong("a role of nobody", ["1.3 s3"], "'1.3 s3' is no node"),
    wrong("position for role", ["1.3 END"], "'1.3 END' is no node"),
    wrong("layer and head exchanged", ["3.1 s2", *nodes(TOY)], "Are layer and head exchanged?"),
    wrong("pairs", "[[1, 3], [2, 0]]", "is no list of nodes"),
    wrong("a word", "'1.3 s2'", "is no list of nodes"),
]

RIGHT = [
    Right(
        "7.12",
        "other order, spaces, one node less",
        body=table([f" {n}" for n in nodes(TOY)[::-1] if n != "0.0 s2"]),
    )
]
