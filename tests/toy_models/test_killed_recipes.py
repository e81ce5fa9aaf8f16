"""Recipes that are killed: whole files only, no work lost, and the same bytes in the end."""

import random
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest
from safetensors import safe_open

from toy_models.toys import ROOT

KILLS = {
    "attn_0l": 2,
    "attn_2l": 3,
    "facts": 2,
    "induction_2l": 4,
    "ioi_pointer": 2,
    "ioi_shortcut": 3,
    "shortcut": 2,
    "superposition_20": 2,
}
"""Recipe -> number of kills; 20 in all."""
CHECKPOINT = "run.safetensors"
OF_A_SEED = ("seed_*", "repeats_*", "markov_*")
"""Files of a finished seed, which is not trained again."""


class Ended(NamedTuple):
    """A process that ran a recipe."""

    code: int
    """Its exit status; -9 after a kill."""
    seconds: float
    """Time between the beginning of the recipe and its end."""


def run(name: str, folder: Path, kill_after: float | None = None) -> Ended:
    """Run a tiny recipe in its own process; kill it some seconds after the recipe began."""
    command = [sys.executable, "-m", "tests.toy_models.tiny_recipes", name, str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        assert next(lines, None) == "begins\n"
        began = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        while next(lines, "ended\n") != "ended\n":
            pass
        seconds = time.monotonic() - began
    return Ended(process.returncode, seconds)


def files_of(folder: Path) -> dict[str, Path]:
    """Find all files of a run, except temporary ones of a killed process."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {name: path for name, path in found.items() if path.is_file() and ".part" not in name}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Seen(NamedTuple):
    """State of a folder after a kill."""

    step: int
    """Step of the checkpoint; -1 without one."""
    times: dict[str, int]
    """Times of change of all files of finished seeds."""


def check_files(folder: Path, expected: dict[str, bytes]) -> Seen:
    """Check that every file is whole: a checkpoint that opens, or the bytes of the finished run."""
    found, step = files_of(folder), -1
    if CHECKPOINT in found:
        with safe_open(found.pop(CHECKPOINT), framework="pt") as file:
            step = int(file.metadata()["step"])
    for name, path in found.items():
        assert path.read_bytes() == expected[name], f"expected a whole {name}"
    times = {
        name: path.stat().st_mtime_ns
        for name, path in found.items()
        if any(fnmatch(name, pattern) for pattern in OF_A_SEED)
    }
    return Seen(step, times)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", KILLS)
def test_a_killed_recipe_ends_in_the_same_bytes(name, tmp_path):
    folder, rng = tmp_path / "killed", random.Random(name)
    seconds = run(name, tmp_path / "whole").seconds
    expected = contents(tmp_path / "whole")
    kills, seen = 0, Seen(-1, {})
    for attempt in range(10 * KILLS[name]):
        if kills == KILLS[name]:
            break
        code = run(name, folder, rng.uniform(0, seconds)).code
        if code == 0:  # the recipe ended before its kill: begin another run
            assert contents(folder) == expected
            folder, seen = tmp_path / f"killed {attempt}", Seen(-1, {})
            continue
        kills += 1
        before, seen = seen, check_files(folder, expected)
        assert before.times.items() <= seen.times.items(), "expected no finished seed to be lost"
        is_finished = "model.safetensors" in files_of(folder)
        assert is_finished or seen.step >= before.step, "expected no checkpoint to be lost"
    assert kills == KILLS[name]
    assert run(name, folder).code == 0
    assert contents(folder) == expected
    assert seen.times.items() <= check_files(folder, expected).times.items()
