"""Effects of many senders along several paths, from three forwards that all of them share."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, Site
from solutions.ch05_patching.interventions import Intervention
from solutions.ch05_patching.metrics import ResidMetric
from solutions.ch05_patching.path import MLPs, PathRuns, frozen_hook_names, run_paths
from solutions.ch05_patching.sweep import (
    CachedPrompt,
    Patch,
    SweepBatch,
    cache_prompt,
    first_position,
    group_patches,
    run_sweep_batch,
)
from solutions.ch07_ioi import IOIPrompts

Losses = Float[Tensor, "sender batch"]


class SharedRuns:
    """Runs of clean and corrupted prompts, from which losses are computed: clean minus patched.

    The results are those of `path_patch` and `patch_sweep`, which run the prompts for each call.
    """

    @torch.no_grad()
    def __init__(
        self,
        model: HookedTransformer,
        clean: IOIPrompts,
        corrupted: IOIPrompts,
        metric: ResidMetric,
    ) -> None:
        """Run the prompts once."""
        self.model, self.metric = model, metric
        self.prompt: CachedPrompt = cache_prompt(model, clean.tokens)
        names = frozen_hook_names(model, "recomputed")
        _, self.corrupted = model.run_with_cache(corrupted.tokens, names=names)
        _, self.clean = model.run_with_cache(clean.tokens, names=frozen_hook_names(model, "frozen"))
        self.base: Float[Tensor, " batch"] = metric(self.prompt.resids[-1][None, :, -1])[0]

    def path_losses(
        self, senders: Sequence[Sequence[Site]], into: Sequence[Site], mlps: MLPs = "recomputed"
    ) -> Losses:
        """Measure the loss when the paths from each sender to the receivers are corrupted."""
        frozen = {name: self.clean[name] for name in frozen_hook_names(self.model, mlps)}
        runs = PathRuns({"corrupted": self.corrupted}, frozen)
        return self.base - run_paths(
            self.model, self.prompt, patches(senders), into, self.metric, runs
        )

    @torch.no_grad()
    def total_losses(self, senders: Sequence[Sequence[Site]]) -> Losses:
        """Measure the loss when each sender is corrupted and everything after it is recomputed."""
        every, losses = patches(senders), self.base.new_empty(len(senders), len(self.base))
        for indices in group_patches(self.prompt, every, 1024):
            group = [every[i] for i in indices]
            start = first_position(group[0], self.prompt)
            batch = SweepBatch(self.prompt, group, start, {"corrupted": self.corrupted}, {})
            end = run_sweep_batch(self.model, batch).resid[:, -1]
            losses[indices] = self.base - self.metric(end.unflatten(0, (len(group), -1)))
        return losses


def patches(senders: Sequence[Sequence[Site]]) -> list[Patch]:
    """Patch each sender's sites from the corrupted run."""
    return [[Intervention.patch(site, "corrupted") for site in sites] for sites in senders]
