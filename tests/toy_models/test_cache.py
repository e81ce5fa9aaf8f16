"""Files are written whole or not at all."""

import hashlib
import os
from pathlib import Path

import pytest

from toy_models.cache import cache_folder, check_sha256, sha256_of, write_then_rename


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MI_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("MI_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"
    monkeypatch.delenv("MI_CACHE")
    assert cache_folder() == Path.home() / ".cache/mechinterp-from-scratch"


def test_the_checksum_is_sha256(tmp_path):
    content = os.urandom(3_000_001)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_wrong_checksum_names_file_sums_and_advice(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    with pytest.raises(ValueError) as caught:
        check_sha256(tmp_path / "file", "f" * 64, "fetch it again")
    for words in (str(tmp_path / "file"), "f" * 64, "ba7816bf", "3 bytes", "fetch it again"):
        assert words in str(caught.value)


def test_the_new_folder_replaces_the_old_one(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/old").touch()
    with write_then_rename(tmp_path / "folder") as scratch:
        scratch.mkdir()
        (scratch / "new").touch()
        assert (tmp_path / "folder/old").exists(), "the old one stays until the new one is whole"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path, interruption):
    (tmp_path / "file").write_text("old")
    with pytest.raises(interruption), write_then_rename(tmp_path / "file") as scratch:
        scratch.write_text("half")
        raise interruption
    assert (tmp_path / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_files_of_a_killed_run_are_deleted(tmp_path):
    killed, running = tmp_path / ".file.part-killed", tmp_path / ".file.part-running"
    killed.mkdir()
    running.mkdir()
    os.utime(killed, (0, 0))
    with write_then_rename(tmp_path / "file") as scratch:
        scratch.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"file", ".file.part-running"}
