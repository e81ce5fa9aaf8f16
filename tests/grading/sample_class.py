"""Twelve submissions to three exercises: right, wrong, half, hostile, and handed in badly.

`EXPECTED` says what each earns for 0.15 (a question), 3.3 and 3.6, by the outcome of its grading.
"""

from collections.abc import Mapping
from pathlib import Path

from chapters.course.answers import blank_tables, make_stub

from .mistakes import SOLUTIONS, with_answers

ONLY = "0.15,3.3,3.6"
LENS, DECOMPOSE = "ch03_circuits/lens.py", "ch03_circuits/decompose.py"
TABLE = "ch00_looking/answers.toml"
RIGHT = {name: (SOLUTIONS / name).read_text("utf-8") for name in (LENS, DECOMPOSE, TABLE)}
STUBS = {name: make_stub(text) for name, text in RIGHT.items() if name != TABLE}
STUBS[TABLE] = blank_tables(RIGHT[TABLE])

OTHER = """rows = logs(final)
gaps = (rows - logs(guess)).masked_fill(rows == -float("inf"), 0)
return (rows.exp() * gaps).sum(-1)"""
HELPER = """
import torch.special as special


def logs(logits):
    return special.log_softmax(logits, -1)
"""
WRONG = "return (guess.softmax(-1) * (guess.log_softmax(-1) - final.log_softmax(-1))).sum(-1)"
FRAMES = """frame = (x for x in [1]).gi_frame
return frame.f_back.f_locals["expected"]"""
PATCH = """kind = type(final)
kind.allclose = lambda *a, **k: True
return final.sum(-1) * 0"""

EXPECTED = {
    "ada": ("passed", "passed", "passed"),
    "another way": ("passed", "todo", "passed"),
    "broken syntax": ("passed", "passed", "missing"),
    "copied tree": ("passed", "passed", "passed"),
    "empty": ("missing", "missing", "missing"),
    "half": ("todo", "todo", "passed"),
    "hostile": ("todo", "todo", "refused"),
    "latin-1": ("passed", "passed", "missing"),
    "link": ("missing", "missing", "missing"),
    "only 3": ("missing", "passed", "passed"),
    "renamed": ("passed", "passed", "passed"),
    "wrong": ("failed", "todo", "failed"),
}
"""Student -> the outcomes of 0.15, 3.3 and 3.6."""


def with_body(body: str, top: str = "", text: str | None = None) -> str:
    """lens.py with another answer to 3.6, and lines at its end."""
    before = STUBS[LENS] if text is None else text
    return with_answers(before, LENS, {"kl_divergence": body}) + top


def hand_in(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write the files of one submission."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def make(folder: Path) -> Path:
    """Write all twelve, and give the folder back."""
    in_chapters = {f"chapters/{name}": text for name, text in RIGHT.items()}
    latin = (
        RIGHT[LENS].replace("# exercise 3.6", "# exercise 3.6\n    # na\xefve").encode("latin-1")
    )
    mixed = RIGHT[TABLE].replace('"yes"', '"no"')
    submissions: dict[str, Mapping[str, str | bytes]] = {
        "ada": in_chapters,
        "another way": {**RIGHT, DECOMPOSE: STUBS[DECOMPOSE], LENS: with_body(OTHER, HELPER)},
        "broken syntax": {**RIGHT, LENS: RIGHT[LENS] + "\ndef (:\n"},
        "copied tree": {f"course/{name}": text for name, text in in_chapters.items()}
        | {f"course/solutions/{name}": "not read" for name in RIGHT},
        "empty": {"notes.txt": "I was ill."},
        "half": {**STUBS, LENS: RIGHT[LENS]},
        "hostile": {**STUBS, LENS: with_body(PATCH)},
        "latin-1": {**RIGHT, LENS: latin},
        "link": {},
        "only 3": {name: text for name, text in RIGHT.items() if name != TABLE},
        "renamed": {TABLE: RIGHT[TABLE], DECOMPOSE: RIGHT[DECOMPOSE]}
        | {"ch03_circuits/lens (1).py": RIGHT[LENS]},
        "wrong": {**STUBS, TABLE: mixed, LENS: with_body(WRONG)},
    }
    for name, files in submissions.items():
        (folder / name).mkdir(parents=True)
        hand_in(folder / name, files)
    (folder / "link" / "ch03_circuits").symlink_to(folder / "ada/chapters/ch03_circuits")
    return folder
