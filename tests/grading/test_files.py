"""What lies in a learner's folder may be anything; what the tools write is whole or not there."""

import multiprocessing
import os
import stat
import time

import pytest

from chapters.course import files, terminal
from chapters.course.files import (
    RecordFile,
    UnreadableFile,
    read_leniently,
    read_text,
    replace_file,
)

PASSES = {"2.1": ["0123456789ab"], "2.10": ["aaaaaaaaaaaa"]}
SOUND = '# Passes.\n"2.1" = "0123456789ab"\n"2.10" = "aaaaaaaaaaaa"\n'


def make_folder(path):
    path.mkdir()
    (path / "inside.py").touch()


def make_large(path):
    with path.open("wb") as file:
        file.truncate(10**12)


ODD = {
    "no UTF-8": (lambda path: path.write_bytes(b"x = 1\n# \xe4\n"), "line 2: expected UTF-8"),
    "UTF-16": (lambda path: path.write_text("x = 1\n", "utf-16"), "line 1: expected UTF-8"),
    "NUL": (lambda path: path.write_bytes(b"x = 1\n\n\0"), "line 3: expected text, got a NUL"),
    "folder": (make_folder, "got a folder"),
    "pipe": (os.mkfifo, "got a pipe or a device"),
    "huge": (make_large, f"got {10**12} bytes"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file"),
    "looping link": (lambda path: path.symlink_to(path.name), "cannot be read: Too many levels"),
}


@pytest.fixture(params=ODD)
def odd(request, tmp_path):
    """A file that cannot be read as text, and what is said of it."""
    make, words = ODD[request.param]
    make(tmp_path / "page.py")
    return tmp_path / "page.py", words


@pytest.mark.skipif(os.name == "nt", reason="no pipes, and links need rights")
def test_unreadable_files_are_refused_with_file_and_line(odd):
    path, words = odd
    with pytest.raises(UnreadableFile) as refused:
        read_text(path)
    assert str(path) in str(refused.value) and words in str(refused.value)
    assert words in read_leniently(path)[1]


@pytest.mark.parametrize("content", [b"", b"x\ny\n", b"x\r\ny\r\n", b"\xef\xbb\xbfx\ny\n"])
def test_text_is_read_without_marks_and_line_ends(tmp_path, content):
    (tmp_path / "page.py").write_bytes(content)
    assert read_leniently(tmp_path / "page.py") == ("x\ny\n" if content else "", "")


def test_a_file_is_replaced_with_its_rights_and_behind_its_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    replace_file(link, "new")
    assert target.read_text() == "new" and link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [link, target]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch, broken):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "page.py"
    path.write_text("old")
    monkeypatch.setattr(files.os, broken, full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_writes_at_once_are_both_whole(tmp_path, monkeypatch):
    path, wait = tmp_path / "page.py", os.fsync

    def write_another(descriptor):
        monkeypatch.setattr(files.os, "fsync", wait)
        replace_file(path, "second")

    monkeypatch.setattr(files.os, "fsync", write_another)
    replace_file(path, "first")
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_parts_of_killed_writes_are_deleted_later(tmp_path):
    old, new = tmp_path / ".page.py.1.part", tmp_path / ".page.py.2.part"
    for part in (old, new):
        part.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    replace_file(tmp_path / "other.py", "")
    assert new.exists() and not old.exists()


DAMAGED = {
    "cut": (SOUND[:-4].encode(), {"2.1"}),
    "conflict marks": (SOUND.replace("Passes.\n", "Passes.\n<<<<<<< HEAD\n").encode(), {*PASSES}),
    "foreign key": ((SOUND + 'other = "x"\n').encode(), {*PASSES}),
    "another table": ((SOUND + "[x]\n").encode(), {*PASSES}),
    "no fingerprint": ((SOUND + '"2.2" = 3\n').encode(), {*PASSES}),
    "the same key twice": ((SOUND + '"2.1" = "0123456789ab"\n').encode(), {*PASSES}),
    "UTF-16": (SOUND.encode("utf-16"), {*PASSES}),
    "Latin-1": ("# Pässe\n".encode("latin-1") + SOUND.encode(), {*PASSES}),
    "rubbish": (b"\x93\xff\x00", set()),
    "deep": (b"x = " + b"[" * 20_000, set()),
    "a huge number": (SOUND.encode() + b'"' + b"9" * 5000 + b'.1" = "0123456789ab"\n', {*PASSES}),
}


@pytest.fixture
def passes(tmp_path):
    terminal.warn.cache_clear()
    return RecordFile(tmp_path / "progress.toml", "# Passes.\n", "[0-9a-f]{12}", quote='"')


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_record_is_read_by_lines_and_kept(passes, capsys, name):
    content, numbers = DAMAGED[name]
    passes.path.write_bytes(content)
    assert passes.read().keys() == passes.read().keys() == numbers
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "progress.toml is damaged" in said
    passes.change(lambda records: {**records, "3.1": ["bbbbbbbbbbbb"]})
    assert passes.read().keys() == {*numbers, "3.1"} and not capsys.readouterr().err
    aside = passes.path.with_name("progress.damaged.toml")
    assert aside.read_bytes() == content and aside.name in said


@pytest.mark.parametrize("make", [make_folder, os.mkfifo, make_large])
def test_anything_in_place_of_a_record_is_moved_away(passes, make, capsys):
    make(passes.path)
    assert passes.read() == {}
    assert "expected a text file" in (said := capsys.readouterr().err) and "damaged;" not in said
    passes.change(lambda records: {**records, **PASSES})
    assert passes.path.read_text() == SOUND
    assert passes.path.with_name("progress.damaged.toml").exists()


def test_a_sound_record_is_written_only_when_it_changes(passes, capsys):
    passes.path.write_text(SOUND)
    before = passes.path.stat()
    passes.change(lambda records: records)
    assert passes.read() == PASSES and passes.path.stat() == before
    passes.change(lambda records: {"2.1": records["2.1"]})
    assert passes.path.read_text() == "".join(SOUND.splitlines(True)[:2])
    assert not capsys.readouterr().err


def _add(passes: RecordFile, chapter: int, both) -> None:
    both.wait()  # until the other process has started too
    for place in range(20):
        passes.change(lambda records: {**records, f"{chapter}.{place}": ["0123456789ab"]})


def test_two_processes_lose_no_record(passes):
    context = multiprocessing.get_context("spawn")
    both = context.Barrier(2)
    processes = [context.Process(target=_add, args=(passes, one, both)) for one in (1, 2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(passes.read()) == 40


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\x07b", "a\\x1b[2J\\x07b"),
        ("\x9b31m\r\u202e\udce4", "\\x9b31m\\r\\u202e\\udce4"),
        ("ä·\u00a0█\n\t☃", "ä·\u00a0█\n\t☃"),
    ],
)
def test_control_characters_are_shown_as_escapes(text, shown):
    assert terminal.printable(text) == shown


@pytest.mark.parametrize("text", ["x" * 3_000_000, "line\n" * 600_000])
def test_what_an_answer_prints_is_shortened(text):
    short = terminal.shortened(text)
    assert len(short) < 2100 and short.count("\n") <= 21
    assert short.endswith("... (3,000,000 characters in all)")
