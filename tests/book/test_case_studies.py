"""The case studies: exact graphs of hand-set models, and what the pages claim of their figures."""

import json
from pathlib import Path

import pytest
import torch

from docs._figures.attribution import toy_cases
from docs._figures.attribution.text_cases import total_effects
from solutions.ch11_transcoders import two_hop
from solutions.ch12_graphs import attribution_graph, clt_basis, freeze, logit_targets
from toy_models.hand_set import entities, languages, rhymes

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
pytestmark = pytest.mark.project


def numbers(name):
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["numbers"]


def test_total_effects_follow_all_paths():
    model = two_hop.two_hop_model()
    local = freeze(model, torch.tensor([[5, two_hop.FIRST_RELATION]]))
    basis = clt_basis(local, two_hop.exact_clt(model))
    made = attribution_graph(local, basis, logit_targets(local, most=1))
    answer = 8 - 8 / two_hop.CONFIG.d_vocab
    # the state gives the pair 1 of its value 1/2, so twice the pair's effect is lost without it
    torch.testing.assert_close(
        total_effects(made), torch.tensor([2 * answer, answer], dtype=torch.float64)
    )


@pytest.mark.parametrize(
    "case, least, latents",
    [
        ("a method's indentation", 0.85, 10),
        ("the end of __main__", 1.0, 10),
        ("the children of Israel", 0.85, 10),
    ],
)
def test_groups_of_text_4l_switch_other_prompts(case, least, latents):
    found = numbers("ch12_text_removed")[case]
    assert len(found["prompts"]) >= 7 and found["closure"] < 1e-5
    assert found["switched"][str(latents)] >= least
    for name, control in found["controls switched"].items():
        assert control["mean"] <= 0.05, name
    assert found["agreement"]["correlation"]["low"] > 0.75
    assert 0.7 < found["agreement"]["slope"]["low"] < found["agreement"]["slope"]["high"] < 1.25
    assert abs(found["moved"]["mean"] - found["predicted"]["mean"]) < 1.5


@pytest.fixture(scope="module", params=["entities", "languages", "planner", "improviser"])
def hand_set(request):
    """A hand-set model and all its prompts."""
    if request.param == "entities":
        return entities.entity_model(), entities.prompts(range(entities.N_NAMES))
    if request.param == "languages":
        every = [languages.prompt(question) for question in languages.all_questions()]
        return languages.language_model(), torch.cat(every)
    return rhymes.rhyme_model(request.param == "planner"), rhymes.all_prompts()


def test_graphs_of_hand_set_models_add_up_without_error(hand_set):
    model, prompts = hand_set
    for tokens in prompts[:: max(1, len(prompts) // 5)]:
        made = toy_cases.graph_of(model, tokens[None])
        read = made.indices("latent", "logit")
        torch.testing.assert_close(made.edges[read].sum(dim=1), made.values[read])
        assert not made.edges[:, made.indices("error", "remainder")].any()


def test_hand_set_models_answer_right():
    model = entities.entity_model()
    players = model(entities.prompts(entities.KNOWN))[:, -1].argmax(dim=1)
    sports = torch.tensor([entities.FIRST_ANSWER + entities.sport_of(name) for name in range(12)])
    assert torch.equal(players, sports)
    model = languages.language_model()
    for question in languages.all_questions():
        answer = int(model(languages.prompt(question))[0, -1].argmax())
        assert answer == languages.answer_to(question)
    planner, improviser = rhymes.rhyme_model(True), rhymes.rhyme_model(False)
    texts = rhymes.all_prompts()
    assert torch.equal(planner(texts), improviser(texts))
    assert torch.equal(planner(texts)[:, 1].argmax(dim=1), texts[:, 2])
    ends = torch.arange(rhymes.N_FIRST) % rhymes.N_RHYMES + rhymes.FIRST_END
    assert torch.equal(planner(texts)[:, 2].argmax(dim=1), ends)


def test_toy_interventions_find_switch_parts_and_plan():
    found = numbers("ch12_toy_cases")
    switch, parts, plan = (found[name] for name in ("entities", "languages", "rhymes"))
    for name, one in switch.items():
        assert one["changed"] == (0 if "instead" in name else 1), name
    assert all(one["changed"] == 1 for one in parts.values())
    assert plan["planner, end word"]["changed"] == 1
    assert plan["improviser, end word"]["changed"] == 0
    every = [one["random"] for group in (switch, parts, plan) for one in group.values()]
    assert max(every) < 0.1
    assert found["decline, known name"] == {"token 1": 1.0, "latent 0.3": -1.0}
    shared = found["shared"]
    assert shared["layer 1"] == {"languages": 1, "control": 0}
    assert shared["layer 0"]["languages"] == shared["layer 0"]["control"]


def test_addition_has_neurons_of_the_ones_digits_alone():
    seeds = numbers("ch12_addition")["seeds"].values()
    assert len(seeds) == 3
    for found in seeds:
        ones, size, control = (
            found["swaps"][name] for name in ("ones", "size", "random, as many as ones")
        )
        assert found["labels, shuffled"] == 0 and found["sizes"]["ones"] >= 15
        assert ones["tens stay"] > 0.85 and ones["ones stay"] < 0.35
        assert size["tens follow"] > 0.6
        assert control["ones follow"] < 0.01 and control["ones stay"] > 0.9
    for found in seeds:
        effects = found["graph"]["effects"]
        assert found["graph"]["gap"] < 1e-4
        assert abs(effects["neurons of the ones digits"][1]) < 0.6
        share = effects["neurons of the ones digits"][0] / effects["the digit's value"][0]
        assert (share > 0.7) == (found["swaps"]["ones"]["ones follow"] > 0.75)
    separate = [found["swaps"]["ones"]["ones follow"] > 0.75 for found in seeds]
    assert sum(separate) == 2, "two of three seeds"


def test_supernodes_switch_more_than_a_latent_but_are_unstable():
    groups = numbers("ch12_supernodes")["groups"]
    for name in ("one model", "two models"):
        assert len(groups[name]) == 3
        for found in groups[name].values():
            assert found["matched, shuffled"] == 0 and found["rand"]["high"] < 0.5
            assert abs(found["rand, permuted"]["mean"]) < 0.05
    assert len(groups["swaps"]) == 6
    for found in groups["swaps"].values():
        assert found["supernode"]["mean"] > found["random group"]["mean"] + 0.1
        assert found["supernode"]["mean"] >= found["latent"]["mean"]
        assert found["all latents"]["mean"] > 0.9 and found["random direction"]["mean"] < 0.05


def test_influence_ranks_effects_better_than_its_controls():
    effects = numbers("ch12_supernodes")["effects"]
    assert len(effects) == 5
    for name, found in effects.items():
        for control in ("shuffled decoders", "length", "random order"):
            other = found[f"rank, {control}"]["mean"]
            assert found["rank, influence"]["mean"] > other + 0.05, (name, control)
        assert abs(found["rank, random order"]["mean"]) < 0.1, name
        assert found["predicted, correlation"]["mean"] > found["shuffled, correlation"]["mean"]
