"""Causal tracing: spoil what is known of the subject, put one clean state back, see what returns.

1. Clean run: keep every state. 2. Corrupted run: noise on the subject's embeddings, nowhere else.
3. The corrupted run with one clean state put back: whatever probability of the answer returns, that
state carries it. `causal_trace` does this for every layer, and for all positions in one forward.

Axes: sample is a draw of noise; place is a set of positions restored together.
Source: Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 2.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint
from .metrics import probability

KINDS = {"resid": "hook_resid_post", "mlp_out": "hook_mlp_out", "attn_out": "hook_attn_out"}
"""What can be restored -> its hook in each block. `resid` is the stream after the block."""

Stream = Float[Tensor, "sample batch pos d_model"]


def corrupt_subject(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    subject: Bool[Tensor, "batch pos"],
    n_samples: int,
    generator: torch.Generator,
    scale: float = 3.0,
) -> Stream:
    """The stream before layer 0, with Gaussian noise where the subject stands.

    The noise of each sample, text, position and entry is its own draw; its standard deviation is
    `scale` times that of the entries of W_E. Everywhere else the stream is the clean one.

    Raises: ValueError when a text has no subject, or no sample is asked for.
    Differs: the paper's code takes the deviation over the embeddings of the subjects in its data;
        here it is over all entries of W_E.
    """
    if n_samples < 1 or not subject.any(dim=1).all():
        raise ValueError(
            f"each text needs a subject and at least one sample; {n_samples} samples came, and "
            f"{int((~subject.any(dim=1)).sum())} of {len(subject)} texts have no subject"
        )
    clean = model.embed_tokens(tokens)
    # exercise 5.10
    raise NotImplementedError("exercise 5.10")


def window(layer: int, width: int, n_layers: int) -> range:
    """The layers restored together: `width` of them around a layer, fewer at the ends.

    They begin width // 2 before it; of an even width one more lies before it than behind.
    """
    # exercise 5.11
    raise NotImplementedError("exercise 5.11")


def restored(
    model: HookedTransformer,
    noisy: Stream,
    clean: Mapping[str, Float[Tensor, "batch pos d_model"]],
    places: Bool[Tensor, "place pos"],
    answers: Int[Tensor, " batch"],
) -> Float[Tensor, "place batch"]:
    """Probability of the answers when clean states are put back into the corrupted run.

    clean: hook name -> the clean state there; all of them are restored together. places: which
    positions, one row for each version of the run; a row of False restores nothing. All versions
    see the same noise and go through the model in one batch. The probability is that at the last
    position, averaged over samples.
    """
    versions, samples, batch = len(places), noisy.shape[0], noisy.shape[1]
    # exercise 5.11
    raise NotImplementedError("exercise 5.11")


class Trace(NamedTuple):
    """Probabilities of the answer in the three kinds of run."""

    clean: Float[Tensor, " batch"]
    """Nothing is done."""
    corrupted: Float[Tensor, " batch"]
    """Noise on the subject, averaged over samples."""
    restored: Float[Tensor, "layer place batch"]
    """The same noise, clean states put back, averaged over samples."""


def total_effect(trace: Trace) -> Float[Tensor, " batch"]:
    """What the noise costs: clean minus corrupted probability of each answer.

    Units: probability; 0 says that the noise did nothing, and then there is nothing to trace.
    """
    # exercise 5.11
    raise NotImplementedError("exercise 5.11")


def indirect_effect(trace: Trace) -> Float[Tensor, "layer place batch"]:
    """What a restored state brings back: restored minus corrupted probability.

    Units: probability; 0 is nothing, the total effect is everything.
    """
    # exercise 5.11
    raise NotImplementedError("exercise 5.11")


@torch.no_grad()
def causal_trace(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    answers: Int[Tensor, " batch"],
    noisy: Stream,
    kind: str = "resid",
    width: int = 1,
    places: Bool[Tensor, "place pos"] | None = None,
) -> Trace:
    """Trace every layer; each position by itself unless `places` groups them.

    noisy: from `corrupt_subject`. width: how many layers around each are restored together.

    Raises: ValueError for an unknown kind, a width below 1, or a stream of other texts.
    """
    if kind not in KINDS or width < 1 or noisy.shape[1:3] != tokens.shape:
        raise ValueError(
            f"kind is one of {', '.join(KINDS)}, width at least 1, and the noisy stream of the "
            f"same texts; kind={kind!r}, width={width}, tokens of shape {tuple(tokens.shape)} and "
            f"a stream of shape {tuple(noisy.shape)} came"
        )
    layers = range(len(model.blocks))
    names = [f"blocks.{layer}.{KINDS[kind]}" for layer in layers]
    logits, states = model.run_with_cache(tokens, names=names)
    each = torch.eye(tokens.shape[1], dtype=torch.bool)
    places = each if places is None else places
    nothing = torch.zeros_like(places[:1])
    rows = []
    for layer in layers:
        clean = {
            names[number]: states[names[number]] for number in window(layer, width, len(names))
        }
        rows.append(restored(model, noisy, clean, places, answers))
    corrupted = restored(model, noisy, {}, nothing, answers)[0]
    return Trace(probability(logits[:, -1], answers), corrupted, torch.stack(rows))
