"""The language of the repository follows one list, and the list works."""

import functools
import re
import tomllib

import pytest

from .writing import ALLOWED, BANNED, ROOT, allowed_by, check_file, check_text, files

EXAMPLES = {
    "A shape of [5] came.": "got",
    "Nobody reads this tensor.": "caller",
    "The two directions are at right angles.": "orthogonal",
    "The mean is taken away first.": "subtract",
    "The number is written beside the figure.": "next to",
    "Run it again to mend the folder.": "fix",
    "The weights stand in a file.": "is, lies",
    "Each head writes to the stream.": "residual stream",
    "The subject is spoilt by noise.": "corrupt",
    "A row is born at its first layer.": "starts",
    "The keys hear what the head wrote.": "reads",
    "The head speaks to the queries.": "writes to",
    "The second head is louder.": "larger",
    "The model is told who gave.": "receives",
    "A file is checked before it is believed.": "trusted",
    "The copy shall be spared.": "should",
    "It is compiled whilst others wait.": "while",
    "The file is made anew.": "again",
    "The sign is turned.": "flipped",
    "One clean state is put back.": "restore",
    "Each refusal names a mistake.": "failure",
    "The long run takes an hour.": "main experiment",
    "The clean distribution weighs the difference.": "weights",
    "The OV matrix is what it makes of what it moves.": "computes",
    "It is skipped for want of weights.": "without",
    "Each model in its turn is patched.": "also",
    "Heads, neurons and their like are patched.": "similar",
    "It reads, as it were, two tokens.": "leave it out",
    "A test holds this claim.": "checks",
    "The desk grades on every save.": "command-line",
    "Thank you for looking under the floor.": "contribute",
    "A tensor of one axis is expected.": "expected X, got Y",
    "There is one number a prompt.": "per",
    "A difference is no proof.": "is not a",
}
"""A sentence with one banned phrase -> a word of the advice."""

PLAIN = [
    "The file stands for the model, and a stand-in for the tokenizer.",
    "There is no hook here, and the model is no longer patched.",
    "A residual stream has one vector per position.",
    "The pattern becomes sharper; besides, heads attend to themselves.",
]


@functools.cache
def everything():
    """Read the tree once: every finding, the allowed ones too."""
    return [finding for path in files() for finding in check_file(path)]


@pytest.mark.parametrize("room", ["solutions", "chapters", "toy_models", "tests", "docs", ""])
def test_no_banned_word_is_left(room):
    found = [f for f in everything() if f.path.rpartition("/")[0].split("/")[0] == room]
    left = [str(finding) for finding in found if allowed_by(finding) is None]
    assert not left, "rewrite these (CONTRIBUTING.md, Writing):\n" + "\n".join(left)


@pytest.mark.parametrize("sentence", EXAMPLES)
@pytest.mark.parametrize("form", ['"""{}"""\n', "x = 1  # {}\n", 'raise ValueError("{}")\n'])
def test_a_banned_phrase_is_found_in_python(sentence, form):
    found = check_text("solutions/example.py", form.format(sentence))
    assert any(EXAMPLES[sentence] in finding.advice for finding in found), found


@pytest.mark.parametrize("sentence", EXAMPLES)
def test_a_banned_phrase_is_found_on_a_page(sentence):
    for text in (sentence, sentence.replace(" ", "\n"), f'![]({{}} "{sentence}")'):
        found = check_text("docs/example.md", text)
        assert any(EXAMPLES[sentence] in finding.advice for finding in found), (text, found)


def test_every_banned_phrase_has_an_example():
    advice = {advice for advice in BANNED.values()}
    shown = {found.advice for text in EXAMPLES for found in check_text("docs/example.md", text)}
    assert advice <= shown, f"add an example for {sorted(advice - shown)}"


@pytest.mark.parametrize("sentence", PLAIN)
def test_plain_sentences_pass(sentence):
    assert not check_text("docs/example.md", sentence)


def test_code_in_pages_is_not_prose():
    page = "Read `the stream` here.\n\n```python\n# it came from nobody\n```\n\n$came$\n"
    assert not check_text("docs/example.md", page)


def test_line_numbers_are_those_of_the_file():
    page = "One.\n\n```\ncode\n```\n\nIt came late.\n"
    assert [finding.line for finding in check_text("docs/example.md", page)] == [7]
    source = '"""Title.\n\nIt came late.\n"""\n'
    assert [finding.line for finding in check_text("solutions/x.py", source)] == [3]


@pytest.mark.parametrize(
    "message, right",
    [
        ("expected tokens of shape [batch, pos], got [5]", True),
        ("no file config.json in the folder", True),
        ("expected tokens of shape [batch, pos]", False),
        ("[5] is given, but [batch, pos] was expected", False),
    ],
)
def test_errors_say_what_was_expected_and_what_was_given(message, right):
    found = check_text("solutions/x.py", f"raise ValueError({message!r})\n")
    assert (not found) == right, found
    found = check_text("solutions/x.py", f"raise ValueError(f{message + ' {x}'!r})\n")
    assert (not found) == right, found


def test_names_of_tests_are_short():
    name = "test_" + "a" * 55
    assert check_text("tests/test_x.py", f"def {name}():\n    pass\n")
    assert not check_text("tests/test_x.py", f"def {name[:-1]}():\n    pass\n")


def test_names_of_tests_are_read_as_claims():
    assert check_text("tests/test_x.py", "def test_what_came_is_right():\n    pass\n")
    assert check_text("tests/test_x.py", "came = 1\n")


@pytest.mark.parametrize(
    "line, right",
    [
        ("One sentence. And another one.", False),
        ("- A point. Two points.", False),
        ("One sentence, as in Elhage et al. 2021, and no more.", True),
        ("See chapter 2. It has more.", False),
        ("| One. | Two. |", True),
        ('![](figures/x.svg "One. Two.")', True),
        ("It takes 3.5 seconds, e.g. Friday.", True),
    ],
)
def test_a_sentence_has_a_line_of_its_own(line, right):
    assert (not check_text("docs/example.md", line)) == right


@pytest.mark.parametrize(
    "line, right",
    [
        ("The values are 1, 2.5, .75 and 8 in all.", False),
        ("The values are 1, 2.5 and .75 in all.", True),
        ("In 2021 and 2022, chapter 3, exercises 2.4 and 2.5 and layer 7 show it.", True),
        ("Take $1, 2, 3, 4$ or `[1, 2, 3, 4]`.", True),
        ("| 1 | 2 | 3 | 4 |", True),
    ],
)
def test_a_sentence_has_at_most_three_numbers(line, right):
    assert (not check_text("docs/example.md", line)) == right


def test_every_exception_has_a_reason_and_a_use():
    used = {allowed_by(finding) for finding in everything()}
    assert len(files()) > 400, "expected the whole tree"
    assert all(reason.strip() for reason in ALLOWED.values())
    assert set(ALLOWED) <= used, f"no longer needed: {sorted(set(ALLOWED) - used)}"


def test_docstrings_are_imperative():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]
    assert "D401" in settings["lint"]["select"], "ruff checks the mood of docstrings"


def test_the_rules_are_written_for_contributors():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert re.search("expected .+, got ", text) and "tests.grading.writing" in text
