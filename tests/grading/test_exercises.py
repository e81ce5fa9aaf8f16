"""Headings of exercises, and numbers that no exercise has."""

from pathlib import Path

import pytest

from chapters.course.exercise_pages import read_exercises
from chapters.course.exercises import nearest

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


@pytest.mark.parametrize(
    ("wanted", "first"), [("2.12", "2.10"), ("24", "2.4"), ("3.2", "3.1"), ("2.", "2.1")]
)
def test_nearest_numbers(wanted, first):
    assert nearest(wanted, ["2.1", "2.2", "2.4", "2.10", "3.1"])[0] == first
