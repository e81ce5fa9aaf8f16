"""Fixtures: an empty cache for tests that fetch, and the real model for those that need it."""

from pathlib import Path

import pytest
import torch

from toy_models import fetch
from toy_models.cache import cache_folder

from .tiny_gguf import hugging_face_weights, write_gguf


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Restrict torch to one thread, which is faster on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MI_CACHE", str(folder))
    monkeypatch.delenv("MI_SMOLLM2", raising=False)
    return folder


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "tiny.gguf", hugging_face_weights())


@pytest.fixture(scope="session")
def real_model() -> Path:
    folder = cache_folder() / fetch.SMOLLM2.folder
    if not fetch.is_converted(folder):
        pytest.skip("the real model is not in the cache: run `python -m toy_models fetch`")
    return folder
