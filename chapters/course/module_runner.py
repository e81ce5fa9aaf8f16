"""Run another module as a program: `python -m chapters.course.module_runner docs._tour`.

The module is imported only after this one, so that an error or Ctrl-C during its imports prints one
sentence, not a traceback. After Ctrl-C the command that started the program prints that sentence.
"""

import runpy
import sys

from .endings import run


def main() -> int:
    """Run the module that the first word names, with the words that follow."""

    def command() -> None:
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

    return run(command, quiet=True)


if __name__ == "__main__":
    sys.exit(main())
