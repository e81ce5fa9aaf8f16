"""Record which exercises are passed, and add their points.

An exercise is passed when every one of its graders ran on chapters/ and passed: not when a file or
a test was picked by name, not on another package, and not where a stub was reached. Graders that
could not run here (no weights, no GPU) and those that wait for --slow do not hold a pass back.

With pytest-xdist the workers send the names of the graders, and the first process records.
"""

import pytest

from chapters.course import progress
from chapters.course.exercise_pages import read_exercises

Graders = dict[str, set[str]]
SENT = "graders"


class Hooks:
    """The hook of the course that other plugins may listen to."""

    @pytest.hookspec
    def pytest_course_note(self, text: str) -> None:
        """Receive a sentence that is shown after the results."""


class Recorder:
    """The outcome of each grader of a session; the plugin adds the graders."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        self.graders: Graders = {}
        self.seen: set[str] = set()
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.recorded: set[str] = set()
        self.notes: list[str] = []

    def expect(self, number: str, item: pytest.Item, conditional: bool) -> None:
        """Add a grader of an exercise; one that cannot run here is not needed for a pass."""
        if not conditional:
            self.graders.setdefault(number, set()).add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the report on one phase of one test; record an exercise after its last one."""
        number = next((v for name, v in report.user_properties if name == "exercise"), None)
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
        if number is not None and report.when == "teardown":
            self.seen.add(str(number))
            if self.graders.get(str(number), {""}) <= self.passed | self.failed:
                self.record(str(number))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node) -> None:
        """Take over the graders that a worker of pytest-xdist collected."""
        for number, graders in getattr(node, "workeroutput", {}).get(SENT, {}).items():
            self.graders.setdefault(number, set()).update(graders)

    def pytest_sessionfinish(self) -> None:
        """Record what this session decided."""
        if self.is_worker:
            sent = {number: sorted(graders) for number, graders in self.graders.items()}
            self.config.workeroutput[SENT] = sent
        for number in self.graders:
            self.record(number)

    def record(self, number: str) -> None:
        """Record or delete a pass, if all graders that it needs have run."""
        options = self.config.option
        here = self.config.invocation_params.dir
        whole = all((here / word).is_dir() for word in self.config.args)
        if options.impl != "chapters" or options.own or not whole or getattr(options, "lf", False):
            return
        if self.is_worker or number in self.recorded:
            return
        graders = self.graders[number]
        try:
            if graders & self.failed:
                progress.forget_pass(number)
            elif graders <= self.passed:
                progress.record_pass(number)
                self.recorded.add(number)
        except (OSError, ImportError) as error:
            self.recorded.add(number)
            reason = getattr(error, "strerror", None) or error
            text = f"The pass of {number} could not be recorded: {reason}."
            self.config.hook.pytest_course_note(text=text)

    def pytest_course_note(self, text: str) -> None:
        """Keep a note for the summary."""
        self.notes.append(text)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Sum the points of the graded exercises; each earns all of its points or none."""
        for note in self.notes:
            terminalreporter.write_line(note)
        if self.config.option.no_summary:  # a second session would read the whole book
            return
        exercises = read_exercises()
        graded = self.graders.keys() & self.seen & exercises.keys()
        points = {number: exercises[number].points for number in graded}
        earned = sum(points[number] for number in points if self.graders[number] <= self.passed)
        if points:
            terminalreporter.write_line(f"points: {earned} of {sum(points.values())}")
