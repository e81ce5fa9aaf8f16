"""The small text model: what its card claims, and that its recipe resumes."""

import math
import re

import pytest
import torch
from tokenizers import Tokenizer

import toy_models
from solutions.ch02_transformer import TransformerConfig, load_pretrained
from solutions.ch02_transformer.train import TrainConfig
from toy_models.real_text import Document, excerpt
from toy_models.text_4l import train as recipe
from toy_models.text_4l.baselines import bigram_loss, unigram_loss

TINY = TransformerConfig(
    n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=16, d_vocab=300, n_ctx=16
)


def test_unigram_loss_by_hand():
    loss = unigram_loss(torch.tensor([0, 0, 1, 0]), torch.tensor([[1, 0, 1]]), d_vocab=2)
    assert loss.tolist() == [pytest.approx([-math.log(4 / 6), -math.log(2 / 6)])]


def test_bigram_loss_by_hand():
    text, windows = torch.tensor([0, 0, 1, 0]), torch.tensor([[0, 0, 1, 0]])
    loss = bigram_loss(text, windows, d_vocab=2, prior_count=3.0)
    # after 0: pairs 1, 1 plus 3 x (4/6, 2/6) are 3, 2; after 1: pairs 1, 0 plus the same are 3, 1
    assert loss.tolist() == [pytest.approx([-math.log(p) for p in (3 / 5, 2 / 5, 3 / 4)])]


def test_every_document_follows_the_token_that_ends_one():
    documents = [Document("verse/a", "ab ab ab"), Document("code/b", "12")]
    tokenizer = recipe.train_tokenizer(documents, d_vocab=300)
    tokens = recipe.as_tokens(tokenizer, documents)
    assert (tokens == 0).nonzero().flatten().tolist() == [0, len(tokens) - 3]
    assert tokenizer.decode(tokens.tolist()) == "ab ab ab12"


def test_windows_are_consecutive():
    assert recipe.windows_of(torch.arange(7), 3).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.fixture
def tiny(monkeypatch):
    """Shrink the recipe to seconds: sizes, text and settings."""
    monkeypatch.setattr(recipe, "SIZES", TINY)
    text = torch.randint(300, (500,), generator=torch.Generator().manual_seed(1))
    config = TrainConfig(steps=7, batch_size=2, window=16, warmup=2, eval_every=2, seed=3)
    return text, config


def test_a_resumed_run_ends_in_the_same_bytes(tiny, tmp_path, monkeypatch):
    text, config = tiny

    def interrupted(*arguments):
        for record in whole_train(*arguments):
            if record.step == 5:
                raise KeyboardInterrupt
            yield record

    whole_train = recipe.train
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    recipe.run(tmp_path / "whole", text, text, config)
    with monkeypatch.context() as patched:
        patched.setattr(recipe, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recipe.run(tmp_path / "stopped", text, text, config)
    assert (tmp_path / "stopped/run.safetensors").is_file()
    recipe.run(tmp_path / "stopped", text, text, config)
    for file in ("model.safetensors", "config.json", "loss.csv"):
        assert (tmp_path / "whole" / file).read_bytes() == (
            tmp_path / "stopped" / file
        ).read_bytes()
    assert not (tmp_path / "stopped/run.safetensors").exists()
    steps = re.findall(r"^\d+", (tmp_path / "stopped/loss.csv").read_text(), re.MULTILINE)
    assert steps == ["2", "4", "6", "7"]


@pytest.fixture(scope="module")
def toy():
    return toy_models.load("text_4l")


def test_its_vocabulary_keeps_every_byte_and_splits_digits(toy):
    words = "Thou art 1984 — größer\n\tdef f(x):\n"
    assert toy.tokenizer.decode(toy.tokenizer.encode(words).ids) == words
    assert toy.tokenizer.encode("1984").tokens == ["1", "9", "8", "4"]
    assert toy.tokenizer.get_vocab_size() == toy.config["d_vocab"] == 2048


@pytest.mark.timeout(300)
def test_its_card_has_the_right_held_out_loss(toy):
    card = (toy_models.folder("text_4l") / "card.md").read_text(encoding="utf-8")
    claimed = float(re.search(r"\| all \| 757 \| ([\d.]+) ", card)[1])
    training = recipe.as_tokens(toy.tokenizer, excerpt("train"))
    header, *_, last = recipe.report(toy_models.folder("text_4l"), training, excerpt("held_out"))
    actual = dict(zip(header, last, strict=True))
    assert float(actual["model"]) == pytest.approx(claimed, abs=0.002)
    assert float(actual["model"]) < float(actual["bigram"]) - 0.2, "the excerpt's bigrams, not all"


def test_its_files_agree_with_the_library(toy):
    model, tokenizer = load_pretrained(toy_models.folder("text_4l"))
    assert {name for name, _ in model.named_parameters()} == toy.tensors.keys()
    assert isinstance(tokenizer, Tokenizer)
    logits = model(torch.tensor([tokenizer.encode("King of ").ids]))
    assert logits.isfinite().all()
