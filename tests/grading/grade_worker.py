"""The process in which `mi grade` runs graders on handed-in answers, each in a fork of its own.

It runs in a copy of the course that the reference's answers fill, started with

    python -m tests.grading.grade_worker '{"hidden": [...], "kept": [...], "scratch": "..."}'

1. It enters its namespaces, imports the course, and deletes the files of the answers.
2. It reads one task per line, as JSON, and forks.
3. The child gives up its rights, puts the handed-in bodies in place of the reference's, whose code
   is gone with that (`handed_in_bodies.py`), and runs the graders of one exercise.
4. The outcomes come through a pipe, with a random word that the task's child alone was given.

A task without files grades the reference, to learn which graders have to pass, and how long it
takes. The process ends when its input closes.

A question about the real model has a process of its own, forked from this one (`Branch`). It grades
the reference's table first, and keeps the model, the prompts and the scores that this needed. Its
children grade the tables that were handed in, which hold no code. No child that runs an answer's
code descends from it.
"""

import contextlib
import gc
import json
import linecache
import os
import resource
import secrets
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from chapters.course.answers import TABLE_FILE, make_stub
from chapters.course.files import ROOT
from chapters.course.grade.confine import Confinement, Limits, end_with_parent, enter
from chapters.course.grade.guard import Guard
from chapters.course.grade.submission import Original, originals
from chapters.course.grade.workers import OWN_MODELS, REFERENCE_ID
from chapters.course.stopwatch import Stopwatch, in_words
from chapters.course.terminal import printable, shortened

from . import handed_in_bodies, once

Task = dict[str, Any]
MOST_BYTES = 4_000_000
WAITING = 20.0
"""How long an answer may wait without computing."""
MOST_TEXTS = 3
"""Failed graders whose text is kept."""


class Worker:
    """The graders of the chapters that were asked for, and the course's modules."""

    def __init__(self, confinement: Confinement):
        self.confinement = confinement
        self.graders: dict[str, Any] = {}
        self.files: dict[str, list[Original]] = {}
        self.branch: Branch | None = None

    def collect(self, chapter: str) -> Any:
        """Collect a chapter's graders; with the first one, import the whole course."""
        if chapter not in self.graders:
            from .replay import Graders

            self.graders[chapter] = Graders(ROOT / "tests" / chapter, "chapters")
            if not self.files:
                self._take_over()
            gc.collect()
            gc.freeze()
        return self.graders[chapter]

    def _take_over(self) -> None:
        """Import every module of the chapters, keep its stub, and delete its file."""
        chapters = ROOT / "chapters"
        paths = [path for path in sorted(chapters.glob("ch*/**/*.py")) if path.stem != "lab"]
        with contextlib.suppress(ImportError):
            # Optimizers of torch import it when they are first made. It then tries to write a
            # temporary file and deletes it, which no answer may.
            import_module("torch._dynamo")
        for path in paths:
            parts = path.relative_to(ROOT).with_suffix("").parts
            import_module(".".join(part for part in parts if part != "__init__"))
        for path in paths:
            path.write_text(make_stub(path.read_text("utf-8")), "utf-8")
        self.files = originals(chapters)
        for path in [*paths, *chapters.glob("ch*/lab.py")]:
            path.unlink(missing_ok=True)
        linecache.clearcache()
        self.confinement.seal(ROOT)

    def grade(self, task: Task) -> Task:
        """Run one task in a child, or in the branch of its question."""
        items = self.collect(task["chapter"]).of(task["number"])
        if self.branch is not None and self.branch.number != task["number"]:
            self.branch.end()
            self.branch = None
        if not (task["reference_table"] and any(map(_needs_real_model, items))):
            return self.run(task)
        self.branch = self.branch or Branch(self, task)
        try:
            return self.branch.ask(task)
        except Exception:
            self.branch.end()
            self.branch = None
            raise

    def run(self, task: Task) -> Task:
        """Run one task in a child, and return what became of it."""
        graders = self.graders[task["chapter"]]
        items = graders.of(task["number"])
        for name in task["modules"]:
            with contextlib.suppress(Exception):
                import_module(name)
        limits = Limits(**task["limits"])
        nonce = secrets.token_hex(16)
        reading, writing = os.pipe()
        pid = self.confinement.fork()
        if pid == 0:
            os.close(reading)
            _child(self, graders, items, task, limits, nonce, writing)
        os.close(writing)
        sent, words = _receive(reading, pid, limits)
        os.close(reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL) if words else None
            os.killpg(pid, signal.SIGKILL)
        status, used = os.wait4(pid, 0)[1:]
        verdict = _verdict(sent, nonce, words, os.waitstatus_to_exitcode(status), limits)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory = max(used.ru_maxrss - own, 0) * 1024
        return verdict | {"cpu": round(used.ru_utime + used.ru_stime, 3), "memory": memory}


def _needs_real_model(item: Any) -> bool:
    return bool(item.get_closest_marker("weights") and not item.get_closest_marker("skip"))


class Branch:
    """A process for one question, which keeps what its graders make once for a class."""

    def __init__(self, worker: Worker, task: Task):
        self.number = task["number"]
        requests, self._asking = os.pipe()
        self._answering, answers = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._asking)
            os.close(self._answering)
            _serve(worker, task, os.fdopen(requests), os.fdopen(answers, "w"))
        os.close(requests)
        os.close(answers)
        self._requests, self._answers = os.fdopen(self._asking, "w"), os.fdopen(self._answering)

    def ask(self, task: Task) -> Task:
        """Let the process run one task.

        Raises: RuntimeError when it has ended.
        """
        print(json.dumps(task), file=self._requests, flush=True)
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError(f"the process that keeps the model for {self.number} has ended")
        return dict(json.loads(answer))

    def end(self) -> None:
        """End the process."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._requests.close()
        self._answers.close()


def _serve(worker: Worker, first: Task, requests: Any, answers: Any) -> None:
    """Grade the reference's table here, then run each task in a child; never returns."""
    try:
        end_with_parent()
        once.keeping = True
        own = dict(first, table=first["reference_table"], learner=REFERENCE_ID, reference=True)
        graded = _grade_here(worker, own)
        for line in requests:
            task = json.loads(line)
            answer = graded if task["reference"] else worker.run(task)
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        os._exit(0)


def _grade_here(worker: Worker, task: Task) -> Task:
    """Grade the reference's table in this process, and keep what its graders make."""
    graders = worker.graders[task["chapter"]]
    items, before = graders.of(task["number"]), resource.getrusage(resource.RUSAGE_SELF)
    loaded = set(sys.modules)
    with _answered(task):
        outcomes, texts = _outcomes(graders, items)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    gc.collect()
    gc.freeze()
    return {
        "outcomes": outcomes,
        "texts": texts,
        "ended": "",
        "tried": "",
        "strict": True,
        "modules": sorted(set(sys.modules) - loaded),
        "cpu": round(cpu, 3),
        "memory": max(used.ru_maxrss - before.ru_maxrss, 0) * 1024,
    }


def _receive(reading: int, pid: int, limits: Limits) -> tuple[bytes, str]:
    """Read what a child sends, and say why it was stopped before its end."""
    watch, data = Stopwatch(pid), b""
    while True:
        if select.select([reading], [], [], 0.5)[0]:
            part = os.read(reading, 1 << 16)
            data += part
            if not part or len(data) > MOST_BYTES:
                return data, ""
        watch.look()
        if watch.computed > limits.cpu_seconds + 1:
            return data, f"stopped after {limits.cpu_seconds} s of CPU time: does a loop never end?"
        if watch.waited > WAITING:
            return data, f"stopped: it waited for {WAITING:.0f} s without computing"


def _verdict(sent: bytes, nonce: str, words: str, code: int, limits: Limits) -> Task:
    """Trust a message only with the child's own word in it."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        found = json.loads(sent)
        if found.pop("nonce") == nonce:
            return dict(found)
    if not words and -code in (signal.SIGXCPU, signal.SIGKILL):
        words = f"stopped after {limits.cpu_seconds} s of CPU time: does a loop never end?"
    ended = words or f"the answer {in_words(code)}"
    return {"outcomes": {}, "texts": [], "ended": ended, "waited": "waited" in ended}


def _child(
    worker: Worker, graders: Any, items: list, task: Task, limits: Limits, nonce: str, pipe: int
) -> None:
    """Grade in a process of its own, which never returns."""
    code = 1
    try:
        os.setsid()
        try:
            worker.confinement.drop(limits, pipe)
            answer = _run(worker, graders, items, task)
        except BaseException as error:  # SystemExit, or what the guard refuses outside a grader
            text = printable(f"{type(error).__name__}: {error}")[:300]
            if os.environ.get("MI_GRADE_DEBUG"):
                import traceback

                text += traceback.format_exc()
            answer = {"outcomes": {}, "texts": [], "ended": f"the answer ended its process: {text}"}
        data = json.dumps(answer | {"nonce": nonce}).encode()
        while data:
            data = data[os.write(pipe, data) :]
        code = 0
    finally:
        os._exit(code)


def _run(worker: Worker, graders: Any, items: list, task: Task) -> Task:
    """Put the answer in place, and run every grader of its exercise."""
    from . import grade_promises

    guard, loaded = Guard(), set(sys.modules)
    with _answered(task):
        try:
            handed_in_bodies.put_in_place(task, worker.files[task["number"]], guard)
        except Exception as error:  # the text may fail to compile in any way
            text = printable(f"{type(error).__name__}: {error}")
            return {"outcomes": {}, "texts": [["", text]], "ended": "", "tried": ""}
        worker.files.clear()
        grade_promises.be_strict(task["strict"] and not task["reference"])
        guard.watch()
        outcomes, texts = _outcomes(graders, items)
    spoiled = "" if _comparisons_work() else "it changed how the graders compare values"
    return {
        "outcomes": outcomes,
        "texts": texts,
        "ended": "",
        "tried": guard.tried or spoiled,
        "strict": not grade_promises.broken_by_reference,
        "modules": sorted(set(sys.modules) - loaded) if task["reference"] else [],
    }


@contextlib.contextmanager
def _answered(task: Task) -> Iterator[None]:
    """Put a table and a learner's id in place; the reference's id is the reference's alone."""
    from . import own_case
    from .answer_tables_fixture import REPLACED

    os.environ["MI_LEARNER"], known = task["learner"], own_case.REFERENCE
    if task["table"]:
        REPLACED[ROOT / "chapters" / task["chapter"] / TABLE_FILE] = task["table"]
    if task["reference"]:
        own_case.REFERENCE = ""
    try:
        yield
    finally:
        own_case.REFERENCE = known
        REPLACED.clear()


def _outcomes(graders: Any, items: list) -> tuple[dict[str, str], list[list[str]]]:
    """Run graders; return the outcome of each, and the texts of the first that failed."""
    outcomes, texts = {}, []
    for item, run in graders.run(items):
        outcomes[item.nodeid] = run.outcome
        if run.outcome != "passed" and len(texts) < MOST_TEXTS:
            texts.append([item.name, shortened(printable(run.text))])
    return outcomes, texts


def _comparisons_work() -> bool:
    """Whether the graders' comparisons still tell a wrong tensor from a right one."""
    import torch

    from .assertions import is_close

    right, wrong = torch.ones(2, 3), torch.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 1.0]])
    equal = [torch.equal(right, wrong), torch.allclose(right, wrong), is_close(wrong, right)]
    return not any(equal) and is_close(right, right.clone()) and not is_close(1.0, 2.0)


def _link_cache(cache: Path, linked: Path, without: list[str]) -> None:
    """Make a cache folder of links, into which graders may write models and snapshots."""
    for folder in (linked, linked / OWN_MODELS):
        folder.mkdir()
        folder.chmod(0o1777)
    for path in sorted(cache.glob("*")):
        if path.name not in without:
            (linked / path.name).symlink_to(path)


def work(words: str) -> None:
    """Answer one line of JSON per task."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    settings = json.loads(words)
    hidden, kept = (list(map(Path, settings[name])) for name in ("hidden", "kept"))
    os.environ["TMPDIR"] = settings["scratch"]
    confinement = enter(hidden, kept, Path(settings["scratch"]))
    _link_cache(Path(settings["cache"]), Path(os.environ["MI_CACHE"]), settings["without"])
    import torch

    torch.set_num_threads(1)
    worker = Worker(confinement)
    print(json.dumps({"missing": confinement.missing}), file=channel, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        start = time.monotonic()
        try:
            answer = worker.grade(task)
        except Exception as error:  # a chapter that cannot be collected: every task of it fails
            answer = {"broken": f"{type(error).__name__}: {error}"}
        answer["seconds"] = round(time.monotonic() - start, 3)
        print(json.dumps(answer), file=channel, flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    assert threading.active_count() == 1
    work(sys.argv[1])
