"""Measure how similar answers are, for a person to read: no mark depends on it.

An answer is compared as its syntax tree, with the names that it binds numbered in order, so that
renaming, comments and layout change nothing. Two answers are as similar as the share of subtrees
that they have in common. Short answers are alike by chance, and are left out.
"""

import ast
import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .taken import Taken

SMALLEST_TREE = 45
"""Nodes of the smallest answer that is compared: about four lines."""
SMALLEST_PART = 4
"""Nodes of the smallest subtree that is counted."""
ALIKE = 0.85
"""The similarity from which a pair is listed."""
REFERENCE = "(reference)"
MANY_NUMBERS = 30
"""An answer with more numbers written out may be a table of expected values."""


class Pair(NamedTuple):
    """Two answers that are alike."""

    number: str
    """The exercise."""
    one: str
    """A student."""
    other: str
    """Another student, or the reference."""
    similarity: float
    """From 0 (no subtree in common) to 1."""
    nodes: int
    """The size of the smaller answer."""


class Shape(NamedTuple):
    """An answer without its names."""

    parts: Counter[str]
    """Hash of a subtree -> how often it occurs."""
    nodes: int
    """How many nodes the tree has."""


def shape_of(taken: Taken) -> Shape | None:
    """Return the shape of an answer, or None where it is too small to be compared."""
    nodes = [node for part in taken.statements for node in ast.walk(part)]
    if len(nodes) < SMALLEST_TREE:
        return None
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"v{len(names)}")
        elif isinstance(node, ast.arg):
            names.setdefault(node.arg, f"v{len(names)}")
    parts: Counter[str] = Counter()
    try:
        for part in taken.statements:
            _count(part, names, parts)
    except RecursionError:
        return None
    return Shape(parts, len(nodes))


def numbers_in(taken: Taken) -> int:
    """Count the numbers that are written out in an answer, besides small integers."""
    nodes = [node for part in taken.statements for node in ast.walk(part)]
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return sum(type(x) in (int, float, complex) and x not in range(-9, 10) for x in values)


def _count(node: ast.AST, names: dict[str, str], parts: Counter[str]) -> tuple[str, int]:
    """Count the subtrees below a node; return its own hash and size."""
    words, size = [type(node).__name__], 1
    for _, value in ast.iter_fields(node):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.AST):
                digest, count = _count(one, names, parts)
                words.append(digest)
                size += count
            elif one is not None:
                words.append(names.get(str(one), repr(one)))
    digest = hashlib.sha256(" ".join(words).encode("utf-8", "replace")).hexdigest()[:16]
    if size >= SMALLEST_PART:
        parts[digest] += 1
    return digest, size


def similarity(one: Shape, other: Shape) -> float:
    """Return the share of subtrees in common."""
    common, either = one.parts & other.parts, one.parts | other.parts
    return common.total() / max(either.total(), 1)


def pairs(number: str, shapes: dict[str, Shape]) -> list[Pair]:
    """List the pairs of answers to one exercise that are alike."""
    found = []
    for one, other in itertools.combinations(sorted(shapes), 2):
        share = similarity(shapes[one], shapes[other])
        if share >= ALIKE:
            smaller = min(shapes[one].nodes, shapes[other].nodes)
            first, second = (other, one) if one == REFERENCE else (one, other)
            found.append(Pair(number, first, second, round(share, 3), smaller))
    return found


def summary(found: Iterable[Pair]) -> list[tuple[str, str, int, int]]:
    """Sum pairs up: (one, other, exercises alike, nodes in them), those with most nodes first."""
    counts: Counter[tuple[str, str]] = Counter()
    nodes: Counter[tuple[str, str]] = Counter()
    for pair in found:
        counts[pair.one, pair.other] += 1
        nodes[pair.one, pair.other] += pair.nodes
    order = sorted(counts, key=lambda names: (-nodes[names], names))
    return [(*names, counts[names], nodes[names]) for names in order]
