"""The set-up, with nothing installed: a runner that only notes what it was asked to run."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from chapters.course import course as course_file
from chapters.course import setup, wheels
from chapters.course.steps import DeskError, Steps, run_quietly

ROOT = Path(__file__).resolve().parents[2]


class Runner:
    """Notes each command; making an environment leaves a folder behind, like the real one."""

    def __init__(self, venv: Path):
        self.venv, self.titles, self.breaks_at = venv, [], ""

    def __call__(self, title, command, env=None):
        self.titles.append(title)
        if self.breaks_at and self.breaks_at in title:
            raise KeyboardInterrupt
        if title.startswith("the environment"):
            (self.venv / "made").touch()


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """Where the environment of a course in a temporary folder goes; pip is the installer."""
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "constraints.txt").write_text("torch==2.13.0")
    real = Path(sys.executable)
    monkeypatch.setattr(setup, "python_of", lambda venv: real if (venv / "made").exists() else venv)
    monkeypatch.setattr(setup, "find_uv", lambda: None)
    monkeypatch.setattr(setup, "torch_index", lambda: None)
    return tmp_path / ".venv"


@pytest.fixture
def run(venv):
    return Runner(venv)


def test_second_run_has_nothing_to_do(venv, run):
    assert setup.prepare(["dev", "docs"], venv, run)
    assert run.titles == ["the environment .venv", "the packages (dev, docs)"]
    assert not setup.prepare(["dev", "docs"], venv, run)
    assert len(run.titles) == 2, "a second run did something again"


@pytest.mark.parametrize("moment", ["environment", "packages"])
def test_interrupted_run_is_made_anew(venv, run, moment):
    run.breaks_at = moment
    with pytest.raises(KeyboardInterrupt):
        setup.prepare(["dev"], venv, run)
    assert not setup.ready(venv)
    (venv / "half a package").touch()
    run.breaks_at, run.titles = "", []
    assert setup.prepare(["dev"], venv, run)
    assert run.titles[0] == "the environment .venv", "half an environment was taken for a whole"
    assert not (venv / "half a package").exists()
    assert setup.ready(venv)


def test_changed_pin_is_installed_without_making_anew(venv, run):
    setup.prepare(["dev"], venv, run)
    (venv.parent / "constraints.txt").write_text("torch==2.14.0")
    run.titles.clear()
    assert setup.prepare(["dev"], venv, run)
    assert run.titles == ["the packages (dev)"]


def test_extras_only_grow(venv, run):
    setup.prepare(["dev", "crosscheck"], venv, run)
    assert not setup.prepare(["dev"], venv, run), "what is there already was installed again"
    setup.prepare(["docs"], venv, run)
    assert run.titles[-1] == "the packages (crosscheck, dev, docs)"


def test_environment_of_another_folder_is_made_anew(venv, run):
    setup.prepare(["dev"], venv, run)
    stamp = json.loads((venv / setup.STAMP).read_text())
    (venv / setup.STAMP).write_text(json.dumps({**stamp, "folder": "/where/it/was"}))
    setup.prepare(["dev"], venv, run)
    assert run.titles.count("the environment .venv") == 2


def test_environment_of_the_users_own_is_kept(venv, run):
    venv.mkdir()
    (venv / "made").touch()
    (venv / "the user's").touch()
    setup.prepare(["dev"], venv, run)
    assert run.titles == ["the packages (dev)"]
    assert (venv / "the user's").exists(), "a .venv without a stamp was thrown away"


def test_commands_for_uv_and_for_pip(monkeypatch):
    monkeypatch.setattr(setup, "python_of", lambda venv: venv / "python")
    venv = Path("c/.venv")
    asked = ["--constraint", str(Path("c/constraints.txt"))]
    python = str(Path("c/.venv/python"))
    editable = ["--editable", "c[dev,docs]"]
    plain = ["--progress-bar", "off", "--disable-pip-version-check"]
    pip = [python, "-m", "pip", "install", *plain, *asked]
    uv = ["uv", "pip", "install", "--python", python]
    assert setup.creation(venv, None) == [sys.executable, "-m", "venv", str(venv)]
    assert setup.installation(venv, None, ["dev", "docs"]) == pip + editable
    assert setup.installation(venv, "uv", ["dev", "docs"]) == [*uv, *asked, *editable]
    only_torch = ["--no-deps", "torch"]
    assert setup.torch_installation(venv, None, "U") == [*pip, "--index-url", "U", *only_torch]
    assert setup.torch_installation(venv, "uv", "U")[-4:] == ["--default-index", "U", *only_torch]
    assert setup.creation(venv, "uv")[:4] == ["uv", "venv", "--python", sys.executable]


@pytest.mark.parametrize(
    ("system", "driver", "variables", "settings", "own_index"),
    [
        ("linux", False, {}, {}, True),
        ("linux", False, {"PIP_CERT": "/c", "UV_CACHE_DIR": "/c"}, {"cert": "/c"}, True),
        ("linux", True, {}, {}, False),
        ("darwin", False, {}, {}, False),
        ("win32", False, {}, {}, False),
        ("linux", False, {"PIP_INDEX_URL": "https://i"}, {}, False),
        ("linux", False, {"PIP_FIND_LINKS": "/w"}, {}, False),
        ("linux", False, {"UV_DEFAULT_INDEX": "https://i"}, {}, False),
        ("linux", False, {"UV_TORCH_BACKEND": "auto"}, {}, False),
        ("linux", False, {}, {"extra-index-url": "https://i"}, False),
        ("linux", False, {}, {"find-links": "/w"}, False),
    ],
)
def test_cpu_build_where_no_driver_and_no_index_of_ones_own(
    monkeypatch, system, driver, variables, settings, own_index
):
    monkeypatch.setattr(wheels.sys, "platform", system)
    monkeypatch.setattr(wheels, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(wheels.os, "environ", variables)
    monkeypatch.setattr(wheels, "pip_settings", lambda: settings)
    assert wheels.torch_index() == (wheels.CPU_INDEX if own_index else None)


def test_larger_build_comes_where_the_cpu_index_cannot_be_reached(venv, monkeypatch, capsys):
    def unreachable(title, command, env=None):
        titles.append(title)
        if "PyTorch" in title:
            raise DeskError("no such host")

    titles: list[str] = []
    monkeypatch.setattr(setup, "torch_index", lambda: wheels.CPU_INDEX)
    setup.install(venv, None, ["dev"], unreachable)
    assert titles == ["PyTorch for the CPU", "the packages (dev)"]
    assert "larger build" in capsys.readouterr().out


def test_pip_settings_are_read_by_bare_name_and_variables_left_out():
    listing = (
        ":env:.find-links='/ignored'\n"
        "global.index-url='https://i'\n"
        "install.find-links='\\n/a\\n/b'\n"
        "some notice\n"
    )
    assert wheels.read_settings(listing) == {"index-url": "https://i", "find-links": "\n/a\n/b"}


def test_uv_is_told_where_the_users_wheels_lie(monkeypatch):
    monkeypatch.setattr(setup, "pip_find_links", lambda: ["/a", "/b"])
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    assert setup.uv_environment() == {"UV_FIND_LINKS": "/a,/b"}
    monkeypatch.setenv("UV_FIND_LINKS", "/mine")
    assert setup.uv_environment() == {}, "what the user told uv was overruled"


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_old_python_can_read_the_front_door(name):
    ast.parse((ROOT / "chapters" / name).read_text("utf-8"), feature_version=(3, 6))


def test_old_python_gets_a_sentence():
    pretend = (
        "import runpy, sys; sys.version_info = (3, 8, 18, 'final', 0); "
        "runpy.run_module('chapters', run_name='__main__')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("This course needs Python 3.11 or newer, and this is Python 3.8")
    assert ended.stderr.count("\n") == 1, "an old Python got more than a sentence"


def test_failed_command_shows_the_end_of_what_it_said():
    command = [sys.executable, "-c", "print('no such package'); raise SystemExit(3)"]
    with pytest.raises(DeskError, match="no such package"):
        run_quietly("the packages", command)


@pytest.mark.parametrize("no_serve", [True, False])
def test_model_that_cannot_be_fetched_stops_nothing_else(monkeypatch, capsys, no_serve):
    def unreachable():
        raise DeskError("the model's host did not answer")

    done = []
    monkeypatch.setattr(course_file, "inside", lambda: True)
    monkeypatch.setattr(course_file, "up_to_date", lambda extras: True)
    monkeypatch.setattr(course_file, "enter", lambda words: None)
    monkeypatch.setattr(course_file, "show_start", lambda: done.append("start"))
    monkeypatch.setattr(course_file, "fetch_model", unreachable)
    monkeypatch.setattr(course_file, "tour", lambda: done.append("tour"))
    monkeypatch.setattr(course_file, "build", lambda: done.append("book"))
    monkeypatch.setattr(course_file, "serve", lambda: done.append("serve"))
    assert course_file.course(no_serve) == 1, "a failed step must be seen in the exit status"
    assert done == ["start", "book"] + ["serve"] * (not no_serve)
    said = capsys.readouterr().out
    assert "the model's host did not answer" in said
    assert "it needs the real model. Later: `mi model`" in said


def test_table_names_every_step_with_its_outcome(capsys):
    steps = Steps()
    assert steps.run("goes well", lambda: None)
    assert not steps.failed()
    capsys.readouterr()
    rows = steps.table().split("\n")
    assert rows[0].split()[0] == "ok" and "goes well" in rows[0]
    assert rows[-1].split()[:2] == ["in", "all"]
