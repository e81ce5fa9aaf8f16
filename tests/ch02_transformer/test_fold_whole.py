"""Graders of fold.py on whole models: folding changes weights, but no prediction."""

from dataclasses import replace

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, randomise

TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])


@pytest.fixture(params=["gpt2", "gpt2-untied", "gpt2-parallel", "llama", "llama-tied"])
def original(request, config, model, layers):
    """A model of that family with every weight, bias and gain random."""
    families = {
        "gpt2": model.GPT2,
        "gpt2-untied": replace(model.GPT2, unembed=layers.Unembed),
        "gpt2-parallel": replace(model.GPT2, block=model.ParallelBlock),
        "llama": model.LLAMA,
        "llama-tied": replace(model.LLAMA, unembed=layers.TiedUnembed),
    }
    sizes = config.TransformerConfig(
        n_layers=2, d_model=8, n_heads=6, d_head=4, d_mlp=9, d_vocab=11, n_ctx=7, n_kv_heads=3
    )
    built = model.HookedTransformer(sizes, families[request.param], seed=0)
    return randomise(built, seed=5)


@torch.no_grad()
def check_unchanged(fold, original, suspect: str) -> torch.nn.Module:
    """Fold a model, compare its log-probabilities, and return it."""
    before = original(TOKENS).log_softmax(dim=-1)
    folded = fold.fold(original)
    claim = f"Folding may not change any log-probability. {suspect}"
    assert_close(folded(TOKENS).log_softmax(dim=-1), before, claim)
    return folded


@exercise("2.20")
def test_folding_gain_and_bias_changes_no_prediction(fold, original):
    check_unchanged(fold, original, "Are the norm's gain and bias both folded?")


@exercise("2.20")
@torch.no_grad()
def test_folding_twice_changes_nothing_more(fold, original):
    once = fold.fold(original)
    twice = dict(fold.fold(once).named_parameters())
    for name, weight in once.named_parameters():
        claim = f"{name} changes when a folded model is folded again: a gain of 1 changes nothing."
        assert_close(twice[name], weight, claim)


@exercise("2.21")
def test_centring_changes_no_prediction(fold, original):
    suspect = "LayerNorm ignores the mean over d_model, and softmax the mean over the vocabulary."
    check_unchanged(fold, original, suspect)


@exercise("2.21")
@torch.no_grad()
def test_resid_and_logits_have_mean_zero_after_centring(fold, original):
    folded = fold.fold(original)
    if folded.ln_final.centers:
        last = len(folded.blocks) - 1
        names = ["hook_embed", *(f"blocks.{layer}.hook_resid_post" for layer in range(last + 1))]
        _, cache = folded.run_with_cache(TOKENS, names=names)
        for name, resid in cache.items():
            claim = f"Every part writes with mean zero, so {name} has mean zero over d_model."
            assert_close(resid.mean(dim=-1), torch.zeros(TOKENS.shape), claim)
    means = folded(TOKENS).mean(dim=-1)
    assert_close(means, torch.zeros(TOKENS.shape), "Logits have mean zero over the vocabulary.")


@exercise("2.22")
def test_folding_value_biases_changes_no_prediction(fold, original):
    suspect = "Is the value bias of every head added to b_O?"
    folded = check_unchanged(fold, original, suspect)
    for block in folded.blocks:
        assert_close(block.attn.b_V, torch.zeros_like(block.attn.b_V), "A folded model has no b_V.")
