"""Sweeps inside the caller's hooks (given code) give what one forward per patch gives."""

import pytest
import torch

from tests.ch05_patching.patching_reference import CLEAN, CORRUPTED
from tests.grading import tiny_models
from tests.grading.assertions import assert_close

pytestmark = pytest.mark.project
ANSWER, WRONG = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])


def one_position(x, point):
    """Ablates by position."""
    x.select(point.pos_axis, 2).zero_()


def one_prompt(x, point):
    """Ablates by prompt."""
    x[1] = 0.5


def last_half(x, point):
    """Depends on the length of the text."""
    n = x.shape[point.pos_axis]
    x.narrow(point.pos_axis, n // 2, n - n // 2).mul_(3)


HOOKS = {
    "position": {"blocks.0.hook_resid_mid": one_position},
    "prompt": {"blocks.1.attn.hook_z": one_prompt, "hook_embed": one_prompt},
    "half": {"blocks.1.hook_mlp_out": last_half, "blocks.0.attn.hook_k": last_half},
    "pattern": {"blocks.1.attn.hook_pattern": one_position},
}


@pytest.fixture(params=["gpt2", "llama"])
def built(request, impl):
    return tiny_models.build(impl, request.param)


@pytest.fixture
def patches(impl, Site):
    Intervention = impl("ch05_patching.interventions").Intervention
    sites = [Site("attn.hook_z", layer, head=h, position=-1) for layer in range(2) for h in (0, 5)]
    sites += [Site("hook_resid_pre", 1, position=3), Site("hook_mlp_out", 0, position=0)]
    return [[Intervention.patch(site, "other")] for site in sites]


@pytest.mark.parametrize("kind", HOOKS)
@torch.no_grad()
def test_a_sweep_inside_hooks_is_the_loop(built, impl, activation, metrics, patches, kind):
    apply = impl("ch05_patching.interventions").apply_interventions
    metric = metrics.logit_diff_from_resid(built, ANSWER, WRONG)
    sites = [one.site for patch in patches for one in patch]
    with built.hooks(HOOKS[kind]):
        runs = {"other": activation.cache_sites(built, CORRUPTED, sites)}
        actual = activation.patch_sweep(built, CLEAN, patches, metric, runs)
        rows = []
        for patch in patches:
            with apply(built, patch, runs):
                rows.append(metrics.logit_diff(built(CLEAN)[:, -1], ANSWER, WRONG))
    assert_close(actual, torch.stack(rows), "A sweep inside hooks must be the loop of forwards.")


@pytest.mark.parametrize("kind", ["position", "prompt", "half"])
@torch.no_grad()
def test_paths_inside_hooks_equal_one_sender_at_a_time(built, path, metrics, Site, kind):
    """A hook that adds nothing where the sender is must not see the rows of other senders."""
    metric = metrics.logit_diff_from_resid(built, ANSWER, WRONG)
    senders = [[Site("attn.hook_z", 0, head=h, position=p)] for h in (0, 3) for p in (1, 4)]
    receivers = [Site("attn.hook_v", 1, head=1)]
    seen = []

    def note(x, _):
        seen.append(x.shape[:2])

    hooks = {name: [hook, note] for name, hook in HOOKS[kind].items()}
    with built.hooks(hooks):
        actual = path.path_patch(built, CLEAN, CORRUPTED, senders, receivers, metric)
        rows = [path.path_patch(built, CLEAN, CORRUPTED, [s], receivers, metric) for s in senders]
    assert set(seen) == {(3, 5)}, "the caller's hook must see whole prompts, as in a forward"
    assert_close(actual, torch.cat(rows), "Senders must not matter to each other.")


@torch.no_grad()
def test_tracing_inside_hooks_is_one_run_at_a_time(built, tracing):
    subject = torch.zeros_like(CLEAN, dtype=torch.bool)
    subject[:, 1] = True
    generator = torch.Generator().manual_seed(0)
    with built.hooks(HOOKS["prompt"]):
        noisy = tracing.corrupt_subject(built, CLEAN, subject, 2, generator)
        actual = tracing.causal_trace(built, CLEAN, ANSWER, noisy).restored
        one = [
            tracing.causal_trace(built, CLEAN, ANSWER, noisy[i : i + 1]).restored for i in (0, 1)
        ]
        sets = torch.eye(5, dtype=torch.bool)
        single = [
            tracing.causal_trace(
                built, CLEAN, ANSWER, noisy, position_sets=sets[i : i + 1]
            ).restored
            for i in range(5)
        ]
    assert_close(actual, (one[0] + one[1]) / 2, "Samples must not matter to each other.")
    assert_close(actual, torch.cat(single, dim=1), "Sets must not matter to each other.")


def test_a_hook_at_the_final_norm_is_refused(built, activation, metrics, patches):
    metric = metrics.logit_diff_from_resid(built, ANSWER, WRONG)
    sites = [one.site for patch in patches for one in patch]
    runs = {"other": activation.cache_sites(built, CORRUPTED, sites)}
    with (
        built.hooks({"ln_final.hook_normalized": one_position}),
        pytest.raises(ValueError, match="expected no hooks at ln_final"),
    ):
        activation.patch_sweep(built, CLEAN, patches, metric, runs)
