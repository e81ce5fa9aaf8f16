"""Files are written whole or not at all."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toy_models.cache import (
    cache_folder,
    check_sha256,
    read_json,
    sha256_of,
    sweep,
    write_then_rename,
)


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


def ended_process():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(os.name != "posix", reason="whether a process runs is known on POSIX only")
def test_what_killed_processes_left_is_swept(tmp_path):
    with write_then_rename(tmp_path / "file") as scratch:
        own = scratch.parent.name
        gone = own.replace(f"-{os.getpid()}-", f"-{ended_process()}-")
        machine = own.split("-")[1]
        elsewhere = gone.replace(machine, "0" * 8)
        left = [gone.replace(".file.", ".another."), elsewhere, ".file.part-older"]
        for name in left:
            (tmp_path / name).mkdir()
            (tmp_path / name / "half").write_text("half")
        (tmp_path / f".model.safetensors.{ended_process()}.part").write_text("half")
        (tmp_path / f".model.safetensors.{os.getpid()}.part").write_text("being written")
        os.utime(tmp_path / ".file.part-older", (0, 0))
        (tmp_path / ".gitignore.party").write_text("of the user")
        sweep(tmp_path)
        kept = {path.name for path in tmp_path.iterdir()}
        scratch.write_text("whole")
    running = {own, f".model.safetensors.{os.getpid()}.part", ".gitignore.party"}
    assert kept == running | {elsewhere}, "another machine's files may still be written"


@pytest.mark.parametrize("content", ["", "null", "[]", "7", "{", '"a"', "[" * 100_000, "\udcff"])
def test_json_without_an_object_is_refused_with_its_file(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"record\.json"):
        read_json(tmp_path / "record.json")
