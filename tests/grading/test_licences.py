"""Every shipped asset and weight, and everything fetched, has a row in NOTICE.md."""

import re
from pathlib import Path

import pytest

from toy_models import fetch, text_sources

ROOT = Path(__file__).resolve().parents[2]
NOTICE = (ROOT / "NOTICE.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in NOTICE.splitlines()
    if line.startswith("| docs/") or line.startswith("| toy_models")
]


def row_of(path: str) -> list[str] | None:
    """Return the first row whose path contains a file."""
    return next((row for row in ROWS if path.startswith(f"{row[0]}/")), None)


def shipped() -> list[str]:
    patterns = ("docs/assets/**/*", "toy_models/**/*.safetensors", "toy_models/excerpt/**/*")
    files = [path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()]
    return [path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts]


def test_every_asset_and_weight_has_a_licence():
    missing = [path for path in shipped() if row_of(path) is None]
    assert len(shipped()) > 40 and not missing, f"add a row to NOTICE.md for {missing}"


def test_every_font_names_a_font_licence():
    fonts = [path for path in shipped() if re.search(r"\.(woff2?|ttf|otf)$", path)]
    assert fonts
    wrong = [
        path for path in fonts if "SIL Open Font License 1.1" not in (row_of(path) or [""] * 4)[2]
    ]
    assert not wrong, f"no font licence in NOTICE.md for {wrong}"


def test_the_texts_of_the_licences_lie_where_the_rows_say():
    assert ROWS
    for path, _, licence, text in ROWS:
        assert (ROOT / path).is_dir(), f"{path} is gone; remove its row"
        words = (ROOT / text).read_text("utf-8")
        first = licence.split()[0].split(",")[0]
        assert {"SIL": "SIL", "MIT": "MIT", "public": "public domain"}[first] in words, (path, text)


@pytest.mark.parametrize(
    "name",
    ["SmolLM2-135M-Instruct", fetch.SMOLLM2.package.name, text_sources.VERSE.name,
     text_sources.PROSE.name, fetch.SMOLLM2.hub[0]],
)  # fmt: skip
def test_everything_fetched_has_a_licence(name):
    rows = [line for line in NOTICE.splitlines() if name in line and line.startswith("|")]
    assert any(re.search("Apache-2.0|MIT|public domain", line) for line in rows)


def test_the_licence_points_to_the_notice():
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert "NOTICE.md" in licence and "weights" in licence


@pytest.mark.weights
def test_the_real_model_states_its_licence():
    from toy_models.cache import cache_folder
    from toy_models.gguf_file import read_gguf

    file = cache_folder() / fetch.SMOLLM2.file
    if not file.is_file():
        pytest.skip("the original file is not in the cache: run `python -m toy_models fetch`")
    assert read_gguf(file).fields["general.license"] == "apache-2.0"
