"""Wrong and right answers, one file for each file of the chapter: lists WRONG and RIGHT."""

import pkgutil
from importlib import import_module


def gather(name: str) -> list:
    """The lists of that name of all files here, in the order of the exercises."""
    files = [import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__)]
    answers = [answer for file in files for answer in getattr(file, name)]
    return sorted(answers, key=lambda answer: int(answer.number.split(".")[1]))
