"""Marks and headings: what is cut out of a file, and what a page says of it."""

from pathlib import Path

import pytest

from chapters.course.exercise_marks import answer_text, find_answers, make_stub
from chapters.course.exercise_pages import read_exercises

SOURCE = '''\
class A:
    """A mark in a string does not count.

    # exercise 9.9
    """

    @property
    def size(self):
        """How large."""
        half = self.half
        # exercise 2.10
        return 2 * half
        # a thought at the end

    def half(self):
        return 1


def outer(x):
    y = x

    def inner():
        # exercise 2.1
        def innermost():
            return y

        return innermost()

    return inner
'''


def test_an_answer_ends_with_its_function():
    answers = find_answers(SOURCE)
    assert [(a.number, a.qualname) for a in answers] == [
        ("2.10", "A.size"),
        ("2.1", "outer.<locals>.inner"),
    ]
    lines = SOURCE.split("\n")
    size, inner = answers
    assert lines[size.first_line - 1].strip() == "@property"
    assert lines[size.last_line - 1].strip() == "# a thought at the end"
    assert lines[inner.last_line - 1] == inner.indent + "return innermost()"


def test_a_stub_keeps_the_mark_and_the_given_lines():
    stub = make_stub(SOURCE)
    assert '# exercise 2.10\n        raise NotImplementedError("exercise 2.10")\n\n    def' in stub
    assert "half = self.half" in stub and "return 2 * half" not in stub
    assert "return inner\n" in stub and "innermost" not in stub
    assert make_stub(stub) == stub, "the stub of a stub is itself"


def test_a_page_shows_whole_functions_dedented():
    assert answer_text(SOURCE, "2.10").startswith('@property\ndef size(self):\n    """How')
    with pytest.raises(KeyError, match="2.2"):
        answer_text(SOURCE, "2.2")


@pytest.mark.parametrize(
    "source, words",
    [
        ("# exercise 2.1\nx = 1\n", "outside any function"),
        ("def f():\n    if 1:\n        # exercise 2.1\n        return 1\n", "at their indent"),
        ("def f():\n    # exercise 2.1\n    x = 1\n    # exercise 2.2\n    y = 1\n", "second mark"),
        ("def f():\n    # exercise 2.1\n    x = 1\ndef f():\n    pass\n", "defined twice"),
    ],
)
def test_a_mark_in_a_wrong_place_raises(source, words):
    with pytest.raises(ValueError, match=words):
        find_answers(source)


PAGE = """# Page

### 2.10 The *last* one { .exercise difficulty=1 importance=2 minutes=5 points=1 }

Say it.

```python
### 2.9 no heading, but code
```python
### 2.8 a fence ends at a line of its characters only
```

??? hint "One"

    Think.

    ??? note "nested"
        More.

??? hint "Two"
    Think again.

After the hints the page goes on.

### 2.9 First { .exercise .core difficulty=5 importance=5 minutes=25 points=4 }

Other text.

## Plain heading
"""


def write(folder: Path, text: str, name: str = "ch02_page.md") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder


def test_headings_are_sorted_by_number(tmp_path):
    first, last = read_exercises(write(tmp_path, PAGE)).values()
    assert (first.number, first.core, first.difficulty, first.points) == ("2.9", True, 5, 4)
    assert first.text == "Other text." and first.hints == ()
    assert last.title == "The *last* one" and not last.core and "no heading" in last.text
    assert last.hints == ('Think.\n\n??? note "nested"\n    More.', "Think again.")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("importance=2", "imporance=2", r"ch02_page.md:3: expected .* got .*imporance=2"),
        ("difficulty=1", "difficulty=6", "from 1 to 5, got 6"),
        ("points=1", "points=one", "points to be an integer"),
        (" { .exercise difficulty=1", " { .exercize difficulty=1", "expected"),
        ("{ .exercise difficulty=1 importance=2 minutes=5 points=1 }", "", "numbered heading"),
        ("### 2.10", "#### 2.10", "numbered heading"),
        ("### 2.10", "### 3.10", "of chapter 2 on this page"),
        ("2.9 First", "2.10 Again", "2.10 is on ch02_page.md already"),
    ],
)
def test_a_misspelt_heading_raises_with_file_and_line(tmp_path, old, new, words):
    with pytest.raises(ValueError, match=words):
        read_exercises(write(tmp_path, PAGE.replace(old, new, 1)))
