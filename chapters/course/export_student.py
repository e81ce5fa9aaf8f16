"""Select and rewrite the files of a student's copy: the course without what gives answers away.

A student's copy is an allow list. It has the tools, a fresh workbook, the graders and what they
import, the book without the pages for instructors, and the toys without their recipes. Of a chapter
that is released it also has the reference and the records of mistakes, which the graders then name.
Nothing else of a clone is in it: no git history, no learner's record, no build.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from .answers import parse
from .terminal import CourseError
from .workbook import expected_files

Content = Path | bytes
Tree = dict[str, Content]
"""Path inside the copy -> the file to copy, or the content to write."""

TOP = ("LICENSE", "NOTICE.md", "mkdocs.yml", "pyproject.toml", ".gitattributes", ".gitignore")
CHAPTER = re.compile(r"ch(\d\d)_\w+")
NOT_IN_THE_BOOK = re.compile(
    r"docs/(_(?!extension/)\w+|lecturer)/|docs/(instructors|grading_a_class)\.md$"
)
RECIPE = re.compile(r"toy_models/(recipes/|\w+/train\.py$)")
PLUGINS = ("tests/grading/plugin.py", "tests/grading/thorough.py")
WORKFLOW = "docs/lecturer/class_workflow.yml"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]*)(#[^)\s]*)?\)")
DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)
WITHHELD = "*Left out of this copy.*"

README = """# Mechanistic Interpretability from Scratch

This is your copy of the course, as your instructor released it.

```text
python -m chapters course
```

installs the environment into `.venv`, fetches the real model, builds the book and serves it.
Then activate the environment: `source .venv/bin/activate`, on Windows `.venv\\Scripts\\activate`.
`mi next` shows the first exercise, and `mi check 0.1` grades it.

In `chapters/` you write the functions marked `# exercise`, and the tables in `answers.toml`.

{released}

Where the reference of a chapter is not here, your own answers run in its place.
A mistake in an early exercise of that chapter can then make a later one fail.
The commands `mi tour`, `mi graph`, `mi look` and `mi figures` need the whole course.

Code: MIT.
Text and figures: CC BY 4.0.
"""


def student_tree(root: Path, released: set[int]) -> Tree:
    """Return every file of a student's copy.

    released: the chapters whose reference answers it has.
    Raises: CourseError when the clone has no reference, or a released chapter does not exist.
    """
    names = files_of_clone(root)
    there = {int(match[1]) for name in names if (match := CHAPTER.match(after(name, "solutions")))}
    if not there:
        raise CourseError(
            "expected the whole course, got a copy without solutions/; export from a full clone"
        )
    if not released <= there:
        wrong = ", ".join(map(str, sorted(released - there)))
        raise CourseError(
            f"expected chapters of {', '.join(map(str, sorted(there)))}, got {wrong} in the "
            "calendar; correct the calendar"
        )
    kept = [name for name in names if is_for_students(name, released)]
    graders = set(needed_tests(root, kept))
    tree: Tree = {
        name: root / name
        for name in kept
        if (name in graders if name.startswith("tests/") else not is_recipe(root, name))
    }
    tree |= expected_files(root)
    pages = {name.removeprefix("docs/") for name in tree if name.startswith("docs/")}
    dropped = {PurePosixPath(name).name for name in names if NOT_IN_THE_BOOK.match(name)}
    for name, rewrite in rewriters(pages, dropped):
        for path in [path for path in tree if re.fullmatch(name, path)]:
            text = (root / path).read_text("utf-8")
            tree[path] = rewrite(text).encode()
    tree["README.md"] = README.format(released=released_sentence(released)).encode()
    if WORKFLOW in names:
        tree[".github/workflows/check.yml"] = root / WORKFLOW
    return tree


def files_of_clone(root: Path) -> list[str]:
    """List the files that git tracks and that exist; without git, list every file.

    `is_for_students` then selects those of the copy.
    """
    names = git_files(root, "--cached")
    if not names:
        hidden = (".git", ".venv", "__pycache__", "node_modules", "site", "backups")
        found = (path.relative_to(root) for path in root.rglob("*"))
        names = [path.as_posix() for path in found if not set(path.parts) & {*hidden}]
    return sorted({name for name in names if (root / name).is_file()})


def git_files(root: Path, *options: str) -> list[str]:
    """List files by `git ls-files`; return an empty list without git or a repository."""
    command = ["git", "-C", str(root), "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return []
    return [name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]


def left_out(root: Path) -> list[str]:
    """List files of the clone that would be in a copy, if git tracked them."""
    names = git_files(root, "--others", "--exclude-standard")
    return [name for name in names if name.endswith(".py") and is_for_students(name, set())]


def after(name: str, room: str) -> str:
    """Return a path relative to a top folder, or an empty string if it is not inside."""
    return name.removeprefix(f"{room}/") if name.startswith(f"{room}/") else ""


def is_for_students(name: str, released: set[int]) -> bool:
    """Tell whether a student's copy has a file; tests are reduced further by what is imported."""
    room, _, rest = name.partition("/")
    chapter = CHAPTER.match(rest)
    is_released = chapter is not None and int(chapter[1]) in released
    if not rest:
        return name in TOP or name.startswith("LICENSE")
    if room == "solutions":
        return is_released or (bool(released) and "/" not in rest)
    if room == "chapters":  # the chapters' own files are generated
        return chapter is None and not rest.endswith((".lock", ".toml")) or "course/" in rest
    if room == "tests":
        return is_released or "/mistakes/" not in name
    if room == "docs":
        return not NOT_IN_THE_BOOK.match(name)
    if room == "toy_models":
        return not RECIPE.match(name)
    return room in ("requirements", ".devcontainer")


def is_recipe(root: Path, name: str) -> bool:
    """Tell whether a file of toy_models imports the reference, which only recipes do."""
    if not (name.startswith("toy_models/") and name.endswith(".py")):
        return False
    return "solutions" in imported(parse((root / name).read_text("utf-8"), name), name)


def needed_tests(root: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield graders, their conftests, and every file of tests/ that these import.

    Tests of the project, which grade no exercise, are left out; data files next to graders are not.
    """
    there = {name for name in names if name.startswith("tests/")}
    texts = {name: (root / name).read_text("utf-8") for name in there if name.endswith(".py")}
    wanted = [
        name
        for name in there
        if "/mistakes/" in name
        or re.fullmatch(r"tests/(ch\d\d_\w+/)?(conftest|__init__)\.py", name)
        or (re.match(r"tests/ch\d\d_\w+/", name) and name not in texts)
        or (re.match(r"tests/ch\d\d_\w+/test_", name) and 'exercise("' in texts.get(name, ""))
    ]
    wanted += [name for name in PLUGINS if name in there]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen or name not in there:
            continue
        seen.add(name)
        yield name
        if name in texts:
            for module in imported(parse(texts[name], name), name):
                path = module.replace(".", "/")
                wanted += [f"{path}.py", f"{path}/__init__.py"]


def imported(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield every module that a file imports, and each package around it, with absolute names."""
    package = name.split("/")[:-1]
    for node in ast.walk(tree):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        for module in found:
            parts = module.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def rewriters(pages: set[str], dropped: set[str]) -> list[tuple[str, Callable[[str], str]]]:
    """Pair patterns of file names with the function that rewrites such a file."""
    return [
        (r"docs/[^/]+\.md", lambda text: in_the_workbook(without_links(text, dropped))),
        (r"mkdocs\.yml", lambda text: without_entries(text, pages)),
        (r"toy_models/\w+/card\.md", lambda text: DETAILS.sub(WITHHELD, text)),
    ]


def in_the_workbook(text: str) -> str:
    """Replace imports from `solutions` in a page's examples by imports from `chapters`."""
    return re.sub(r"(?m)^((?:>>> )?(?:from|import) )solutions\.", r"\1chapters.", text)


def without_links(text: str, dropped: set[str]) -> str:
    """Replace links to pages that are not in the copy by their words."""

    def words(link: re.Match[str]) -> str:
        return link[1] if PurePosixPath(link[2]).name in dropped else link[0]

    return LINK.sub(words, text)


def without_entries(text: str, pages: set[str]) -> str:
    """Remove from mkdocs.yml the entries of missing pages, and headings without an entry."""
    lines = [
        line
        for line in text.splitlines()
        if not (match := re.search(r"^\s+- .*?([\w./-]+\.md)\s*$", line)) or match[1] in pages
    ]
    kept: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_heading = re.match(r"\s+- .*:\s*$", line) is not None
        if not is_heading or indent(following) > indent(line):
            kept.append(line)
    return "\n".join(kept) + "\n"


def indent(line: str) -> int:
    """Count the spaces at the start of a line."""
    return len(line) - len(line.lstrip())


def released_sentence(released: set[int]) -> str:
    """Say which chapters have their reference answers."""
    if not released:
        return "Solutions are not part of this copy."
    chapters = ", ".join(map(str, sorted(released)))
    return f"The solutions of these chapters are in `solutions/` and in the book: {chapters}."


def leaks(tree: Mapping[str, Content], withheld: Mapping[str, list[str]]) -> list[str]:
    """List the answers that a copy holds word for word, apart from white space and comments.

    withheld: an answer's name -> its lines, normalized by `normalized`.
    """
    texts: dict[str, list[str]] = {}
    for name, content in tree.items():
        data = content if isinstance(content, bytes) else content.read_bytes()
        if b"\0" not in data[:4096]:
            texts[name] = normalized(data.decode("utf-8", "replace"))
    known = {line for lines in texts.values() for line in lines}
    return [
        f"{name}: the answer of {answer}"
        for answer, lines in withheld.items()
        if known.issuperset(lines)
        for name, text in texts.items()
        if lines[0] in text and "\n".join(["", *lines, ""]) in "\n".join(["", *text, ""])
    ]


def normalized(text: str) -> list[str]:
    """Split a text into its lines without indents, comments, repeated spaces and blank lines."""
    lines = (re.sub(r"(^|\s)#\s.*$", "", line) for line in text.splitlines())
    return [" ".join(line.split()) for line in lines if line.strip()]
