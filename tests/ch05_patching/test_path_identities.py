"""Path patching as a whole, which is given: what must hold whatever the weights are."""

import pytest
import torch

from tests.ch05_patching import patching_reference
from tests.ch05_patching.patching_reference import CLEAN, CORRUPTED, Place, path_patched
from tests.grading.assertions import assert_close

pytestmark = pytest.mark.project

FAMILIES = ["gpt2", "llama", "attention-only"]
HEADS, LAYERS = 6, 2


@pytest.fixture
def patched(impl):
    """Run path_patch with a metric that depends on all logits."""

    def run(model, senders, receivers=(), mlps="recomputed"):
        senders = [[place.site(impl) for place in sender] for sender in senders]
        receivers = [place.site(impl) for place in receivers]
        patch = impl("ch05_patching.path").path_patch
        return patch(
            model,
            CLEAN,
            CORRUPTED,
            senders,
            receivers,
            patching_reference.all_logits_metric(model),
            mlps=mlps,
        )

    return run


def unpatched(model, tokens):
    """The metric of a run without patches."""
    with torch.no_grad():
        end = model(tokens, stop_at_layer=len(model.blocks))
    return patching_reference.all_logits_metric(model)(end[None, :, -1])[0]


def heads(layers=LAYERS):
    return [Place("attn.hook_z", layer, head) for layer in range(layers) for head in range(HEADS)]


EMBEDDING = Place("hook_resid_pre", 0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mlps", ["recomputed", "frozen"])
def test_many_paths_agree_with_four_forwards(build, patched, family, mlps):
    model = build(family, n_layers=3)
    senders = [
        [Place("attn.hook_z", 0, 3, position=3)],
        [Place("hook_resid_pre", 1, position=1), Place("attn.hook_z", 0, 1, position=2)],
        [Place("attn.hook_z", 1, 2, position=4)],
        [Place("attn.hook_z", 0, 5)],
    ]
    for receivers in (
        [Place("attn.hook_v", 2, 1)],
        [Place("attn.hook_k", 1, 0, position=1), Place("attn.hook_q", 2, 5, position=4)],
        [Place("ln1.hook_normalized", 2, position=4)],
    ):
        actual = patched(model, senders, receivers, mlps)
        ends = [
            path_patched(model, (CLEAN, CORRUPTED), one, receivers, mlps == "frozen")
            for one in senders
        ]
        expected = torch.stack(
            [patching_reference.all_logits_metric(model)(end[None, :, -1])[0] for end in ends]
        )
        assert_close(actual, expected, f"Paths to {receivers} in a {family} model, MLPs {mlps}.")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("mlps", ["recomputed", "frozen"])
def test_paths_agree_with_the_tree(impl, build, patched, family, mlps):
    model = build(family, n_heads=2, n_kv_heads=1, d_model=6, d_head=4, d_mlp=5)
    ComputationTree = impl("ch05_patching.path_bruteforce").ComputationTree
    for sender, readers, receivers in (
        ((0, 1), [], []),
        ((0, 0), [(1, 1, "q"), (1, 0, "v")], [("q", 1), ("v", 0)]),
    ):
        tree = ComputationTree(
            model, CLEAN, CORRUPTED, sender, frozenset(readers), mlps == "recomputed"
        )
        places = [Place(f"attn.hook_{kind}", 1, head) for kind, head in receivers]
        actual = patched(model, [[Place("attn.hook_z", *sender)]], places, mlps)[0]
        assert_close(
            actual, (tree.logits()[:, -1] * weights(model)).sum(-1), f"{sender} to {readers}"
        )


def weights(model):
    """The weights of the metric."""
    return patching_reference.normal(model.config.d_vocab, seed=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_prompts_raise(impl, build, family):
    patch, model = impl("ch05_patching.path").path_patch, build(family)
    site = Place("attn.hook_z", 0, 1).site(impl)
    same = CORRUPTED.clone()
    same[1] = CLEAN[1]
    for corrupted, words in (
        (CLEAN, "got 3 of 3 equal"),
        (same, "got 1 of 3 equal, the first at index 1"),
    ):
        with pytest.raises(ValueError, match=words):
            patch(
                model, CLEAN, corrupted, [[site]], [], patching_reference.all_logits_metric(model)
            )


def test_impossible_senders_and_receivers_raise(impl, build):
    patch, model = impl("ch05_patching.path").path_patch, build("gpt2")
    Site, head = impl("ch02_transformer.sites").Site, Place("attn.hook_z", 0, 1).site(impl)
    for senders, receivers, mlps, words in (
        ([], [], "frozen", "no patches"),
        ([[head], []], [], "frozen", "at least one intervention"),
        ([[Site("hook_embed")]], [], "frozen", "expected a site inside a block"),
        ([[head]], [Site("hook_embed")], "frozen", "expected a site inside a block"),
        ([[head]], [Site("attn.hook_q", 1, head=6)], "frozen", "heads in 0..5"),
        ([[head]], [], "thawed", "thawed"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            patch(
                model,
                CLEAN,
                CORRUPTED,
                senders,
                receivers,
                patching_reference.all_logits_metric(model),
                mlps=mlps,
            )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sender_with_equal_outputs_has_no_effect(build, patched, family):
    model = build(family)
    with torch.no_grad():
        model.blocks[0].attn.W_V[1] = 0  # its value is a bias, whatever is metric
    senders = [[Place("attn.hook_z", 0, head)] for head in (3, 4, 5)]
    for receivers in ([], [Place("attn.hook_q", 1, 2)]):
        actual = patched(model, senders, receivers)
        assert_close(
            actual,
            unpatched(model, CLEAN).expand(3, -1),
            "Heads 3 to 5 have equal outputs in both runs.",
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_patching_from_the_clean_run_has_no_effect(impl, build, family):
    model = build(family)
    path, sweep = impl("ch05_patching.path"), impl("ch05_patching.sweep")
    Intervention, cache_sites = (
        impl("ch05_patching.interventions").Intervention,
        impl("ch05_patching.activation").cache_sites,
    )
    sites = [place.site(impl) for place in [EMBEDDING, *heads()]]
    patches = [[Intervention.patch(site, "same")] for site in sites]
    with torch.no_grad():
        _, held = model.run_with_cache(CLEAN, names=path.frozen_hook_names(model, "recomputed"))
    for receivers in ([], [Place("attn.hook_k", 1, 1).site(impl)]):
        actual = path.run_paths(
            model,
            sweep.cache_prompt(model, CLEAN),
            patches,
            receivers,
            patching_reference.all_logits_metric(model),
            path.PathRuns({"same": cache_sites(model, CLEAN, sites)}, held),
        )
        assert_close(
            actual,
            unpatched(model, CLEAN).expand(len(sites), -1),
            "The clean run is patched with itself.",
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_all_senders_together_give_the_corrupted_run(build, patched, family):
    model = build(family, n_layers=3)
    actual = patched(model, [[EMBEDDING, *heads(3)]])
    assert_close(actual[0], unpatched(model, CORRUPTED), "All paths at once are the corrupted run.")


@pytest.fixture
def linear(build):
    """Attention alone and no norms: the logits are a sum over what is written."""

    def make(layers):
        model = build("attention-only", n_layers=layers)
        base = unpatched(model, CLEAN)
        return model, base

    return make


def test_direct_effects_sum_in_a_linear_model(linear, patched):
    model, base = linear(1)
    alone = patched(model, [[EMBEDDING], *([head] for head in heads(1))]) - base
    whole = unpatched(model, CORRUPTED) - base
    assert_close(
        alone.sum(dim=0), whole, "Effects of the embedding and all heads, one by one, summed."
    )
    assert alone.abs().mean(dim=1).min() > 1e-3, (
        "every one of them has some effect, so that the sum says much"
    )


@pytest.mark.parametrize(
    "receivers", [[], [Place("attn.hook_v", 1, 0), Place("attn.hook_v", 1, 1)]]
)
def test_disjoint_paths_add_in_a_linear_model(linear, patched, receivers):
    model, base = linear(2)
    first, second = [Place("attn.hook_z", 0, 1), Place("attn.hook_z", 0, 4)], [EMBEDDING]
    one, other, both = patched(model, [first, second, [*second, *first]], receivers) - base
    assert_close(one + other, both, f"Two senders' effects through {receivers or 'the logits'}.")
    if receivers:
        apart = sum(patched(model, [first], [receiver])[0] - base for receiver in receivers)
        assert_close(apart, one, "A sender's effects through two receivers' values.")


def test_freezing_mlps_matters_where_there_are_any(build, patched):
    for family in FAMILIES:
        model = build(family)
        senders = [[head] for head in heads(1)]
        recomputed, frozen = (patched(model, senders, (), how) for how in ("recomputed", "frozen"))
        gap = (recomputed - frozen).abs()
        if family == "attention-only":
            assert gap.max() == 0, "there is no MLP to hold"
        else:
            assert gap.min() > 1e-6, "every head is read by some MLP"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_receiver_before_the_sender_gets_nothing(build, patched, family):
    model = build(family, n_layers=3)
    before = [
        ([Place("attn.hook_z", 1, 2)], [Place("attn.hook_q", 0, 1), Place("attn.hook_v", 1, 0)]),
        ([Place("attn.hook_z", 2, 2)], [Place("attn.hook_k", 1, 1)]),
        ([Place("attn.hook_z", 0, 2, position=3)], [Place("attn.hook_q", 2, 1, position=2)]),
        ([Place("attn.hook_z", 0, 2, position=3)], [Place("attn.hook_v", 1, 1, position=0)]),
    ]
    for sender, receivers in before:
        actual = patched(model, [sender], receivers)
        assert_close(actual[0], unpatched(model, CLEAN), f"{sender} is after {receivers}.")
