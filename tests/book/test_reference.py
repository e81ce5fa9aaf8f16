"""Reference pages against the code: every hook, weight and shape; every file of a paper."""

import re
from dataclasses import replace

import pytest
import torch

from chapters.course.exercise_pages import read_exercises
from solutions.ch02_transformer import GPT2, LLAMA, HookedTransformer, TransformerConfig
from tests.book.program import ROOT

SIZES = {
    "batch": 2,
    "pos": 5,
    "query": 5,
    "key": 5,
    "d_model": 24,
    "head": 6,
    "kv_head": 3,
    "d_head": 8,
    "d_mlp": 17,
    "d_vocab": 31,
    "n_ctx": 11,
    "1": 1,
}
CONFIG = TransformerConfig(
    n_layers=1, d_model=24, n_heads=6, n_kv_heads=3, d_head=8, d_mlp=17, d_vocab=31, n_ctx=11
)
MODELS = {"gpt2": replace(GPT2, unembed=LLAMA.unembed), "llama": LLAMA}


def tables():
    """Name -> axes, for every row of the page that gives a shape."""
    text = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8")
    found = {}
    for names, shapes in re.findall(r"^\| (`[^|]+) \| (`\[[^|]+) \|", text, re.MULTILINE):
        keys = re.findall(r"`([^`]+)`", names)
        axes = [a.split(", ") for a in re.findall(r"`\[([^`]+)\]`", shapes)]
        stem = keys[0].rpartition(".")[0]
        for key, shape in zip(keys, axes * len(keys), strict=False):
            found[key if key == keys[0] or not stem else f"{stem}.{key}"] = shape
    return found


def shapes_of(parts):
    model = HookedTransformer(CONFIG, parts)
    tokens = torch.randint(0, 31, (2, 5), generator=torch.Generator().manual_seed(0))
    _, cache = model.run_with_cache(tokens, names=lambda name: True)
    return {**dict(model.named_parameters()), **cache}


@pytest.mark.parametrize("family", MODELS)
def test_the_page_names_every_hook_and_weight_with_its_shape(family):
    page, real = tables(), shapes_of(MODELS[family])
    assert len(page) > 35, "the tables were not found"
    assert sorted(set(real) - set(page)) == [], "a name is missing on the page"
    for name, tensor in real.items():
        expected = [SIZES[axis] for axis in page[name]]
        assert list(tensor.shape) == expected, f"{name}: {page[name]} on the page"


def test_the_page_names_nothing_that_is_not_there():
    real = {name for parts in MODELS.values() for name in shapes_of(parts)}
    assert sorted(set(tables()) - real) == []


def test_every_file_that_the_papers_page_names_is_there():
    text = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    sections = text.split("\n## Finished: ")[1:]
    assert len(sections) == len(list((ROOT / "solutions").glob("ch*/")))
    for section in sections:
        room = ROOT / re.search(r"`(solutions/\w+)/`", section)[1]
        places = [room, ROOT, ROOT / "docs/_figures", ROOT / "tests" / room.name]
        files = re.findall(r"`([\w/]+\.py)`", section)
        missing = [f for f in files if not any((place / f).is_file() for place in places)]
        assert len(files) > 4 and missing == []


def test_every_test_that_the_papers_page_names_is_there():
    text = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    names = re.findall(r"`(test_\w+)`", text)
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("ch*/test_*.py"))
    assert len(names) > 10 and [name for name in names if f"def {name}(" not in tests] == []


def test_readme_and_syllabus_count_the_exercises_as_they_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    syllabus = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    chapters: dict[str, list] = {}
    for exercise in read_exercises().values():
        chapters.setdefault(exercise.number.split(".")[0], []).append(exercise)
    for chapter, exercises in chapters.items():
        core = [exercise for exercise in exercises if exercise.core]
        row = re.search(rf"^\| \*\*{chapter}\*\* \|.*?(\d+) exercises, (\d+) of", readme, re.M)
        assert row and [int(n) for n in row.groups()] == [len(exercises), len(core)], chapter
        row = re.search(rf"^\| {chapter} " + r"\| ([\d.]+) " * 5, syllabus, re.M)
        hours = [round(sum(e.minutes for e in of) / 60, 1) for of in (exercises, core)]
        counts = [len(exercises), len(core), sum(e.points for e in exercises), *hours]
        assert row and [float(n) for n in row.groups()] == counts, f"{chapter}: expected {counts}"
