"""Create the environment `.venv` with uv, or with venv and pip, and run commands inside it.

A folder made here has the file set-up.json, which says "unfinished" until everything is installed.
A second run then has nothing to do, an interrupted one starts again, and a `.venv` without that
file belongs to the user: packages are installed into it and it is never deleted.

requirements/ lists the exact version of every package, and the SHA-256 of each of its wheels.
uv or pip compares them before anything is installed, and builds no package from its source. The
course itself is installed last, with the setuptools of that list, so nothing else is downloaded.

PyTorch from the Python index brings gigabytes of CUDA libraries on Linux. Without an NVIDIA driver
its CPU build is installed: from PyTorch's index of CPU builds, or from the index that the user has
configured.
"""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .files import ROOT, replace_file
from .terminal import CourseError, end, run_visibly, say

VENV = ROOT / ".venv"
STAMP = "set-up.json"
COURSE = ("dev", "docs")
PROJECT = ("crosscheck", "dev", "docs")
REQUIREMENTS = "requirements"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INDEX_VARIABLES = ("INDEX", "FIND_LINKS", "TORCH_BACKEND")

Run = Callable[..., None]
Stamp = dict[str, Any]


def python_of(venv: Path) -> Path:
    """Return the path of an environment's interpreter on this system."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def inside(venv: Path = VENV) -> bool:
    """Tell whether this process runs in the environment."""
    return Path(sys.prefix).resolve() == venv.resolve()


def finished(venv: Path = VENV) -> bool:
    """Tell whether a set-up was completed here."""
    return read_stamp(venv).get("state") == "finished" and python_of(venv).exists()


def up_to_date(extras: Sequence[str], venv: Path = VENV) -> bool:
    """Tell whether the extras are installed, as pyproject.toml and requirements/ are now."""
    return read_stamp(venv) == goal(extras, venv) and python_of(venv).exists()


def enter(arguments: Sequence[str]) -> int | None:
    """Run `mi` with these arguments in the environment; return None if this process may go on.

    Raises: CourseError when there is no environment and this interpreter lacks a package.
    """
    if inside():
        return None
    if not finished():
        if all(find_spec(name) for name in ("torch", "pytest", "jaxtyping")):
            return None
        raise CourseError("The environment is missing; create it with `python -m chapters course`.")
    command = [str(python_of(VENV)), "-m", "chapters", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the process inside got the same Ctrl-C and is ending
            continue
        except SystemExit:
            end(process, told=False)
            raise


def run_installer(title: str, command: Sequence[str], env: dict[str, str] | None = None) -> None:
    """Run uv, venv or pip, which show their own progress.

    Raises: CourseError when the command fails.
    """
    say(f"   {title}")
    run_visibly(command, f"{title}: `{command[0]}` failed", env={**os.environ, **(env or {})})


def prepare(extras: Sequence[str], venv: Path = VENV, run: Run = run_installer) -> bool:
    """Bring the environment up to date; return False when it already was.

    Raises: CourseError when a command fails; the next run then starts again.
    """
    if sys.platform == "darwin" and os.uname().machine == "x86_64":
        raise CourseError(
            "PyTorch no longer publishes builds for Intel Macs; use a Linux container or another "
            "machine."
        )
    if up_to_date(extras, venv):
        return False
    stamp, uv = goal(extras, venv), find_uv()
    if not usable(venv):
        delete(venv)
        write_stamp(venv, {"state": "unfinished"})
        run("the environment .venv", creation(venv, uv))
    write_stamp(venv, {**stamp, "state": "unfinished"})
    install(venv, uv, stamp["extras"], run)
    write_stamp(venv, stamp)
    return True


def goal(extras: Sequence[str], venv: Path) -> Stamp:
    """Return the stamp of a finished environment; extras installed earlier stay."""
    lists = sorted((venv.parent / REQUIREMENTS).glob("*.txt"))
    texts = [path.read_text("utf-8") for path in [venv.parent / "pyproject.toml", *lists]]
    return {
        "state": "finished",
        **made_for(venv),
        "files": hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16],
        "extras": sorted({*extras, *read_stamp(venv).get("extras", [])}),
    }


def made_for(venv: Path) -> dict[str, str]:
    """Return what an environment cannot change after its creation: its Python and its folder."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, "folder": str(venv.resolve())}


def usable(venv: Path) -> bool:
    """Tell whether packages can be installed into an environment, or it must be created again.

    An environment without a stamp belongs to the user and is used as it is.
    """
    if inside(venv):
        return True
    stamp = read_stamp(venv)
    ours = {"state": "finished", **made_for(venv)}.items() <= stamp.items()
    return python_of(venv).exists() and (ours or not stamp)


def delete(venv: Path) -> None:
    """Delete an environment, under another name, so that an interruption leaves no part of it."""
    broken = venv.with_name(venv.name + ".broken")
    shutil.rmtree(broken, ignore_errors=True)
    if venv.exists():
        say(f"   {venv.name} is unfinished, or was made for another place; creating it again")
        try:
            venv.rename(broken)
        except OSError as error:
            raise CourseError(f"{venv} is in use; leave it (deactivate) and try again ({error})")
        shutil.rmtree(broken, ignore_errors=True)


def read_stamp(venv: Path) -> Stamp:
    """Read what the last set-up wrote; empty when there was none."""
    try:
        stamp: Stamp = json.loads((venv / STAMP).read_text("utf-8"))
        return stamp
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return {"state": "unfinished"}


def write_stamp(venv: Path, stamp: Stamp) -> None:
    """Write the stamp, and the environment's folder if it is not there."""
    replace_file(venv / STAMP, json.dumps(stamp, indent=1) + "\n")


def find_uv() -> str | None:
    """Find uv, if it runs; the shim of a version manager may exist and not run."""
    uv = shutil.which("uv")
    if uv is None or subprocess.run([uv, "--version"], capture_output=True).returncode != 0:
        return None
    return uv


def creation(venv: Path, uv: str | None) -> list[str]:
    """Return the command that creates an empty environment; that of uv has no pip."""
    if uv is None:
        return [sys.executable, "-m", "venv", str(venv)]
    return [uv, "venv", "--python", sys.executable, "--allow-existing", str(venv)]


def install(venv: Path, uv: str | None, extras: Sequence[str], run: Run) -> None:
    """Install every package with its hash checked, then the course itself."""
    env = {} if uv is None else uv_environment()
    lists = ["course", *["crosscheck"] * ("crosscheck" in extras), *["pip"] * (uv is not None)]
    try:
        if not cpu_build_is_enough():
            lists.append("torch")
        else:
            run("PyTorch for the CPU", installation(venv, uv, ["torch-cpu"], torch_index()), env)
    except CourseError:
        say("   the CPU build could not be installed; the larger build is installed with the rest")
        lists.append("torch")
    run(f"the packages ({', '.join(extras)})", installation(venv, uv, lists), env)
    run("the course", editable_installation(venv, uv), env)


def installation(
    venv: Path, uv: str | None, lists: Sequence[str], index: str | None = None
) -> list[str]:
    """Return the command that installs some lists of requirements/, wheels with their hashes only.

    The lists are complete, so what a package depends on is not looked up.
    """
    command = [*_installer(venv, uv), "--require-hashes", "--only-binary=:all:"]
    if index is not None:
        command += ["--index-url" if uv is None else "--default-index", index]
    for name in lists:
        command += ["-r", str(venv.parent / REQUIREMENTS / f"{name}.txt")]
    return command


def editable_installation(venv: Path, uv: str | None) -> list[str]:
    """Return the command that installs the course, editable, with the setuptools that is there."""
    return [*_installer(venv, uv), "--no-build-isolation", "--editable", str(venv.parent)]


def _installer(venv: Path, uv: str | None) -> list[str]:
    python = str(python_of(venv))
    if uv is None:
        return [python, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    return [uv, "pip", "install", "--python", python, "--no-deps"]


def cpu_build_is_enough() -> bool:
    """Tell whether PyTorch would bring CUDA libraries that this machine cannot use."""
    return sys.platform == "linux" and not has_nvidia_driver()


def torch_index() -> str | None:
    """Return PyTorch's index of CPU builds, or None where the user has configured an index."""
    return None if user_chose_an_index() else CPU_INDEX


def has_nvidia_driver() -> bool:
    """Tell whether this machine could use the CUDA build."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()


def user_chose_an_index() -> bool:
    """Tell whether the user configured where packages come from."""
    variables = any(
        name.startswith(("PIP_", "UV_")) and any(word in name for word in INDEX_VARIABLES)
        for name, value in os.environ.items()
        if value
    )
    return variables or any(
        value and ("index" in name or "find-links" in name)
        for name, value in pip_settings().items()
    )


def uv_environment() -> dict[str, str]:
    """Return pip's find-links for uv, which does not read pip's settings."""
    # pip separates them by white space, uv by commas.
    links = (os.environ.get("PIP_FIND_LINKS") or pip_settings().get("find-links", "")).split()
    return {} if not links or "UV_FIND_LINKS" in os.environ else {"UV_FIND_LINKS": ",".join(links)}


def pip_settings() -> dict[str, str]:
    """Read pip's configuration files through pip; empty where there is no pip."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return read_settings(listing.stdout)


def read_settings(listing: str) -> dict[str, str]:
    """Parse `pip config list` into setting -> value, without environment variables."""
    pairs = [line.partition("=")[::2] for line in listing.splitlines() if "='" in line]
    return {
        name.rpartition(".")[2]: ast.literal_eval(value)
        for name, value in pairs
        if not name.startswith(":env:")
    }
