"""Archives of submissions: what is unpacked, and what is left out."""

import stat
import zipfile

import pytest

from chapters.course.exercises import exercises
from chapters.course.files import LARGEST
from chapters.course.grade import archives, command
from chapters.course.grade.course_copy import SOLUTIONS
from chapters.course.grade.folders import places, submissions
from chapters.course.grade.submission import originals
from chapters.course.terminal import CourseError

from .sample_class import LENS, RIGHT

FILES = originals(SOLUTIONS)
LENS_IN_CHAPTERS = f"chapters/{LENS}"


def zipped(path, entries):
    """Write an archive of (name or ZipInfo, text)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries:
            archive.writestr(name, text)
    return path


def entry(name, mode):
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


def written(folder):
    """The files below a folder's parent."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("base", ["", "chapters/", "my course/chapters/", "my course\\chapters\\"])
def test_an_archive_is_graded_as_a_folder(base, tmp_path):
    zipped(tmp_path / "class/ada.zip", [(f"{base}{name}", text) for name, text in RIGHT.items()])
    found = submissions(tmp_path / "class", tmp_path / "unpacked")
    assert [(one.submission.name, one.remarks) for one in found] == [("ada", [])]
    handed = found[0].submission.handed("3.6", FILES["3.6"])
    assert handed.texts == {LENS: RIGHT[LENS]} and not handed.problem


def test_a_students_folder_may_hold_one_archive(tmp_path):
    zipped(tmp_path / "class/Ada_17/work.ZIP", [(LENS_IN_CHAPTERS, RIGHT[LENS])])
    (tmp_path / "class/Ada_17/readme.txt").write_text("see the archive")
    zipped(tmp_path / "class/bob/old.zip", [(LENS_IN_CHAPTERS, "old")])
    (tmp_path / "class/bob" / LENS).parent.mkdir(parents=True)
    (tmp_path / "class/bob" / LENS).write_text(RIGHT[LENS], "utf-8")
    found = submissions(tmp_path / "class", tmp_path / "unpacked")
    assert [one.submission.name for one in found] == ["Ada_17", "bob"]
    assert all(one.submission.handed("3.6", FILES["3.6"]).texts for one in found)


UNSAFE = [
    ("../outside.py", "leads out"),
    ("a/../../outside.py", "leads out"),
    ("/tmp/outside.py", "leads out"),
    ("..\\outside.py", "leads out"),
    ("C:outside.py", "leads out"),
    (f"{'a/' * 30}deep.py", "too long"),
    (entry("link.py", stat.S_IFLNK | 0o777), "a link or a device"),
    (entry("pipe.toml", stat.S_IFIFO | 0o666), "a link or a device"),
]


@pytest.mark.parametrize("name, words", UNSAFE, ids=str)
def test_what_leads_out_of_an_archive_is_left_out(name, words, tmp_path):
    archive = zipped(tmp_path / "ada.zip", [(name, "/etc/passwd"), (LENS, RIGHT[LENS])])
    remarks = archives.unpack(archive, tmp_path / "in/unpacked")
    assert len(remarks) == 1 and words in remarks[0] and "ada.zip" in remarks[0]
    assert written(tmp_path) == ["ada.zip", f"in/unpacked/{LENS}"]
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_other_kinds_and_hidden_files_are_not_written(tmp_path):
    names = ["notes.txt", "weights.pt", "run.sh", ".git/config.toml", "__MACOSX/ch/._lens.py"]
    archive = zipped(tmp_path / "ada.zip", [(name, "x") for name in [*names, LENS]])
    assert archives.unpack(archive, tmp_path / "unpacked") == []
    assert written(tmp_path / "unpacked") == [LENS]


def test_sizes_are_limited(tmp_path, monkeypatch):
    bomb = zipped(tmp_path / "bomb.zip", [("a.py", b"0" * (LARGEST + 1)), (LENS, RIGHT[LENS])])
    assert bomb.stat().st_size < LARGEST / 50
    assert "at most 2000000 bytes" in archives.unpack(bomb, tmp_path / "one")[0]
    assert written(tmp_path / "one") == [LENS]
    monkeypatch.setattr(archives, "MOST_BYTES", 2500)
    many = zipped(tmp_path / "many.zip", [(f"{n}.py", b"0" * 1000) for n in range(9)])
    assert "only its first 2500 bytes" in archives.unpack(many, tmp_path / "two")[0]
    assert written(tmp_path / "two") == ["0.py", "1.py"]
    monkeypatch.setattr(archives, "MOST_FILES", 1)
    assert "only the first 1 files" in archives.unpack(many, tmp_path / "three")[0]
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 100)
    assert "at most 100 bytes" in archives.unpack(many, tmp_path / "four")[0]


def test_the_first_of_two_files_with_one_name_counts(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped(tmp_path / "ada.zip", [("a.py", "1"), ("a.py", "2"), ("a.py/b.py", "3")])
    archives.unpack(twice, tmp_path / "unpacked")
    assert (tmp_path / "unpacked/a.py").read_text() == "1"


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_archive_is_an_empty_submission(damage, tmp_path):
    archive = zipped(tmp_path / "class/ada.zip", [(LENS, RIGHT[LENS] * 5)])
    content = archive.read_bytes()
    archive.write_bytes(content[:200] + b"0000" + content[204:] if damage is None else damage)
    found = submissions(tmp_path / "class", tmp_path / "unpacked")
    assert "cannot be read" in found[0].remarks[0]
    assert found[0].submission.handed("3.6", FILES["3.6"]).problem


def test_two_submissions_of_one_student_are_refused(tmp_path):
    zipped(tmp_path / "ada.zip", [(LENS, "")])
    (tmp_path / "ada").mkdir()
    with pytest.raises(CourseError, match="Expected one submission of ada"):
        places(tmp_path)


def test_remarks_are_printed_and_nothing_unpacked_stays(tmp_path, capsys):
    zipped(tmp_path / "class/ada.zip", [("../x.py", ""), ("notes.txt", "")])
    chosen = next(iter(exercises()))
    assert command.grade(str(tmp_path / "class"), only=chosen) == 0
    assert "'../x.py' was left out" in capsys.readouterr().out
    results = tmp_path / "class-grades"
    assert "was left out" in (results / "class.html").read_text("utf-8")
    assert "was left out" in (results / "students/ada/report.html").read_text("utf-8")
    assert not (results / "work").exists() and not list(tmp_path.rglob("x.py"))
