"""The circuit that the paper found in GPT-2 small: 26 heads in 7 classes, as data.

These are the paper's heads; nothing here was measured by us.
`as_nodes` turns a table into a circuit that circuit.py can test where GPT-2's weights are present.
Source: Wang et al. 2022, "Interpretability in the Wild", figure 2; head lists and the sets K of the
minimality test as in the authors' code.
"""

from ..ch04_induction.ablate import Head
from .circuit import ROLE_OF_CLASS, Node

HEADS: dict[str, tuple[Head, ...]] = {
    "name mover": ((9, 9), (10, 0), (9, 6)),
    "backup name mover": ((10, 10), (10, 6), (10, 2), (10, 1), (11, 2), (9, 7), (9, 0), (11, 9)),
    "negative name mover": ((10, 7), (11, 10)),
    "S-inhibition": ((7, 3), (7, 9), (8, 6), (8, 10)),
    "induction": ((5, 5), (6, 9), (5, 8), (5, 9)),
    "duplicate token": ((0, 1), (3, 0), (0, 10)),
    "previous token": ((2, 2), (4, 11)),
}
"""Class -> heads (layer, head), in the paper's order of importance where it gives one."""

NAIVE: dict[str, tuple[Head, ...]] = {
    "name mover": HEADS["name mover"],
    "S-inhibition": HEADS["S-inhibition"],
    "induction": ((5, 5), (5, 9)),
    "duplicate token": ((3, 0), (0, 10)),
    "previous token": HEADS["previous token"],
}
"""The smaller circuit that the paper shows to be faithful but far from complete."""


def as_nodes(classes: dict[str, tuple[Head, ...]]) -> list[Node]:
    """List the heads of all classes as nodes, each at the position of its class."""
    return [
        Node(layer, head, ROLE_OF_CLASS[name])
        for name, heads in classes.items()
        for layer, head in heads
    ]
