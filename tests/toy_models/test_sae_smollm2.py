"""The dictionary of the real model: recipe, files, and the share of the loss it recovers."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import toy_models
from solutions.ch02_transformer import load_pretrained
from solutions.ch05_patching import Intervention, apply_interventions
from solutions.ch08_saes import ActivationStore, feature_site, splice, training_folder
from solutions.ch08_saes.fidelity import measure_fidelity
from solutions.ch09_sparsity import TopKSAE, load_sae
from toy_models import fetch
from toy_models.real_text import Document, excerpt
from toy_models.recipes import real_activations as activations
from toy_models.sae_smollm2 import train as recipe

HOOK = "blocks.1.hook_resid_post"


@pytest.fixture(scope="module")
def small():
    """The small text model, which has the real model's number of positions in a window."""
    model, tokenizer = load_pretrained(toy_models.folder("text_4l"))
    return model.requires_grad_(False), tokenizer


@pytest.fixture
def small_recipe(small, cache, monkeypatch):
    """Run the recipe on the small model: seconds instead of minutes."""
    monkeypatch.setattr(recipe, "load_pretrained", lambda _: small)
    for name, value in {"LAYER": 1, "HOOK": HOOK, "D_SAE": 96, "K": 4, "PER_KIND": 1}.items():
        monkeypatch.setattr(recipe, name, value)
    arguments = ["--text", "excerpt", "--tokens", "2000", "--epochs", "2"]
    return lambda out: recipe.main([*arguments, "--out", str(out)])


def test_more_windows_begin_with_the_same_ones(small):
    few, more = (activations.training_windows(small[1], excerpt("train"), n) for n in (5, 12))
    assert few.shape == (5, activations.WINDOW)
    assert torch.equal(few, more[:5])


def test_windows_take_the_kinds_of_text_in_turn(small):
    words = {"verse": "thee ", "prose": "lord ", "code": "self "}
    texts = [Document(f"{kind}/a", word * 900) for kind, word in words.items()]
    rows = activations.training_windows(small[1], texts, 6)
    found = [small[1].decode(row.tolist()).split()[1] for row in rows]
    assert found == ["thee", "lord", "self"] * 2


def test_held_out_windows_are_spread_over_the_documents(small):
    texts = [Document(f"{kind}/a", " ".join(map(str, range(2000)))) for kind in activations.KINDS]
    windows = activations.held_out_windows(small[1], texts, 3)["prose"]
    whole = small[1].encode(texts[1].text).ids
    n = len(whole) // activations.WINDOW
    starts = [n * place // 3 * activations.WINDOW for place in range(3)]
    expected = [whole[start : start + activations.WINDOW] for start in starts]
    assert windows.tolist() == expected
    with pytest.raises(ValueError, match=rf"expected {n + 1} windows of verse, got {n}"):
        activations.held_out_windows(small[1], texts, n + 1)


def test_losses_agree_with_chapter_8(small):
    model, tokenizer = small
    windows = activations.held_out_windows(tokenizer, excerpt("held_out"), 1)["code"]
    sae = TopKSAE(128, 200, 8, seed=1)
    resid = model(windows, stop_at_layer=2)
    mean = resid[:, 1:].flatten(0, 1).mean(dim=0)
    actual = activations.losses_with(
        model,
        1,
        resid,
        windows,
        {
            "clean": lambda x: x,
            "spliced": lambda x: sae.decode(sae.encode(x)),
            "mean": lambda x: mean.expand_as(x),
        },
    )
    expected = measure_fidelity(model, HOOK, sae, windows)
    for name, losses in actual.items():
        assert losses.mean().item() == pytest.approx(getattr(expected, name), abs=1e-4), name


def test_a_longer_collection_leaves_the_shorter_one_as_it_was(small, cache, monkeypatch):
    monkeypatch.setattr(activations, "CONFIG", activations.CollectConfig(rows_per_shard=900))
    windows = activations.training_windows(small[1], excerpt("train"), 24)
    first = activations.collect_activations(small[0], "small", HOOK, windows[:16], 900)
    before = ActivationStore(first, 64)
    assert 900 <= before.n_rows < 1100
    longer = activations.collect_activations(small[0], "small", HOOK, windows, 2500)
    after = ActivationStore(first, 64)
    assert after.n_rows == before.n_rows < ActivationStore(longer, 64).n_rows
    assert torch.equal(after.batch(3), before.batch(3))
    with pytest.raises(ValueError, match="expected 9999 rows"):
        activations.first_shards(cache / "activations/small", 9999)


def test_an_interrupted_run_ends_in_the_same_bytes(small_recipe, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    small_recipe(whole)

    def interrupted(*arguments):
        for record in original(*arguments):
            if record.step == 9:
                raise KeyboardInterrupt
            yield record

    original = training_folder.train_saes
    settings = recipe.settings
    monkeypatch.setattr(recipe, "settings", lambda *of: replace(settings(*of), checkpoint_every=4))
    with monkeypatch.context() as patched:
        patched.setattr(training_folder, "train_saes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            small_recipe(stopped)
    assert not (stopped / "cfg.json").exists()
    small_recipe(stopped)
    for file in ("sae_weights.safetensors", "cfg.json"):
        assert (whole / file).read_bytes() == (stopped / file).read_bytes(), file


def test_a_saved_dictionary_is_one_of_unscaled_activations(small_recipe, tmp_path, small, cache):
    small_recipe(tmp_path)
    sae = load_sae(tmp_path)
    [folder] = cache.glob("activations/*_first_2000")
    x = ActivationStore(folder, 256, scaled=False).batch(0)
    unexplained = (x - sae.decode(sae.encode(x))).square().sum() / (x - x.mean(0)).square().sum()
    assert unexplained < 0.95
    record = json.loads((tmp_path / "cfg.json").read_text("utf-8"))["metadata"]
    assert {"model_sha256", "windows_sha256", "text", "seed", "licence"} <= record.keys()
    weights = load_file(tmp_path / "sae_weights.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16}


@pytest.fixture(scope="module")
def shipped():
    return load_sae(toy_models.folder("sae_smollm2"))


def test_the_shipped_dictionary_has_its_record(shipped):
    assert isinstance(shipped, TopKSAE)
    assert (shipped.d_in, shipped.d_sae, shipped.k) == (576, 4096, 32)
    lengths = shipped.W_dec.norm(dim=1)
    torch.testing.assert_close(lengths, lengths.mean().expand_as(lengths), rtol=1e-3, atol=0)
    folder = toy_models.folder("sae_smollm2")
    record = json.loads((folder / "cfg.json").read_text("utf-8"))["metadata"]
    assert record["model_sha256"] == fetch.SMOLLM2.sha256
    assert record["hook_name"] == recipe.HOOK
    assert (folder / "sae_weights.safetensors").stat().st_size < 12_000_000


@pytest.mark.weights
def test_the_shipped_dictionary_recovers_what_its_card_states(real_model, shipped, monkeypatch):
    """Six held-out windows; the interval is three standard errors of the card's .951."""
    monkeypatch.setattr(recipe, "PER_KIND", 2)
    model, tokenizer = load_pretrained(real_model)
    actual = recipe.report(model, shipped, tokenizer)
    assert 0.92 < actual["recovered"] < 0.98, actual
    assert 0.18 < actual["fvu"] < 0.24, actual
    assert actual["l0"] == 32


@pytest.mark.weights
def test_clamping_its_own_value_changes_nothing(real_model, shipped):
    """A latent put to the activation that it has, in the real model, to the last bit."""
    model, tokenizer = load_pretrained(real_model)
    tokens = torch.tensor([tokenizer.encode("The ship left the harbour").ids])
    with splice(model, {recipe.HOOK: shipped}):
        clean, cache = model.run_with_cache(tokens, names=f"{recipe.HOOK}.hook_sae_acts_post")
        acts = cache[f"{recipe.HOOK}.hook_sae_acts_post"][0, -1]
        latent = int(acts.argmax())
        site = feature_site(recipe.HOOK, latent, -1)
        for value, same in ((acts[latent], True), (2 * acts[latent], False)):
            with apply_interventions(model, [Intervention.put(site, value)]):
                assert torch.equal(model(tokens), clean) == same
    assert torch.equal(model(tokens), clean)
