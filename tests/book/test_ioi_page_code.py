"""The code blocks of chapter 7's pages print what the folded results on the pages state."""

import re
import textwrap

import pytest

from tests.book.page_models import skip_without_models
from tests.book.program import ROOT

pytestmark = pytest.mark.project
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^    ```python\n(.*?)^    ```$", re.DOTALL | re.MULTILINE)


def run_page(page, capsys):
    """Run the blocks of a page in order, in one namespace; return what each printed."""
    text = (DOCS / page).read_text(encoding="utf-8")
    text = text.replace("from chapters.ch", "from solutions.ch")
    skip_without_models("".join(BLOCK.findall(text)))
    names, printed = {}, []
    for block in BLOCK.findall(text):
        exec(compile(textwrap.dedent(block), page, "exec"), names)
        printed.append(capsys.readouterr().out)
    assert printed, page
    return printed, names


def test_the_model_predicts_the_name_that_is_not_repeated(capsys):
    ((told,), _) = run_page("ch07_ioi.md", capsys)
    for line, names in zip(told.splitlines(), ("Mary the", "John the", "Mary John"), strict=True):
        assert re.findall(r"' (\w+)'", line)[:2] == names.split()
    shares = [f"{float(one):.2f}"[1:] for one in re.findall(r"0\.\d+", told)]
    page = (DOCS / "ch07_ioi.md").read_text(encoding="utf-8")
    table = re.findall(r"^    \| \w+ gave \| \w+ (\.\d+), \w+ (\.\d+) \|$", page, re.MULTILINE)
    assert table == [tuple(shares[row : row + 2]) for row in (0, 3, 6)]


def test_only_the_pointer_predicts_a_third_name(capsys):
    ((told,), names) = run_page("ch07_mechanisms.md", capsys)
    pointer, shortcut = names["answers"]
    third = names["third"][:, 0]
    assert (pointer == third).all() and not (shortcut == third).any()
    assert len(told.splitlines()) == 4


@pytest.mark.thorough
def test_step_1_on_eight_prompts_finds_the_suppressor_first(capsys):
    (step, repair), names = run_page("ch07_heads.md", capsys)
    first = re.match(r"(\S+): effect (\S+), to IO (\S+), to S2 (\S+)", step)
    assert first[1] == "23.3" and float(first[2]) < -2
    assert float(first[3]) < 0.1 and float(first[4]) > 0.5
    assert repair and names["self_repair"](names["direct"], names["total"])[1] > 0
