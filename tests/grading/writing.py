"""Check the language of the repository: banned words, errors, test names, sentences of the pages.

1. Prose is taken out of each file: comments, strings and names of tests from Python, everything
   outside code and formulas from Markdown, comments from TOML, the alt text of a figure's JSON.
2. `BANNED` holds the words and phrases that blur a sentence, with what to write instead.
   An exception is an entry of `ALLOWED` with its reason.
3. Errors follow one template, `expected X, got Y; what to do`.
4. In pages a sentence has a line of its own, and at most three numbers outside tables.

`python -m tests.grading.writing docs/ch02_*.md solutions/ch02_transformer` prints what it finds.
"""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LONGEST_TEST_NAME, MOST_NUMBERS = 60, 3

UNITS = (
    "answer|axis|batch|block|chapter|column|example|exercise|feature|file|grader|head|layer|line"
    "|mistake|model|neuron|page|pair|part|position|prompt|review|row|sample|seed|sentence|set|step"
    "|test|text|token|unit|version|word"
)

BANNED: dict[str, str] = {
    r"came": "got, was, resulted",
    r"(?:no|some|any|every)body|whoever": "say who or what: the caller, a hook, the reader",
    r"at right angles": "orthogonal",
    r"(?:take[ns]?|taking|took) away": "subtract, remove, ablate",
    r"beside": "next to, alongside, with",
    r"mend(?:s|ed|ing)?": "fix",
    r"(?:stands?|standing|stood)(?!\s(?:in\s)?for\b)(?!-)(?!\s(?:alone|out)\b)": "is, lies",
    r"the streams?": "the residual stream",
    r"spoil(?:s|ed|t|ing)?": "corrupt",
    r"(?:new)?born": "starts, is added, begins",
    r"(?:over)?hear(?:s|d)?": "reads, receives, depends on",
    r"speaks?|spoken?|speaking": "writes to, affects",
    r"louder|loudly|louds?": "larger, more strongly",
    r"(?:is|are|was|were|be|being) told": "receives, gets, is given",
    r"(?:be )?believed": "trusted, checked",
    r"shall": "should, will, must",
    r"whilst|lest|whence|thence|hither": "while, so that, from where",
    r"anew|afresh": "again",
    r"sign is turned|turned round|turned around": "the sign is flipped, reversed, transposed",
    r"puts? back|putting back|is put back|are put back": "restore",
    r"refusals?": "failure, error",
    r"(?:the )?long run|flagship": "the main experiment",
    r"weighs?|weighed": "weights, is weighted by, compares",
    r"what it makes of|make of what": "what it computes from",
    r"for want of": "without",
    r"in (?:its|their|his) turn": "then, also",
    r"and (?:its|their) like": "and similar",
    r"as it were": "leave it out",
    r"(?:a |the )?tests? holds?|hold by tests?|held by (?:a |the )?tests?": "a test checks",
    r"desk": "the command-line tools",
    r"look under the floor|under the floor": "contribute",
    r"(?:is|are|was|were) expected": "expected X, got Y",
    rf"(?<!chapter\s)(?:one|two|three|a|an|\d+) \w+ an? (?:{UNITS})": "per: one number per prompt",
    r"(?<!there\s)(?<!which\s)(?:is|are) no (?!longer\b|more\b|less\b|better\b|worse\b|larger\b"
    r"|smaller\b|slower\b|faster\b|different\b|one\b)\w+": "is not a, has no, there is no",
}
"""Word or phrase, as a regular expression with single spaces -> what to write instead."""

NAMES = {"came": "actual", "listeners": "observers", "listening": "observing", "born": "n_active"}
"""Names in code -> the field's."""

ALLOWED: dict[tuple[str, str], str] = {
    ("tests/grading/writing.py", ".*"): "the list itself",
    ("tests/grading/test_writing.py", ".*"): "examples of what is banned",
    ("tests/grading/failure_report.py", "whilst"): "a word of jaxtyping's message, which is parsed",
    ("toy_models/synthetic_text.py", "stand"): "a word of the toys' vocabulary",
    ("tests/toy_models/*", "stand"): "a word of the toys' vocabulary",
    ("*/ch07_ioi/sentences.py", "came"): "a word of an example sentence",
    ("*/attribution/text_cases.py", "came"): "a word of an example sentence",
}
"""(path pattern, what is found, as a regular expression) -> why it may stay."""

# What may end in a full stop, or hold numbers, without being a sentence or a measured number.
ABBREVIATIONS = r"(?<!e\.g)(?<!i\.e)(?<!et al)(?<!vs)(?<!cf)(?<!Fig)(?<!fig)(?<!eq)(?<!Eq)(?<!\bp)"
SENTENCE_END = re.compile(rf"{ABBREVIATIONS}[.!?][)\"*_”’]*\s+(?=[A-Z`$*_\"(“])")
NO_NUMBER = re.compile(
    r"\b(?:chapters?|exercises?|sections?|pages?|figures?|equations?|eqs?\.|appendix|arXiv|Python"
    r"|numbers?|GPT|layers?|heads?|steps?|versions?)[\s,-]*[\d.:]+"
    r"(?:(?:,| and| to| or|-|–)\s*[\d.]+)*|\[[\d.]+\]\("
    r"|\b(?:19|20)\d\d\b|\b[\d.]+[a-z]\b|[A-Za-z_]+[-_]?\d[\w.-]*",
    re.IGNORECASE,
)
NUMBER = re.compile(r"(?<![\w.])[-+±]?\d+(?:[.,]\d+)*|(?<![\w\d])\.\d+")


class Finding(NamedTuple):
    """One place to rewrite."""

    path: str
    """The file, below the repository's root."""
    line: int
    """The line, counted from 1."""
    found: str
    """What is written there."""
    advice: str
    """What to write instead."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.found!r}: {self.advice}"


class Prose(NamedTuple):
    """A piece of text and the line it starts on."""

    line: int
    text: str


def check(paths: Iterable[Path]) -> list[Finding]:
    """List every finding in these files that no entry of ALLOWED covers."""
    found = [finding for path in paths for finding in check_file(path)]
    return [finding for finding in found if allowed_by(finding) is None]


def check_file(path: Path) -> list[Finding]:
    """Check one file by its kind, before the exceptions."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return check_text(name, path.read_text("utf-8"))


def check_text(name: str, text: str) -> list[Finding]:
    """Check the text of a file of that name."""
    if name.endswith(".py"):
        found = [*_banned(name, _python_prose(text)), *_names(name, ast.parse(text))]
        return found
    if name.endswith(".md"):
        found = _banned(name, _markdown_prose(text))
        return found + _sentences(name, text) if _is_page(name) else found
    if name.endswith(".json"):
        return _banned(name, [Prose(1, str(json.loads(text).get("alt", "")))])
    return _banned(name, [Prose(1, text)])


def allowed_by(finding: Finding) -> tuple[str, str] | None:
    """Return the key of ALLOWED that covers a finding, if one does."""
    for pattern, phrase in ALLOWED:
        if fnmatch(finding.path, pattern) and re.fullmatch(phrase, finding.found, re.IGNORECASE):
            return pattern, phrase
    return None


def files() -> list[Path]:
    """List what the project wrote by hand: the workbook mirrors solutions/ and is left out."""
    kinds = ["*.py", "*.md", "*answers.toml", "docs/figures/*.json"]
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *kinds],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\n") if name]
    ours = [name for name in names if not re.match(r"chapters/(ch\d|backups)|site/", name)]
    return [ROOT / name for name in ours if (ROOT / name).is_file()]


def _is_page(name: str) -> bool:
    return bool(re.fullmatch(r"docs/\w+\.md|README\.md|CONTRIBUTING\.md", name))


def _pattern(phrase: str) -> re.Pattern[str]:
    """Compile a phrase so that it matches whole words, over line ends too."""
    words = phrase.replace(" ", r"[\s#]+")
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)


PATTERNS = {_pattern(phrase): advice for phrase, advice in BANNED.items()}


def _banned(name: str, pieces: Iterable[Prose]) -> list[Finding]:
    found = []
    for piece in pieces:
        for pattern, advice in PATTERNS.items():
            for match in pattern.finditer(piece.text):
                line = piece.line + piece.text.count("\n", 0, match.start())
                found.append(Finding(name, line, re.sub(r"[\s#]+", " ", match[0]), advice))
    return sorted(found)


def _python_prose(source: str) -> Iterator[Prose]:
    """Yield comments and strings, and each test's name as the claim that it is."""
    comments: list[Prose] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "COMMENT":
            if comments and comments[-1].line + comments[-1].text.count("\n") + 1 == token.start[0]:
                last = comments.pop()
                comments.append(Prose(last.line, f"{last.text}\n{token.string}"))
            else:
                comments.append(Prose(token.start[0], token.string))
        elif kind in ("STRING", "FSTRING_MIDDLE"):
            yield Prose(token.start[0], re.sub(r"`[^`\n]*`", "`code`", token.string))
    yield from comments
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Prose(node.lineno, node.name.replace("_", " "))


def _names(name: str, tree: ast.Module) -> list[Finding]:
    """Find old names in code, long names of tests, and errors in another form."""
    found = []
    for node in ast.walk(tree):
        spelled = getattr(node, "id", getattr(node, "attr", getattr(node, "arg", None)))
        if spelled in NAMES:
            found.append(Finding(name, node.lineno, spelled, NAMES[spelled]))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            if len(node.name) >= LONGEST_TEST_NAME:
                advice = f"a test's name has fewer than {LONGEST_TEST_NAME} characters"
                found.append(Finding(name, node.lineno, node.name, advice))
        if isinstance(node, ast.Raise) and node.exc is not None:
            text = _message(node.exc)
            if re.search(r"\bexpected\b", text) and not re.search(r"expected .+, got ", text, re.S):
                advice = "expected X, got Y; what to do"
                found.append(Finding(name, node.lineno, text[:80], advice))
    return found


def _message(node: ast.expr) -> str:
    """Join the words of an error's message, with `{}` for each value in it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_message, node.values))
    if isinstance(node, ast.BinOp):
        return _message(node.left) + _message(node.right)
    if isinstance(node, ast.Call):
        return " ".join(map(_message, node.args))
    return "{}"


def _without_code(text: str) -> str:
    """Blank out code, formulas, comments and links' targets; line numbers stay."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    text = re.sub(r"(?ms)^[ >]*(```|~~~).*?^[ >]*\1[ \t]*$", blank, text)
    text = re.sub(r"(?s)<!--.*?-->", blank, text)
    text = re.sub(r"(?s)\$\$.*?\$\$", blank, text)
    text = re.sub(r"`[^`\n]+`", "`code`", text)
    text = re.sub(r"\$[^$\n]+\$", "`maths`", text)
    return re.sub(r"\]\([^()\s]*", "](", text)


def _markdown_prose(text: str) -> list[Prose]:
    """Return the prose of a page as one piece, in which line numbers count as in the file."""
    return [Prose(1, re.sub(r"<[^>\n]+>", "", _without_code(text)))]


def _sentences(name: str, text: str) -> list[Finding]:
    """Find lines with two sentences, and sentences with many numbers, in the prose of a page."""
    found = []
    for number, line in enumerate(_without_code(text).split("\n"), start=1):
        line = re.sub(r"<[^>\n]+>", "", line)
        bare = line.strip()
        if not bare or re.match(r"\||#|!\[|!!!|\?\?\?|---|\[\^?\w+\]:|\{", bare):
            continue
        bare = re.sub(r"^(?:[-*+]|\d+\.|>)\s+", "", bare)
        bare = re.sub(r"^\*\*[^*]+\*\*\s+", "", bare)  # a term, before its explanation
        inner = SENTENCE_END.search(bare)
        if inner:
            advice = "one sentence per source line"
            found.append(Finding(name, number, bare[max(0, inner.start() - 30) :][:60], advice))
        for sentence in SENTENCE_END.split(bare):
            numbers = NUMBER.findall(NO_NUMBER.sub("", sentence))
            if len(numbers) > MOST_NUMBERS:
                advice = f"at most {MOST_NUMBERS} numbers in a sentence; use a table"
                found.append(Finding(name, number, sentence[:60], advice))
    return found


def main(arguments: list[str]) -> int:
    """Print the findings in the files and folders named, or in the whole tree."""
    wanted = [Path(argument).resolve() for argument in arguments]
    chosen = [
        path
        for path in files()
        if not wanted or any(path == one or path.is_relative_to(one) for one in wanted)
    ]
    found = check(chosen)
    print(*found, sep="\n")
    print(f"{len(found)} findings in {len(chosen)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
