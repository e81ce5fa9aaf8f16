"""Every cheat earns nothing: with the allow list, and by the process alone."""

import os

import pytest

from chapters.course.grade.records import NOT_GRADED, PASSED, Expected, judge
from chapters.course.grade.workers import Job, Unit, Worker, reference_task, task_of

from . import grade_cheats, sample_class

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="forks"),
    pytest.mark.slow,
]
UNIT = Unit("ch03_circuits", "3.6", [])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Grade one text of lens.py without the allow list: `run(text)` gives the verdict."""
    worker = Worker(tmp_path_factory.mktemp("worker") / "tree", [])
    answer = worker.ask(reference_task(UNIT))
    graders = [name for name, outcome in answer["outcomes"].items() if outcome == PASSED]
    expected = Expected(graders, answer["cpu"], answer["memory"])
    assert len(graders) > 5

    def run(text: str):
        job = Job("", "3.6", {sample_class.LENS: text}, "", "")
        return judge(worker.ask(task_of(UNIT, job, expected)), expected, UNIT.chapter)

    yield run
    worker.end()


def test_the_honest_answer_passes(run):
    text = sample_class.with_body(sample_class.OTHER, sample_class.HELPER)
    assert run(text).outcome == PASSED


@pytest.mark.parametrize("name", [*grade_cheats.KNOWN, *grade_cheats.FRESH])
def test_a_cheat_that_the_allow_list_missed_would_earn_nothing(name, run):
    """The process alone: frames, files and other processes are out of reach of an answer."""
    cheat = {**grade_cheats.KNOWN, **grade_cheats.FRESH}[name]
    verdict = run(sample_class.with_body(cheat.body.rstrip("\n"), f"\n{cheat.top}"))
    assert verdict.outcome not in (PASSED, NOT_GRADED), verdict
