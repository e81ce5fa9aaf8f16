"""The rules of the repository that a machine can read: directions of imports, sizes, docstrings.

Imports: solutions <- recipes of toy_models, tests, docs; a chapter imports earlier ones only.
Sizes count code alone, without docstrings, comments, imports, blank lines and tables of data: 300
lines per file, 45 per function, 7 parameters, 12 fields. ALLOWED holds exceptions with a reason.
"""

import ast
import functools
import re
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path

from chapters.course.answers import Function, functions_of

ROOT = Path(__file__).resolve().parents[2]
FILE, FUNCTION, PARAMETERS, FIELDS, TABLE = 300, 45, 7, 12, 5
ROOMS = ("solutions", "chapters", "toy_models", "tests", "docs")
#: "path: function" or "path" -> why it may break its budget.
ALLOWED: dict[str, str] = {}

Tree = tuple[str, ast.Module]


@functools.cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text("utf-8"))


@functools.cache
def sources(*patterns: str) -> list[Tree]:
    """(path, syntax tree) of the hand-written files; chapters/ch* mirrors solutions/."""
    paths = {path for pattern in patterns for path in ROOT.glob(pattern)}
    names = sorted(path.relative_to(ROOT).as_posix() for path in paths)
    ours = [name for name in names if not re.match(r"chapters/(ch\d|backups)", name)]
    return [(name, parsed(name)) for name in ours]


def everything() -> list[Tree]:
    return sources(*(f"{room}/**/*.py" for room in ROOMS))


def library() -> list[Tree]:
    """What a reader reads and others call."""
    return sources("solutions/**/*.py", "chapters/**/*.py", "toy_models/**/*.py", "docs/_*/**/*.py")


def code_lines(name: str) -> set[int]:
    """The lines of a file that hold code."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    code = {n for n, line in enumerate(lines, 1) if line.strip() and line.strip()[0] != "#"}
    for node in ast.walk(parsed(name)):
        if is_no_code(node, "/mistakes/" in name):
            code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return code


def is_no_code(node: ast.AST, of_records: bool) -> bool:
    """Whether a statement is a docstring, an import or a table of data."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str)
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if value is None or (value.end_lineno or 0) - value.lineno < TABLE:
        return False
    if of_records and isinstance(value, ast.Call):
        return True
    literal = isinstance(value, ast.Dict | ast.List | ast.Tuple | ast.Set)
    calls = any(isinstance(part, ast.Call | ast.Lambda) for part in ast.walk(value))
    return isinstance(value, ast.Constant) or literal and (of_records or not calls)


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(level, module) of every import of a file; level counts the dots of a relative one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.level, node.module
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, alias.name) for alias in node.names)


def broken(rule: str, offences: list[str]) -> str:
    return f"{rule}:\n" + "\n".join(offences)


def forbidden(files: list[Tree], modules: set[str]) -> list[str]:
    """The absolute imports of these modules in these files."""
    return [
        f"{name} imports {module}"
        for name, tree in files
        for level, module in imports(tree)
        if level == 0 and module.split(".")[0] in modules
    ]


def test_solutions_import_nothing_else():
    files = sources("solutions/ch*/**/*.py", "solutions/__init__.py")
    files = [file for file in files if not file[0].endswith("/lab.py")]  # scripts of learners
    offences = forbidden(files, {*ROOMS, "matplotlib", "rich", "pytest"})
    assert not offences, broken("solutions/ works alone", offences)


def test_a_chapter_imports_only_earlier_chapters():
    offences = []
    for name, tree in sources("solutions/ch*/**/*.py"):
        own, depth = name.split("/")[1], name.count("/") - 1
        for level, module in imports(tree):
            if level > depth and not ("ch" < module.split(".")[0] < own):
                offences.append(f"{name} imports {'.' * level}{module}")
    assert not offences, broken("a chapter rests on earlier ones", offences)


def test_toy_models_import_solutions_in_recipes_only():
    models = sources("toy_models/**/*.py")
    shared = ("toy_models/recipes/", "toy_models/hand_set/")
    recipes = [f for f in models if f[0].endswith("/train.py") or f[0].startswith(shared)]
    offences = forbidden([file for file in models if file not in recipes], {"solutions"})
    offences += forbidden(models, {"chapters", "tests", "docs", "matplotlib"})
    assert not offences, broken("toy_models.load needs no other package of ours", offences)


def test_the_tools_import_no_other_room():
    tools = sources("chapters/**/*.py")
    offences = forbidden(tools, {"solutions", "tests", "docs"})
    # mi doctor asks toy_models where the real model is and whether it is complete.
    others = [file for file in tools if file[0] != "chapters/course/doctor.py"]
    offences += forbidden(others, {"toy_models"})
    assert not offences, broken("the tools run graders through pytest", offences)


def test_the_tools_import_only_what_the_table_lists_below_them():
    """So `mi check` is read from top to bottom: no file calls back into one above it."""
    table = (ROOT / "docs/internals.md").read_text("utf-8").split("| file | what it does |")[1]
    order = re.findall(r"(?m)^\| `([\w/]+)\.py` \|", table)
    found = sources("chapters/course/**/*.py")
    tools = {name[len("chapters/course/") : -len(".py")]: tree for name, tree in found}
    assert sorted(order) == sorted(name for name in tools if not name.endswith("__init__"))
    offences = [
        f"{name}.py imports {module}"
        for name in order
        for level, module in imports(tools[name])
        if 0 < level <= len(parts := name.split("/"))
        and "/".join([*parts[:-level], *module.split(".")]) not in below(order, name)
    ]
    assert not offences, broken("a file imports only files further down", offences)


def below(order: list[str], name: str) -> set[str]:
    """The files that a file may import, and the folders that they are in."""
    files = order[order.index(name) + 1 :]
    return {*files, *(file.rpartition("/")[0] for file in files)}


def test_graders_import_neither_tree():
    files = [f for f in sources("tests/ch*/**/*.py") if "/test_figures" not in f[0]]
    offences = forbidden(files, {"solutions", "chapters", "docs"})
    assert not offences, broken("--impl chooses what is graded", offences)


def test_graders_expect_errors_that_no_stub_raises():
    offences = [
        f"{name}, line {node.lineno}: {ast.unparse(node)}"
        for name, tree in sources("tests/ch*/**/*.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pytest.raises"
        and re.search(
            r"\b(RuntimeError|Exception|BaseException|NotImplementedError)\b", ast.unparse(node)
        )
    ]
    assert not offences, broken("NotImplementedError is a RuntimeError", offences)


def test_no_file_name_is_empty_of_meaning():
    names = {"utils.py", "helpers.py", "common.py", "misc.py", "util.py", "helper.py"}
    offences = [name for name, _ in everything() if name.split("/")[-1] in names]
    assert not offences, broken("a file is named after its contents", offences)


def test_files_stay_within_their_budget():
    offences = [
        f"{name} has {lines} lines of code, may have {FILE}"
        for name, _ in everything()
        if (lines := len(code_lines(name))) > FILE and name not in ALLOWED
    ]
    assert not offences, broken("one file, one idea", offences)


def test_functions_stay_within_their_budget():
    offences = []
    for name, tree in everything():
        code = set() if "/mistakes/" in name else code_lines(name)
        for qualname, node in functions_of(tree).items():
            if f"{name}: {qualname}" not in ALLOWED:
                offences += [f"{name}: {qualname} has {excess}" for excess in excesses(node, code)]
    assert not offences, broken("a function fits on a screen", offences)


def excesses(node: Function, code: set[int]) -> Iterator[str]:
    """What a function has too much of."""
    lines = len(code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
    if lines > FUNCTION:
        yield f"{lines} lines of code, may have {FUNCTION}"
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    own = len(names) - (names[:1] in (["self"], ["cls"])) + len(node.args.kwonlyargs)
    if own > PARAMETERS and not node.name.startswith("test_"):
        yield f"{own} parameters, may have {PARAMETERS}"


def test_nothing_is_packed_to_save_lines_or_parameters():
    """`*(a, b)` and `**{"x": 1}` hide what is passed."""
    offences = []
    for name, tree in everything():
        for node in ast.walk(tree):
            packed = [node.value] if isinstance(node, ast.Starred) else []
            if isinstance(node, ast.Call):
                packed = [word.value for word in node.keywords if word.arg is None]
            offences += [f"{name}, line {part.lineno}" for part in packed if is_literal(part)]
    assert not offences, broken("arguments are written out", offences)


def is_literal(node: ast.expr) -> bool:
    """Whether the parts could be written out; keys that are not names cannot."""
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        return all(isinstance(k, str) and k.isidentifier() and not iskeyword(k) for k in keys)
    return isinstance(node, ast.Tuple | ast.List | ast.Set)


def records(tree: ast.Module) -> Iterator[tuple[ast.ClassDef, list[ast.AnnAssign]]]:
    """The dataclasses and NamedTuples of a file, with their fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            made = " ".join(map(ast.unparse, [*node.decorator_list, *node.bases]))
            if "dataclass" in made or "NamedTuple" in made:
                yield node, [part for part in node.body if isinstance(part, ast.AnnAssign)]


def test_configs_stay_within_their_budget():
    offences = [
        f"{name}: {node.name} has {len(fields)} fields, may have {FIELDS}"
        for name, tree in everything()
        for node, fields in records(tree)
        if len(fields) > FIELDS and f"{name}: {node.name}" not in ALLOWED
    ]
    assert not offences, broken("a config that grows is two configs", offences)


def test_every_exception_is_still_needed():
    names = {name for name, _ in everything()}
    offences = [key for key in ALLOWED if key.split(": ")[0] not in names or not ALLOWED[key]]
    assert not offences, broken("an exception names a file that exists, and a reason", offences)


def test_everything_public_has_a_docstring():
    offences = []
    for name, tree in library():
        documented = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        functions = [node for path, node in functions_of(tree).items() if "<locals>" not in path]
        for node in [*documented, *functions]:
            if not node.name.startswith(("_", "visit_")) and not ast.get_docstring(node):
                offences.append(f"{name}, line {node.lineno}: {node.name}")
        is_script = name.endswith("/lab.py") and name != "chapters/lab.py"
        if not is_script and not ast.get_docstring(tree):
            offences.append(f"{name} as a whole")
    assert not offences, broken("a docstring says what a thing is", offences)


def test_every_field_of_a_record_has_a_docstring():
    offences = []
    for name, tree in library():
        for node, fields in records(tree):
            for field in fields:
                after = node.body[node.body.index(field) + 1 :][:1]
                said = after and isinstance(after[0], ast.Expr)
                if not said and not node.name.startswith("_"):
                    offences.append(f"{name}, line {field.lineno}: {ast.unparse(field.target)}")
    assert not offences, broken("a field has a docstring under it", offences)
