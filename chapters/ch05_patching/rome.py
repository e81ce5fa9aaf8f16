"""Rewrite one fact in one matrix: an MLP seen as a memory of keys and values.

1. The key: what the neurons say at the subject's last word, averaged over prefixes (`keys_at`).
2. The value: what the MLP would have to write there for the new answer (`optimize_value`).
3. The edit: change W_out by rank one so that the key gives the value, and disturb the keys that the
   model usually sees as little as possible (`second_moment`, `rome_edit`).

Axes: key is d_mlp, value is d_model; a weight is used as `x @ W`, so W is [d_mlp, d_model].
Source: Meng et al. 2022, "Locating and Editing Factual Associations in GPT".
Differs: the paper's code takes the averaged key for the direction of the change, and the key of the
bare prompt for its size; here one key does both.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint

Weight = Float[Tensor, "d_mlp d_model"]


def second_moment(
    keys: Float[Tensor, "n d_mlp"], ridge: float = 0.0
) -> Float[Tensor, "d_mlp d_mlp"]:
    """Mean over keys of the outer product k k^T, plus `ridge` times its own mean diagonal.

    Not the covariance: nothing is centred, because the memory reads k itself and not its distance
    from a mean. From fewer keys than neurons the mean has no inverse; the ridge gives it one.

    Raises: ValueError when there are no keys, or the ridge is negative.
    """
    if len(keys) == 0 or ridge < 0:
        raise ValueError(
            f"at least one key and a ridge of 0 or more are needed, but {len(keys)} keys and "
            f"ridge={ridge} came"
        )
    # exercise 5.12
    raise NotImplementedError("exercise 5.12")


def rome_edit(
    W: Weight,
    C: Float[Tensor, "d_mlp d_mlp"],
    key: Float[Tensor, " d_mlp"],
    value: Float[Tensor, " d_model"],
) -> Weight:
    """The matrix nearest to W that maps the key to the value: key @ W_new = value.

    W_new = W + (C^-1 k) Lambda^T, with Lambda = (v - k W) / (k^T C^-1 k). Of all matrices that do
    so it changes what usual keys give the least: sum of squares of C^(1/2) (W_new - W).

    Raises: ValueError when C has no inverse, or is not the second moment of any keys.
    Differs: the paper writes W k and so W + Lambda (C^-1 k)^T; here weights multiply from the
        right, and everything stands transposed.
    """
    sizes = torch.linalg.eigvalsh(C)
    if not torch.allclose(C, C.T) or sizes[0] <= len(C) * torch.finfo(C.dtype).eps * sizes[-1]:
        raise ValueError(
            "C must be symmetric with positive eigenvalues; from fewer keys than neurons it has no "
            "inverse, so give second_moment a ridge"
        )
    # exercise 5.12
    raise NotImplementedError("exercise 5.12")


@torch.no_grad()
def keys_at(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], layer: int
) -> Float[Tensor, "batch pos d_mlp"]:
    """What the neurons of a layer say: the keys of its memory."""
    name = f"blocks.{layer}.mlp.hook_post"
    return model.run_with_cache(tokens, names=name)[1][name]


@dataclass(frozen=True)
class Search:
    """How a value is looked for."""

    steps: int = 100
    """Steps of Adam."""
    lr: float = 0.1
    """Their size."""
    keep: float = 0.3
    """Weight of the divergence on the texts whose predictions should stay."""
    decay: float = 0.005
    """Weight of the squared length of the change."""


def optimize_value(
    model: HookedTransformer,
    asked: Int[Tensor, "batch pos"],
    answer: int,
    kept: Int[Tensor, "others pos"],
    place: tuple[int, int],
    search: Search = Search(),
) -> Float[Tensor, " d_model"]:
    """The change of an MLP's output at one place that makes the model say `answer`.

    asked: texts in which the fact is asked for, alike but for their prefix. kept: texts with the
    same subject whose predictions should stay. place: the layer, and the position of the subject's
    last word, which is the same in all texts.

    Minimised: surprise at the answer + keep * KL(before || after) on kept + decay * |change|^2.

    Differs: the paper keeps what the model says after "(subject) is a", weighs the length of the
        change differently, and cuts it where it gets too long.
    """
    layer, position = place
    texts = torch.cat([asked, kept])
    change = torch.zeros(model.config.d_model, requires_grad=True)
    target = torch.full((len(asked),), answer)
    with torch.no_grad():
        before = model(kept)[:, -1].log_softmax(dim=-1)

    def add(mlp_out: Float[Tensor, "batch pos d_model"], _: HookPoint) -> Tensor:
        mlp_out[:, position] += change
        return mlp_out

    optimizer = torch.optim.Adam([change], lr=search.lr)
    for _ in range(search.steps):
        logits = model.run_with_hooks(texts, hooks={f"blocks.{layer}.hook_mlp_out": add})[:, -1]
        loss = F.cross_entropy(logits[: len(asked)], target) + search.decay * change.pow(2).sum()
        after = logits[len(asked) :].log_softmax(dim=-1)
        loss = loss + search.keep * F.kl_div(after, before, log_target=True, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return change.detach()


@torch.no_grad()
def with_edited_mlp(model: HookedTransformer, layer: int, W: Weight) -> HookedTransformer:
    """A copy of the model whose MLP of that layer has this W_out."""
    edited = copy.deepcopy(model)
    edited.blocks[layer].mlp.W_out.copy_(W)
    return edited
