"""Interventions while text is generated: steps with a cache equal one forward of the text."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal
from tests.grading.tiny_models import TOKENS

pytestmark = pytest.mark.project
REST = torch.tensor([[2, 1, 4, 7], [9, 3, 6, 0], [5, 7, 12, 11]])
TEXT = torch.cat([TOKENS, REST], dim=1)
PROMPT, ALL = 5, range(9)
SPANS = {"all": ALL, "prompt": range(PROMPT), "generated": range(PROMPT, 9)}
PLACES = {
    "everywhere": (None, [list(ALL)] * 3),
    "in the prompt": (3, [[3]] * 3),
    "the prompt's last": (-1, [[4]] * 3),
    "generated": (6, [[6]] * 3),
    "in the prompt and generated": ((1, 5, 8), [[1, 5, 8]] * 3),
    "an own one each": (((2,), (7,), (5,)), [[2], [7], [5]]),
    "two own ones each": (((6, 0), (4, 7), (8, 5)), [[6, 0], [4, 7], [8, 5]]),
}


def in_steps(impl, model, lengths=(PROMPT, 1, 2, 1)):
    """Logits of a text in several forwards, with a cache."""
    past, parts = impl("ch02_transformer.kv_cache").KVCache(len(model.blocks)), []
    for piece in TEXT.split(lengths, dim=1):
        parts.append(model(piece, past=past))
    return torch.cat(parts, dim=1)


def at_once(model, name, rows, during, change):
    """Logits of the whole text, changed by hand at these places as far as `during` goes."""

    def hook(x, _):
        for text, row in enumerate(rows):
            for i, place in enumerate(row):
                if place in SPANS[during]:
                    change(x, text, place, i)

    return model.run_with_hooks(TEXT, hooks={name: hook})


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("during", SPANS)
def test_steps_with_a_cache_equal_one_forward(
    interventions_in_generation, interventions, Site, build, impl, family, place, during
):
    position, rows = PLACES[place]
    model = build(family)
    places = len(rows[0])
    value = normal(3, 1 if position is None else places, 1, 4, seed=1)
    site = Site("attn.hook_z", 0, head=4, position=position)
    change = interventions.Intervention(site, "replace", value, during=during)
    if not any(p in SPANS[during] for row in rows for p in row):
        with pytest.raises(ValueError, match="1 of 1 interventions were never applied"):
            with interventions_in_generation.apply_while_generating(model, [change]):
                in_steps(impl, model)
        return

    def by_hand(x, text, at, i):
        x[text, at, 4] = value[text, 0 if position is None else i, 0]

    with interventions_in_generation.apply_while_generating(model, [change]):
        actual = in_steps(impl, model)
    assert_close(actual, at_once(model, site.name, rows, during, by_hand), f"{place}, {during}")


def test_the_operand_can_be_a_run_of_the_whole_text(
    activation, interventions_in_generation, interventions, Site, build, impl
):
    model, other = build("gpt2"), TEXT.flip(0)
    for position, rows in (((1, 7), [[1, 7]] * 3), (None, [list(ALL)] * 3)):
        site = Site("hook_resid_mid", 1, position=position)
        runs = {"other": activation.cache_sites(model, other, [site])}

        patch = interventions.Intervention.patch(site, "other")

        def by_hand(x, text, at, _, states=runs["other"][site.name]):
            x[text, at] = states[text, at]

        with interventions_in_generation.apply_while_generating(model, [patch], runs):
            actual = in_steps(impl, model)
        assert_close(
            actual, at_once(model, site.name, rows, "all", by_hand), f"a run's state at {position}"
        )


def test_steering_while_sampling(interventions_in_generation, interventions, Site, build, impl):
    model, sample = build("llama"), impl("ch02_transformer.sample")
    vector = 4 * normal(10, seed=2)
    site = Site("hook_resid_post", 0)
    for during in SPANS:
        steer = interventions.Intervention(site, "add", vector, during=during)
        greedy = sample.SampleConfig(temperature=0.0)
        with interventions_in_generation.apply_while_generating(model, [steer]):
            actual = sample.generate(model, TOKENS, 6, greedy)
        text = TOKENS
        for _ in range(6):

            def hook(x, _, span=during):
                first = PROMPT if span == "generated" else 0
                x[:, first : PROMPT if span == "prompt" else None] += vector

            logits = model.run_with_hooks(text, hooks={site.name: hook})
            text = torch.cat([text, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
        assert torch.equal(actual, text), f"steered {during}: another text comes"


def test_separate_forwards_begin_at_position_0(interventions, Site, build):
    model, site = build("gpt2"), Site("hook_resid_mid", 0, position=2)
    with interventions.apply_interventions(model, [interventions.Intervention.zero(site)]):
        first, second = model(TOKENS), model(TOKENS)
    assert torch.equal(first, second) and not torch.equal(first, model(TOKENS))


def test_negative_and_later_positions_raise(
    interventions_in_generation, interventions, Site, build, impl
):
    model, site = build("gpt2"), Site("hook_resid_mid", 0, position=(-1, 6))
    with pytest.raises(ValueError, match=r"expected positions from 0 on"):
        with interventions_in_generation.apply_while_generating(
            model, [interventions.Intervention.zero(site)]
        ):
            in_steps(impl, model)


def test_a_position_before_the_start_raises(interventions, Site, impl):
    point = impl("ch02_transformer.hooks").HookPoint()
    change = interventions.Intervention.zero(Site("hook_resid_mid", 0, position=2))
    with pytest.raises(ValueError, match="expected positions from 3 on"):
        interventions.edit_activation(normal(2, 4, 3, seed=1), point, change, {}, 3)
