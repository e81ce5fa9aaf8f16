"""Activations collected into a folder and read from it: interrupted, damaged, shuffled."""

import errno
import json

import pytest
import torch
from torch import nn

from tests.grading.assertions import assert_close

pytestmark = pytest.mark.project


class Foreign(nn.Module):
    """A model of another library: a block that returns a tuple, no hook points."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 5)
        self.block = Pair()
        self.last = Boom()

    def forward(self, tokens):
        return self.last(self.block(self.embed(tokens))[0])


class Pair(nn.Module):
    def forward(self, x):
        return 2 * x, "a cache"


class Boom(nn.Module):
    def forward(self, x):
        raise AssertionError("the pass must end at the module that is recorded")


@pytest.fixture
def foreign():
    torch.manual_seed(0)
    return Foreign()


def texts(n, pos=6):
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(1, 10, (2, pos), generator=generator) for _ in range(n)]


def run(collect, model, folder, n=10, **settings):
    config = collect.CollectConfig(**({"rows_per_shard": 25} | settings))
    return list(collect.collect(model, "block", texts(n), folder, config))


def test_activations_of_any_module_are_collected(collect, activation_store, foreign, tmp_path):
    records = run(collect, foreign, tmp_path, massive_factor=None)
    assert records[-1] == (10, 100), "ten batches of two texts, five tokens each"
    store = activation_store.ActivationStore(tmp_path, 10, scaled=False)
    rows = torch.cat([store.load(shard) for shard in range(len(store.shards))])
    expected = torch.cat([2 * foreign.embed(t)[:, 1:].flatten(0, 1) for t in texts(10)])
    assert torch.equal(rows, expected)
    seen = torch.cat([store.batch(step) for step in range(store.batches_per_epoch)])
    order = lambda x: x[x[:, 0].argsort()]  # noqa: E731
    assert torch.equal(order(seen), order(expected)), "an epoch has every row once"
    assert not torch.equal(seen, expected), "in another order"


def test_hook_points_of_the_course_are_modules_too(collect, build):
    model, tokens = build("llama"), torch.tensor([[1, 2, 3], [4, 5, 6]])
    _, cache = model.run_with_cache(tokens)
    actual = collect.activations_of(model, "blocks.1.hook_resid_pre", tokens)
    assert_close(actual, cache["blocks.1.hook_resid_pre"], "the hook point of that name")
    assert collect.activations_of(model, "blocks.0.mlp", tokens).shape == (2, 3, 10)


@pytest.mark.crosscheck
def test_a_transformers_model_is_collected(collect, activation_store, tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = GPT2Config(vocab_size=10, n_positions=8, n_embd=6, n_layer=2, n_head=2)
    model = GPT2LMHeadModel(sizes).eval()
    config = collect.CollectConfig(massive_factor=None)
    list(collect.collect(model, "transformer.h.0", texts(3), tmp_path, config))
    store = activation_store.ActivationStore(tmp_path, 5, scaled=False)
    with torch.no_grad():
        whole = model(texts(3)[0], output_hidden_states=True).hidden_states[1]
    assert torch.allclose(store.load(0)[:10], whole[:, 1:].flatten(0, 1), atol=1e-6)


def test_a_stop_at_any_batch_loses_one_shard_only(collect, foreign, tmp_path):
    run(collect, foreign, tmp_path / "whole")
    expected = (tmp_path / "whole" / "manifest.json").read_text()
    config = collect.CollectConfig(rows_per_shard=25)
    for stop in range(20):
        generator = collect.collect(foreign, "block", texts(10), tmp_path / "cut", config)
        limit = stop % 3
        calls = [0]

        def stopping(module, inputs):
            calls[0] += 1
            if calls[0] > limit:
                raise KeyboardInterrupt

        handle = foreign.embed.register_forward_pre_hook(stopping)
        try:
            with pytest.raises(KeyboardInterrupt):
                list(generator)
        finally:
            handle.remove()
        if limit == 0:
            continue
    run(collect, foreign, tmp_path / "cut")
    assert (tmp_path / "cut" / "manifest.json").read_text() == expected
    for shard in json.loads(expected)["shards"]:
        pair = [(tmp_path / name / shard["file"]).read_bytes() for name in ("whole", "cut")]
        assert pair[0] == pair[1]


def test_a_full_disk_leaves_the_shards_before_it_valid(
    collect, activation_store, foreign, tmp_path, monkeypatch
):
    save, calls = collect.save_file, []

    def full(tensors, path):
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(tensors, path)

    monkeypatch.setattr(collect, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        run(collect, foreign, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000.safetensors",
        "manifest.json",
    ]
    assert activation_store.ActivationStore(tmp_path, 5).n_rows == 30
    assert run(collect, foreign, tmp_path)[-1].batches == 10


def test_damaged_and_foreign_stores_are_refused(collect, activation_store, foreign, tmp_path):
    with pytest.raises(FileNotFoundError, match="collect activations first"):
        activation_store.ActivationStore(tmp_path, 5)
    run(collect, foreign, tmp_path)
    with pytest.raises(ValueError, match="holds other activations"):
        run(collect, foreign, tmp_path, skip_first=False)
    shard = tmp_path / "00001.safetensors"
    good = shard.read_bytes()
    shard.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ValueError, match="00001.safetensors with sha256"):
        activation_store.ActivationStore(tmp_path, 5)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match="00001.safetensors"):
        activation_store.ActivationStore(tmp_path, 5)
    shard.write_bytes(good)
    with pytest.raises(ValueError, match="rows of the largest shard, got 500"):
        activation_store.ActivationStore(tmp_path, 500)
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="of format 1, got 99"):
        activation_store.ActivationStore(tmp_path, 5)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        activation_store.ActivationStore(tmp_path, 5)


DAMAGED = [
    (b"[]", "is damaged"),
    (b"\xff", "is damaged"),
    (b"[" * 100_000, "is damaged"),
    ({"format": [1]}, r"of format 1, got \[1\]"),
    ({"run": 3}, "run: expected type dict, got 3"),
    ({"batches": "2"}, "batches: expected type int, got '2'"),
    ({"shards": {}}, "shards: expected type list"),
    ({"shards": [3]}, r"shards\[0\]: expected file, rows and sha256, got 3"),
    ({"shards": [{"file": "a", "sha256": "b"}]}, "expected file, rows and sha256"),
    ({"shards": [{"file": "a", "rows": 2.0, "sha256": "b"}]}, "expected file, rows and sha256"),
    ({"shards": [{"file": "/a", "rows": 2, "sha256": "b"}]}, "expected a relative path"),
    ({"shards": [{"file": "a", "rows": 0, "sha256": "b"}]}, "at least one row"),
    ({"shards": [{"file": "a", "rows": 0, "sha256": "b"}]}, "at least one row"),
]


@pytest.mark.parametrize("change, words", DAMAGED)
def test_a_malformed_manifest_names_its_field(activation_store, tmp_path, change, words):
    whole = {"format": 1, "run": {}, "batches": 0, "shards": []}
    content = change if isinstance(change, bytes) else json.dumps(whole | change).encode()
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        activation_store.ActivationStore(tmp_path, 5)


@pytest.mark.parametrize("line", [b"[]", b"{}", b"3", b"\xff", b'{"step": "2"}', b"[" * 100_000])
def test_a_log_is_read_up_to_a_line_of_another_kind(impl, tmp_path, line):
    folder, log = impl("ch08_saes.training_folder"), tmp_path / "log.jsonl"
    row = {"step": 1, "sae": "a", "reconstruction": 0.5}
    log.write_bytes(json.dumps(row).encode() + b"\n" + line + b"\n")
    assert folder.read_log(log) == [row]


def test_bad_activations_and_names_raise(collect, foreign, tmp_path):
    with pytest.raises(KeyError, match="no module 'blocks'"):
        collect.activations_of(foreign, "blocks", texts(1)[0])
    with pytest.raises(ValueError, match="at least one token to be kept"):
        run(collect, foreign, tmp_path / "none", special_tokens=tuple(range(10)))
    with pytest.raises(ValueError, match="above 1, got 0.5"):
        collect.CollectConfig(massive_factor=0.5)
    with torch.no_grad():
        foreign.embed.weight[3] = 1e30
    with pytest.raises(ValueError, match="too large for float16"):
        run(collect, foreign, tmp_path / "large", dtype="float16", massive_factor=None)
    with torch.no_grad():
        foreign.embed.weight[3] = torch.nan
    with pytest.raises(ValueError, match="in batch 0, got NaN"):
        run(collect, foreign, tmp_path / "nan", massive_factor=None)


def test_batches_follow_from_seed_and_step_alone(collect, activation_store, foreign, tmp_path):
    run(collect, foreign, tmp_path, n=30, massive_factor=None)

    def store(seed=0):
        return activation_store.ActivationStore(tmp_path, 7, seed=seed, shards_in_memory=2)

    one, other = store(), store()
    steps = 2 * one.batches_per_epoch
    expected = [one.batch(step) for step in range(steps)]
    for step in reversed(range(steps)):
        assert torch.equal(other.batch(step), expected[step])
    assert not torch.equal(store(seed=1).batch(0), expected[0])
    assert one.rows.numel() * 4 * 2 <= one.memory_bytes < 4 * 2 * one.n_rows * one.d_in
    lengths = torch.cat(expected).square().sum(1)
    assert abs(lengths.mean().item() / one.d_in - 1) < 0.1, "rows are scaled"
