"""The parts of `mi grade` that need no process: settings, files, points, likeness."""

import ast
import datetime

import pytest

from chapters.course.exercises import exercises
from chapters.course.files import UnreadableFile
from chapters.course.grade import classroom, folders, results, similarity, submission
from chapters.course.grade.course_copy import SOLUTIONS
from chapters.course.grade.records import FAILED, PASSED, REFUSED, TODO, Expected, Verdict, judge
from chapters.course.grade.settings import Settings, read_settings
from chapters.course.grade.submission import Submission, originals
from chapters.course.grade.taken import take
from chapters.course.grade.workers import Job, Pool, Unit, Worker, task_of
from chapters.course.terminal import CourseError

from . import sample_class
from .sample_class import LENS, OTHER, RIGHT, hand_in, with_body

FILES = originals(SOLUTIONS)
ORIGINAL = FILES["3.6"][0]
DUE = datetime.datetime(2026, 12, 1, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize("hours, days", [(-1, 0), (0, 0), (1, 1), (24, 1), (25, 2), (73, 4)])
def test_a_late_day_is_one_that_has_begun(hours, days):
    assert Settings(due=DUE).late_days("ada", DUE.timestamp() + 3600 * hours) == days


def test_submitted_and_extra_days_go_before_the_files():
    students = {"ada": {"submitted": DUE + datetime.timedelta(days=3), "extra_days": 2}}
    settings = Settings(due=DUE, students=students)
    assert settings.late_days("ada", 0.0) == 1
    assert settings.late_days("bob", 0.0) == 0


def test_late_days_cost_at_most_everything():
    settings = Settings(due=DUE, late_percent_per_day=40, free_late_days=1)
    assert [settings.lost(days) for days in (0, 1, 2, 9)] == [0.0, 0.0, 0.4, 1.0]


def test_an_id_follows_from_the_secret_and_the_name():
    settings = Settings(secret="x", students={"bob": {"learner": "4711"}})
    ids = [settings.learner("ada"), settings.learner("eve"), Settings(secret="y").learner("ada")]
    assert len({*ids}) == 3 and all(len(one) == 8 for one in ids)
    assert settings.learner("bob") == "4711" and Settings().learner("ada") == ""


@pytest.mark.parametrize(
    "text, words",
    [
        ("due = 3", "expected due as datetime"),
        ("late = 3", "expected one of due"),
        ("free_late_days = -1", "not negative"),
        ("partial = 1", "expected partial as bool"),
        ("free_late_days = true", "expected free_late_days as int"),
        ("[students]\nada = 1", "expected a table"),
        ("[students.ada]\nid = 'x'", "expected one of learner"),
        ("due = ", "expected TOML"),
    ],
)
def test_a_slip_in_the_settings_is_named(text, words, tmp_path):
    (tmp_path / "class.toml").write_text(text)
    with pytest.raises(CourseError, match=words):
        read_settings(tmp_path)


@pytest.mark.parametrize("base", ["", "chapters/", "a/b/chapters/", "my course/"])
def test_chapters_are_found_wherever_they_lie(base, tmp_path):
    hand_in(tmp_path, {f"{base}{name}": text for name, text in RIGHT.items()})
    hand_in(tmp_path, {f"a/b/solutions/{LENS}": "x", f"a/b/tests/{LENS}": "x"})
    handed = Submission(tmp_path).handed("3.6", FILES["3.6"])
    assert handed.texts == {LENS: RIGHT[LENS]} and not handed.problem


def test_two_candidates_for_one_file_are_not_chosen_between(tmp_path):
    hand_in(tmp_path, {f"ch03_circuits/{name}": RIGHT[LENS] for name in ("one.py", "two.py")})
    assert "got several files with 3.6" in Submission(tmp_path).handed("3.6", FILES["3.6"]).problem


def test_a_lost_mark_is_asked_for(tmp_path):
    hand_in(tmp_path, {LENS: RIGHT[LENS].replace("# exercise 3.6", "# my answer")})
    problem = Submission(tmp_path).handed("3.6", FILES["3.6"]).problem
    assert "expected the comment `# exercise 3.6`" in problem and "mi reset 3.6" in problem


@pytest.mark.parametrize("text, found", [('id = "ab"', "ab"), ("id = 3", ""), ("", "")])
def test_the_learners_own_id_is_read(text, found, tmp_path):
    hand_in(tmp_path, {"chapters/learner.toml": text, f"chapters/{LENS}": RIGHT[LENS]})
    assert Submission(tmp_path).learner() == found


def test_the_text_that_counts_has_helpers_and_nothing_else():
    text = with_body(OTHER, sample_class.HELPER + "\ndef unused():\n    pass\n")
    source = take(text, ORIGINAL, "3.6").source
    assert "def logs" in source and "import torch.special" in source and "unused" not in source
    assert take(RIGHT[LENS], ORIGINAL, "3.6").source != source


def test_points_are_all_or_nothing_unless_partial():
    number = "3.6"
    whole = exercises()[number].points
    for outcome, share, partial, points in [
        (PASSED, 1.0, False, whole),
        (FAILED, 0.5, False, 0),
        (FAILED, 0.5, True, whole / 2),
        (REFUSED, 0.0, True, 0),
        (TODO, 0.5, True, 0),
    ]:
        verdicts = {number: Verdict(outcome, "", share)}
        marks = results.marks_of("ada", verdicts, exercises(), partial)
        assert marks.points[number] == pytest.approx(points, abs=0.1)


ANSWER = {"outcomes": {"a": "passed", "b": "passed"}, "texts": [], "ended": "", "cpu": 1.0}


@pytest.mark.parametrize(
    "changes, outcome",
    [
        ({}, "passed"),
        ({"outcomes": {"a": "passed"}}, "failed"),
        ({"outcomes": {"a": "passed", "b": "skipped"}}, "failed"),
        ({"outcomes": {"a": "passed", "b": "todo"}}, "todo"),
        ({"outcomes": {"a": "passed", "c": "passed"}}, "failed"),
        ({"tried": "it used open"}, "refused"),
        ({"ended": "stopped"}, "stopped"),
        ({"ended": "stopped", "waited": True}, "not graded"),
        ({"broken": "no Python"}, "not graded"),
    ],
)
def test_a_pass_needs_every_expected_grader(changes, outcome):
    assert judge(ANSWER | changes, Expected(["a", "b"], 1.0, 0), "lens.py").outcome == outcome


def shape(body: str):
    return similarity.shape_of(take(with_body(body), ORIGINAL, "3.6"))


LONG = """rows = final.log_softmax(-1)
kept = rows.exp() > 0
gaps = torch.where(kept, rows - guess.log_softmax(-1), torch.zeros_like(rows))
weighted = gaps * rows.exp()
return weighted.sum(dim=-1)"""


def test_renaming_and_layout_hide_no_copy():
    renamed = LONG.replace("rows", "p").replace("kept", "mask").replace("gaps", "d")
    commented = renamed.replace("\n", "  # mine\n\n", 1)
    assert similarity.similarity(shape(LONG), shape(commented)) == 1.0
    other = shape(
        OTHER + "\n" + LONG.replace("torch.where", "torch.mul").replace("* rows", "+ 2 * d")
    )
    assert similarity.similarity(shape(LONG), other) < similarity.ALIKE
    assert shape("return final.sum(-1)") is None
    pairs = similarity.pairs("3.6", {"bob": shape(LONG), "ada": shape(renamed)})
    assert [(one.one, one.other, one.similarity) for one in pairs] == [("ada", "bob", 1.0)]


def test_a_table_of_expected_values_is_noticed():
    table = ", ".join(f"{0.137 * n:.3f}" for n in range(1, 80))
    taken = take(with_body(f"return torch.tensor([{table}])[: len(final)]"), ORIGINAL, "3.6")
    assert similarity.numbers_in(taken) > similarity.MANY_NUMBERS
    honest = [
        take(one.text, one, n)
        for n, files in FILES.items()
        for one in files[:1]
        if ".py" in one.name
    ]
    assert max(map(similarity.numbers_in, honest)) <= similarity.MANY_NUMBERS


def test_names_in_xml_and_csv_run_nothing():
    verdicts = {"3.6": Verdict(FAILED, "a\x00b <script>")}
    marks = results.marks_of("=cmd()", verdicts, exercises(), False)
    text = results.junit(marks, exercises())
    assert "a?b &lt;script&gt;" in text and ast.literal_eval(repr(text)) == text
    assert "'=cmd()" in results.table([marks], exercises())


class Echo:
    """A worker that gives each task back."""

    def __init__(self):
        self.collected, self.closed, self.ended = set(), False, 0

    def ask(self, task):
        return task

    def end(self):
        self.ended += 1


UNITS = [
    Unit(f"ch{n % 3}", str(n), [Job(f"{n} {k}", str(n), {}, "", "") for k in range(n % 4)])
    for n in range(12)
]


def test_a_pool_reports_every_answer_once():
    workers, seen = [Echo(), Echo()], []
    expect = Expected(["a"], 1.0, 0)
    Pool(workers).run(UNITS, lambda unit, ask: expect, lambda u, job, a, e: seen.append(job.key))
    assert sorted(seen) == sorted(job.key for unit in UNITS for job in unit.jobs)
    assert all(worker.ended and worker.closed for worker in workers)


def test_an_error_in_a_pool_is_raised_and_ends_the_workers():
    worker = Echo()
    with pytest.raises(CourseError, match="no space"):
        Pool([worker]).run(UNITS, _full, print)
    assert worker.ended


def _full(unit, ask):
    raise CourseError("no space left")


def test_a_closed_worker_starts_no_process(tmp_path):
    worker = Worker(tmp_path / "tree", [])
    worker.closed = True
    assert "broken" in worker.ask({}) and worker.process is None and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "cpu, memory, limits", [(0.1, 0, (11, 1 << 30)), (40, 9 << 30, (210, 27 << 30))]
)
def test_limits_follow_from_the_reference(cpu, memory, limits):
    task = task_of(UNITS[1], UNITS[1].jobs[0], Expected(["a"], cpu, memory))
    assert tuple(task["limits"].values()) == limits and task["reference"] is False


def test_a_student_named_like_a_chapter_is_not_the_class(tmp_path):
    for name in ("ada", "ch12_smith"):
        (tmp_path / name).mkdir()
    assert not folders.is_one(tmp_path)
    (tmp_path / "ch03_circuits").mkdir()
    assert folders.is_one(tmp_path)


def test_results_name_files_whose_names_are_not_unicode(tmp_path):
    classroom._replace(tmp_path / "page", "found le\udcffns.py")
    assert (tmp_path / "page").read_bytes() == rb"found le\udcffns.py"


def test_a_long_dotted_key_is_not_parsed(tmp_path):
    path = tmp_path / "answers.toml"
    path.write_text("a" + ".a" * 50_000 + " = 1\n")
    with pytest.raises(UnreadableFile, match="dots in a line"):
        submission._read(path, 0)


def test_an_import_that_replaces_given_names_counts_in_part():
    top = "\nfrom torch import abs as new, abs as check_finite, abs as isinstance\n"
    text = with_body("return new(final)", top)
    found = take(text, ORIGINAL, "3.6").imports
    assert [ast.unparse(node) for node in found] == ["from torch import abs as new"]
