"""Questions about a learner's own case: whose answers count, and what an old answer gets."""

import re
import tomllib

import pytest

from chapters import lab
from chapters.course.files import ROOT
from tests.grading.own_case import seed_for

PAGES = {page.name: page.read_text("utf-8") for page in sorted(ROOT.glob("docs/*.md"))}
TABLES = sorted(ROOT.glob("solutions/ch*/answers.toml"))
#: The questions about an own case: the tables below the comment that explains own_seed.
NUMBERS = [
    number
    for path in TABLES
    for number in re.findall(
        r'^\["([0-9.]+)"\]', path.read_text("utf-8").partition("own_seed(")[2], re.M
    )
]


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """A learner without an id; call it with one to write it."""
    path = tmp_path / "learner.toml"
    monkeypatch.setattr(lab, "LEARNER", path)
    monkeypatch.delenv("MI_LEARNER", raising=False)
    return lambda name: path.write_text(f'id = "{name}"\n', "utf-8")


def test_the_seed_follows_from_the_learners_id(learner):
    learner("ann")
    assert seed_for("chapters", {}, "8.20") == lab.own_seed("8.20") == lab.seed_of("ann", "8.20")
    assert len({lab.seed_of(who, n) for who in ("ann", "bob") for n in NUMBERS}) == 2 * len(NUMBERS)


def test_a_course_may_set_the_id(learner, monkeypatch):
    learner("ann")
    monkeypatch.setenv("MI_LEARNER", "4711")
    assert seed_for("chapters", {}, "9.19") == lab.seed_of("4711", "9.19")


def test_an_id_is_drawn_once(learner):
    assert lab.own_seed("8.20") == lab.own_seed("8.20")
    assert re.fullmatch("[0-9a-f]{8}", lab.learner_id())


def test_an_answer_without_an_id_names_the_file(learner):
    with pytest.raises(AssertionError, match=r"expected your id in chapters/learner\.toml"):
        seed_for("chapters", {}, "8.20")
    assert not lab.LEARNER.exists(), "a grader draws no id"


def test_a_seed_of_an_earlier_version_is_explained(learner):
    learner("ann")
    with pytest.raises(AssertionError) as refused:
        seed_for("chapters", {"seed": 123}, "8.20")
    words = str(refused.value)
    assert "seed = 123 is of an earlier version of 8.20" in words
    assert 'own_seed("8.20")' in words and "old answer stays" in words


def test_the_references_id_is_refused_in_the_workbook(learner):
    learner(lab.REFERENCE)
    with pytest.raises(AssertionError, match="whose answers are public"):
        seed_for("chapters", {}, "8.20")
    assert seed_for("solutions", {}, "8.20") == lab.seed_of(lab.REFERENCE, "8.20")


def tables(number):
    """The tables of the chapter's answers.toml."""
    path = next(ROOT.glob(f"solutions/ch{int(number.split('.')[0]):02d}_*/answers.toml"))
    return tomllib.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("number", NUMBERS)
def test_no_page_gives_values_for_an_open_question(number):
    """A page may name a key, but not with a value, and no part by number next to it."""
    for page, text in PAGES.items():
        for key in tables(number)[number]:
            given = re.search(rf"(\b{key}\b\s*=|`{key}`\s*(:|is|are))\s*[\[\"]*[0-9]", text)
            assert given is None, f"{page} answers {number}: {given[0]}"
        if f'["{number}"]' in text:
            section = text.split(f'["{number}"]')[1].split("\n## ")[0].split("\n### ")[0]
            part = re.search(r"\b(latent|neuron|direction|feature|head)s? \[?[0-9]", section)
            assert part is None, f"{page}: {number} is answered by {part[0]}"


def test_every_chapter_with_own_cases_explains_their_seeds():
    for chapter in {number.split(".")[0] for number in NUMBERS}:
        pages = "".join(PAGES[name] for name in PAGES if name.startswith(f"ch{int(chapter):02d}_"))
        assert f'own_seed("{chapter}.' in pages, f"no page of chapter {chapter} calls own_seed"
