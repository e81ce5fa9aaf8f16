"""The first five minutes, as README describes them."""

import re

from chapters.course.exercise_pages import read_exercises

from .mistakes import ROOT, SOLUTIONS, TESTS, Variant, chapter_of, in_place, numbers_of
from .naming import known, names
from .replay import Graders

README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.split("## Your first five minutes")[1].split("\n## ")[0]
NUMBER = re.search(r"mi check (\S+)", SECTION)[1]
CODE = re.search(r"```python\n(.+?)\n```", SECTION, re.DOTALL)[1]


def test_readme_starts_with_the_first_exercise():
    first = next(iter(read_exercises().values()))
    assert NUMBER == first.number == "0.1" and first.minutes <= 5 and first.core
    file = numbers_of(SOLUTIONS / chapter_of(NUMBER))[NUMBER]
    assert f"chapters/{file.relative_to(ROOT / 'solutions').as_posix()}" in SECTION
    assert f"docs/{first.page.name}" in SECTION


def test_the_readme_answer_is_named_and_passes_when_fixed():
    graders = Graders(TESTS / chapter_of(NUMBER), "solutions")
    runs = {}
    for name, code in (("wrong", CODE), ("fixed", CODE.replace("dim=0", "dim=1"))):
        answer = Variant(NUMBER, name, {"mean_over_positions": code})
        with in_place("solutions", [answer]):
            runs[name] = dict(graders.run(graders.of(NUMBER)))
    said = names(NUMBER, runs["wrong"], "solutions")
    graders.close()
    said += [run.text for run in runs["wrong"].values()]
    assert any("the mean over the batch (axis 0)" in text for text in said)
    assert {run.outcome for run in runs["fixed"].values()} == {"passed"}


def test_the_output_that_pages_show_is_what_2_8_prints():
    shown = re.search(r"```text\n(2\.8  .+?)\n\n", README, re.DOTALL)[1]
    assert shown in (ROOT / "docs/how_to_work.md").read_text("utf-8")
    title, claim, mistake, more = (line.strip() for line in shown.split("\n"))
    wrong = next(one for one in known("2.8") if one.words == mistake)
    graders = Graders(TESTS / chapter_of("2.8"), "solutions")
    with in_place("solutions", [wrong]):
        runs = list(graders.run(graders.of("2.8")))
    graders.close()
    failed = [(item, run) for item, run in runs if run.outcome == "failed"]
    item, run = failed[0]
    assert title == "2.8  " + item.name.removeprefix("test_").replace("_", " ")
    assert run.text.startswith(claim)
    assert more == f"and {len(failed) - 1} more tests for the same reason"
