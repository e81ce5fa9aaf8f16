"""Long work in named steps: what is being done, how long it took, and a table at the end.

`Steps` runs one step after the other; a step that fails is remembered and the next may still run.
`run_quietly` hides a talkative tool behind one line that shows its latest words and the seconds.
Standard library only, for the set-up runs before anything is installed.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LAST_WORDS = 30  # lines of a failed command that are shown
HEARTBEAT = 20.0  # seconds between signs of life where no terminal can be redrawn


class DeskError(Exception):
    """A sentence for the person at the desk, shown without a traceback."""


class StepSkipped(DeskError):
    """The reason why a step had nothing to do here."""


@dataclass
class Steps:
    """The steps done so far, each with its outcome and its time."""

    done: list[tuple[str, str, float, str]] = field(default_factory=list)
    """One row a step: outcome, title, seconds, and the sentence said about it."""

    def run(self, title: str, action: Callable[[], object]) -> bool:
        """Run one step and say how it ended; True when it did not fail."""
        print(f"\n== {title}", flush=True)
        start, outcome, sentence = time.perf_counter(), "ok", ""
        try:
            action()
        except StepSkipped as reason:
            outcome, sentence = "skipped", str(reason)
        except DeskError as error:
            outcome, sentence = "failed", str(error)
        seconds = time.perf_counter() - start
        self.done.append((outcome, title, seconds, sentence))
        print(f"   {outcome}, {seconds:.1f} s" + (f": {sentence}" if sentence else ""), flush=True)
        return outcome != "failed"

    def failed(self) -> bool:
        """Say whether any step failed."""
        return any(outcome == "failed" for outcome, *_ in self.done)

    def table(self) -> str:
        """Put every step, its outcome and its time under each other."""
        rows = [
            f"   {outcome:<8}{seconds:7.1f} s  {title}" + (f": {sentence}" if sentence else "")
            for outcome, title, seconds, sentence in self.done
        ]
        total = sum(seconds for _, _, seconds, _ in self.done)
        return "\n".join([*rows, f"   {'in all':<8}{total:7.1f} s"])


def run_aloud(command: Sequence[str], wrong: str, **options: object) -> None:
    """Run a command whose own output is worth reading.

    Raises: DeskError with the sentence `wrong` when it does not end well.
    """
    sys.stdout.flush()
    code = subprocess.run(list(command), **options).returncode  # type: ignore[call-overload]
    if code != 0:
        raise DeskError(f"{wrong} (it ended with code {code})")


def run_quietly(
    title: str,
    command: Sequence[str],
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a talkative command behind one line: its latest words and the seconds so far.

    Raises: DeskError with the end of what the command said, when it does not end well.
    """
    start, said = time.perf_counter(), [""]
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **(env or {})},
        cwd=cwd,
    ) as process:
        reader = threading.Thread(target=_listen, args=(process, said), daemon=True)
        reader.start()
        try:
            _watch(title, process, said)
        except BaseException:
            process.kill()
            raise
        reader.join()
    if process.returncode != 0:
        end = "\n".join(f"     {line}" for line in said[-LAST_WORDS:])
        raise DeskError(f"{title} went wrong; the last lines of `{command[0]}` were\n{end}")
    print(f"   {title}: {time.perf_counter() - start:.1f} s", flush=True)


def _listen(process: "subprocess.Popen[str]", said: list[str]) -> None:
    for line in process.stdout or ():
        if line.strip():
            said.append(line.rstrip())


def _watch(title: str, process: "subprocess.Popen[str]", said: list[str]) -> None:
    start, terminal = time.perf_counter(), sys.stdout.isatty()
    signs_of_life = 0
    while process.poll() is None:
        seconds = time.perf_counter() - start
        line = f"   {title}: {seconds:.0f} s  {said[-1].strip()}"
        if terminal:
            width = os.get_terminal_size().columns - 1
            print("\r" + line[:width].ljust(width), end="", flush=True)
        elif seconds > HEARTBEAT * (signs_of_life + 1):
            signs_of_life += 1
            print(line[:99], flush=True)
        time.sleep(0.2)
    if terminal:
        print("\r" + " " * (os.get_terminal_size().columns - 1) + "\r", end="", flush=True)
