"""Path patching: what does a sender tell a receiver, and what does the receiver make of it?

Activation patching of a head finds all it does, through everything after it. A path has two ends:

A. run the corrupted prompts, and keep what the senders write;
B. run the clean prompts, and keep what every head writes;
C. run the clean prompts with the senders' output from A and all other heads held at B, and note
   what arrives at the receivers: queries, keys or values of heads, or inputs of MLPs;
D. run the clean prompts with the receivers' inputs noted in C, everything after them recomputed.

With the logits as receiver C is the end. In C the MLPs in between answer to what the senders write
("recomputed", as the IOI paper has it), or are held too ("frozen": the residual path alone).
Source: Wang et al. 2022, "Interpretability in the Wild", appendix B; Goldowsky-Dill et al. 2023,
"Localizing Model Behavior with Path Patching".
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.sites import Site
from .activation import check_pair, check_kv_cache_exact, record
from .metrics import Read
from .reuse import Text, Version, Walk, check_patches, first_position, groups, cache_prompt, walk
from .sites import Intervention, Runs

MLPS = ("recomputed", "frozen")


def frozen_hook_names(model: HookedTransformer, mlps: str) -> list[str]:
    """Hook points that step C holds at the clean run's: every z, and every MLP's output if frozen.

    Raises: ValueError for another word than `recomputed` or `frozen`.
    """
    if mlps not in MLPS:
        raise ValueError(f"MLPs are {' or '.join(MLPS)} on the way, but {mlps!r} came")
    # exercise 5.14
    raise NotImplementedError("exercise 5.14")


def receiving(noted: Sequence[Tensor], receivers: Sequence[Site], number: int) -> Version:
    """Step D's interventions for the sender with that number: each receiver gets what was noted.

    noted: for each receiver what arrived, [sender, batch, place, ...], of the first senders only:
    those behind the receiver are missing, because nothing of theirs arrives.
    """
    # exercise 5.15
    raise NotImplementedError("exercise 5.15")


def path_patch(
    model: HookedTransformer,
    clean: Int[Tensor, "batch pos"],
    corrupted: Int[Tensor, "batch pos"],
    senders: Sequence[Sequence[Site]],
    receivers: Sequence[Site],
    read: Read,
    mlps: str = "recomputed",
) -> Float[Tensor, "sender batch"]:
    """A number for each sender: the clean run's, but for what the sender tells the receivers.

    senders: each a list of sites that are patched together, usually one head's z; the embedding is
    `Site("hook_resid_pre", 0)`. receivers: all of them receive at once; none means the logits.
    read: makes the number from the stream after the last block at the last position.

    Raises: ValueError for prompts that cannot be patched into each other, sites outside of blocks,
        or a model that cannot go on from a cache; KeyError for an unknown hook point.
    """
    check_pair(clean, corrupted)
    versions = [[Intervention.patch(site, "corrupted") for site in sites] for sites in senders]
    check_patches(model, [*versions, *([Intervention.zero(site)] for site in receivers)])
    runs = {"corrupted": record(model, corrupted, [site for sites in senders for site in sites])}
    with torch.no_grad():
        _, held = model.run_with_cache(clean, names=frozen_hook_names(model, mlps))
    return run_paths(model, cache_prompt(model, clean), versions, receivers, read, (runs, held))


@torch.no_grad()
def run_paths(
    model: HookedTransformer,
    text: Text,
    versions: Sequence[Version],
    receivers: Sequence[Site],
    read: Read,
    operands: tuple[Runs, dict[str, Tensor]],
    max_rows: int = 1024,
) -> Float[Tensor, "sender batch"]:
    """Steps C and D, once all is checked; operands: other runs, and what is held in C."""
    runs, held = operands
    ends = [[Intervention.zero(site)] for site in receivers]
    check_kv_cache_exact(model, text, [*versions, *ends])
    listen_from = min((first_position(end, text) for end in ends), default=text.n_pos)
    scores = read(text.streams[-1][None, :, -1]).expand(len(versions), -1).clone()
    stop = max((site.layer or 0 for site in receivers), default=len(model.blocks) - 1) + 1
    for numbers in groups(text, versions, max_rows):
        chosen = [versions[number] for number in numbers]
        start = min(first_position(chosen[0], text), listen_from)
        stream, noted = walk(model, Walk(text, chosen, start, runs, held), receivers, stop)
        if not receivers:
            scores[numbers] = read(stream[:, -1].unflatten(0, (-1, text.batch)))
            continue
        reached = [(n, receiving(noted, receivers, i)) for i, n in enumerate(numbers)]
        reached = [(n, version) for n, version in reached if version]
        if not reached:
            continue
        arrivals = [version for _, version in reached]
        for some in groups(text, arrivals, max_rows):
            onward = [arrivals[i] for i in some]
            stream, _ = walk(model, Walk(text, onward, first_position(onward[0], text), {}, {}))
            scores[[reached[i][0] for i in some]] = read(
                stream[:, -1].unflatten(0, (-1, text.batch))
            )
    return scores
