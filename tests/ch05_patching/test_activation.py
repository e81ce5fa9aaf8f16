"""Graders of denoise_and_noise (5.6) and of derangement (5.9)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.remember import remember
from tests.grading.tiny_models import TOKENS

from .planted import negative_head

OTHER = torch.tensor([[2, 1, 4, 7, 6], [9, 3, 6, 0, 1], [5, 7, 12, 11, 2]])
ANSWER, WRONG = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])
ALL = slice(None)
PARTS = {
    ("hook_resid_pre", 0, None, 1): (ALL, 1),
    ("hook_resid_mid", 1, None, -1): (ALL, -1),
    ("hook_mlp_out", 0, None, (3, 1)): (ALL, [3, 1]),
    ("attn.hook_z", 1, 4, -1): (ALL, -1, 4),
    ("attn.hook_z", 0, 2, None): (ALL, ALL, 2),
    ("attn.hook_q", 1, 5, 4): (ALL, 4, 5),
    ("attn.hook_pattern", 1, 0, 4): (ALL, 0, 4),
    ("mlp.hook_post", 1, None, ((0,), (4,), (2,))): ([0, 1, 2], [0, 4, 2]),
}
"""A site's hook, layer, head and position -> the same part as an index."""


def difference(model, logits):
    """The metric of these tests, at the last position."""
    rows = logits[:, -1]
    return torch.stack([r[a] - r[w] for r, a, w in zip(rows, ANSWER, WRONG, strict=True)])


@torch.no_grad()
def patched_by_hand(model, tokens, source):
    """The metric on `tokens` with each part patched from a run of `source`."""
    _, cache = model.run_with_cache(source)
    scores = []
    for (hook, layer, _, _), index in PARTS.items():

        def put(x, point, index=index):
            x[index] = cache[point.name][index]

        hooks = {f"blocks.{layer}.{hook}": put}
        scores.append(difference(model, model.run_with_hooks(tokens, hooks=hooks)))
    return torch.stack(scores)


@exercise("5.6")
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_each_site_is_patched_in_both_directions(activation, metrics, Site, build, family):
    model = build(family)
    sites = [Site(hook, layer, head=h, position=p) for hook, layer, h, p in PARTS]
    metric = metrics.logit_diff_from_resid(model, ANSWER, WRONG)
    by_hand = [
        remember(patched_by_hand, model, *runs, model=model, case=(family, direction))
        for direction, runs in {"denoised": (OTHER, TOKENS), "noised": (TOKENS, OTHER)}.items()
    ]
    actual = activation.denoise_and_noise(model, TOKENS, OTHER, sites, metric)
    claim = "Denoised: each site of the corrupted run has the clean run's activation."
    assert_close(actual.denoised, by_hand[0], claim)
    claim = "Noised: each site of the clean run has the corrupted run's activation."
    assert_close(actual.noised, by_hand[1], claim)
    clean, corrupted = (difference(model, model(tokens)) for tokens in (TOKENS, OTHER))
    assert_close(actual.clean, clean, "The unpatched clean run is wrong.")
    assert_close(actual.corrupted, corrupted, "The unpatched corrupted run is wrong.")


@exercise("5.6")
def test_scores_keep_the_unit_of_the_metric(activation, metrics, Site, build):
    model, sites = build("gpt2"), [Site("attn.hook_z", 1, head=4)]
    metric = metrics.logit_diff_from_resid(model, ANSWER, WRONG)
    scores, small = (
        activation.denoise_and_noise(model, TOKENS, OTHER, sites, lambda x: unit * metric(x))
        for unit in (1.0, 1e-9)
    )
    claim = "A metric in units a billion times larger gives numbers a billion times smaller."
    for name, expected in scores._asdict().items():
        assert_close(getattr(small, name) * 1e9, expected, claim)


@exercise("5.6")
@pytest.mark.parametrize("gate, lost, recovered", [("and", 1.0, 0.0), ("or", 0.0, 1.0)])
def test_noising_finds_necessary_denoising_sufficient(
    activation, metrics, logic_gate_models, gate, lost, recovered
):
    model, answer = logic_gate_models.logic_gate_model(gate), torch.tensor([1])
    metric = metrics.logit_diff_from_resid(model, answer, 0 * answer)
    clean, corrupted = torch.tensor([[1, 1, 2]]), torch.tensor([[0, 0, 2]])
    sites = activation.head_sites(model, -1)
    actual = activation.denoise_and_noise(model, clean, corrupted, sites, metric)
    claim = f"{gate.upper()} of two inputs, 1 and 1 in the clean run: denoise one of them."
    assert_close(actual.denoised, torch.full((2, 1), recovered), claim)
    claim = claim.replace("denoise", "noise")
    assert_close(actual.noised, torch.full((2, 1), 1 - lost), claim)


@exercise("5.6")
@pytest.mark.parametrize("family", ["gpt2", "attention-only"])
def test_recovery_is_1_for_all_and_0_for_none(activation, metrics, Site, build, family):
    model, corrupted = build(family, n_layers=3), OTHER.clone()
    corrupted[:, 0] = TOKENS[:, 0]
    whole = [Site("hook_resid_pre", 0), Site("hook_resid_post", 2)]
    shared = Site("attn.hook_z", 0, position=0)
    metric = metrics.logit_diff_from_resid(model, ANSWER, WRONG)
    actual = activation.denoise_and_noise(model, TOKENS, corrupted, [*whole, shared], metric)
    clean, other = (difference(model, model(tokens)) for tokens in (TOKENS, corrupted))
    for scores, goal, start in ((actual.denoised, clean, other), (actual.noised, other, clean)):
        claim = "A patch of the whole residual stream gives the other run."
        assert_close(scores[:2], goal.expand(2, -1), claim)
        claim = "Both prompts have the same token at position 0: a patch there changes nothing."
        assert_close(scores[2], start, claim)
        shares = metrics.normalized_recovery(scores, goal, start)
        assert_close(shares, torch.tensor([1.0, 1.0, 0.0]), "The shares are 1, 1 and 0.")


@exercise("5.6")
def test_a_negative_head_shows_in_both_directions(activation, metrics, impl):
    model, answer = negative_head(impl), torch.tensor([1])
    clean, corrupted = torch.tensor([[1, 2]]), torch.tensor([[0, 2]])

    def patch(metric):
        sites = activation.head_sites(model)
        return activation.denoise_and_noise(model, clean, corrupted, sites, metric)

    actual = patch(metrics.logit_diff_from_resid(model, answer, 0 * answer))
    claim = "Two heads write +2a and -a for the answer, 0 in the corrupted run."
    assert_close(actual.denoised[:, 0], torch.tensor([2.0, -1.0]), claim)
    assert_close(actual.noised[:, 0], torch.tensor([-1.0, 2.0]), claim)
    seen = patch(metrics.metric_from_logits(model, lambda x: metrics.probability(x, answer)))
    hidden = (seen.denoised[1] - seen.corrupted).abs().item()
    assert hidden < 0.02, f"expected a probability that hides the head, got a change of {hidden}"


def draws(activation, batch, n):
    """Derangements of n seeds."""
    seeds = (torch.Generator().manual_seed(seed) for seed in range(n))
    return [activation.derangement(batch, generator).tolist() for generator in seeds]


@exercise("5.9")
@pytest.mark.parametrize("batch", [2, 3, 4, 9])
def test_it_is_a_permutation_without_fixed_points(activation, batch):
    for source in draws(activation, batch, 50):
        fixed = [i for i, other in enumerate(source) if other == i]
        assert not fixed, (
            f"expected another example's activation for all {batch}, got {source}: example "
            f"{fixed[0]} keeps its own and is not ablated"
        )
        assert sorted(source) == list(range(batch)), (
            f"expected every one of {batch} examples once, got {source}"
        )


@exercise("5.9")
def test_it_is_drawn_from_the_given_generator(activation):
    found = []
    with torch.random.fork_rng():
        for seed in range(2):
            torch.manual_seed(seed)
            found.append(draws(activation, 9, 20))
    assert found[0] == found[1], "expected one draw per seed of the generator, got two"
    assert len(set(map(tuple, found[0]))) > 1, (
        f"expected different draws for 20 seeds, got {found[0][0]} from each"
    )
    generator = torch.Generator().manual_seed(0)
    first, second = (activation.derangement(9, generator).tolist() for _ in range(2))
    assert first != second, (
        "expected a new draw in the second call with one generator, got the same"
    )


@exercise("5.9")
def test_every_other_example_can_be_the_source(activation):
    found = set(map(tuple, draws(activation, 5, 300)))
    pairs = {(i, other) for source in found for i, other in enumerate(source)}
    assert len(pairs) == 20, f"expected all 20 pairs of 5 examples in 300 draws, got {len(pairs)}"
    assert len(found) >= 20, f"expected 20 or more permutations in 300 draws, got {len(found)}"
