"""The attention-only toys learned what was planted in their text, on every committed seed."""

import re

import pytest
import torch

import toy_models
from solutions.ch02_transformer import load_pretrained
from toy_models import folder
from toy_models.attn_0l import train as attn_0l
from toy_models.attn_1l import train as attn_1l
from toy_models.attn_2l import train as attn_2l
from toy_models.recipes.attention_only import train_toy
from toy_models.synthetic_text import RULES, bugs

SEEDS = (0, 1, 2)


def model(name, seed):
    return load_pretrained(folder(name, seed))[0]


@pytest.mark.parametrize("name", ["attn_0l", "attn_1l", "attn_2l"])
def test_no_bias_was_trained(name):
    biases = {n: b for n, b in model(name, 0).named_parameters() if ".b_" in n}
    assert biases and not any(b.any() for b in biases.values())


def test_seeds_differ_and_an_unknown_seed_raises():
    first, second = (model("attn_0l", seed).embed.W_E for seed in (0, 1))
    assert not torch.equal(first, second)
    with pytest.raises(KeyError, match="attn_0l has no seed 9"):
        folder("attn_0l", 9)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_layers_the_direct_path_is_the_bigrams(seed):
    found = attn_0l.report(model("attn_0l", seed))
    assert found["KL"] < 0.01
    assert found["correlation"] > 0.98


@pytest.mark.parametrize("seed", SEEDS)
def test_one_head_carries_out_every_rule_and_its_bug(seed):
    factors = attn_1l.ratios(attn_1l.skip_rows(model("attn_1l", seed), (*RULES, *bugs())))
    planted, wrong = factors[: len(RULES)], factors[len(RULES) :]
    assert planted.min() >= 5
    assert wrong[bugs().index(("keep", "in", "bay"))] > 1, "keep ... in raises bay with mind"
    assert wrong.log().mean() > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_previous_token_head_composes_most_with_keys(seed):
    found = attn_2l.report(model("attn_2l", seed))
    tables = {kind: torch.tensor(found[kind]) for kind in "qkv"}
    assert max(tables, key=lambda kind: tables[kind].max()) == "k"
    earlier, later = divmod(tables["k"].argmax().item(), 4)
    assert earlier == torch.tensor(found["previous"][0]).argmax()
    assert found["induction"][1][later] > 0.4
    assert tables["k"][earlier, later] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_ablating_the_composing_head_costs_most(seed):
    two = model("attn_2l", seed)
    earlier = torch.tensor(attn_2l.report(two)["k"]).max(dim=1).values.argmax().item()
    losses = [attn_2l.loss_without(two, [head]) for head in range(4)]
    assert max(losses) == losses[earlier]
    assert losses[earlier] > attn_2l.loss_without(two, []) + 0.5


def test_contexts_by_hand():
    words = "keep the a my his her our old new red long dark small man woman in , in".split()
    tokens = torch.tensor([[attn_1l.TOKEN[word] for word in [*words, *words]]])
    found, clear = attn_1l.contexts(tokens, "keep", "in")
    assert found[0].nonzero().flatten().tolist() == [18 + 15]
    assert clear[0].nonzero().flatten().tolist() == [17, 18 + 17]
    tokens[0, 19] = attn_1l.TOKEN["stand"]
    found, clear = attn_1l.contexts(tokens, "keep", "in")
    assert not found.any(), "another source with a rule is nearer"
    assert clear[0].nonzero().flatten().tolist() == [17]


@pytest.mark.parametrize(
    "name, kept", [("attn_0l", "KL"), ("attn_1l", "keep ... in -> bay"), ("attn_2l", "loss")]
)
def test_a_card_reports_every_seed(name, kept):
    card = (toy_models.folder(name) / "card.md").read_text(encoding="utf-8")
    assert kept in card
    assert re.search(r"\| seed \| 0 \| 1 \| 2 \|", card)


@pytest.mark.slow
def test_retraining_gives_such_a_model_again(tmp_path):
    found = attn_0l.report(train_toy(attn_0l.RECIPE, tmp_path, seed=7))
    assert found["KL"] < 0.01
    assert found["correlation"] > 0.98
