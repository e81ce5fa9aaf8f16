"""Graders of collect.py and activation_store.py: which tokens are kept (8.14), and the scale of a
data set (8.15). Tests of the store on disk."""

import errno
import json

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

TOKENS = torch.tensor([[9, 4, 4, 7, 2, 0], [9, 0, 3, 4, 5, 1]])


def long_rows(shape=(2, 6, 3)):
    """Rows of length about 1, one of them 4 times and one 40 times as long."""
    acts = normal(*shape, seed=1)
    acts /= acts.norm(dim=-1, keepdim=True)
    acts[0, 2] *= 4
    acts[1, 3] *= 40
    return acts


def kept_by_loop(acts, tokens, special, skip_first, factor):
    """Which tokens are kept, one token at a time."""
    n_texts, n_pos = tokens.shape
    left = [
        (i, p)
        for i in range(n_texts)
        for p in range(n_pos)
        if int(tokens[i, p]) not in special and not (skip_first and p == 0)
    ]
    lengths = {place: float(acts[place].square().sum()) ** 0.5 for place in left}
    keep = torch.zeros(n_texts, n_pos, dtype=torch.bool)
    if left:
        middle = sorted(lengths.values())[(len(left) - 1) // 2]
        for place in left:
            keep[place] = factor is None or lengths[place] <= factor * middle
    return keep


@exercise("8.14")
@pytest.mark.parametrize("special", [(), (9,), (0, 4)])
@pytest.mark.parametrize("skip_first", [True, False])
@pytest.mark.parametrize("factor", [None, 3.0, 10.0])
def test_special_first_and_massive_tokens_are_left_out(collect, special, skip_first, factor):
    config = collect.CollectConfig(
        special_tokens=special, skip_first=skip_first, massive_factor=factor
    )
    expected = kept_by_loop(long_rows(), TOKENS, special, skip_first, factor)
    claim = f"Special {special}, skip_first {skip_first}, massive_factor {factor}: wrong tokens."
    check(collect.keep_mask, long_rows(), TOKENS, config, expected=expected, claim=claim)


@exercise("8.14")
def test_the_median_is_that_of_the_tokens_that_are_left(collect):
    """Special tokens and first positions are massive here, so they would raise the median."""
    acts = torch.ones(2, 6, 3, dtype=torch.float64)
    config = collect.CollectConfig(special_tokens=(4, 9, 7, 2, 0), massive_factor=5.0)
    acts[torch.isin(TOKENS, torch.tensor(config.special_tokens))] = 1000
    acts[1, 5] = 8
    expected = kept_by_loop(acts, TOKENS, config.special_tokens, True, 5.0)
    claim = "The median is taken over the tokens that are left, not over all."
    check(collect.keep_mask, acts, TOKENS, config, expected=expected, claim=claim)


@exercise("8.14")
def test_a_batch_may_keep_nothing(collect):
    config = collect.CollectConfig(special_tokens=tuple(range(10)))
    actual = check(
        collect.keep_mask,
        long_rows(),
        TOKENS,
        config,
        expected=torch.zeros(2, 6, dtype=torch.bool),
        claim="All tokens are special.",
    )
    assert actual.dtype == torch.bool


@pytest.fixture
def moments_of(activation_store):
    def Moments(*parts):
        moments = activation_store.Moments(parts[0].shape[1])
        for part in parts:
            moments.add(part)
        return {"mean": moments.mean(), "scale": moments.scale()}

    return Moments


def moments_by_loop(*parts):
    rows = torch.cat([part.double() for part in parts])
    mean = sum(rows) / len(rows)
    squared = sum(sum(row.square()) for row in rows) / len(rows)
    return {"mean": mean, "scale": float((rows.shape[1] / squared) ** 0.5)}


@exercise("8.15")
def test_moments_on_odd_inputs(moments_of):
    def make(first, second, d_in):
        return 3 * normal(first, d_in, seed=1) + 1, normal(second, d_in, seed=2)

    check_odd(moments_of, moments_by_loop, make, skip="zeros", first=4, second=7, d_in=3)


@exercise("8.15")
def test_sums_are_kept_in_float64(moments_of):
    parts = [torch.full((1000, 2), 0.1) for _ in range(20)]
    exact = torch.tensor(0.1).double().item()
    expected = {"mean": torch.full((2,), exact, dtype=torch.float64), "scale": 1 / exact}
    claim = "20,000 rows of .1: the sums must be kept in float64."
    check(moments_of, *parts, expected=expected, claim=claim, tolerance=1e-12)


@exercise("8.15")
def test_long_rows_leave_the_digits_of_short_ones(moments_of):
    parts = [torch.full((1000, 2), 0.1) for _ in range(20)]
    for part in parts:
        part[0], part[1] = 1e4, -1e4
    claim = "20,000 rows, some of 10,000 and -10,000: the sums must be kept in float64."
    check(moments_of, *parts, expected=moments_by_loop(*parts), claim=claim, tolerance=1e-12)


@exercise("8.15")
def test_the_scale_gives_a_mean_squared_length_of_d_in(activation_store):
    x = 7 * normal(50, 4, seed=3)
    moments = activation_store.Moments(4)
    moments.add(x)
    scaled = moments.scale() * x
    claim = "After scaling, the mean squared length of rows must be d_in = 4."
    assert_close(scaled.square().sum(1).mean(), 4.0, claim)


@exercise("8.15")
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_mean_and_scale_follow_the_unit(moments_of, unit):
    x = 7 * normal(50, 4, seed=3)
    mean, scale = moments_of(unit * x).values()
    expected_mean, expected_scale = moments_by_loop(x).values()
    claim = f"Rows {unit:g} times as long have a mean {unit:g} times as long."
    assert_close(mean / unit, expected_mean, claim)
    claim = f"Rows {unit:g} times as long have a factor {unit:g} times smaller."
    assert_close(scale * unit, expected_scale, claim)


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


@pytest.mark.project
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


@pytest.mark.project
def test_hook_points_of_the_course_are_modules_too(collect, build):
    model, tokens = build("llama"), torch.tensor([[1, 2, 3], [4, 5, 6]])
    _, cache = model.run_with_cache(tokens)
    actual = collect.activations_of(model, "blocks.1.hook_resid_pre", tokens)
    assert_close(actual, cache["blocks.1.hook_resid_pre"], "the hook point of that name")
    assert collect.activations_of(model, "blocks.0.mlp", tokens).shape == (2, 3, 10)


@pytest.mark.project
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


@pytest.mark.project
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


@pytest.mark.project
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


@pytest.mark.project
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


@pytest.mark.project
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


@pytest.mark.project
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
