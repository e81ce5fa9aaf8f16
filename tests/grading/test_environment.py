"""The set-up, with nothing installed: a runner that only records what it would run."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from chapters.course import course_commands, environment
from chapters.course.terminal import CourseError, Steps, run_visibly

ROOT = Path(__file__).resolve().parents[2]


class Runner:
    """Records each command; creating an environment leaves a file, like the real one."""

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
    """The environment of a course in a temporary folder; pip is the installer."""
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/course.txt").write_text("rich==15.0.0")
    real = Path(sys.executable)
    monkeypatch.setattr(
        environment, "python_of", lambda venv: real if (venv / "made").exists() else venv
    )
    monkeypatch.setattr(environment, "find_uv", lambda: None)
    monkeypatch.setattr(environment, "cpu_build_is_enough", lambda: False)
    return tmp_path / ".venv"


@pytest.fixture
def run(venv):
    return Runner(venv)


def test_second_run_has_nothing_to_do(venv, run):
    assert environment.prepare(["dev", "docs"], venv, run)
    packages = ["the packages (dev, docs)", "the course"]
    assert run.titles == ["the environment .venv", *packages]
    assert not environment.prepare(["dev", "docs"], venv, run)
    assert len(run.titles) == 3, "a second run installed again"


@pytest.mark.parametrize("moment", ["environment", "packages"])
def test_interrupted_set_up_starts_again(venv, run, moment):
    run.breaks_at = moment
    with pytest.raises(KeyboardInterrupt):
        environment.prepare(["dev"], venv, run)
    assert not environment.finished(venv)
    (venv / "half a package").touch()
    run.breaks_at, run.titles = "", []
    assert environment.prepare(["dev"], venv, run)
    assert run.titles[0] == "the environment .venv", "an unfinished environment was used"
    assert not (venv / "half a package").exists()
    assert environment.finished(venv)


def test_changed_pin_is_installed_into_the_environment(venv, run):
    environment.prepare(["dev"], venv, run)
    (venv.parent / "requirements/course.txt").write_text("rich==15.1.0")
    run.titles.clear()
    assert environment.prepare(["dev"], venv, run)
    assert run.titles == ["the packages (dev)", "the course"]


def test_extras_only_grow(venv, run):
    environment.prepare(["dev", "crosscheck"], venv, run)
    assert not environment.prepare(["dev"], venv, run), "what is there was installed again"
    environment.prepare(["docs"], venv, run)
    assert run.titles[-2] == "the packages (crosscheck, dev, docs)"


def test_environment_of_another_folder_is_created_again(venv, run):
    environment.prepare(["dev"], venv, run)
    stamp = json.loads((venv / environment.STAMP).read_text())
    (venv / environment.STAMP).write_text(json.dumps({**stamp, "folder": "/where/it/was"}))
    environment.prepare(["dev"], venv, run)
    assert run.titles.count("the environment .venv") == 2


def test_environment_of_the_users_own_is_kept(venv, run):
    venv.mkdir()
    (venv / "made").touch()
    (venv / "the user's").touch()
    environment.prepare(["dev"], venv, run)
    assert run.titles == ["the packages (dev)", "the course"]
    assert (venv / "the user's").exists(), "a .venv without a stamp was deleted"


def test_commands_for_uv_and_for_pip(monkeypatch):
    monkeypatch.setattr(environment, "python_of", lambda venv: venv / "python")
    venv, python = Path("c/.venv"), str(Path("c/.venv/python"))
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    uv = ["uv", "pip", "install", "--python", python, "--no-deps"]
    checked = ["--require-hashes", "--only-binary=:all:"]
    course, torch = (["-r", str(Path(f"c/requirements/{n}.txt"))] for n in ("course", "torch-cpu"))
    assert environment.creation(venv, None) == [sys.executable, "-m", "venv", str(venv)]
    assert environment.creation(venv, "uv")[:4] == ["uv", "venv", "--python", sys.executable]
    for client, words, option in ((None, pip, "--index-url"), ("uv", uv, "--default-index")):
        lists = environment.installation(venv, client, ["course"])
        assert lists == [*words, *checked, *course]
        lists = environment.installation(venv, client, ["torch-cpu"], "U")
        assert lists == [*words, *checked, option, "U", *torch]
        own = environment.editable_installation(venv, client)
        assert own == [*words, "--no-build-isolation", "--editable", "c"]


@pytest.mark.parametrize(
    ("cpu", "uv", "extras", "lists"),
    [
        (True, None, ["dev"], ["torch-cpu", "course"]),
        (True, "uv", ["crosscheck", "dev"], ["torch-cpu", "course", "crosscheck", "pip"]),
        (False, None, ["dev"], ["course", "torch"]),
    ],
)
def test_lists_that_are_installed(venv, monkeypatch, cpu, uv, extras, lists):
    monkeypatch.setattr(environment, "cpu_build_is_enough", lambda: cpu)
    monkeypatch.setattr(environment, "uv_environment", dict)
    read = []

    def run(title, command, env=None):
        read.extend(Path(word).stem for word in command if word.endswith(".txt"))

    environment.install(venv, uv, extras, run)
    assert read == lists


@pytest.mark.parametrize(
    ("system", "driver", "enough"),
    [("linux", False, True), ("linux", True, False), ("darwin", False, False)],
)
def test_cpu_build_on_linux_without_a_driver(monkeypatch, system, driver, enough):
    monkeypatch.setattr(environment.sys, "platform", system)
    monkeypatch.setattr(environment, "has_nvidia_driver", lambda: driver)
    assert environment.cpu_build_is_enough() == enough


@pytest.mark.parametrize(
    ("variables", "settings", "own_index"),
    [
        ({}, {}, True),
        ({"PIP_CERT": "/c", "UV_CACHE_DIR": "/c"}, {"cert": "/c"}, True),
        ({"PIP_INDEX_URL": "https://i"}, {}, False),
        ({"PIP_FIND_LINKS": "/w"}, {}, False),
        ({"UV_DEFAULT_INDEX": "https://i"}, {}, False),
        ({"UV_TORCH_BACKEND": "auto"}, {}, False),
        ({}, {"extra-index-url": "https://i"}, False),
        ({}, {"find-links": "/w"}, False),
    ],
)
def test_a_configured_index_is_used_for_the_cpu_build(monkeypatch, variables, settings, own_index):
    monkeypatch.setattr(environment.os, "environ", variables)
    monkeypatch.setattr(environment, "pip_settings", lambda: settings)
    assert environment.torch_index() == (environment.CPU_INDEX if own_index else None)


def test_larger_build_when_the_cpu_build_cannot_be_installed(venv, monkeypatch, capsys):
    def unreachable(title, command, env=None):
        commands.append([title, *command])
        if "PyTorch" in title:
            raise CourseError("no such host")

    commands: list[list[str]] = []
    monkeypatch.setattr(environment, "cpu_build_is_enough", lambda: True)
    environment.install(venv, None, ["dev"], unreachable)
    titles = [command[0] for command in commands]
    assert titles == ["PyTorch for the CPU", "the packages (dev)", "the course"]
    assert any(word.endswith("torch.txt") for word in commands[1])
    assert "larger build" in capsys.readouterr().out


def test_pip_settings_are_read_without_variables():
    listing = (
        ":env:.find-links='/ignored'\n"
        "global.index-url='https://i'\n"
        "install.find-links='\\n/a\\n/b'\n"
        "some notice\n"
    )
    assert environment.read_settings(listing) == {
        "index-url": "https://i",
        "find-links": "\n/a\n/b",
    }


def test_uv_gets_the_find_links_of_pip(monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setattr(environment, "pip_settings", lambda: {"find-links": "\n/a\n/b"})
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    assert environment.uv_environment() == {"UV_FIND_LINKS": "/a,/b"}
    monkeypatch.setenv("UV_FIND_LINKS", "/mine")
    assert environment.uv_environment() == {}, "the user's own setting was replaced"


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_old_python_can_parse_the_entry_point(name):
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
    assert ended.stderr.count("\n") == 1, "expected one sentence for an old Python"


def test_failed_command_shows_its_output_and_a_sentence(capfd):
    command = [sys.executable, "-c", "print('no such package'); raise SystemExit(3)"]
    with pytest.raises(CourseError, match=r"the packages failed \(exit status 3\)"):
        run_visibly(command, "the packages failed")
    assert "no such package" in capfd.readouterr().out


@pytest.mark.parametrize("no_serve", [True, False])
def test_unreachable_model_stops_no_other_step(monkeypatch, capsys, no_serve):
    def unreachable():
        raise CourseError("the model's host did not answer")

    done = []
    monkeypatch.setattr(course_commands, "inside", lambda: True)
    monkeypatch.setattr(course_commands, "up_to_date", lambda extras: True)
    monkeypatch.setattr(course_commands, "enter", lambda words: None)
    monkeypatch.setattr(course_commands, "show_start", lambda: done.append("start"))
    monkeypatch.setattr(course_commands, "fetch_model", unreachable)
    monkeypatch.setattr(course_commands, "tour", lambda: done.append("tour"))
    monkeypatch.setattr(course_commands, "build", lambda: done.append("book"))
    monkeypatch.setattr(course_commands, "serve", lambda _: done.append("serve"))
    assert course_commands.course(no_serve) == 1, "a failed step must change the exit status"
    assert done == ["start", "book"] + ["serve"] * (not no_serve)
    said = capsys.readouterr().out
    assert "the model's host did not answer" in said
    assert "it needs the real model. Later: `mi model`" in said


@pytest.mark.parametrize("reachable", [True, False])
def test_the_real_model_is_fetched_before_the_tests(monkeypatch, capsys, reachable):
    def fetch():
        done.append("model")
        if not reachable:
            raise CourseError("no such host")

    done = []
    monkeypatch.setattr(course_commands, "set_up", lambda steps, extras: True)
    monkeypatch.setattr(course_commands, "enter", lambda words: None)
    monkeypatch.setattr(course_commands, "run_tool", lambda *words: None)
    monkeypatch.setattr(course_commands, "build_strictly", lambda: None)
    monkeypatch.setattr(course_commands, "fetch_model", fetch)
    monkeypatch.setattr(course_commands, "run_visibly", lambda words, *_, **__: done.append(words))
    assert course_commands.test() == 0
    model, words = done
    assert model == "model" and "--impl=solutions" in words
    reasons = [word for word in words if word.startswith("-r")]
    assert reasons and "s" in reasons[0], "expected each reason for a skip, with its number"
    assert ("tests that need it are skipped" in capsys.readouterr().out) != reachable


def test_the_book_holds_the_tour_and_each_links_to_the_other(tmp_path):
    site, tour = tmp_path / "site", tmp_path / "tour"
    course_commands.show_tour_in_book(site, tour)
    assert not site.exists(), "there is no book yet"
    for folder in (site, tour):
        folder.mkdir()
        (folder / "index.html").write_text('<a href="../site/ch02_hooks.html">', "utf-8")
    (tour / "heads.svg").write_text("<svg/>", "utf-8")
    course_commands.show_tour_in_book(site, tour)
    assert (site / "tour/index.html").read_text("utf-8") == '<a href="../ch02_hooks.html">'
    assert (site / "tour/heads.svg").read_text("utf-8") == "<svg/>"
    for page in ("index.md", "how_to_work.md"):
        assert 'href="tour/index.html"' in (ROOT / "docs" / page).read_text("utf-8")


def test_table_lists_every_step_with_its_outcome(capsys):
    steps = Steps()
    assert steps.run("goes well", lambda: None)
    assert not steps.failed()
    capsys.readouterr()
    rows = steps.table().split("\n")
    assert rows[0].split()[0] == "ok" and "goes well" in rows[0]
    assert rows[-1].split()[0] == "total"
