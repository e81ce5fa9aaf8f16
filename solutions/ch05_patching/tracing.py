"""Causal tracing: corrupt the subject's embeddings, restore one clean state, measure what returns.

1. Clean run: cache every state.
2. Corrupted run: add noise to the subject's embeddings and nowhere else.
3. Restored run: the corrupted run with one clean state patched in. The probability of the answer
   that returns is the state's indirect effect. `causal_trace` does this for every layer, with all
   positions in one forward.

Axes: sample is a draw of noise; set is a set of positions that are restored together.
Source: Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 2.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.sites import Site
from .interventions import Intervention, apply_interventions
from .metrics import probability

State = Literal["resid", "mlp_out", "attn_out"]
STATE_HOOKS: dict[str, str] = {
    "resid": "hook_resid_post",
    "mlp_out": "hook_mlp_out",
    "attn_out": "hook_attn_out",
}
"""What is restored -> hook point in each block; `resid` is the residual stream after a block."""
CorruptedResid = Float[Tensor, "sample batch pos d_model"]


def corrupt_subject(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    subject: Bool[Tensor, "batch pos"],
    n_samples: int,
    generator: torch.Generator,
    scale: float = 3.0,
) -> CorruptedResid:
    """Return the residual stream before layer 0, with Gaussian noise at the subject's positions.

    Every sample, prompt, position and entry has its own draw. The standard deviation is `scale`
    times that of all entries of W_E.

    Raises: ValueError when a prompt has no subject, for fewer than one sample, or a subject of
        another type or shape than the tokens.
    Differs: the paper's code takes the deviation over the embeddings of the subjects in its data;
        here it is over all entries of W_E.
    """
    if subject.dtype != torch.bool or subject.shape != tokens.shape:
        raise ValueError(
            f"expected a subject of type bool and of the tokens' shape {list(tokens.shape)}, got "
            f"{subject.dtype} and {list(subject.shape)}"
        )
    if n_samples < 1 or not subject.any(dim=1).all():
        raise ValueError(
            f"expected at least one sample and a subject in every prompt, got {n_samples} samples "
            f"and {int((~subject.any(dim=1)).sum())} of {len(subject)} prompts without a subject"
        )
    clean = model.embed_tokens(tokens)
    # exercise 5.10
    std = scale * model.embed.W_E.std()
    noise = torch.randn(n_samples, *clean.shape, generator=generator, device=generator.device)
    return clean + std * noise.to(clean) * subject[..., None]  # [sample, batch, pos, d_model]


def window(layer: int, width: int, n_layers: int) -> range:
    """Return the layers that are restored together: `width` of them, centered at a layer.

    They begin width // 2 before the layer, so an even width has one more before it than after.
    Layers that do not exist are cut off.
    """
    # exercise 5.11
    first = layer - width // 2
    return range(max(0, first), min(n_layers, first + width))


def run_with_restored(
    model: HookedTransformer,
    corrupted_resid: CorruptedResid,
    clean: Mapping[str, Float[Tensor, "batch pos d_model"]],
    position_sets: Bool[Tensor, "set pos"],
    answers: Int[Tensor, " batch"],
) -> Float[Tensor, "set batch"]:
    """Compute the probability of the answers when clean states are restored in the corrupted run.

    clean: hook name -> clean state; all of them are restored together. position_sets: which
    positions are restored, one row per version of the run; a row of False restores nothing.
    All versions see the same noise and run in one batch. The probability is read at the last
    position and averaged over samples. Inside the caller's own hooks, which expect one row per
    prompt, every version runs alone.
    """
    n_sets, n_samples, batch = len(position_sets), *corrupted_resid.shape[:2]
    if n_sets * n_samples > 1 and model.hooked_names():
        alone = [
            [
                run_with_restored(model, noisy, clean, positions, answers)
                for positions in position_sets.split(1)
            ]
            for noisy in corrupted_resid.split(1)
        ]
        return torch.stack([torch.cat(sets) for sets in alone]).mean(dim=0)
    # exercise 5.11
    resid = corrupted_resid.repeat(n_sets, 1, 1, 1).flatten(0, 1)  # [row, pos, d_model]
    restored = position_sets.repeat_interleave(n_samples * batch, dim=0)[..., None]  # [row, pos, 1]
    interventions = []
    for name, state in clean.items():
        state = state.repeat(n_sets * n_samples, 1, 1)  # [row, pos, d_model]
        # Together these replace the restored positions and keep the others.
        interventions += [
            Intervention(Site(name), "scale", (~restored).to(state)),
            Intervention.add(Site(name), restored * state),
        ]
    with apply_interventions(model, interventions):
        logits = model.unembed_resid(model.run_blocks(resid))[:, -1]
    # [set, sample, batch]
    probabilities = probability(logits.unflatten(0, (n_sets, n_samples, batch)), answers)
    return probabilities.mean(dim=1)


class Trace(NamedTuple):
    """Probability of the answer in the three kinds of run."""

    clean: Float[Tensor, " batch"]
    """Clean run."""
    corrupted: Float[Tensor, " batch"]
    """Noise on the subject, averaged over samples."""
    restored: Float[Tensor, "layer set batch"]
    """The same noise with clean states restored, averaged over samples."""


def total_effect(trace: Trace) -> Float[Tensor, " batch"]:
    """Compute what the noise costs: clean minus corrupted probability of each answer.

    Units: probability; 0 means that the noise has no effect, so that there is nothing to trace.
    """
    # exercise 5.11
    return trace.clean - trace.corrupted


def indirect_effect(trace: Trace) -> Float[Tensor, "layer set batch"]:
    """Compute what a restored state brings back: restored minus corrupted probability.

    Units: probability; 0 without any effect, the total effect for a full recovery.
    """
    # exercise 5.11
    return trace.restored - trace.corrupted


@torch.no_grad()
def causal_trace(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    answers: Int[Tensor, " batch"],
    corrupted_resid: CorruptedResid,
    *,
    kind: State = "resid",
    width: int = 1,
    position_sets: Bool[Tensor, "set pos"] | None = None,
) -> Trace:
    """Trace every layer, by default with each position on its own.

    corrupted_resid: from `corrupt_subject`. width: number of layers that are restored together.

    Raises: ValueError for an unknown kind, a width below 1, or a residual stream of other prompts.
    """
    if kind not in get_args(State):
        raise ValueError(f"expected kind in {', '.join(get_args(State))}, got {kind!r}")
    if width < 1:
        raise ValueError(f"expected width of at least 1 layer, got {width}")
    expected = [*tokens.shape, model.config.d_model]
    if list(corrupted_resid.shape[1:]) != expected:
        raise ValueError(
            f"expected corrupted_resid of shape [sample, {', '.join(map(str, expected))}], as "
            f"tokens, got {list(corrupted_resid.shape)}"
        )
    layers = range(len(model.blocks))
    names = [f"blocks.{layer}.{STATE_HOOKS[kind]}" for layer in layers]
    logits, states = model.run_with_cache(tokens, names=names)
    if position_sets is None:
        position_sets = torch.eye(tokens.shape[1], dtype=torch.bool)
    rows = []
    for layer in layers:
        clean = {names[i]: states[names[i]] for i in window(layer, width, len(names))}
        rows.append(run_with_restored(model, corrupted_resid, clean, position_sets, answers))
    nothing = torch.zeros_like(position_sets[:1])
    corrupted = run_with_restored(model, corrupted_resid, {}, nothing, answers)[0]
    return Trace(probability(logits[:, -1], answers), corrupted, torch.stack(rows))
