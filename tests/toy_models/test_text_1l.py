"""The one-layer text model: what its card claims of both seeds, and that its recipe resumes."""

import re

import pytest
import torch

import toy_models
from solutions.ch02_transformer import TransformerConfig, load_pretrained
from solutions.ch02_transformer.train import TrainConfig
from toy_models.real_text import excerpt
from toy_models.text_1l import train as recipe
from toy_models.text_4l.train import as_tokens, windows_of

SEEDS = (0, 1)
TINY = TransformerConfig(
    n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=16, d_vocab=300, n_ctx=16, activation="relu"
)


def test_it_reads_the_tokens_of_text_4l():
    mine, other = (toy_models.load(name).tokenizer for name in ("text_1l", "text_4l"))
    assert mine.to_str() == other.to_str()


@pytest.mark.parametrize("seed", SEEDS)
def test_its_neurons_are_relus_and_none_is_dead(seed):
    model, _ = load_pretrained(toy_models.folder("text_1l", seed))
    assert (model.config.n_layers, model.config.d_mlp, model.config.activation) == (1, 512, "relu")
    tokenizer = toy_models.load("text_1l").tokenizer
    tokens = windows_of(as_tokens(tokenizer, excerpt("held_out")), 128)[::16]
    _, cache = model.run_with_cache(tokens, names="blocks.0.mlp.hook_post", stop_at_layer=1)
    acts = cache["blocks.0.mlp.hook_post"]
    assert acts.min() == 0 and (acts > 0).flatten(0, 1).any(dim=0).double().mean() > 0.99


def test_its_seeds_differ():
    first, second = (toy_models.load("text_1l", seed).tensors["embed.W_E"] for seed in SEEDS)
    assert not torch.equal(first, second)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_its_card_has_the_right_held_out_loss(seed):
    card = (toy_models.folder("text_1l") / "card.md").read_text(encoding="utf-8")
    claimed = float(re.search(rf"\| {seed} \| all \| ([\d.]+) ", card)[1])
    model, _ = load_pretrained(toy_models.folder("text_1l", seed))
    tokenizer, losses = toy_models.load("text_1l").tokenizer, []
    for kind in ("verse", "prose", "code"):
        documents = [one for one in excerpt("held_out") if one.name.startswith(kind)]
        for batch in windows_of(as_tokens(tokenizer, documents), 128).split(16):
            log_probs = model(batch).detach().log_softmax(-1)[:, :-1]
            losses.append(-log_probs.gather(-1, batch[:, 1:, None]).mean(dim=(1, 2)))
    assert torch.cat(losses).mean().item() == pytest.approx(claimed, abs=0.002)


def test_a_resumed_run_ends_in_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "SIZES", TINY)
    text = torch.randint(300, (500,), generator=torch.Generator().manual_seed(1))
    config = TrainConfig(steps=7, batch_size=2, window=16, warmup=2, eval_every=2, seed=3)
    whole_train = recipe.train

    def interrupted(*arguments):
        for record in whole_train(*arguments):
            if record.step == 5:
                raise KeyboardInterrupt
            yield record

    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    recipe.run(tmp_path / "whole", text, text, config)
    with monkeypatch.context() as patched:
        patched.setattr(recipe, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recipe.run(tmp_path / "stopped", text, text, config)
    assert (tmp_path / "stopped/run.safetensors").is_file()
    recipe.run(tmp_path / "stopped", text, text, config)
    first, second = (tmp_path / name / "model.safetensors" for name in ("whole", "stopped"))
    assert first.read_bytes() == second.read_bytes()
    assert not (tmp_path / "stopped/run.safetensors").exists()
