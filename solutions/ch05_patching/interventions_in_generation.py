"""Apply interventions while text is generated, one forward per step, with a KV cache.

The first forward reads the prompt, each later one the newest token, so a hook sees only part of the
text. Positions of a site are positions in the whole text: a hook on the token embeddings counts
which of them the current forward holds. Negative positions count from the end of the prompt.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Bool
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint
from ..ch02_transformer.sites import Site
from .interventions import Intervention, Runs, attach_edits, edit_activation


@contextmanager
def apply_while_generating(
    model: HookedTransformer, interventions: Sequence[Intervention], runs: Runs | None = None
) -> Iterator[None]:
    """Apply interventions in a `with` block whose forwards continue each other from one cache.

    The first forward holds the prompt. runs: activations of other runs by name, from `cache_sites`.

    Raises: as `attach_edits`, and ValueError for negative positions mixed with positions that are
        not in the prompt.
    """
    start = end = 0  # positions of the text that the current forward holds

    def advance(embedded: Tensor, _: HookPoint) -> None:
        nonlocal start, end
        start, end = end, end + embedded.shape[1]

    def edit(x: Tensor, point: HookPoint, one: Intervention) -> Tensor | None:
        outside = positions_outside(one.site, start, x.shape[point.pos_axis])
        if one.during == ("prompt" if start else "generated") or outside.all():
            return None
        edit_here = edit_partly_outside if outside.any() else edit_activation
        return edit_here(x, point, one, runs or {}, start)

    with model.hooks({"hook_embed": advance}), attach_edits(model, interventions, edit):
        yield


def positions_outside(site: Site, start: int, n_pos: int) -> Bool[Tensor, "*places"]:
    """Mark the positions of a site that are outside this forward of n_pos tokens.

    A site of all positions has no position outside.
    """
    rows = site.position_rows()  # [example, place]
    if rows is None:
        return torch.tensor(False)
    return (rows >= start + n_pos) | (rows < start) & (start > 0)


def edit_partly_outside(
    x: Tensor, point: HookPoint, intervention: Intervention, runs: Runs, start: int
) -> Tensor:
    """Apply an intervention when this forward holds only some of its positions.

    The activation is padded with zeros to the whole text, edited, and cut back.

    Raises: ValueError for negative positions, which mean another position in every forward.
    """
    rows, n_pos = intervention.site.position_rows(), x.shape[point.pos_axis]
    if rows is None or rows.min() < 0:
        raise ValueError(
            f"{intervention.site.name}: expected positions from 0 on where some lie outside of the "
            f"prompt, got {intervention.site.position}; give negative positions an intervention "
            "of their own"
        )
    shape = list(x.shape)
    shape[point.pos_axis] = max(start + n_pos, int(rows.max()) + 1)
    padded = x.new_zeros(shape)
    padded.narrow(point.pos_axis, start, n_pos).copy_(x)
    edited = edit_activation(padded, point, intervention, runs)
    return edited.narrow(point.pos_axis, start, n_pos)
