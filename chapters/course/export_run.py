"""Grade one submission on Gradescope: what the autograder's script runs in its image.

1. The submission is copied to a folder that is named after the student, next to a class.toml that
   a student cannot write: the instructor's, with the student's time of submission.
2. `mi grade` grades this folder of one submission.
3. Its results.json goes where Gradescope looks for it. Where grading fails, Gradescope gets a
   results.json with the reason and without points.
"""

import json
import re
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from .files import read_text, replace_file
from .grade.command import grade
from .terminal import CourseError

CLASS = "class.toml"
NOT_GRADED = "This submission could not be graded; tell your instructor:\n"


def main(base: Path, submission: Path, results: Path) -> int:
    """Grade a submission and write its results.json, also where grading fails; return 0.

    base: Gradescope's folder, with source/ and perhaps submission_metadata.json.
    """
    try:
        text = graded(base, submission)
    except Exception as error:  # without results.json Gradescope shows the student nothing
        traceback.print_exc()
        whole = {
            "score": 0,
            "output": f"{NOT_GRADED}{type(error).__name__}: {error}",
            "stdout_visibility": "hidden",
        }
        text = json.dumps(whole)
    replace_file(results, text)
    return 0


def graded(base: Path, submission: Path) -> str:
    """Return the results.json of a submission.

    Raises: CourseError when the submission holds nothing to grade.
    """
    metadata = read_metadata(base / "submission_metadata.json")
    with tempfile.TemporaryDirectory() as folder:
        stage, name = Path(folder) / "class", student(metadata)
        shutil.copytree(submission, stage / name, symlinks=True)
        replace_file(stage / CLASS, settings(base / "source" / CLASS, name, metadata))
        grade(str(stage), out=str(Path(folder) / "grades"))
        found = sorted((Path(folder) / "grades").rglob("results.json"))
        if len(found) != 1:
            raise CourseError(f"expected one results.json, got {len(found)}")
        return found[0].read_text("utf-8")


def read_metadata(path: Path) -> dict[str, Any]:
    """Read Gradescope's metadata of a submission; return an empty dict without the file."""
    if not path.is_file():
        return {}
    found = json.loads(read_text(path))
    return found if isinstance(found, dict) else {}


def student(metadata: dict[str, Any]) -> str:
    """Return a folder's name for a student: the e-mail address before the @, in safe characters."""
    users = metadata.get("users") or [{}]
    address = str(users[0].get("email") or "student")
    return re.sub(r"[^a-z0-9._-]", "_", address.partition("@")[0].lower()).strip(".") or "student"


def settings(path: Path, name: str, metadata: dict[str, Any]) -> str:
    """Return the instructor's class.toml, with the time at which this submission was made."""
    text = read_text(path) if path.is_file() else ""
    made = str(metadata.get("created_at") or "")
    is_time = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)", made)
    if not is_time or f"[students.{name}]" in text or f'[students."{name}"]' in text:
        return text
    return f'{text.rstrip()}\n\n[students."{name}"]\nsubmitted = {made}\n'


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
