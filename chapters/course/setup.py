"""Makes the environment that everything else runs in: `.venv`, with uv, or with venv and pip.

Standard library only, for nothing is installed yet. A folder made here carries a stamp that says
"unfinished" before anything else is in it and "finished" when everything is: so a second run is
over at once, an interrupted one is made anew, and a `.venv` of the user's own, which has no stamp,
is installed into but never thrown away.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from .steps import DeskError, run_quietly
from .wheels import pip_find_links, torch_index

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = "set-up.json"
COURSE = ("dev", "docs")
GUARD = ("crosscheck", "dev", "docs")

Run = Callable[..., None]


def python_of(venv: Path) -> Path:
    """Where the interpreter of an environment stands on this system."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def inside(venv: Path = VENV) -> bool:
    """Say whether this very process runs in the environment."""
    return Path(sys.prefix).resolve() == venv.resolve()


def ready(venv: Path = VENV) -> bool:
    """Say whether a set-up once came to its end here."""
    return read_stamp(venv).get("state") == "finished" and python_of(venv).exists()


def prepare(extras: Sequence[str], venv: Path = VENV, run: Run = run_quietly) -> bool:
    """Bring the environment up to date; True when there was anything to do.

    Raises: DeskError when a command fails; what was made so far is then thrown away next time.
    """
    refuse_unsupported()
    if up_to_date(extras, venv):
        return False
    goal, uv = goal_of(extras, venv), find_uv()
    if not usable(venv):
        set_aside(venv)
        venv.mkdir()
        write_stamp(venv, {"state": "unfinished"})
        run("the environment .venv", creation(venv, uv))
    write_stamp(venv, {**goal, "state": "unfinished"})
    install(venv, uv, goal["extras"], run)
    write_stamp(venv, goal)
    return True


def up_to_date(extras: Sequence[str], venv: Path = VENV) -> bool:
    """Say whether everything asked for is installed, as pyproject and constraints have it now."""
    return read_stamp(venv) == goal_of(extras, venv) and python_of(venv).exists()


def goal_of(extras: Sequence[str], venv: Path) -> dict:
    """The stamp of a finished environment; extras that are there stay."""
    return {
        "state": "finished",
        **made_for(venv),
        "files": files_hash(venv.parent),
        "extras": sorted({*extras, *read_stamp(venv).get("extras", [])}),
    }


def made_for(venv: Path) -> dict[str, str]:
    """What an environment cannot change once it is made: its Python and its place."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, "folder": str(venv.resolve())}


def install(venv: Path, uv: str | None, extras: Sequence[str], run: Run) -> None:
    """Install the course and what it needs, PyTorch's smaller build first where that is enough."""
    env = {} if uv is None else uv_environment()
    index = torch_index()
    if index is not None:
        try:
            run("PyTorch for the CPU", torch_installation(venv, uv, index), env)
        except DeskError:
            print(f"   {index} did not answer as hoped, so the larger build comes with the rest")
    run(f"the packages ({', '.join(extras)})", installation(venv, uv, extras), env)


def creation(venv: Path, uv: str | None) -> list[str]:
    """The command that makes an empty environment, with pip in it for the learner's own use."""
    if uv is None:
        return [sys.executable, "-m", "venv", str(venv)]
    python = ["--python", sys.executable]
    return [uv, "venv", *python, "--seed", "--allow-existing", str(venv)]


def torch_installation(venv: Path, uv: str | None, index: str) -> list[str]:
    """The command that installs only PyTorch itself, from an index of its own.

    What PyTorch needs comes later with everything else, from the usual index.
    """
    option = "--index-url" if uv is None else "--default-index"
    return [*_installer(venv, uv), option, index, "--no-deps", "torch"]


def installation(venv: Path, uv: str | None, extras: Sequence[str]) -> list[str]:
    """The command that installs the course, editable, with everything it needs."""
    return [*_installer(venv, uv), "--editable", f"{venv.parent}[{','.join(extras)}]"]


def _installer(venv: Path, uv: str | None) -> list[str]:
    python, constraints = str(python_of(venv)), str(venv.parent / "constraints.txt")
    if uv is None:
        plain = ["--progress-bar", "off", "--disable-pip-version-check"]
        return [python, "-m", "pip", "install", *plain, "--constraint", constraints]
    return [uv, "pip", "install", "--python", python, "--constraint", constraints]


def uv_environment() -> dict[str, str]:
    """Tell uv, which does not read pip's settings, where the user's own wheels lie."""
    links = pip_find_links()
    return {} if not links or "UV_FIND_LINKS" in os.environ else {"UV_FIND_LINKS": ",".join(links)}


def find_uv() -> str | None:
    """Where uv is, if it is there and runs (a version manager's shim may be there and not run)."""
    uv = shutil.which("uv")
    if uv is None or subprocess.run([uv, "--version"], capture_output=True).returncode != 0:
        return None
    return uv


def usable(venv: Path) -> bool:
    """Say whether an environment can be installed into rather than made anew.

    One that this process runs in always is; one without a stamp is the user's own.
    """
    if inside(venv):
        return True
    stamp = read_stamp(venv)
    if stamp and not {"state": "finished", **made_for(venv)}.items() <= stamp.items():
        return False
    python = python_of(venv)
    return python.exists() and subprocess.run([str(python), "-c", ""]).returncode == 0


def set_aside(venv: Path) -> None:
    """Throw an environment away, renamed first so that half of it is never taken for a whole."""
    broken = venv.with_name(venv.name + ".broken")
    shutil.rmtree(broken, ignore_errors=True)
    if venv.exists():
        print(f"   {venv.name} is unfinished or made for another place; making it anew")
        try:
            venv.rename(broken)
        except OSError as error:
            raise DeskError(f"{venv} is in use: leave it (deactivate) and try again ({error})")
        shutil.rmtree(broken, ignore_errors=True)


def files_hash(root: Path) -> str:
    """A fingerprint of the two files that say what is installed."""
    texts = [(root / name).read_text("utf-8") for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def read_stamp(venv: Path) -> dict:
    """What the last set-up said of this environment; empty where none was at work."""
    try:
        return json.loads((venv / STAMP).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return {"state": "unfinished"}


def write_stamp(venv: Path, stamp: dict) -> None:
    """Replace the stamp, never leaving half of one."""
    beside = venv / (STAMP + ".new")
    beside.write_text(json.dumps(stamp, indent=1) + "\n", "utf-8")
    beside.replace(venv / STAMP)


def refuse_unsupported() -> None:
    """Say so before anything is fetched where PyTorch has nothing for this machine."""
    if sys.platform == "darwin" and os.uname().machine == "x86_64":
        raise DeskError(
            "PyTorch no longer publishes builds for Intel Macs: use a Linux container on this "
            "machine, or another machine."
        )


def enter(arguments: Sequence[str]) -> int | None:
    """Run `mi` with these arguments inside the environment; None when we are where we should be.

    Raises: DeskError when there is no environment and this interpreter lacks what is needed.
    """
    if inside():
        return None
    if not ready():
        if all(find_spec(name) for name in ("torch", "pytest", "jaxtyping")):
            return None
        raise DeskError("This needs the environment, which `python -m chapters course` makes.")
    command = [str(python_of(VENV)), "-m", "chapters", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the one inside has heard it too, and tidies up before it ends
            continue
