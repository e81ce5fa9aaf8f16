"""Learners' own toys for questions about circuits: impostors change little, disguises nothing."""

import pytest
import torch

import toy_models
from toy_models import impostors
from toy_models.instances import token_order

pytestmark = pytest.mark.project


@pytest.fixture
def load():
    from solutions.ch02_transformer import load_pretrained

    return load_pretrained


def test_without_mute_heads_the_predictions_are_the_toys(load, monkeypatch):
    monkeypatch.setattr(impostors, "MUTE", 0.0)
    own, _ = load(impostors.own_induction(4), dtype=torch.float64)
    toy, _ = load(toy_models.folder("induction_2l", seed=1), dtype=torch.float64)
    tokens = torch.randint(64, (3, 30), generator=torch.Generator().manual_seed(0))
    order = token_order(4, 64)
    with torch.no_grad():
        actual, expected = own(tokens), toy(order[tokens])[..., order]
    actual, expected = (logits.log_softmax(dim=-1) for logits in (actual, expected))
    assert (actual - expected).abs().max() < 1e-10
    assert own.config.n_heads == 6


def test_an_own_pointer_predicts_what_the_toy_predicts(load):
    from solutions.ch07_ioi.pointer import POINTER
    from solutions.ch07_ioi.prompts import draw_prompts

    own, tokenizer = load(impostors.own_pointer(5), parts=POINTER)
    prompts = draw_prompts(tokenizer, 60, torch.Generator().manual_seed(0))
    with torch.no_grad():
        answers = own(prompts.tokens)[:, -1].argmax(dim=1)
    assert own.config.n_heads == 8
    assert (answers == prompts.io_token).double().mean() > 0.95
