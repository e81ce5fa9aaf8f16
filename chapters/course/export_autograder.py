"""Write an autograder: Gradescope's zip, which is also the context of a container image.

The zip holds setup.sh and run_autograder, as Gradescope asks for, a Dockerfile for other machines,
and in course/ what `mi grade` needs of this clone, the reference included. It is for the instructor
only. Every package and image is fetched from a public registry when the image is built.
"""

import os
import re
import secrets
import time
import zipfile
from pathlib import Path

from .export_student import files_of_clone, git_files
from .files import read_bytes
from .terminal import CourseError, plural, say

LEFT_OUT = re.compile(
    r"docs/(?!ch\d\d_[^/]*\.md$|__init__\.py$|_extension/)|site/|tour/|\.github/|\.ci/"
    r"|tests/(book|toy_models|benchmarks)/|tests/ch\d\d_\w+/test_(\w+_)?figures\.py$"
    r"|tests/grading/(test_\w+\.py|\S+\.tar\.xz)$|toy_models/(recipes/|\w+/train\.py$)"
)
"""What grading does not need: the book beyond its pages of exercises, and the project's tests."""
CODE = re.compile(r"(chapters|docs|solutions|tests|toy_models)/.*\.(py|toml)$")
"""Code and tables, which are included even if git does not track them yet."""
DAY = (2020, 1, 1, 0, 0, 0)
"""The date of every entry, so that equal clones give equal files."""

SETUP = """#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image: Python, the packages, the real model.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/course"
export DEBIAN_FRONTEND=noninteractive

is_usable() {
    "$1" -c "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))" 2>/dev/null
}
python=""
for name in python3.13 python3.12 python3.11 python3; do
    if is_usable "$name"; then python=$name; break; fi
done
if [ -z "$python" ]; then
    apt-get update -qq
    for name in python3.12 python3.11; do
        if apt-get install -qq -y --no-install-recommends "$name" "$name-venv"; then
            python=$name; break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "expected Python 3.11 or newer, got none; choose an image that has it" >&2
    exit 1
fi
"$python" -c "from chapters.course.environment import prepare; prepare(('dev',))"
.venv/bin/python -m chapters model ||
    echo "The real model could not be fetched: exercises that need it will not be graded."
"""

RUN = """#!/usr/bin/env bash
# Grade one submission. Gradescope's folders are the defaults; the results are in its format.
set -euo pipefail
base=${AUTOGRADER:-/autograder}
course=$base/source/course
submission=${1:-$base/submission}
results=${2:-$base/results/results.json}
mkdir -p "$(dirname "$results")"
cd "$course"
exec .venv/bin/python -m chapters.course.export_run "$base" "$submission" "$results"
"""

DOCKERFILE = """# Build:  docker build -t mi-grade .
# Run:    docker run --rm --network none -v "$PWD/submission:/autograder/submission:ro" \\
#             -v "$PWD/results:/autograder/results" mi-grade
FROM python:3.12-slim
COPY . /autograder/source
RUN bash /autograder/source/setup.sh
ENTRYPOINT ["bash", "/autograder/source/run_autograder"]
"""

IGNORED = "**/__pycache__\n**/.venv\n"


def write_autograder(root: Path, target: Path, settings: Path | None = None) -> None:
    """Write the zip; an interruption leaves no file of that name.

    settings: the class.toml of `mi grade`, with the secret that the students' ids follow from.

    Raises: CourseError when the file exists, or this clone has no reference.
    """
    if target.suffix != ".zip":
        raise CourseError(f"expected the name of a zip file, got {target}; end it in .zip")
    if target.exists() or target.is_symlink():
        raise CourseError(f"expected a new file, got {target}, which exists; delete or rename it")
    code = [name for name in git_files(root, "--others", "--exclude-standard") if CODE.match(name)]
    names = [name for name in [*files_of_clone(root), *code] if not LEFT_OUT.match(name)]
    if not any(name.startswith("solutions/ch") for name in names):
        raise CourseError(
            "expected the whole course, got a copy without solutions/; export from a full clone"
        )
    say(f"write {plural(len(names), 'file')} of the course to {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    started = time.monotonic()
    try:
        with zipfile.ZipFile(part, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, text in (("setup.sh", SETUP), ("run_autograder", RUN)):
                add(archive, name, text.encode(), 0o755)
            for name, text in (("Dockerfile", DOCKERFILE), (".dockerignore", IGNORED)):
                add(archive, name, text.encode(), 0o644)
            if settings is not None:
                add(archive, "class.toml", read_bytes(settings), 0o600)
            for count, name in enumerate(names, 1):
                add(archive, f"course/{name}", (root / name).read_bytes(), 0o644)
                if count % 400 == 0:
                    say(f"   {count} of {len(names)} files")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    size = target.stat().st_size / 1e6
    say(f"{size:.1f} MB in {time.monotonic() - started:.1f} s")
    say("It holds the reference answers: upload it to the grader, and give it to no student.")


def add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    """Add a file with its permissions, which Gradescope and Docker keep."""
    entry = zipfile.ZipInfo(name, DAY)
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
