"""Marks in code: what is cut out of a file."""

import pytest

from chapters.course.answers import answer_text, find_answers, make_stub

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
