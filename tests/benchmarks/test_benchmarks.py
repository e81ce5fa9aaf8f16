"""The benchmarks run, at sizes too small to mean anything; how long they take is never a test."""

import json

import pytest
import torch

from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch05_patching.activation import head_sites
from solutions.ch11_transcoders import TopKTranscoder
from solutions.ch12_graphs import direct_effects, freeze, transcoder_basis

from . import __main__ as benchmarks
from .attribution import by_autograd
from .measure import compare, memory
from .patching import draw, one_patch, short, sweep
from .plain import Floor, Plain
from .rows import Bench

TINY = Bench(
    config=TransformerConfig(
        n_layers=2, d_model=24, n_heads=3, d_head=8, d_mlp=40, d_vocab=50, n_ctx=40
    ),
    batch=4,
    pos=6,
    prompt=5,
    n_new=3,
    repeats=1,
)


@pytest.fixture
def model():
    """A tiny GPT-2 in float64, every parameter random."""
    made = HookedTransformer(TINY.config).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    return made


def test_the_table_is_printed_and_the_file_written(tmp_path, capsys):
    path = tmp_path / "results.json"
    chosen = [
        "forward",
        "caching",
        "attention",
        "generation",
        "toys",
        "saes",
        "sparse-saes",
        "edges",
    ]
    rows = benchmarks.main(["--only", *chosen, "--repeats", "2", "--json", str(path)], TINY)
    assert all(row.timing is not None and row.timing.ratio > 0 for row in rows)
    written = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert [row["what"] for row in written] == [row.what for row in rows]
    assert "plain torch" in capsys.readouterr().out


def test_peers_that_are_not_installed_are_skipped_by_name(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    names = ["transformers", "transformer_lens", "nnsight", "pyvene"]
    for group, words in (("peers", ""), ("patching-peers", ", one patch")):
        rows = benchmarks.main(["--only", group], TINY)
        assert [row.what for row in rows] == [name + words for name in names]
        assert all(row.timing is None and "not installed" in row.note for row in rows)
    (row,) = benchmarks.main(["--only", "real-peers"], TINY)
    assert row.timing is None and "not installed" in row.note


def test_a_missing_real_model_is_skipped_and_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("MI_CACHE", str(tmp_path))
    (row,) = benchmarks.main(["--only", "real"], TINY)
    assert row.timing is None and "mi model" in row.note


@torch.no_grad()
def test_the_timed_sweep_equals_single_patches(model):
    bench = short(TINY)
    prompts = draw(bench, model.config.d_vocab)
    sites = head_sites(model, position=-1)
    alone = torch.stack([one_patch(model, prompts, site)() for site in sites])
    assert torch.allclose(sweep(model, prompts, sites)(), alone, rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_neither_a_sweep_nor_a_loop_counts_the_corrupted_run(model):
    """docs/compare.md compares a sweep with a loop; neither includes that run."""
    prompts = draw(short(TINY), model.config.d_vocab)
    sites = head_sites(model, position=-1)
    timed = sweep(model, prompts, sites), one_patch(model, prompts, sites[0])
    read: list[torch.Tensor] = []
    model.embed.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    for call in timed:
        read.clear()
        call()
        assert read and not any(torch.equal(tokens, prompts.corrupted) for tokens in read)


def test_sweeps_are_measured_and_a_missing_real_model_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MI_CACHE", str(tmp_path))
    *rows, real = benchmarks.main(["--only", "patching"], TINY)
    assert all(row.timing is not None and "loop" in row.note for row in rows) and len(rows) == 5
    assert real.timing is None and "mi model" in real.note


@torch.no_grad()
def test_the_plain_implementation_computes_our_logits(model):
    tokens = TINY.tokens()
    assert torch.allclose(Plain(model)(tokens), model(tokens), rtol=1e-10, atol=1e-10)
    assert Floor(Plain(model), TINY.batch, TINY.pos)().shape == (24, 50)


@torch.no_grad()
def test_caching_everything_keeps_nothing_but_the_activations(model):
    _, cache = model.run_with_cache(TINY.tokens())
    kept, hidden = memory(cache.values(), model)
    assert hidden == 0, f"{hidden} bytes are kept that no cached tensor shows"
    assert kept <= sum(x.numel() * x.element_size() for x in cache.values())


def test_memory_is_counted_once_and_hidden_parts_are_seen():
    x = torch.zeros(10, 4)
    assert memory([x, x.T, x.view(40)]) == (160, 0)
    assert memory([x[:3]]) == (160, 112)
    assert memory([x[:, :2], x[:, 2:]]) == (160, 0)
    assert memory([torch.zeros(1).expand(100)]) == (4, 0)


def test_pairs_alternate_and_give_a_ratio():
    order = []
    actual = compare(lambda: order.append("a"), lambda: order.append("b"), torch.device("cpu"), 4)
    assert "".join(order) == "ab" + "baabbaab"
    assert actual.low <= actual.ratio <= actual.high


def test_edges_by_autograd_are_the_same_edges():
    model = HookedTransformer(TINY.config).requires_grad_(False)
    local = freeze(model, torch.tensor([[3, 1, 4, 1, 5]]))
    by = {layer: TopKTranscoder(24, 24, 20, 3, layer).requires_grad_(False) for layer in range(2)}
    for one in by.values():
        one.W_dec.data = torch.randn(20, 24, generator=torch.Generator().manual_seed(0))
    basis = transcoder_basis(local, by)
    actual = by_autograd(local, basis, basis.nodes.targets)
    expected = direct_effects(local, basis, basis.nodes.targets).nodes
    assert torch.allclose(actual, expected, atol=1e-5) and expected.abs().max() > 0.1
