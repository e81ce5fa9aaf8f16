"""A place in a model: a hook point, and which part of the tensor that passes there.

A hook point sees all examples, positions and heads at once. A Site says which of them are meant,
and reads or writes just that part, so that nobody counts axes twice. A negative position counts
from the end of the text. With a `direction` the part is made of coordinates along it, and what is
written changes these and nothing else.
Axes: batch, place (the chosen positions), head, d (whatever the hook's last axis is).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .hooks import HookPoint
from .model import HookedTransformer

PositionSpec = int | tuple[int, ...] | tuple[tuple[int, ...], ...] | None
PER_HEAD = ("hook_q", "hook_z", "hook_rot_q", "hook_result", "hook_attn_scores", "hook_pattern")
PER_KV_HEAD = ("hook_k", "hook_v", "hook_rot_k")


@dataclass(frozen=True)
class Site:
    """Which part of which activation.

    Raises: ValueError for a site that could not be one in any model.
    """

    hook: str
    """The hook point's name without its block: `attn.hook_z`, `hook_resid_pre`, `mlp.hook_post`."""
    layer: int | None = None
    """Number of the block; None for points outside of blocks, such as `hook_embed`."""
    head: int | tuple[int, ...] | None = None
    """Which heads; None for all, and for points that have none. k and v count key heads."""
    position: PositionSpec = None
    """Which positions of the text: None for all, one, several, or a row of them per example."""
    neuron: int | tuple[int, ...] | None = None
    """Which entries of the last axis: neurons of an MLP, dimensions of a stream. None for all."""
    direction: tuple[tuple[float, ...], ...] | None = None
    """Orthonormal rows that span a subspace of the last axis (see `along`). None for all of it."""

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"layers are numbered from 0, but {self.layer} came")
        for what, given in (("heads", self.head), ("neurons", self.neuron)):
            if given is None:
                continue
            numbers = torch.tensor(given).reshape(-1)
            whole = len(numbers) and numbers.dtype == torch.long and numbers.min() >= 0
            if not whole or len(numbers.unique()) < len(numbers):
                raise ValueError(f"{what} are different numbers from 0 on, or None; {given} came")
        if self.head is not None and not self.hook.endswith(PER_HEAD + PER_KV_HEAD):
            raise ValueError(f"{self.name} has no heads, but head {self.head} is asked for")
        if self.direction is not None:
            self.check_basis()
        self.position_rows()

    def along(self, directions: Float[Tensor, "direction d"]) -> "Site":
        """This place, but only the subspace that these orthonormal rows span."""
        return replace(self, direction=tuple(tuple(row) for row in directions.tolist()))

    def check_basis(self) -> None:
        """Refuse directions that are not orthonormal, or that come with chosen entries.

        Raises: ValueError saying what the rows' products are.
        """
        if self.neuron is not None:
            raise ValueError("a site has neurons or directions, not both")
        try:
            rows = torch.tensor(self.direction, dtype=torch.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"directions come as rows of one length: {error}") from error
        if rows.ndim != 2 or not rows.numel():
            raise ValueError(f"directions come as rows of numbers, but {list(rows.shape)} came")
        if len(rows) > rows.shape[1]:
            raise ValueError(f"{len(rows)} directions in {rows.shape[1]} dimensions came: too many")
        off = (rows @ rows.T - torch.eye(len(rows), dtype=rows.dtype)).abs().max().item()
        if not off < 1e-4:
            raise ValueError(
                f"directions must be orthonormal: products of the rows are off by {off:.2g}; "
                "divide a single direction by its norm, or several by torch.linalg.qr"
            )

    def basis(self, x: Tensor) -> Float[Tensor, "direction d"]:
        """The directions, in the precision of x.

        Raises: ValueError when they are of another length than the last axis of x.
        """
        rows = torch.tensor(self.direction, dtype=torch.float64).to(x.dtype).to(x.device)
        if rows.shape[1] != x.shape[-1]:
            raise ValueError(
                f"{self.name} has {x.shape[-1]} entries, but directions of {rows.shape[1]} came"
            )
        return rows

    @property
    def name(self) -> str:
        """Full name of the hook point."""
        return self.hook if self.layer is None else f"blocks.{self.layer}.{self.hook}"

    def position_rows(self) -> Int[Tensor, "example place"] | None:
        """Positions as rows: one for each example, or one for all; None for all positions.

        Raises: ValueError for rows of different lengths, none at all, or no whole numbers.
        """
        if self.position is None:
            return None
        try:
            found = torch.tensor(self.position)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"examples need equally many positions; {self.position} came"
            ) from error
        if not found.numel():
            raise ValueError("a site without positions is no place; for all of them write None")
        if found.ndim > 2 or found.dtype != torch.long:
            raise ValueError(
                f"positions are whole numbers, one, a row, or rows; {self.position} came"
            )
        return found if found.ndim == 2 else found.reshape(1, -1)

    def check(self, model: HookedTransformer) -> None:
        """Refuse a site that this model does not have.

        Raises: KeyError for an unknown hook point, naming the nearest; ValueError for a head.
        """
        model.find_points([self.name])
        kv = self.hook.endswith(PER_KV_HEAD)
        n_heads = model.config.kv_heads if kv else model.config.n_heads
        if self.head is not None and torch.tensor(self.head).max() >= n_heads:
            raise ValueError(
                f"{self.name} has {'key heads' if kv else 'heads'} 0..{n_heads - 1}, "
                f"but {self.head} is asked for"
            )

    def resolve_positions(self, batch: int, n_pos: int) -> Int[Tensor, "batch place"]:
        """The positions that are meant in each of `batch` texts of n_pos tokens, from the start.

        Raises: ValueError for a position outside of the text, or rows for another number of texts.
        """
        rows = self.position_rows()
        if rows is None:
            return torch.arange(n_pos).expand(batch, -1)
        if len(rows) not in (1, batch):
            raise ValueError(f"positions for {len(rows)} examples came, but there are {batch}")
        if rows.min() < -n_pos or rows.max() >= n_pos:
            raise ValueError(
                f"{self.name}: a text of {n_pos} tokens has positions {-n_pos}..{n_pos - 1}, "
                f"but {self.position} is asked for"
            )
        return (rows % n_pos).expand(batch, -1)

    def take(
        self, x: Tensor, point: HookPoint, where: Int[Tensor, "batch place"]
    ) -> Float[Tensor, "batch place *rest"]:
        """Copy the part of x that stands at the places `where` of this point's position axis.

        For a point with heads the part is [batch, place, head, d], also for a single head. With a
        direction d counts coordinates.
        """
        part = x.movedim(point.pos_axis, 1)[self.index(x, point, where)]
        return part if self.direction is None else part @ self.basis(x).T

    def put(
        self, x: Tensor, point: HookPoint, where: Int[Tensor, "batch place"], part: Tensor
    ) -> Tensor:
        """Write a part where `take` reads it, in place, and return x."""
        if self.direction is not None:
            before = replace(self, direction=None).take(x, point, where)
            basis = self.basis(x)
            part = before + (part - before @ basis.T) @ basis
        x.movedim(point.pos_axis, 1)[self.index(x, point, where)] = part.to(x)
        return x

    def index(
        self, x: Tensor, point: HookPoint, where: Int[Tensor, "batch place"]
    ) -> tuple[Tensor, ...]:
        """Indices of the part once positions are axis 1: examples, places, heads, entries.

        Raises: ValueError for an entry that is not there.
        """
        sizes = x.movedim(point.pos_axis, 1).shape
        chosen: list[Tensor] = []
        if self.head is not None or (self.neuron is not None and len(sizes) == 4):
            heads = torch.arange(sizes[2]) if self.head is None else torch.tensor(self.head)
            chosen.append(heads.reshape(-1))
        if self.neuron is not None:
            chosen.append(torch.tensor(self.neuron).reshape(-1))
            if chosen[-1].max() >= sizes[-1]:
                raise ValueError(
                    f"{self.name} has entries 0..{sizes[-1] - 1}; {self.neuron} is asked for"
                )
        example = torch.arange(len(where))[:, None].expand_as(where)
        axes = [example, where, *chosen]
        after = [len(chosen), len(chosen), *reversed(range(len(chosen)))]
        return tuple(
            axis.reshape(*axis.shape, *[1] * n).to(x.device)
            for axis, n in zip(axes, after, strict=True)
        )
