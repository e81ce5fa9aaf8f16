"""Interventions on a running model, which are given: effects and errors."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal
from tests.grading.tiny_models import TOKENS

pytestmark = pytest.mark.project
OTHER = torch.tensor([[2, 1, 4, 7, 6], [9, 3, 6, 0, 1], [5, 7, 12, 11, 2]])


def heard(model):
    """Hook points with a guest."""
    return [name for name, point in model.hook_points().items() if point.has_hooks]


def run(model, interventions, changes, runs=None, tokens=TOKENS):
    """Logits with these interventions on."""
    with interventions.apply_interventions(model, changes, runs):
        return model(tokens)


def hooked(model, name, edit):
    """Logits with a hook by hand."""

    def hook(x, _):
        edit(x)

    return model.run_with_hooks(TOKENS, hooks={name: hook})


def test_an_unknown_site_raises_before_anything_runs(interventions, Site, build):
    model = build("llama")
    good = interventions.Intervention.zero(Site("attn.hook_z", 0))
    for site, error, says in (
        (Site("attn.hook_zz", 0), KeyError, r"'blocks\.0\.attn\.hook_zz'; the nearest are"),
        (Site("attn.hook_z", 9), KeyError, "no hook point"),
        (Site("attn.hook_k", 1, head=2), ValueError, r"key heads in 0\.\.1 at .*, got 2"),
    ):
        with pytest.raises(error, match=says):
            with interventions.apply_interventions(
                model, [good, interventions.Intervention.zero(site)]
            ):
                pytest.fail("the block ran")
        assert not heard(model)


def test_an_intervention_without_effect_raises(interventions, Site, build):
    model = build("gpt2", n_layers=3)
    low, high = (interventions.Intervention.zero(Site("hook_mlp_out", layer)) for layer in (0, 2))
    with pytest.raises(ValueError, match=r"1 of 2 .* were never applied, the first at .*layer=2"):
        with interventions.apply_interventions(model, [low, high]):
            model(TOKENS, stop_at_layer=2)
    with pytest.raises(ValueError, match=r"2 of 2 interventions were never applied"):
        with interventions.apply_interventions(model, [low, high]):
            pass
    late = interventions.Intervention(low.site, "zero", during="generated")
    with pytest.raises(ValueError, match="1 of 1 .* inside apply_while_generating"):
        run(model, interventions, [late])
    assert not heard(model)


def test_an_error_in_the_block_removes_the_hooks(interventions, Site, build):
    model = build("gpt2")
    with pytest.raises(ZeroDivisionError):
        with interventions.apply_interventions(
            model, [interventions.Intervention.zero(Site("hook_mlp_out", 0))]
        ):
            raise ZeroDivisionError
    assert not heard(model)


@pytest.mark.parametrize("position", [((0,), (3,), (-1,)), ((1, 4), (0, -2), (2, 3))])
def test_each_example_is_changed_at_its_own_positions(interventions, Site, build, position):
    model, value = build("llama"), normal(3, len(position[0]), 2, 4, seed=1)

    def edit(x):
        for text, row in enumerate(position):
            for i, place in enumerate(row):
                for j, head in enumerate((5, 1)):
                    x[text, place, head] = value[text, i, j]

    change = interventions.Intervention.put(
        Site("attn.hook_z", 1, head=(5, 1), position=position), value
    )
    assert_close(
        run(model, interventions, [change]),
        hooked(model, "blocks.1.attn.hook_z", edit),
        "own positions",
    )


def test_a_source_can_have_other_positions(activation, interventions, Site, build):
    model, site = build("gpt2"), Site("hook_resid_mid", 0, position=((1,), (2,), (-1,)))
    runs = {"other": activation.cache_sites(model, OTHER, [site])}
    states = runs["other"][site.name]
    for source, rows in ((0, (0, 0, 0)), (((4,), (-2,), (1,)), (4, 3, 1)), (None, (1, 2, 4))):

        def edit(x, rows=rows):
            for text, (place, there) in enumerate(zip((1, 2, 4), rows, strict=True)):
                x[text, place] = states[text, there]

        actual = run(
            model, interventions, [interventions.Intervention.patch(site, "other", source)], runs
        )
        assert_close(actual, hooked(model, site.name, edit), f"source at {source}")


def test_a_mean_is_over_examples_not_positions(activation, interventions, Site, build):
    model, longer = build("gpt2"), torch.cat([OTHER, TOKENS[:2].flip(1)])
    for position, rows in ((None, None), (3, (3,) * 5), ((2, 0), None), (-1, (4,) * 5)):
        site = Site("attn.hook_z", 1, head=2, position=position)
        runs = {"abc": activation.cache_sites(model, longer, [site])}
        states = runs["abc"][site.name][:, :, 2]
        places = range(5) if position is None else site.position_rows()[0].tolist()

        def edit(x, places=tuple(places), states=states):
            for place in places:
                x[:, place, 2] = sum(states[i, place] for i in range(5)) / 5

        actual = run(model, interventions, [interventions.Intervention.mean(site, "abc")], runs)
        assert_close(actual, hooked(model, site.name, edit), f"mean at {position}, {rows}")


def test_a_mean_uses_each_examples_own_position(activation, interventions, Site, build):
    model, site = build("llama"), Site("hook_mlp_out", 0, position=((1,), (4,), (2,)))
    runs = {"abc": activation.cache_sites(model, OTHER, [site])}
    states = runs["abc"][site.name]
    average = (states[0, 1] + states[1, 4] + states[2, 2]) / 3

    def edit(x):
        x[0, 1] = x[1, 4] = x[2, 2] = average

    actual = run(model, interventions, [interventions.Intervention.mean(site, "abc")], runs)
    assert_close(actual, hooked(model, site.name, edit), "mean, each at its own place")


def test_directions_swap_rotated_coordinates(activation, interventions, Site, build):
    model = build("gpt2", n_layers=3)
    rotation = torch.linalg.qr(normal(10, 10, seed=3))[0]
    site = Site("hook_resid_pre", 1, position=2).along(rotation.T[:3])
    runs = {"other": activation.cache_sites(model, OTHER, [site])}

    def edit(x):
        turned, there = x[:, 2] @ rotation, runs["other"][site.name][:, 2] @ rotation
        x[:, 2] = torch.cat([there[:, :3], turned[:, 3:]], dim=1) @ rotation.T

    actual = run(model, interventions, [interventions.Intervention.patch(site, "other")], runs)
    assert_close(actual, hooked(model, site.name, edit), "the interchange of a rotated subspace")
    every = Site("hook_resid_pre", 0).along(rotation.T)
    runs = {"other": activation.cache_sites(model, OTHER, [every])}
    actual = run(model, interventions, [interventions.Intervention.patch(every, "other")], runs)
    assert_close(actual, model(OTHER), "a whole rotated space, everywhere, is the other run")


def test_interventions_at_one_hook_keep_their_order(interventions, Site, build):
    model, site = build("gpt2"), Site("hook_resid_mid", 1)
    add, scale = (
        interventions.Intervention.add(site, torch.ones(())),
        interventions.Intervention.scale(site, 3.0),
    )

    def then(x):
        x.add_(1).mul_(3)

    def before(x):
        x.mul_(3).add_(1)

    assert_close(
        run(model, interventions, [add, scale]), hooked(model, site.name, then), "add, then scale"
    )
    assert_close(
        run(model, interventions, [scale, add]), hooked(model, site.name, before), "scale, then add"
    )


def test_impossible_operands_raise(activation, interventions, Site, build):
    model, site = build("gpt2"), Site("attn.hook_z", 0, head=1, position=2)
    patch, make = interventions.Intervention.patch(site, "abc"), interventions.Intervention
    short = activation.cache_sites(model, OTHER[:, :2], [site])
    with pytest.raises(KeyError, match=r"hook_z of run 'abc' .* got runs 'other'"):
        run(model, interventions, [patch], {"other": short})
    with pytest.raises(KeyError, match="got runs none"):
        run(model, interventions, [patch])
    with pytest.raises(ValueError, match="run 'abc': expected 3 examples, .* got 2"):
        run(model, interventions, [patch], {"abc": {site.name: short[site.name][:2]}})
    with pytest.raises(ValueError, match=r"positions in -2\.\.1, .* got 2"):
        run(model, interventions, [patch], {"abc": short})
    with pytest.raises(ValueError, match="run 'abc': expected at least 5 positions, got 2"):
        run(model, interventions, [make.patch(Site("attn.hook_z", 0), "abc")], {"abc": short})
    with pytest.raises(ValueError, match=r"broadcasts to \[3, 1, 1, 4\].* got shape \[3, 1, 9\]"):
        run(model, interventions, [make.put(site, torch.ones(3, 1, 9))])
    for action, value, source, says in (
        ("erase", None, None, "erase"),
        ("zero", torch.ones(1), None, "expected 0 operands .* got 1"),
        ("add", None, None, "expected 1 operands .* got 0"),
        ("add", torch.ones(1), interventions.FromRun("abc"), "expected 1 operands .* got 2"),
    ):
        with pytest.raises((ValueError, TypeError), match=says):  # or the shape checker's
            make(site, action, value, source)
    with pytest.raises((ValueError, TypeError), match="later"):
        make(site, "zero", during="later")
