"""ROME: rewrite one fact in one matrix, with an MLP seen as a memory of keys and values.

1. The key: MLP activations at the subject's last token, averaged over prefixes (`keys_at`).
2. The value: the MLP output at that position that makes the model predict the new answer, found by
   gradient descent (`optimize_value`).
3. The edit: a rank-one change of W_out that maps the key to the value and changes the output of
   usual keys as little as possible (`second_moment`, `rome_edit`).

Axes: key is d_mlp, value is d_model; weights are used as `x @ W`, so W is [d_mlp, d_model].
Source: Meng et al. 2022, "Locating and Editing Factual Associations in GPT".
Differs: the paper's code uses the averaged key for the direction of the change, and the key of the
bare prompt for its size; here one key does both.
"""

import copy
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer import HookedTransformer, HookPoint
from ..ch02_transformer.model import MLPBlock
from ..ch02_transformer.norms import at_least_float32

Weight = Float[Tensor, "d_mlp d_model"]
SecondMoment = Float[Tensor, "d_mlp d_mlp"]


class EditLocation(NamedTuple):
    """Where a fact is edited."""

    layer: int
    """Layer of the MLP."""
    position: int
    """Position of the subject's last token, the same in all prompts; may count from the end."""


def second_moment(keys: Float[Tensor, "n d_mlp"], ridge: float = 0.0) -> SecondMoment:
    """Average the outer products k k^T, and add `ridge` times the mean diagonal to the diagonal.

    Keys are not centered: the memory reads k, not its difference from a mean. With fewer keys than
    neurons the average has no inverse, and the ridge gives it one.

    Raises: ValueError when there are no keys, or the ridge is negative.
    """
    if len(keys) == 0 or ridge < 0:
        raise ValueError(
            f"expected at least one key and a ridge of 0 or more, got {len(keys)} keys and "
            f"ridge={ridge}"
        )
    check_finite(keys, "keys")
    keys = at_least_float32(keys)
    # exercise 5.12
    moment = keys.T @ keys / len(keys)
    return moment + ridge * moment.diagonal().mean() * torch.eye(len(moment)).to(keys)


def rome_edit(
    W: Weight, C: SecondMoment, key: Float[Tensor, " d_mlp"], value: Float[Tensor, " d_model"]
) -> Weight:
    """Return the matrix nearest to W that maps the key to the value: key @ W_new = value.

    W_new = W + (C^-1 k) Lambda^T, with Lambda = (v - k W) / (k^T C^-1 k). Of all such matrices it
    changes the outputs of usual keys least: it minimizes the squares of C^(1/2) (W_new - W).

    Raises: ValueError when C has no inverse, or is not a second moment.
    Differs: the paper writes W k, and so W + Lambda (C^-1 k)^T; here weights multiply from the
        right, and everything is transposed.
    """
    for name, tensor in (("weights", W), ("entries of C", C), ("keys", key), ("values", value)):
        check_finite(tensor, name)
    C = at_least_float32(C)
    W, key, value = W.to(C), key.to(C), value.to(C)
    eigenvalues = torch.linalg.eigvalsh(C)
    smallest = len(C) * torch.finfo(C.dtype).eps * eigenvalues[-1]
    if not torch.allclose(C, C.T) or eigenvalues[0] <= smallest:
        raise ValueError(
            "expected a symmetric C with positive eigenvalues, got one without an inverse; with "
            "fewer keys than neurons give second_moment a ridge"
        )
    # exercise 5.12
    direction = torch.linalg.solve(C, key)
    change = (value - key @ W) / (key @ direction)
    return W + torch.outer(direction, change)


@torch.no_grad()
def keys_at(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], layer: int
) -> Float[Tensor, "batch pos d_mlp"]:
    """Return the MLP activations of a layer, which ROME treats as keys."""
    name = f"blocks.{layer}.mlp.hook_post"
    return model.run_with_cache(tokens, names=name)[1][name]


@dataclass(frozen=True)
class ValueSearch:
    """Hyperparameters of the search for a value."""

    steps: int = 100
    """Steps of Adam."""
    lr: float = 0.1
    """Learning rate."""
    keep: float = 0.3
    """Weight of the KL divergence on prompts whose predictions should stay."""
    decay: float = 0.005
    """Weight of the squared norm of the change."""


def optimize_value(
    model: HookedTransformer,
    edit_prompts: Int[Tensor, "batch pos"],
    answer: int,
    kept_prompts: Int[Tensor, "kept pos"],
    location: EditLocation,
    search: ValueSearch = ValueSearch(),
) -> Float[Tensor, " d_model"]:
    """Find the change of an MLP's output at one location that makes the model predict `answer`.

    edit_prompts: prompts that ask for the fact, with different prefixes. kept_prompts: prompts
    about the same subject whose predictions should stay.

    Minimizes cross-entropy of the answer + keep * KL(before || after) on kept + decay * |change|^2.

    Differs: the paper keeps the prediction after "(subject) is a", weights the norm of the change
        differently, and clips it.
    """
    layer, position = location
    prompts = torch.cat([edit_prompts, kept_prompts])
    change = torch.zeros(model.config.d_model, requires_grad=True)
    target = torch.full((len(edit_prompts),), answer)
    with torch.no_grad():
        before = at_least_float32(model(kept_prompts)[:, -1]).log_softmax(dim=-1)

    def add(mlp_out: Float[Tensor, "batch pos d_model"], _: HookPoint) -> Tensor:
        mlp_out[:, position] += change
        return mlp_out

    hooks = {f"blocks.{layer}.hook_mlp_out": add}
    optimizer = torch.optim.Adam([change], lr=search.lr)
    for _ in range(search.steps):
        logits = at_least_float32(model.run_with_hooks(prompts, hooks=hooks)[:, -1])
        edited, kept = logits.split([len(edit_prompts), len(kept_prompts)])
        loss = F.cross_entropy(edited, target) + search.decay * change.pow(2).sum()
        after = kept.log_softmax(dim=-1)
        loss = loss + search.keep * F.kl_div(after, before, log_target=True, reduction="batchmean")
        check_finite(loss, "losses")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return change.detach()


@torch.no_grad()
def with_edited_mlp(model: HookedTransformer, layer: int, W_out: Weight) -> HookedTransformer:
    """Copy the model with another W_out in the MLP of one layer.

    Raises: ValueError for an MLP whose output is normalized: W_out does not decide it alone; for a
        W_out of another shape.
    """
    mlp = cast(MLPBlock, model.blocks[layer]).mlp
    if W_out.shape != mlp.W_out.shape:
        raise ValueError(
            f"expected W_out of shape {list(mlp.W_out.shape)}, got {list(W_out.shape)}"
        )
    if "W_out" not in mlp.writers:
        raise ValueError(
            f"expected an MLP that writes W_out's output in layer {layer}, got one with a norm on "
            "its output; an edit of W_out would be rescaled"
        )
    edited = copy.deepcopy(model)
    cast(MLPBlock, edited.blocks[layer]).mlp.W_out.copy_(W_out)
    return edited
