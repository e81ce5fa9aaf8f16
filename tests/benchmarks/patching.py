"""Measure the cost of a sweep of patches in forward passes on the same prompts.

A loop runs the model once per patch: n forward passes. The run that is patched in is not counted
on either side. Every sweep returns one logit difference per patch.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch

import toy_models
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.pretrained.model_folders import cache_folder
from solutions.ch02_transformer.sites import Site
from solutions.ch05_patching import Intervention, cache_sites, logit_diff_from_resid, patch_sweep
from solutions.ch05_patching.activation import head_sites, residual_sites

from .measure import Comparison
from .rows import Bench, Row

REPEATS = 3
"""Pairs at most: a sweep is as long as dozens of forwards."""


class Prompts(NamedTuple):
    """Random texts to patch, others to patch from, and two tokens to tell apart."""

    clean: torch.Tensor
    corrupted: torch.Tensor
    answer: torch.Tensor
    wrong: torch.Tensor


def short(bench: Bench) -> Bench:
    """The bench with shorter texts and fewer pairs: 8 x 16 tokens where it has 8 x 64."""
    return replace(bench, pos=max(2, bench.pos // 4), repeats=min(bench.repeats, REPEATS))


def draw(bench: Bench, d_vocab: int) -> Prompts:
    """The same random prompts each time."""
    generator = torch.Generator().manual_seed(1)
    shapes = [(bench.batch, bench.pos)] * 2 + [(bench.batch,)] * 2
    numbers = (torch.randint(d_vocab, shape, generator=generator) for shape in shapes)
    return Prompts(*(tokens.to(bench.device) for tokens in numbers))


def sweep(model: HookedTransformer, prompts: Prompts, sites: list[Site]) -> Callable:
    """A sweep over these sites, each patched alone, without the run that is patched in."""
    runs = {"corrupted": cache_sites(model, prompts.corrupted, sites)}
    versions = [[Intervention.patch(site, "corrupted")] for site in sites]
    read = logit_diff_from_resid(model, prompts.answer, prompts.wrong)
    return lambda: patch_sweep(model, prompts.clean, versions, read, runs)


def one_patch(model: HookedTransformer, prompts: Prompts, site: Site) -> Callable:
    """One patch in a forward of its own, and its logit difference."""
    name, last = site.name, torch.arange(len(prompts.clean))
    theirs = cache_sites(model, prompts.corrupted, [site])[name]

    def put(z: torch.Tensor, _: object) -> None:
        z[:, site.position, site.head] = theirs[:, site.position, site.head]

    def run() -> torch.Tensor:
        logits = model.run_with_hooks(prompts.clean, hooks={name: put})[:, -1]
        return logits[last, prompts.answer] - logits[last, prompts.wrong]

    return run


def patching(bench: Bench) -> Iterator[Row]:
    """Time sweeps over heads and residual streams, a single patch, and heads of the real model."""
    bench = short(bench)
    model = bench.model()
    prompts = draw(bench, model.config.d_vocab)
    heads, stream = head_sites(model, position=-1), residual_sites(model, bench.pos)

    def against(call: Callable) -> Comparison:
        with torch.no_grad():
            return bench.against(call, lambda: model(prompts.clean))

    yield Row(
        f"sweep of all {len(heads)} heads at the last position / forward",
        bench.shape,
        against(sweep(model, prompts, heads)),
        f"loop: {len(heads)}",
    )
    yield Row(
        f"sweep of residual streams at {len(stream)} sites / forward",
        bench.shape,
        against(sweep(model, prompts, stream)),
        f"loop: {len(stream)}",
    )
    timing = against(one_patch(model, prompts, heads[len(heads) // 2]))
    note = f"loop over all heads: {len(heads)} x {timing.ratio:.2f} forwards, from one"
    yield Row("one head patched in a forward of its own / forward", bench.shape, timing, note)
    yield from toy_sweeps(bench)
    yield from real_sweep(bench)


def toy_sweeps(bench: Bench) -> Iterator[Row]:
    """Time both sweeps on a toy, where a patch costs little computation."""
    model, _ = load_pretrained(toy_models.folder("text_4l"))
    model = model.to(bench.device)
    prompts = draw(bench, model.config.d_vocab)
    places = {
        "heads at the last position": head_sites(model, position=-1),
        "residual streams": residual_sites(model, bench.pos),
    }
    for what, sites in places.items():
        call = sweep(model, prompts, sites)
        with torch.no_grad():
            timing = bench.against(call, lambda: model(prompts.clean))
        yield Row(
            f"text_4l, sweep of {len(sites)} {what} / forward",
            f"4 layers, d_model 128, {bench.batch} x {bench.pos} tokens",
            timing,
            f"loop: {len(sites)} forwards, {len(sites) / timing.ratio:.1f} times as long",
        )


def real_sweep(bench: Bench) -> Iterator[Row]:
    """All heads of the real model at the last position; the table shows the seconds as well."""
    if not (cache_folder() / "smollm2-135m" / "source.json").is_file():
        yield Row("real model, sweep of heads", "", None, "skipped: `mi model` fetches it")
        return
    model, _ = load_pretrained("smollm2-135m")
    model = model.to(bench.device)
    bench = replace(bench, batch=16, pos=20)
    prompts = draw(bench, model.config.d_vocab)
    heads = head_sites(model, position=-1)
    call = sweep(model, prompts, heads)
    with torch.no_grad():
        timing = bench.against(call, lambda: model(prompts.clean))
    loop = len(heads) * timing.baseline
    yield Row(
        f"real model, sweep of all {len(heads)} heads at the last position / forward",
        f"30 layers, d_model 576, {bench.batch} x {bench.pos} tokens",
        timing,
        f"{timing.seconds:.1f} s; loop: {len(heads)} forwards, {loop:.0f} s",
    )
