"""What README promises for the first five minutes, tried out."""

import re

from chapters.course.exercise_pages import read_exercises

from .variants import ROOT, TESTS, Right, chapter_of, grade, numbers_of, tree

README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.split("## Your first five minutes")[1].split("\n## ")[0]
NUMBER = re.search(r"mi check (\S+)", SECTION)[1]
CODE = re.search(r"```python\n(.+?)\n```", SECTION, re.DOTALL)[1]


def test_readme_begins_with_the_first_exercise_and_needs_no_model():
    first = next(iter(read_exercises().values()))
    assert NUMBER == first.number == "0.1" and first.minutes <= 5 and first.core
    file = numbers_of(chapter_of(NUMBER))[NUMBER]
    assert f"chapters/{file.relative_to(ROOT / 'solutions').as_posix()}" in SECTION
    assert f"docs/{first.page.name}" in SECTION


def test_readmes_answer_is_refused_by_its_mistake_and_passes_when_mended(tmp_path):
    outcomes = {}
    for name, code in (("wrong", CODE), ("mended", CODE.replace("dim=0", "dim=1"))):
        answer = Right(NUMBER, name, body={"mean_over_positions": code})
        with tree(tmp_path / name, [answer]) as package:
            outcomes[name] = grade(package, TESTS / chapter_of(NUMBER).name, NUMBER).values()
    assert any("the mean over the batch (axis 0)" in outcome.text for outcome in outcomes["wrong"])
    assert {outcome.result for outcome in outcomes["mended"]} == {"passed"}
