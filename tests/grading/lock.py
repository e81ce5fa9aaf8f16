"""Write requirements/ again: the exact version and the hashes of every package of the set-up.

    python -m tests.grading.lock             # keeps versions where it can; needs uv
    python -m tests.grading.lock --upgrade   # takes the newest ones

1. uv resolves what pyproject.toml asks for, for every system and Python at once, wheels only.
2. PyTorch and what only its CUDA build needs go to torch.txt, what the project's own checks need
   besides to crosscheck.txt, and everything else to course.txt.
3. torch-cpu.txt is written by hand: PyTorch's index of CPU builds lists the hashes of its wheels.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
UV = "uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all:"
QUIET = "--no-annotate --no-header --no-config --quiet"
TORCH = re.compile(r"torch|triton|(nvidia|cuda)-.+")
HEADER = "# Made by `python -m tests.grading.lock`.\n"

Entries = dict[str, list[str]]
"""Package -> its lines, each a pin with its hashes; several where systems differ."""


def main(upgrade: bool) -> None:
    """Resolve both selections of extras, and write the three lists."""
    pins = "" if upgrade else "".join(map(pinned, map(read, ("torch", "course", "crosscheck"))))
    everything = resolve(["crosscheck", "dev", "docs", "serve"], pins)
    course = resolve(["dev", "docs"], pinned(everything))
    torch = {name for name in everything if TORCH.fullmatch(name)}
    parts = {"torch": torch, "course": course.keys() - torch}
    parts["crosscheck"] = everything.keys() - torch - course.keys()
    for part, names in parts.items():
        lines = [line for name in sorted(names) for line in everything[name]]
        (FOLDER / f"{part}.txt").write_text(HEADER + "".join(lines), "utf-8")
        print(f"requirements/{part}.txt: {len(names)} packages")


def read(name: str) -> Entries:
    """Read a list of requirements/; empty if it is not there."""
    path = FOLDER / f"{name}.txt"
    return parse(path.read_text("utf-8")) if path.exists() else {}


def parse(text: str) -> Entries:
    """Split a list into packages; the hashes of a pin are on indented lines below it."""
    entries: Entries = {}
    for entry in re.findall(r"(?m)^[a-z0-9].*\n(?:    .*\n)*", text):
        entries.setdefault(re.split("==", entry)[0], []).append(entry)
    return entries


def pinned(entries: Entries) -> str:
    """Return the pins without their hashes."""
    lines = [line.split(" \\")[0] for several in entries.values() for line in several]
    return "".join(f"{line}\n" for line in lines)


def resolve(extras: list[str], pins: str) -> Entries:
    """Let uv resolve the course with some extras, under pins."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pins.txt"
        path.write_text(pins, "utf-8")
        words = [*UV.split(), *QUIET.split(), "--constraint", str(path), "pyproject.toml"]
        words += [word for extra in extras for word in ("--extra", extra)]
        done = subprocess.run(words, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE)
    return parse(done.stdout.decode())


if __name__ == "__main__":
    main("--upgrade" in sys.argv[1:])
