"""Record which exercises are passed, and add their points.

An exercise is passed when every one of its graders ran on chapters/ and passed: not when a file or
a test was picked by name, not on another package, and not where a stub was reached. Graders that
could not run here (no weights, no GPU) and those that wait for --slow do not hold a pass back.
"""

import pytest

from chapters.course import progress
from chapters.course.exercise_pages import read_exercises


class Recorder:
    """The outcome of each grader of a session; the plugin adds the graders."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self.graders: dict[str, set[str]] = {}
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def expect(self, number: str, item: pytest.Item, conditional: bool) -> None:
        """Add a grader of an exercise; one that cannot run here is not needed for a pass."""
        if not conditional:
            self.graders.setdefault(number, set()).add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the report on one phase of one test."""
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Record what this session decided."""
        options = self.config.option
        here = self.config.invocation_params.dir
        whole = all((here / word).is_dir() for word in self.config.args)
        if options.impl != "chapters" or options.own or not whole or getattr(options, "lf", False):
            return
        for number, graders in self.graders.items():
            if graders & self.failed:
                progress.forget_pass(number)
            elif graders <= self.passed:
                progress.record_pass(number)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Sum the points; an exercise's are earned when all its graders pass, or not at all."""
        if self.config.option.no_summary:  # a second session would read the whole book
            return
        exercises = read_exercises()
        points = {
            number: exercises[number].points for number in self.graders if number in exercises
        }
        earned = sum(points[number] for number in points if self.graders[number] <= self.passed)
        if points:
            terminalreporter.write_line(f"points: {earned} of {sum(points.values())}")
