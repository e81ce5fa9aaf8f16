"""The lists of requirements/: complete, with a hash for each file, and a changed hash stops pip."""

import base64
import hashlib
import importlib.metadata
import os
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chapters.course import environment
from chapters.course.terminal import CourseError

from . import lock

LISTS = ("torch", "course", "crosscheck", "torch-cpu", "pip")
PROJECT = tomllib.loads((lock.ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
PINS = {name: lock.read(name) for name in LISTS}


def pins(*lists: str) -> dict[str, list[Requirement]]:
    """Package -> its pins in some lists."""
    return {
        package: [Requirement(line.split(" \\")[0]) for line in lines]
        for name in lists
        for package, lines in PINS[name].items()
    }


@pytest.mark.parametrize("name", LISTS)
def test_every_pin_has_hashes(name):
    for lines in PINS[name].values():
        for line in lines:
            head, *hashes = line.rstrip().split(" \\\n")
            assert str(Requirement(head).specifier).startswith("==") and hashes, line
            assert all(len(h.removeprefix("    --hash=sha256:")) == 64 for h in hashes), line


@pytest.mark.parametrize(
    ("asked", "lists"),
    [
        (PROJECT["project"]["dependencies"], ("torch", "course")),
        (PROJECT["build-system"]["requires"], ("course",)),
        ([*EXTRAS["dev"], *EXTRAS["docs"]], ("course",)),
        ([*EXTRAS["crosscheck"], *EXTRAS["serve"]], ("course", "crosscheck")),
    ],
)
def test_what_the_project_asks_for_is_listed(asked, lists):
    listed = pins(*lists)
    for requirement in map(Requirement, asked):
        for pin in listed[canonicalize_name(requirement.name)]:
            (version,) = (part.version for part in pin.specifier)
            assert version in requirement.specifier, f"{requirement}, listed {pin}"


def test_no_package_is_listed_twice():
    names = [name for part in ("torch", "course", "crosscheck") for name in PINS[part]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("lists", [("torch", "course"), ("torch", "course", "crosscheck")])
def test_what_a_package_depends_on_is_listed(lists):
    """Nothing is looked up while the lists are installed."""
    listed = pins(*lists)
    for name in listed:
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # not on this system
            continue
        for requirement in map(Requirement, needed):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in listed, f"{name}: {requirement}"


def test_both_builds_of_torch_are_of_one_version():
    (full,), (cpu,) = pins("torch")["torch"], pins("torch-cpu")["torch"]
    assert f"{full.specifier}+cpu" == str(cpu.specifier)


def make_wheel(folder: Path, name: str) -> str:
    """Write a wheel of one empty module, and return its hash."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={digest(content)},{len(content)}" for path, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_a_changed_hash_stops_the_set_up(tmp_path, monkeypatch, capfd, client):
    """Two packages, in a folder that the user has configured; the last digit of one hash is off."""
    uv = environment.find_uv() if client == "uv" else None
    if client == "uv" and uv is None:
        pytest.skip("uv is not installed")
    hashes = {name: make_wheel(tmp_path, name) for name in ("first_part", "second_part")}
    lists = tmp_path / "requirements"
    lists.mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]")
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("PIP_NO_INDEX", "UV_NO_INDEX", "UV_NO_CACHE", "PIP_NO_CACHE_DIR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(environment, "find_uv", lambda: uv)
    monkeypatch.setattr(environment, "cpu_build_is_enough", lambda: False)
    monkeypatch.setattr(environment, "editable_installation", lambda venv, uv: ["git", "--version"])
    venv = tmp_path / ".venv"

    def write(changed: str) -> None:
        for name in ("torch", "pip"):
            (lists / f"{name}.txt").write_text("# Nothing here.\n")
        right = {**hashes, "second_part": changed}
        lines = [f"{name}==1.0 --hash=sha256:{value}\n" for name, value in right.items()]
        (lists / "course.txt").write_text("".join(lines))

    last = hashes["second_part"][-1]
    write(hashes["second_part"][:-1] + ("0" if last != "0" else "1"))
    with pytest.raises(CourseError, match="the packages"):
        environment.prepare(["dev"], venv)
    said = "".join(capfd.readouterr()).lower()
    assert "hash" in said and not environment.finished(venv)
    assert not list(venv.rglob("first_part.py")), "nothing is installed, the right package neither"
    write(hashes["second_part"])
    assert environment.prepare(["dev"], venv) and list(venv.rglob("second_part.py"))
