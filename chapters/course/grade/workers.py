"""Run tasks in worker processes: one thread and one process per core, a chapter at a time."""

import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..files import ROOT
from ..terminal import CourseError
from .course_copy import copy_course
from .records import Expected

Task = dict[str, Any]
MINIMUM_SECONDS, TIMES = 10, 5
"""An answer may use so many seconds of CPU time, and so many times those of the reference's."""
MINIMUM_MEMORY = 1 << 30
REFERENCE_LIMITS = {"cpu_seconds": 900, "memory": 12 << 30}
TRIES = 2
REFERENCE_ID = "reference"
"""The id whose questions the reference answers."""
OWN_MODELS, REAL_MODEL = "own", "smollm2-135m"
"""The folders of the cache for models that are drawn from a learner's id, and for the real one."""


class Job(NamedTuple):
    """One answer to grade."""

    key: str
    """The name of its record."""
    number: str
    """Its exercise."""
    files: dict[str, str]
    """The course's file -> the text that was handed in."""
    table: str
    """The table of a question."""
    learner: str
    """The learner's id, for questions about a model of one's own."""


class Unit(NamedTuple):
    """One exercise, and the answers to it."""

    chapter: str
    """The folder of its chapter."""
    number: str
    """The exercise."""
    jobs: list[Job]
    """The answers."""
    reference_table: str = ""
    """The reference's table, for a question."""


class Worker:
    """One worker process; it is started when it is first needed, and again if it ends."""

    def __init__(self, tree: Path, hidden: Sequence[Path], model: bool = True):
        self.tree, self.hidden, self.model = tree, hidden, model
        self.collected: set[str] = set()
        self.missing: list[str] = []
        self.closed = False
        self.process: subprocess.Popen[str] | None = None

    def ask(self, task: Task) -> dict[str, Any]:
        """Let the process run one task."""
        for _ in range(0 if self.closed else TRIES):
            with contextlib.suppress(OSError, ValueError):
                process = self.process or self._start()
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(json.dumps(task) + "\n")
                process.stdin.flush()
                answer = process.stdout.readline()
                if answer:
                    return dict(json.loads(answer))
            self.end()
            if self.closed:
                break
        return {"broken": "the process that grades ended twice; if memory is short, try --jobs 1"}

    def end(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
        self.process = None
        self.collected.clear()

    def _start(self) -> "subprocess.Popen[str]":
        shutil.rmtree(self.tree, ignore_errors=True)
        copy_course(self.tree)
        scratch = self.tree / "scratch"
        scratch.mkdir()
        scratch.chmod(0o1777)
        cache = Path(os.environ.get("MI_CACHE") or "~/.cache/mechinterp-from-scratch").expanduser()
        kept = [self.tree, Path(sys.prefix), Path(sys.base_prefix), cache]
        settings = {
            "hidden": [str(path) for path in [*self.hidden, ROOT, Path.home()]],
            "kept": [str(path) for path in kept],
            "scratch": str(scratch),
            "cache": str(cache),
            "without": [OWN_MODELS, *([] if self.model else [REAL_MODEL])],
        }
        own = {"MI_CACHE": str(scratch / "cache"), "OMP_NUM_THREADS": "1", "MALLOC_PERTURB_": "165"}
        own |= {"TOKENIZERS_PARALLELISM": "false"}  # its threads would not survive a fork
        own |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with (self.tree / "errors.txt").open("w") as errors_file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.grading.grade_worker", json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors_file,
                cwd=self.tree,
                env={**os.environ, **own, "PYTHONUTF8": "1"},
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            errors = (self.tree / "errors.txt").read_text("utf-8", "replace")[-2000:]
            raise CourseError(
                f"The process that grades could not start; run `mi doctor`.\n{errors}"
            )
        self.missing = json.loads(line)["missing"]
        return self.process


class Pool:
    """Grades units in several workers, and reports each answer."""

    def __init__(self, workers: list[Worker]):
        self.workers = workers
        self.lock = threading.Lock()
        self.left: list[Unit] = []
        self.started: set[str] = set()
        self.failure: BaseException | None = None

    def run(
        self,
        units: Iterable[Unit],
        expect: Callable[[Unit, Callable[[Task], dict[str, Any]]], Expected | None],
        report: Callable[[Unit, Job, dict[str, Any], Expected], None],
    ) -> None:
        """Grade every unit; `expect` gives what the reference does, `report` takes each answer.

        Raises: what a thread raised first.
        """
        self.left = list(units)
        threads = [
            threading.Thread(target=self._serve, args=(worker, expect, report), daemon=True)
            for worker in self.workers
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)
        finally:
            self.left = []
            for worker in self.workers:
                worker.closed = True
                worker.end()
        if self.failure is not None:
            raise self.failure

    def _serve(self, worker: Worker, expect: Any, report: Any) -> None:
        try:
            for unit in self._units(worker):
                expected = expect(unit, worker.ask)
                for job in unit.jobs if expected is not None else ():
                    report(unit, job, worker.ask(task_of(unit, job, expected)), expected)
        except BaseException as error:
            self.failure = self.failure or error
            self.left = []

    def _units(self, worker: Worker) -> Iterator[Unit]:
        """Take exercises of a chapter that the worker has collected, or of a new one."""
        while True:
            with self.lock:
                if not self.left:
                    return
                unit = min(
                    self.left,
                    key=lambda one: (
                        one.chapter not in worker.collected,
                        one.chapter in self.started,
                    ),
                )
                self.left.remove(unit)
                self.started.add(unit.chapter)
                worker.collected.add(unit.chapter)
            yield unit


def task_of(unit: Unit, job: Job, expected: Expected) -> Task:
    """Write a task, with limits that follow from what the reference needs."""
    limits = {
        "cpu_seconds": math.ceil(TIMES * expected.cpu) + MINIMUM_SECONDS,
        "memory": max(MINIMUM_MEMORY, 3 * expected.memory),
    }
    return {
        "chapter": unit.chapter,
        "number": job.number,
        "files": job.files,
        "table": job.table,
        "reference_table": unit.reference_table,
        "learner": job.learner,
        "limits": limits,
        "reference": False,
        "strict": expected.strict,
        "modules": list(expected.modules),
    }


def reference_task(unit: Unit) -> Task:
    """Write the task that grades the reference's answer."""
    return {
        "chapter": unit.chapter,
        "number": unit.number,
        "files": {},
        "table": unit.reference_table,
        "reference_table": unit.reference_table,
        "learner": REFERENCE_ID,
        "limits": dict(REFERENCE_LIMITS),
        "reference": True,
        "strict": False,
        "modules": [],
    }
