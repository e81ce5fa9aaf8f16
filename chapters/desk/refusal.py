"""Says in a few lines why a grader refused an answer: no wall of traceback.

A grader's own sentence, the axes of a shape that is wrong, the place of a syntax error; and below
it the learner's line that was running. Tensors are never printed whole.
"""

import traceback
from pathlib import Path

LINES = 14
DROPPED = ("Called with parameters", "Parameter annotations", "-----", "where ", "The current")


def refusal(error: BaseException, chapters: Path) -> str:
    """The lines about an error that a learner with files in `chapters` can act on."""
    if isinstance(error, SyntaxError):
        return _syntax(error)
    if type(error).__name__ == "TypeCheckError":
        said = _shape(str(error))
    elif isinstance(error, AssertionError):
        said = _claim(str(error))
    else:
        said = [f"{type(error).__name__}: {line}" for line in str(error).splitlines()[:1]]
        said += str(error).splitlines()[1:LINES]
        said = said or [type(error).__name__]
    return "\n".join(said[:LINES] + _running(error, chapters))


def _syntax(error: SyntaxError) -> str:
    """File, line and reason; Python's own arrow under the place."""
    text = (error.text or "").rstrip("\n")
    lead = len(text) - len(text.lstrip())
    arrow = " " * max((error.offset or 1) - 1 - lead, 0) + "^"
    where = f"{Path(error.filename or '?').name}, line {error.lineno}, is not Python: {error.msg}"
    return "\n".join([where, f"  {text.strip()}", f"  {arrow}"]) if text else where


def _shape(said: str) -> list[str]:
    """What was expected, what came, and the axes, without the values of the arguments."""
    lines = [line for line in said.splitlines() if line and not line.startswith(DROPPED)]
    axes = [line for line in lines if "=" in line and " " not in line]
    rest = [line for line in lines if line not in axes]
    return rest + (["axes so far: " + ", ".join(axes)] if axes else [])


def _claim(said: str) -> list[str]:
    """The grader's sentence; where it has none, what pytest saw when it took the claim apart."""
    lines = [line for line in said.splitlines() if line.strip()] or ["the claim does not hold"]
    taken_apart = next((i for i, line in enumerate(lines) if line.startswith("assert ")), None)
    return lines[:taken_apart] if taken_apart else lines


def _running(error: BaseException, chapters: Path) -> list[str]:
    """The learner's own line, innermost, that was running when the error came."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(chapters)
        and not Path(frame.filename).is_relative_to(chapters / "desk")
    ]
    if not frames:
        return []
    frame = frames[-1]
    place = Path(frame.filename).relative_to(chapters.parent).as_posix()
    return [f"in {place}:{frame.lineno}, {frame.name}:", f"    {frame.line}"]
