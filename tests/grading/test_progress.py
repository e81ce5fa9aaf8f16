"""A pass is current as long as what it depends on does not change."""

import pytest

from chapters.course import files, progress

PAGE = '''\
"""A file."""


def double(x):
    """Twice x."""
    # exercise 2.1
    return 2 * x


def half(x):
    """Half of x."""
    given = 2
    # exercise 2.2
    return x / given
'''


@pytest.fixture
def page(tmp_path, monkeypatch):
    for module in (files, progress):
        monkeypatch.setattr(module, "CHAPTERS", tmp_path)
    page = tmp_path / "ch02_small" / "a.py"
    page.parent.mkdir()
    page.write_text(PAGE, "utf-8")
    progress.record_pass("2.1")
    assert progress.read_passes() == ({"2.1"}, set())
    return page


@pytest.mark.parametrize(
    "old, new",
    [
        ("# exercise 2.1", "# exercise 2.1\n    # because it is so"),
        ("Twice x.", "Two times x."),
        ("2 * x", "2  *  x"),
        ("return x / given", 'raise NotImplementedError("exercise 2.2")'),
        ("return x / given", "y = x\n    return y / given"),
    ],
    ids=["comment", "docstring", "blank", "another exercise unwritten", "another exercise edited"],
)
def test_a_pass_stays_current_after_changes_that_do_not_matter(page, old, new):
    page.write_text(page.read_text("utf-8").replace(old, new), "utf-8")
    assert progress.read_passes() == ({"2.1"}, set())


@pytest.mark.parametrize(
    "old, new",
    [
        ("return 2 * x", "return x + x"),
        ("given = 2", "given = 3"),
        ('"""A file."""', '"""A file."""\n\n\ndef helper():\n    return 1'),
        ("def half(x)", "def half(x"),
    ],
    ids=["its answer", "a given line", "a new helper", "an unreadable file"],
)
def test_a_pass_is_outdated_after_changes_that_matter(page, old, new):
    page.write_text(page.read_text("utf-8").replace(old, new), "utf-8")
    assert progress.read_passes() == (set(), {"2.1"})
    page.write_text(PAGE, "utf-8")
    assert progress.read_passes() == ({"2.1"}, set()), "the same answers are passed again"


def test_a_new_file_counts_and_another_table_does_not(page):
    (page.parent / "more.py").write_text("x = 1\n", "utf-8")
    assert progress.read_passes() == (set(), {"2.1"})
    (page.parent / "more.py").unlink()
    (page.parent / "answers.toml").write_text('["2.2"]\nheads = "?"\n', "utf-8")
    assert progress.read_passes() == ({"2.1"}, set())


def test_progress_is_a_readable_sorted_file(page):
    for number in ("2.10", "2.2"):
        progress.record_pass(number)
    progress.forget_pass("2.1")
    lines = (page.parents[1] / "progress.toml").read_text("utf-8").splitlines()
    assert [line.split(" = ")[0] for line in lines[1:]] == ['"2.2"', '"2.10"']
    assert progress.record_file().read().keys() == {"2.2", "2.10"}
    assert not list(page.parents[1].glob("*.part"))


def test_an_exercise_of_no_chapter_is_not_passed(page):
    progress.record_pass("7.1")
    assert progress.read_passes().current == {"2.1"} and page.exists()
