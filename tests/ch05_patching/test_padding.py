"""Padding in sweeps (given code): each prompt gives the scores that it gives alone."""

import pytest
import torch

from tests.grading import module_fixture, tiny_models
from tests.grading.assertions import assert_close

pytestmark = pytest.mark.project
padding = module_fixture("ch02_transformer.padding")
CLEAN = [[3, 1, 4, 1, 5], [9, 2, 6], [0, 7, 8, 11, 10, 12, 4]]
CORRUPTED = [[8, 1, 2, 6, 5], [9, 4, 0], [11, 7, 3, 11, 2, 9, 1]]
ANSWER, WRONG = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])


@pytest.fixture(params=["gpt2", "llama"])
def built(request, impl):
    return tiny_models.build(impl, request.param)


def rows(counted, mask):
    """The n-th token of each prompt, as a site wants it; below 0 from its end."""
    first, length = mask.int().argmax(dim=1), mask.sum(dim=1)
    return tuple((int(f + counted % n),) for f, n in zip(first, length, strict=True))


@pytest.fixture
def sites(impl):
    """Sites at the n-th token of each prompt, given as a function of its positions."""
    Site = impl("ch02_transformer.sites").Site
    return lambda at: [
        Site("hook_resid_pre", 0, position=at(1)),
        Site("attn.hook_z", 1, head=2, position=at(-1)),
        Site("attn.hook_k", 1, head=1, position=at(0)),
        Site("attn.hook_pattern", 1, head=0, position=at(-1)),
        Site("hook_mlp_out", 0),
    ]


def alone(i):
    """The i-th clean and corrupted prompt, each as a batch."""
    return torch.tensor([CLEAN[i]]), torch.tensor([CORRUPTED[i]])


@pytest.mark.parametrize("side", ["left", "right"])
def test_sweeps_of_padded_prompts(built, impl, padding, activation, metrics, sites, side):
    Intervention = impl("ch05_patching.interventions").Intervention
    clean, mask = padding.pad_prompts(CLEAN, side)
    corrupted, _ = padding.pad_prompts(CORRUPTED, side)

    def sweep(clean, corrupted, i, sites, mask=None):
        patches = [[Intervention.patch(site, "other")] for site in sites]
        metric = metrics.logit_diff_from_resid(built, ANSWER[i], WRONG[i])
        runs = {"other": activation.cache_sites(built, corrupted, sites, mask)}
        base = metrics.unpatched(built, clean, metric, mask)
        return base, activation.patch_sweep(built, clean, patches, metric, runs, mask=mask)

    here = sites(lambda n: rows(n, mask))
    if side == "right":
        here = here[:3] + here[4:]  # patterns of other lengths have their keys elsewhere
    base, scores = sweep(clean, corrupted, slice(None), here, mask)
    for i in range(3):
        there = sites(lambda n: n)
        if side == "right":
            there = there[:3] + there[4:]
        expected = sweep(*alone(i), slice(i, i + 1), there)
        assert_close(base[i], expected[0][0], f"The metric of prompt {i} is not its own.")
        assert_close(scores[:, i], expected[1][:, 0], f"The scores of prompt {i} are not its own.")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("receiving", [False, True])
def test_paths_of_padded_prompts(built, padding, path, metrics, Site, side, receiving):
    clean = padding.pad_prompts(CLEAN, side)
    corrupted, mask = padding.pad_prompts(CORRUPTED, side)

    def effects(clean, corrupted, i, at):
        senders = [[Site("attn.hook_z", 0, head=h, position=at(-1))] for h in range(3)]
        receivers = [Site("attn.hook_q", 1, head=2, position=at(-1))] * receiving
        metric = metrics.logit_diff_from_resid(built, ANSWER[i], WRONG[i])
        return path.path_patch(built, clean, corrupted, senders, receivers, metric)

    actual = effects(clean, corrupted, slice(None), lambda n: rows(n, mask))
    for i in range(3):
        expected = effects(*alone(i), slice(i, i + 1), lambda n: n)[:, 0]
        assert_close(actual[:, i], expected, f"The effects in prompt {i} are not its own.")


def test_interventions_on_padded_prompts(built, impl, padding, activation, Site):
    Intervention = impl("ch05_patching.interventions").Intervention
    tokens, mask = padding.pad_prompts(CLEAN, "left")
    change = [Intervention.zero(Site("attn.hook_z", 0, head=1, position=-2))]
    logits = activation.run_with_interventions(built, tokens, change, mask=mask)
    for i in range(3):
        expected = activation.run_with_interventions(built, alone(i)[0], change)[0]
        assert_close(logits[i, mask[i]], expected, f"The logits of prompt {i} are not its own.")


def test_a_patch_of_padding_is_refused(built, impl, padding, activation, metrics, Site):
    Intervention = impl("ch05_patching.interventions").Intervention
    tokens, mask = padding.pad_prompts(CLEAN, "right")
    patch = [Intervention.zero(Site("attn.hook_z", 0, head=1, position=-1))]
    metric = metrics.logit_diff_from_resid(built, ANSWER, WRONG)
    with pytest.raises(ValueError, match="expected positions of tokens, got padding in prompt 0"):
        activation.patch_sweep(built, tokens, [patch], metric, mask=mask)
    with pytest.raises(ValueError, match="expected positions of tokens, got padding in prompt 0"):
        activation.run_with_interventions(built, tokens, patch, mask=mask)
