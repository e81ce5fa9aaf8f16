"""The claims of chapter 3's pages about their figures, checked on the figures' numbers."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.project
FIGURES = Path(__file__).resolve().parents[2] / "docs/figures"


def numbers(name):
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["numbers"]


def test_trained_zero_layer_models_match_the_chain():
    facts = numbers("ch03_bigram")
    assert len(facts["kl"]) >= 3
    assert max(facts["kl"]) < 0.01
    assert min(facts["correlation"]) > 0.98
    assert facts["kl_of_nulls"]["knows only frequencies"] > 20 * max(facts["kl"])
    assert abs(facts["correlation_with_another_chain"]) < 0.2


def test_rules_raise_words_to_five_times_their_base_rate():
    facts = numbers("ch03_skip_trigram")
    for model, groups in facts["factors"].items():
        assert min(groups["planted"]) >= 5, model


def test_one_head_has_the_bug_and_two_have_it_less():
    facts = numbers("ch03_skip_trigram")
    bug = facts["triples"]["bug"].index("keep in bay")
    one = [facts["factors"][f"one head {seed}"]["bug"][bug] for seed in range(3)]
    assert min(one) > 1, "keep ... in -> bay"
    means = facts["geometric_means"]
    assert min(means["bug, one head"]) > 1
    assert max(means["bug, two heads"]) < min(means["bug, one head"])


def test_triples_without_a_rule_do_not_rise():
    means = numbers("ch03_skip_trigram")["geometric_means"]
    for name in ("one head", "two heads"):
        assert max(means[f"never, {name}"]) < 1.1


def test_a_source_raises_the_words_of_all_its_rules():
    facts = numbers("ch03_skip_tables")
    _, sources, outs = facts["words"]
    row = dict(zip(outs, facts["raises"][sources.index("keep")], strict=True))
    assert set(sorted(row, key=row.get)[-2:]) == {"mind", "bay"}


def test_contributions_sum_to_the_logit_in_late_layers():
    facts = numbers("ch03_attribution")
    assert facts["largest_error_of_the_sum"] < 1e-3
    mean = sum(facts["difference"]) / len(facts["difference"])
    late = facts["after_layer_20"]
    assert (late["heads"] + late["MLP"]) / mean > 0.9
    assert next(iter(facts["largest"])) == "head 23.4"
    assert min(facts["largest_over_prompts"]["head 23.4"]) > 1
    assert abs(late["heads, random tokens"]) < 0.2 * late["heads"]


def test_tuned_lens_is_closer_at_every_layer_and_seed():
    facts = numbers("ch03_lens")
    plain, tuned = facts["logit_lens"], facts["tuned_lens"]
    assert plain[-1] == pytest.approx(0, abs=1e-6)
    for seed in tuned:
        assert len(seed) == len(plain) - 1
        assert all(a < b for a, b in zip(seed, plain, strict=False))
    assert all(a >= b for a, b in zip(tuned[0], tuned[0][1:], strict=False)), "it falls with depth"
    spread = [max(layer) - min(layer) for layer in zip(*tuned, strict=True)]
    assert max(spread) < 0.1, "the seed of the lens changes little"


def test_heads_of_layer_1_copy_and_random_ones_do_not():
    facts = numbers("ch03_eigenvalues")
    for layers in facts["copying"].values():
        assert min(layers[1]) > 4 * facts["random_std"]
        assert max(layers[0]) < min(layers[1])


def test_largest_composition_is_k_from_the_previous_head():
    facts = numbers("ch03_composition")
    for seed, model in facts["models"].items():
        best = model["best"]
        assert best["kind"] == "k", seed
        assert model["previous"][best["earlier"]] == max(model["previous"]), seed
        assert model["induction"][best["later"]] > 0.4, seed
        assert best["excess"] > facts["random_interval"][1], seed
        assert max(max(row) for kind in "qv" for row in model[kind]) < 0, seed
        assert model["loss_without"][best["earlier"]] == max(model["loss_without"]), seed
        assert model["loss_without_layer_0"] > model["loss"] + 2, seed


def test_paths_through_one_head_save_most_loss():
    facts = numbers("ch03_terms")
    for losses in facts["losses"]["attn_2l"]:
        by_one, by_two = losses[0] - losses[1], losses[1] - losses[2]
        assert by_one > 2 * abs(by_two)
    for name in ("attn_0l", "attn_1l"):
        for losses in facts["losses"][name]:
            assert losses[-1] - facts["best_possible"][name] < 0.1
    for name, losses in facts["untrained"].items():
        assert max(losses) - min(losses) < 0.1, f"{name}: paths of random weights save nothing"
