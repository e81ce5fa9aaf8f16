"""A folder is read safely: shards, the converted model's checksums, and nothing that runs code."""

import ast
import hashlib
import json
import os
from pathlib import Path

import pytest
import torch

from . import tiny_checkpoints as tiny

pytestmark = pytest.mark.project
ROOT = Path(__file__).resolve().parents[2]
TOKENS = torch.tensor([[3, 1, 22, 0, 7]])


@pytest.fixture
def load(loading):
    """Loads a model by its folder or name."""
    return lambda name: loading.load_pretrained(name)[0]


@pytest.fixture
def sharded(tmp_path):
    """A checkpoint in two shards, and the index's list of what they hold."""
    tensors = tiny.llama_tensors(tiny.LLAMA)
    folder = tiny.write(tmp_path / "sharded", tiny.LLAMA, tensors)
    return folder, tiny.shard(folder, tensors)


@pytest.fixture
def converted(tmp_path, monkeypatch):
    """A small model in the cache, as the converted one is."""
    monkeypatch.setenv("MI_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "smollm2-135m"
    tiny.write(folder, tiny.LLAMA, tiny.llama_tensors(tiny.LLAMA))
    files = ("config.json", "model.safetensors")
    sums = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}
    (folder / "source.json").write_text(json.dumps({"sha256": sums}), encoding="utf-8")
    return folder


def test_a_sharded_checkpoint_is_the_same_model(load, sharded, tmp_path):
    whole = tiny.write(tmp_path / "whole", tiny.LLAMA, tiny.llama_tensors(tiny.LLAMA))
    assert torch.equal(load(sharded[0])(TOKENS), load(whole)(TOKENS))


def test_a_missing_shard_is_named(load, sharded):
    folder, _ = sharded
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ValueError, match="model-00002-of-00002.safetensors is missing"):
        load(folder)


@pytest.mark.parametrize("name", ["../{}", "{}/..", "sub/{}", "/tmp/{}", "..\\{}", 7, None])
def test_an_index_that_points_elsewhere_is_not_followed(load, sharded, name):
    folder, where = sharded
    shard = "model-00002-of-00002.safetensors"
    named = name.format(shard) if isinstance(name, str) else name
    (folder / "sub").mkdir()
    for elsewhere in (folder.parent, folder / "sub"):
        (elsewhere / shard).write_bytes((folder / shard).read_bytes())
    moved = {key: named if file == shard else file for key, file in where.items()}
    tiny.write_index(folder, moved)
    with pytest.raises(ValueError, match="expected safetensors files in the same folder"):
        load(folder)


@pytest.mark.parametrize("where", [{}, None, ["model.safetensors"], "model.safetensors"])
def test_an_index_that_lists_nothing_is_refused(load, sharded, where):
    tiny.write_index(sharded[0], where)
    with pytest.raises(ValueError, match="index.json should list under weight_map"):
        load(sharded[0])


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_files_that_can_run_code_are_never_read(load, tmp_path, name):
    folder = tiny.write(tmp_path, tiny.LLAMA, tiny.llama_tensors(tiny.LLAMA))
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(ValueError, match="safetensors files only .*can run code"):
        load(folder)


def test_the_converted_model_is_found_in_the_cache(load, converted):
    assert torch.equal(load("smollm2-135m")(TOKENS), load(converted)(TOKENS))


@pytest.mark.parametrize("cache", ["", "empty"])
def test_the_error_for_a_missing_model_names_the_command(load, monkeypatch, tmp_path, cache):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("MI_CACHE", cache)
    with pytest.raises(ValueError, match="not in the cache.*mi model.*toy_models fetch"):
        load("smollm2-135m")


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_damaged_converted_model_is_refused_by_its_checksum(load, converted, file):
    content = bytearray((converted / file).read_bytes())
    content[-2] ^= 1
    (converted / file).write_bytes(content)
    with pytest.raises(ValueError, match=f"{file} is damaged: expected sha256 .* got.*mi model"):
        load("smollm2-135m")


def flip_last_byte(path, *, keep_time):
    """Change a file in place; with keep_time, as a failing disk does."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    later = before.st_mtime_ns + (0 if keep_time else 1_000_000)
    os.utime(path, ns=(before.st_atime_ns, later))


def test_checksums_are_computed_once_until_a_file_changes(
    load, converted, model_folders, monkeypatch
):
    digests, digest = [], hashlib.file_digest
    monkeypatch.setattr(
        model_folders.hashlib, "file_digest", lambda *a: digests.append(a) or digest(*a)
    )
    load("smollm2-135m")
    assert len(digests) == 2, "expected every file to be hashed at the first load"
    load("smollm2-135m")
    assert len(digests) == 2, "expected the second load to trust size, time and inode"
    flip_last_byte(converted / "model.safetensors", keep_time=False)
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        load("smollm2-135m")


def test_a_replaced_file_is_hashed_again(load, converted):
    load("smollm2-135m")
    path = converted / "model.safetensors"
    state, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.rename(converted / "old")
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        load("smollm2-135m")


@pytest.mark.parametrize("stamp", ["", "null", "{", '{"model.safetensors": []}', "[" * 10_000])
def test_a_damaged_stamp_is_ignored(load, converted, stamp):
    (converted / "verified.json").write_text(stamp, encoding="utf-8")
    load("smollm2-135m")
    flip_last_byte(converted / "model.safetensors", keep_time=False)
    (converted / "verified.json").write_text(stamp, encoding="utf-8")
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        load("smollm2-135m")


def test_a_read_only_cache_is_used_without_a_stamp(load, converted, model_folders, monkeypatch):
    def fail(_):
        raise PermissionError("read-only")

    monkeypatch.setattr(model_folders, "write_then_rename", fail)
    assert load("smollm2-135m")(TOKENS).isfinite().all()
    assert not (converted / "verified.json").exists()


def test_a_converted_model_without_its_weights_is_refused(load, converted):
    (converted / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"model.safetensors is missing; run `mi model`"):
        load("smollm2-135m")


@pytest.mark.parametrize(
    "record",
    [
        "", "null", "7", "{", "{}", '{"sha256": {}}', '{"sha256": "abc"}', "[" * 10_000,
        '{"sha256": {"model.safetensors": null}}', '{"sha256": {"model.safetensors": 7}}',
        '{"sha256": {"model.safetensors": "a", "../config.json": "b"}}',
    ],
)  # fmt: skip
def test_a_converted_model_without_checksums_is_refused(load, converted, record):
    (converted / "source.json").write_text(record, encoding="utf-8")
    with pytest.raises(ValueError, match="source.json"):
        load("smollm2-135m")


def calls_that_run_code(source: str) -> list[str]:
    """Imports and calls in a file's text by which reading data would run code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = getattr(node, "module", None) or ""
            names = [base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)]
            risky = ("pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "torch.load")
            found += [name for name in names if name.startswith(risky)]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name in ("torch.load", "torch.hub.load", "eval", "exec", "torch.jit.load"):
                found.append(name)
            if options.get("allow_pickle", "False") != "False":
                found.append(f"{name}(allow_pickle)")
    return found


def test_the_search_for_pickle_finds_it():
    risky = "import pickle\nfrom torch import load\ntorch.load(f)\nnp.load(f, allow_pickle=True)"
    assert calls_that_run_code(risky) == [
        "pickle", "torch.load", "torch.load", "np.load(allow_pickle)"
    ]  # fmt: skip
    assert calls_that_run_code("import torch\nnp.load(f, allow_pickle=False)") == []


@pytest.mark.parametrize("tree", ["solutions", "toy_models"])
def test_nothing_is_ever_unpickled(tree):
    found = {
        str(path.relative_to(ROOT)): calls
        for path in sorted((ROOT / tree).rglob("*.py"))
        if (calls := calls_that_run_code(path.read_text(encoding="utf-8")))
    }
    assert not found, f"data must be read as JSON or safetensors, which cannot run code: {found}"
