"""The book's own Markdown: cards, folds, figures, tables, and what stops a build."""

import json
import re
from html import unescape

import pytest

from tests.book.conftest import PAGE

HEADING = "### 2.4 LayerNorm { .exercise .core difficulty=3 importance=5 minutes=25 points=4 }"


def words_of(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def card(html, number):
    cards = re.findall(r'<section class="exercise.*?</section>', html, re.DOTALL)
    return next(c for c in cards if f'id="exercise-{number.replace(".", "-")}"' in c)


def test_a_card_shows_what_the_heading_says(book):
    first = card(book.render(), "2.4")
    assert "2.4 LayerNorm" in words_of(first)
    assert "25 minutes 4 points" in words_of(first)
    assert 'aria-label="difficulty 3 of 5"' in first and 'aria-label="importance 5 of 5"' in first
    assert "LayerNorm.forward" in first and "chapters/ch02_transformer/layers.py" in first
    assert "mi check 2.4" in words_of(first)
    assert "difficulty=" not in first, "the heading's attributes must not reach the page"


def test_only_core_exercises_carry_a_star(book):
    html = book.render()
    assert "★" in card(html, "2.4") and "★" not in card(html, "2.6")


def test_statement_given_hints_and_solution_are_in_order(book):
    first = card(book.render(), "2.4")
    marks = ["Subtract the mean", "class LayerNorm", "mi check", "Which axis?", "Which variance?"]
    places = [words_of(first).index(mark) for mark in [*marks, "tested_answer"]]
    assert places == sorted(places)


def test_the_solution_is_folded_and_not_in_the_search_index(book):
    first = card(book.render(), "2.4")
    fold = re.search(r"<details[^>]*solution[^>]*>", first)[0]
    assert "data-search-exclude" in fold and "open" not in fold
    before, after = first.split(fold)
    assert "tested_answer" not in before, "the answer must not show outside its fold"
    assert words_of(after).count("return tested_answer") == 1


def test_prose_after_the_hints_is_outside_the_card(book):
    html = book.render()
    assert "Prose of the page goes on." in html
    assert "Prose of the page" not in card(html, "2.4")
    assert "The next part" not in card(html, "2.6")


def test_an_exercise_in_two_functions_shows_both(book):
    second = words_of(card(book.render(), "2.6"))
    for name in ("class Embed", "class Positions", "W_E[tokens]", "W_pos[: tokens.shape[1]]"):
        assert second.count(name) == 1
    assert "Embed.forward, Positions.forward" in second


def test_the_table_of_contents_keeps_the_exercise(book):
    book.render()
    names = [t["data-toc-label"] or t["name"] for t in book.markdown.toc_tokens[0]["children"]]
    assert names[:2] == ["2.4 LayerNorm ★", "2.6 Tokens"]


def test_a_copy_without_solutions_shows_the_stub_and_says_so(book):
    stub = book.code.read_text(encoding="utf-8").replace("return tested_answer", "raise NotIm")
    other = book.root / "chapters" / "ch02_transformer" / "layers.py"
    other.parent.mkdir(parents=True)
    other.write_text(stub, encoding="utf-8")
    book.code.unlink()
    book.code.parent.rmdir()
    html = book.render()
    assert "class LayerNorm" in words_of(html) and "without its solutions" in html
    assert "tested_answer" not in html


@pytest.mark.parametrize("tree", ["solutions", "chapters"])
def test_a_question_shows_its_table_and_folds_the_answers_away(book, tree):
    table = book.root / tree / "ch02_transformer" / "answers.toml"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text('["2.7"]\n# Is it used?\nmark = "never"\n\n["2.8"]\nx = 1\n', "utf-8")
    if tree == "chapters":
        book.code.unlink()
        book.code.parent.rmdir()
    third = card(book.render(PAGE.split("### 2.6")[0].replace("2.4", "2.7")), "2.7")
    given, solution = third.split('<details class="solution"')
    assert 'mark = "?"' in words_of(given) and "# Is it used?" in words_of(given)
    assert ('mark = "never"' in words_of(solution)) == (tree == "solutions")
    assert "chapters/ch02_transformer/answers.toml" in given and "x = 1" not in words_of(third)
    assert "in answers.toml" in words_of(given)


@pytest.mark.parametrize(
    "old, new",
    [("difficulty=3", "dificulty=3"), ("points=4", ""), (".core", ".cor"), ("=5 ", "=6 ")],
)
def test_a_misspelt_heading_stops_the_build_with_file_and_line(book, old, new):
    with pytest.raises(ValueError, match=r"ch02_layers\.md:3"):
        book.render(PAGE.replace(HEADING, HEADING.replace(old, new, 1)))


def test_an_exercise_without_code_stops_the_build(book):
    text = PAGE.replace("### 2.6", "### 2.7")
    with pytest.raises(ValueError, match=r"2\.7.*# exercise 2\.7"):
        book.render(text)


def test_headings_inside_code_are_code(book):
    html = book.render(f"```\n{HEADING}\n```\n")
    assert "<section" not in html


@pytest.fixture
def picture(book):
    folder = book.root / "docs" / "figures"
    folder.mkdir()
    (folder / "lens.svg").write_text("<svg/>", encoding="utf-8")
    return folder / "lens.svg"


@pytest.mark.usefixtures("picture")
def test_a_lone_image_becomes_a_figure_with_its_caption(book):
    html = book.render('![Five rooms](figures/lens.svg "The house.")')
    assert "<figcaption>The house.</figcaption>" in html
    assert html.count("<img") == 1 and 'alt="Five rooms"' in html
    assert "<figure" not in book.render("Words ![Five rooms](figures/lens.svg) around it.")


def test_a_figure_with_a_dark_twin_carries_both(book, picture):
    picture.with_suffix(".dark.svg").write_text("<svg/>", encoding="utf-8")
    html = book.render("![Five rooms](figures/lens.svg)")
    assert html.count('alt="Five rooms"') == 2
    assert "only-light" in html and 'src="figures/lens.dark.svg"' in html


def test_an_empty_alt_text_comes_from_the_figures_json(book, picture):
    picture.with_suffix(".json").write_text(json.dumps({"alt": "Paris wins"}), encoding="utf-8")
    assert 'alt="Paris wins"' in book.render("![](figures/lens.svg)")


@pytest.mark.usefixtures("picture")
def test_an_image_without_alt_text_stops_the_build(book):
    with pytest.raises(
        ValueError, match=r"docs/ch02_layers\.md:3.*expected an alt text for \S*lens\.svg"
    ):
        book.render("Words.\n\n![](figures/lens.svg)")


def test_an_image_that_is_not_there_stops_the_build(book):
    with pytest.raises(
        ValueError, match=r"ch02_layers\.md:1.*expected the image file docs/\S*figures/none\.svg"
    ):
        book.render("![None](figures/none.svg)")


def test_the_table_of_exercises_adds_up(book):
    html = words_of(book.render(f"{PAGE}\n::: exercises 2\n"))
    assert "2.4 LayerNorm ★ 3 5 25 4 2.6 Tokens 1 2 5 1" in html
    assert "2 exercises, 1 of them core 30 5" in html
    assert "no exercises yet" in book.render("# Page\n\n::: exercises 3")


def test_a_viewer_is_inlined_and_found_results_are_not_searched(book):
    data = book.root / "docs" / "figures" / "acts.json"
    data.parent.mkdir(exist_ok=True)
    data.write_text('{"texts": [["</script>"]]}', encoding="utf-8")
    html = book.render('::: features figures/acts.json\n\n??? found "What we found"\n\n    42.\n')
    assert 'data-kind="features" data-search-exclude' in html and "\\u003c/script>" in html
    assert "data-search-exclude" in re.search("<details[^>]*found[^>]*>", html)[0]
    with pytest.raises(ValueError, match="expected the file docs/figures/none.json"):
        book.render("::: features figures/none.json")
