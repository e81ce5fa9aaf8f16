"""The allow list of `mi grade`: no honest answer is refused for its form, and cheats are."""

import pytest

from chapters.course.answers import TABLE_FILE
from chapters.course.grade import allowed
from chapters.course.grade.course_copy import SOLUTIONS
from chapters.course.grade.submission import CannotTake, Submission, originals
from chapters.course.grade.taken import take

from . import grade_cheats, mistakes, sample_class
from .mistakes import RightAnswer

FILES = originals(SOLUTIONS)
LENS = FILES["3.6"][0]
NUMBERS = [number for number, files in FILES.items() if not files[0].name.endswith(TABLE_FILE)]
CHAPTERS = sorted({mistakes.chapter_of(number) for number in NUMBERS})
#: What only shows while it runs; `test_grade_cheats.py` runs it.
RUNS = {
    "a backward pass edits the leaf",
    "a class is passed on and changed",
    "a context manager catches failures",
    "a dead store makes a private attribute readable",
    "a device is left on",
    "a generator's end runs after the answer",
    "a helper takes the place of a builtin",
    "a key that compares equal",
    "a loop's target is an attribute",
    "a pattern that takes for ever",
    "a sparse tensor reads past its end",
    "a star import",
    "a thread of a progress bar",
    "a type of jaxtyping through another type",
    "an exception of 100 MB",
    "another import under a given name",
    "autocast is left on",
    "ends a loop of the grader",
    "fills the memory",
    "getattr fetches the format method",
    "never ends",
    "one buffer for every call",
    "one import binds a new name and a builtin",
    "one import binds a new name and given ones",
    "prints 50 MB",
    "replaces a method of Tensor",
    "the arguments change through numpy",
    "the arguments change without a trace",
    "the class of a class makes classes",
    "uninitialised memory",
}


def refusal(text: str, original=LENS, number: str = "3.6") -> str:
    taken = take(text, original, number)
    return allowed.refusal(taken, original, number, SOLUTIONS)


def test_no_answer_of_the_reference_is_refused():
    found = {
        number: words
        for number in NUMBERS
        for original in FILES[number]
        if (words := refusal(original.text, original, number))
    }
    assert not found


def test_no_other_right_answer_is_refused():
    records = [one for name in CHAPTERS for one in mistakes.gather(name, RightAnswer)]
    texts = {
        str(record): (mistakes.with_answers(original.text, path.name, bodies), original, record)
        for record in records
        if record.number in NUMBERS
        for original in FILES[record.number]
        for path in [SOLUTIONS / original.name]
        if (bodies := record.bodies(path, path))
    }
    found = {
        name: refusal(text, original, one.number) for name, (text, original, one) in texts.items()
    }
    assert len(found) > 300
    assert not {name: words for name, words in found.items() if words}


def test_every_cheat_is_refused_or_known_to_run():
    passed = set()
    for name, cheat in {**grade_cheats.KNOWN, **grade_cheats.FRESH}.items():
        text = sample_class.with_body(cheat.body.rstrip("\n"), f"\n{cheat.top}")
        try:
            if not refusal(text):
                passed.add(name)
        except CannotTake:
            continue
    assert passed == RUNS


@pytest.mark.parametrize(
    "body, words",
    [
        ("import os\nreturn final", "an answer may not run `import os`"),
        ("return final.__dict__", "the attribute __dict__"),
        ("return torch.nn.functional.torch.load('x')", "may not use"),
        ("return [torch]", "the module torch may only be used as in torch.name"),
        ("torch = final\nreturn torch", "call the variable something else"),
        ("return '{.real}'.format(final)", "write an f-string"),
        ("return undefined_name", "or it is not defined here"),
        ("global x\nreturn final", "may not use `global`"),
        ("class X(int): pass\nreturn X(1)", "a class in an answer may be derived from"),
        ("def __eq__(a, b): return True\nreturn final", "may not define __eq__"),
        ("from ..ch05_patching import metrics\nreturn final", "may not run `from ..ch05_patching"),
        ("return final._base", "the attribute _base"),
        ("match final:\n    case object(f_back=x):\n        return x", "the attribute f_back"),
        ("import torch._C\nreturn final", "may not run"),
        (
            "from .paths import apply_heads_to_paths\nreturn final",
            "apply_heads_to_paths is a later exercise",
        ),
        ("return type('X', (), {})", "`type` may only be called with one argument"),
    ],
)
def test_what_is_refused_is_named_with_its_line(body, words):
    found = refusal(sample_class.with_body(body))
    assert found.startswith("refused, lens.py, line") and words in found


@pytest.mark.parametrize(
    "body",
    [
        "import math\nfrom collections import namedtuple\nPair = namedtuple('Pair', 'left right')\n"
        "return Pair(final, math.pi).left",
        "F = torch.nn.functional\nreturn F.kl_div(guess, final)",
        "import torch.nn.functional as F\nreturn F.softmax(final, -1)",
        "try:\n    return final / 0\nexcept (ZeroDivisionError, RuntimeError) as error:\n"
        "    raise ValueError(f'expected {error!r}') from error",
        "first, *__ = final.shape\nreturn final.sum(-1)",
        "return getattr(final, 'softmax')(-1)",
        "from ..ch00_looking import checks\nreturn checks.check_finite(final, 'x')",
        "@torch.no_grad()\ndef inner(x: Tensor) -> Tensor:\n    return x\nreturn inner(final)",
        "class Sum:\n    def __init__(self):\n        self.whole = 0\n    def add(self, x):\n"
        "        self.whole = self.whole + x\none = Sum()\none.add(final)\nreturn one.whole",
        "return {'a': final}.get('a').where(final > 0, 0.0).sum(-1)",
        "assert type(final) is not int\nreturn type(final)(final)",
        "from dataclasses import dataclass\n@dataclass\nclass Pair:\n    left: Tensor\n"
        "    _right: Tensor\npair = Pair(final, guess)\nreturn pair.left - pair._right",
        "def inner(x: Float[Tensor, '*batch d']) -> Float[Tensor, '*batch']:\n"
        "    return x.sum(-1)\nreturn inner(final)",
        "import functools\n@functools.cache\ndef scale(n: int) -> float:\n    return 1 / n\n"
        "return final.sum(-1) * scale(3)",
        "from itertools import pairwise, accumulate\nfrom collections import defaultdict, deque\n"
        "kept = defaultdict(list)\nfor a, b in pairwise(accumulate(range(4))):\n"
        "    kept[a].append(b)\nreturn final.sum(-1) + len(deque(kept))",
        "from einops import einsum as product\nreturn product(final, guess, '... d, ... d -> ...')",
        "def parts(x):\n    for row in x:\n        yield row.sum(-1)\n"
        "return torch.stack([*parts(final)])",
        "class Sum(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.factor = 2\n    def forward(self, x):\n        return self.factor * x\n"
        "return Sum()(final.sum(-1))",
        "match final.shape:\n    case (*_, size):\n        return final.sum(-1) / size",
        "return (x := final - guess).sum(-1) + (lambda y: y.mean())(x)",
        "from typing import NamedTuple\nclass Pair(NamedTuple):\n    left: Tensor\n"
        "    def whole(self):\n        return self.left.sum(-1)\nreturn Pair(final).whole()",
        "class Point:\n    size: int = 3\nmatch Point():\n    case Point(size=n):\n"
        "        return final.sum(-1) * n",
    ],
)
def test_ordinary_python_is_allowed(body):
    assert refusal(sample_class.with_body(body)) == ""


def test_unused_imports_and_functions_do_not_count():
    top = "\nimport gc\nimport os as system\n\ndef unused():\n    return system.getcwd()\n"
    assert refusal(sample_class.with_body("return final.sum(-1)", top)) == ""
    used = sample_class.with_body("return unused()", top)
    assert "may not run `import os as system`" in refusal(used)


def test_new_names_at_the_top_that_do_not_count_are_named():
    text = sample_class.with_body("return final * EPS", "\nEPS = 1e-9\n")
    assert take(text, LENS, "3.6").notes == [
        f"line {len(text.splitlines())}: EPS does not count; define it inside the answer"
    ]
    assert "EPS" in refusal(text)


@pytest.mark.parametrize("deep", ["(" * 500 + ")" * 500, "[" * 200 + "]" * 200])
def test_deep_nesting_is_refused_before_it_is_parsed(deep, tmp_path):
    sample_class.hand_in(tmp_path, {sample_class.LENS: sample_class.with_body(f"return {deep}")})
    handed = Submission(tmp_path).handed("3.6", FILES["3.6"])
    assert "brackets at most" in handed.problem
    chain = sample_class.with_body("return final" + ".real" * 5000)
    with pytest.raises((CannotTake, AssertionError)):
        assert refusal(chain) == ""
