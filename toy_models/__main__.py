"""`python -m toy_models list|verify|train NAME|fetch [model|text]`."""

import argparse
import importlib
import sys
from collections.abc import Callable
from functools import partial
from io import TextIOWrapper

try:
    from toy_models import fetch, real_text, toys
    from toy_models.cache import cache_folder
except KeyboardInterrupt:  # NumPy and others take a second
    sys.exit(130)


def list_toys() -> None:
    """Print each toy with the first sentence of its card, and the state of the real model."""
    for name in toys.checksums():
        card = (toys.ROOT / name / "card.md").read_text(encoding="utf-8")
        print(f"{name:15} {card.splitlines()[2]}")
    folder = cache_folder() / fetch.SMOLLM2.folder
    state = folder if fetch.is_converted(folder) else "not fetched: python -m toy_models fetch"
    print(f"{fetch.SMOLLM2.folder:15} The real language model ({state}).")


def verify() -> None:
    """Compare every committed file, and the fetched model, with its checksum.

    Raises: ValueError listing each file that has changed or is missing.
    """
    checks: dict[str, Callable[[], object]] = {
        name: partial(toys.check_files, name) for name in toys.checksums()
    }
    checks |= {
        f"excerpt/{split}": partial(real_text.excerpt, split) for split in real_text.EXCERPT_SHA256
    }
    folder = cache_folder() / fetch.SMOLLM2.folder
    if folder.exists():
        checks[fetch.SMOLLM2.folder] = partial(fetch.check_converted, folder)
    wrong = []
    for name, is_right in checks.items():
        try:
            is_right()
            print(f"{name:20} unchanged")
        except (ValueError, OSError) as error:
            print(f"{name:20} CHANGED")
            wrong.append(str(error))
    if wrong:
        raise ValueError("\n".join(wrong))


def parse(arguments: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Parse the command line; options after `train NAME` are left to the recipe."""
    parser = argparse.ArgumentParser(prog="python -m toy_models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the models")
    verifying = commands.add_parser("verify", help="compare every file with its checksum")
    verifying.add_argument(
        "--record", metavar="NAME", help="first record the checksums of NAME's files"
    )
    training = commands.add_parser(
        "train", help="train a toy again, into the cache", add_help=False
    )
    training.add_argument("name")
    fetching = commands.add_parser("fetch", help="fetch the real model, or the training text")
    fetching.add_argument("what", nargs="?", choices=("model", "text"), default="model")
    chosen, rest = parser.parse_known_args(arguments)
    if rest and chosen.command != "train":
        parser.error(f"unknown arguments: {' '.join(rest)}")
    return chosen, rest


def run(chosen: argparse.Namespace, rest: list[str]) -> None:
    """Run the chosen command."""
    if chosen.command == "list":
        list_toys()
    elif chosen.command == "verify":
        if chosen.record:
            toys.record_checksums(chosen.record)
        verify()
    elif chosen.command == "train":
        toys.checksums_of(chosen.name)
        if not (toys.ROOT / chosen.name / "train.py").is_file():
            raise ValueError("this copy of the course has no recipes; train a toy in a full clone")
        importlib.import_module(f"toy_models.{chosen.name}.train").main(rest)
    elif chosen.what == "model":
        fetch.fetch()
    else:
        real_text.fetch_text()


def main(arguments: list[str] | None = None) -> int:
    """Run one command; an error or Ctrl-C prints one sentence instead of a traceback."""
    chosen, rest = parse(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # keeps the order of pip's output and ours
    try:
        run(chosen, rest)
    except (ValueError, OSError, KeyError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to continue.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
