"""One rule for the folder of downloaded files, in the two rooms that may not import each other."""

from pathlib import Path

import pytest

from solutions.ch02_transformer.pretrained import model_folders
from toy_models import cache

ROOT = Path(__file__).resolve().parents[2]
HOME = Path.home()
READERS = {
    "solutions/ch02_transformer/pretrained/model_folders.py",
    "toy_models/cache.py",
    "chapters/course/grade/workers.py",  # mounts the folder, before either of the two is imported
}


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        (None, HOME / ".cache/mechinterp-from-scratch"),
        ("", HOME / ".cache/mechinterp-from-scratch"),
        ("~/models", HOME / "models"),
        ("models", Path("models")),
    ],
)
def test_solutions_and_toy_models_use_one_cache_folder(monkeypatch, variable, folder):
    if variable is None:
        monkeypatch.delenv("MI_CACHE", raising=False)
    else:
        monkeypatch.setenv("MI_CACHE", variable)
    assert model_folders.cache_folder() == cache.cache_folder() == folder


@pytest.mark.parametrize("read", [model_folders.cache_folder, cache.cache_folder])
def test_the_home_of_an_unknown_user_is_refused(monkeypatch, read):
    monkeypatch.setenv("MI_CACHE", "~nobody-by-this-name/x")
    with pytest.raises(ValueError, match="MI_CACHE.*~nobody-by-this-name/x.*full path"):
        read()


def test_nothing_else_reads_the_variable():
    files = [
        path
        for room in ("chapters/course", "docs", "solutions", "tests", "toy_models")
        for path in (ROOT / room).rglob("*.py")
    ]
    reading = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if 'environ.get("MI_CACHE")' in path.read_text("utf-8")
    }
    assert reading - {"tests/grading/test_cache_folder.py"} == READERS
