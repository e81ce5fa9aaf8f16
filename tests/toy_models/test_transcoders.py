"""Recipes of transcoders: rows in chunks, and the set of the real model on a tiny one."""

import json

import pytest
import torch

import toy_models
from solutions.ch02_transformer import LLAMA, HookedTransformer, TransformerConfig, load_pretrained
from solutions.ch11_transcoders.eight_bits import load_clt
from solutions.ch11_transcoders.formats import load_transcoders
from toy_models.clt_text_4l import train as clt_recipe
from toy_models.recipes import mlp_rows
from toy_models.transcoders_smollm2 import train as recipe

SIZES = TransformerConfig(
    n_layers=3, d_model=16, n_heads=2, d_head=8, d_mlp=24, d_vocab=300, n_ctx=128
)


@pytest.fixture(scope="module")
def tiny():
    """A random model of the real one's family, with weights large enough to matter."""
    model = HookedTransformer(SIZES, LLAMA, seed=1)
    for weight in model.parameters():
        weight.data *= 8 if weight.ndim > 1 else 1
    return model.requires_grad_(False)


@pytest.fixture(scope="module")
def windows():
    generator = torch.Generator().manual_seed(2)
    return torch.randint(300, (12, 20), generator=generator)


def test_rows_are_what_the_mlps_read_and_write(tiny, windows):
    rows = mlp_rows.mlp_rows(tiny, windows)
    names = [f"blocks.{i}.hook_mlp_out" for i in range(3)]
    _, cache = tiny.run_with_cache(windows, names=names)
    assert rows.shape == (12 * 19, 2, 3, 16)
    for layer, name in enumerate(names):
        assert torch.equal(rows[:, 1, layer], cache[name][:, 1:].flatten(0, 1).half())
        again = tiny.get_submodule(f"blocks.{layer}.mlp")(rows[:, 0, layer].float()[:, None])
        assert (again[:, 0] - rows[:, 1, layer]).abs().max() < 0.02 * again.abs().max()


def test_massive_rows_are_left_out(tiny, windows):
    y = mlp_rows.mlp_rows(tiny, windows)[:, 1].float()
    lengths = y.norm(dim=-1)
    factor = (lengths / lengths.median(dim=0).values).amax(dim=1).median().item()
    kept = mlp_rows.mlp_rows(tiny, windows, factor)
    assert 0.3 * len(y) < len(kept) < 0.7 * len(y)
    assert not mlp_rows.massive_tokens(y, 1e9).any()


def test_batches_depend_on_the_step_alone(tiny, windows):
    one, other = (mlp_rows.ChunkedRows(tiny, windows, 40, chunk=6) for _ in range(2))
    assert one.steps_per_chunk == 2
    forward = [one(step) for step in range(8)]
    backward = [other(step) for step in reversed(range(8))]
    assert all(torch.equal(a, b) for a, b in zip(forward, reversed(backward), strict=True))
    rows = {tuple(row) for batch in forward[:4] for row in batch[:, :8].tolist()}
    assert len(rows) == 160, "a row was used twice"
    again = {tuple(row) for batch in forward[4:6] for row in batch[:, :8].tolist()}
    assert again != {tuple(row) for batch in forward[:2] for row in batch[:, :8].tolist()}
    with pytest.raises(ValueError, match="expected at least 13 windows, got 12"):
        mlp_rows.ChunkedRows(tiny, windows, 40, chunk=13)
    with pytest.raises(ValueError, match="chunks of at least 999 tokens, got 114"):
        mlp_rows.ChunkedRows(tiny, windows, 999, chunk=6)


@pytest.fixture
def tiny_recipe(tiny, windows, monkeypatch):
    """Train the set of the tiny model: 12 steps, a checkpoint at every fourth."""
    for name, value in {"BATCH": 40, "CHUNK": 6, "MASSIVE": 3.0}.items():
        monkeypatch.setattr(recipe, name, value)
    config = recipe.SAETrainConfig(12, lr=3e-3, checkpoint_every=4, clip=None)

    def run(out, d_sae=32, k=4):
        made = recipe.TranscoderSet(3, 16, d_sae, k, seed=0)
        recipe.train_set(tiny, windows, made, config, out)
        return load_transcoders(out / "transcoders")

    return run


def test_the_set_begins_at_the_best_affine_map(tiny, windows):
    rows = mlp_rows.mlp_rows(tiny, windows)
    made = recipe.TranscoderSet(3, 16, 32, 4, seed=0)
    made.start_linear(rows)
    for layer, one in made.unscaled().items():
        x, y = rows[:, :, layer].float().unbind(dim=1)
        W, b = recipe.fit_affine(x, y, ridge=0.01)
        assert (one(x).y_hat - (x @ W + b)).abs().max() < 1e-4 * y.abs().max()


def test_a_trained_set_predicts_more_than_no_mlps(tiny, windows, tiny_recipe, tmp_path):
    by = tiny_recipe(tmp_path)
    scores = recipe.report(tiny, by, windows)
    assert scores["kl"] < recipe.report(tiny, zeroed(by), windows)["kl"]


def zeroed(by):
    """The same transcoders, without what they write."""
    made = {}
    for layer, one in by.items():
        empty = type(one)(one.d_in, one.d_out, one.d_sae, one.k)
        made[layer] = empty.requires_grad_(False)
    return made


def test_a_set_that_was_interrupted_ends_in_the_same_bytes(tiny_recipe, tmp_path, monkeypatch):
    tiny_recipe(tmp_path / "whole")
    call = mlp_rows.ChunkedRows.__call__

    def stop(self, step):
        if step == 6:
            raise KeyboardInterrupt
        return call(self, step)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(mlp_rows.ChunkedRows, "__call__", stop)
        tiny_recipe(tmp_path / "killed")
    tiny_recipe(tmp_path / "killed")
    for name in ("layer_0.safetensors", "layer_2.safetensors", "config.yaml"):
        whole, killed = (tmp_path / one / "transcoders" / name for one in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), name


def test_spared_tokens_keep_the_models_own_mlp(tiny, windows, monkeypatch):
    by = zeroed({layer: recipe.SkipTranscoder(16, 16, 8, 2) for layer in range(3)})
    monkeypatch.setattr(recipe, "MASSIVE", 0.0)  # every token counts as massive
    with recipe.spliced(tiny, by):
        spared = tiny(windows)
    assert torch.equal(spared, tiny(windows))
    monkeypatch.setattr(recipe, "MASSIVE", 1e9)
    with recipe.spliced(tiny, by):
        replaced = tiny(windows)
    assert torch.allclose(replaced[:, 0], spared[:, 0])
    assert not torch.allclose(replaced[:, 1], spared[:, 1])


def test_the_clt_recipe_trains_saves_and_resumes(tmp_path, monkeypatch, capsys):
    for name, value in {"D_SAE": 64, "K": 4, "CHUNK": 4, "PER_KIND": 2}.items():
        monkeypatch.setattr(clt_recipe, name, value)
    arguments = ["--text", "excerpt", "--steps", "3", "--out", str(tmp_path)]
    clt_recipe.main(arguments)
    first = capsys.readouterr().out
    weights = (tmp_path / "model.safetensors").read_bytes()
    clt_recipe.main(arguments)
    again = capsys.readouterr().out
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    scores = [json.loads(text[text.index("{") : text.rindex("}") + 1]) for text in (first, again)]
    assert scores[0] == scores[1]
    assert len(scores[0]["fvu"]) == 4


def test_the_shipped_clt_is_as_close_as_its_card_says():
    model, tokenizer = load_pretrained(toy_models.folder("text_4l"))
    clt = load_clt(toy_models.folder("clt_text_4l"))
    scores = clt_recipe.report(model, clt, clt_recipe.held_out_texts(tokenizer))
    assert scores["kl"] == pytest.approx(0.058, abs=0.001)
    assert scores["top1"] == pytest.approx(0.795, abs=0.005)
    assert scores["sure"] > 0.98
    assert scores["fvu"] == pytest.approx([0.038, 0.016, 0.018, 0.020], abs=0.001)
