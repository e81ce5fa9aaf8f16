"""A site: part of an activation, such as one head's output at one position.

A hook point sees all examples, positions and heads at once. A Site selects some of them, and reads
or writes just that part, so that no caller has to count axes. A negative position counts from the
end of the text. With a `direction` the part is the coordinates along it, and a write changes
nothing else.
Axes: batch, selected (positions), head, d (the last axis of the hook point).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .hooks import HookPoint
from .model import HookedTransformer

PositionSpec = int | tuple[int, ...] | tuple[tuple[int, ...], ...] | None
Positions = Int[Tensor, "batch selected"]
PER_HEAD = ("hook_q", "hook_z", "hook_rot_q", "hook_result", "hook_attn_scores", "hook_pattern")
PER_KV_HEAD = ("hook_k", "hook_v", "hook_rot_k")


@dataclass(frozen=True)
class Site:
    """Which part of which activation.

    Raises: ValueError for a site that cannot exist in any model.
    """

    hook: str
    """The hook point's name without its block: `attn.hook_z`, `hook_resid_pre`, `mlp.hook_post`."""
    layer: int | None = None
    """Index of the block; None for points outside of blocks, such as `hook_embed`."""
    head: int | tuple[int, ...] | None = None
    """Which heads; None for all, and for points without heads. For k and v: which key heads."""
    position: PositionSpec = None
    """Which positions of the text: None for all, one, several, or a row of them per example."""
    neuron: int | tuple[int, ...] | None = None
    """Which entries of the last axis: MLP neurons, or dimensions of a vector. None for all."""
    direction: tuple[tuple[float, ...], ...] | None = None
    """Orthonormal rows that span a subspace of the last axis (see `along`). None for all of it."""

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"expected a layer from 0 on, got {self.layer}")
        for what, given in (("heads", self.head), ("neurons", self.neuron)):
            if given is None:
                continue
            indices = torch.tensor(given).reshape(-1)
            whole = len(indices) and indices.dtype == torch.long and indices.min() >= 0
            if not whole or len(indices.unique()) < len(indices):
                raise ValueError(f"expected different {what} from 0 on, or None, got {given}")
        if self.head is not None and not self.hook.endswith(PER_HEAD + PER_KV_HEAD):
            raise ValueError(f"{self.name} has no heads; expected head=None, got {self.head}")
        if self.direction is not None:
            self.check_basis()
        self.position_rows()

    def along(self, directions: Float[Tensor, "direction d"]) -> "Site":
        """Return this site, restricted to the subspace that these orthonormal rows span."""
        return replace(self, direction=tuple(tuple(row) for row in directions.tolist()))

    def check_basis(self) -> None:
        """Raise ValueError unless the directions are orthonormal and no neurons are selected."""
        if self.neuron is not None:
            raise ValueError("expected neurons or directions, got both")
        try:
            rows = torch.tensor(self.direction, dtype=torch.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"expected directions as rows of one length, got {error}") from error
        if rows.ndim != 2 or not rows.numel():
            raise ValueError(f"expected directions as rows of numbers, got {list(rows.shape)}")
        if len(rows) > rows.shape[1]:
            raise ValueError(
                f"expected at most {rows.shape[1]} directions, the dimension, got {len(rows)}"
            )
        off = (rows @ rows.T - torch.eye(len(rows), dtype=rows.dtype)).abs().max().item()
        if not off < 1e-4:
            raise ValueError(
                f"expected orthonormal directions, got rows whose products are off by {off:.2g}; "
                "divide a single direction by its norm, or several by torch.linalg.qr"
            )

    def basis(self, x: Tensor) -> Float[Tensor, "direction d"]:
        """Return the directions as a tensor in the precision of x.

        Raises: ValueError when their length is not the length of the last axis of x.
        """
        rows = torch.tensor(self.direction, dtype=torch.float64).to(x.dtype).to(x.device)
        if rows.shape[1] != x.shape[-1]:
            raise ValueError(
                f"expected directions of {x.shape[-1]} entries at {self.name}, got {rows.shape[1]}"
            )
        return rows

    @property
    def name(self) -> str:
        """Full name of the hook point."""
        return self.hook if self.layer is None else f"blocks.{self.layer}.{self.hook}"

    def position_rows(self) -> Int[Tensor, "example selected"] | None:
        """Return positions as one row per example, or one row for all; None for all positions.

        Raises: ValueError for rows of different lengths, empty ones, or not whole numbers.
        """
        if self.position is None:
            return None
        try:
            found = torch.tensor(self.position)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"expected equally many positions per example, got {self.position}"
            ) from error
        if not found.numel():
            raise ValueError("expected at least one position, got none; write None for all of them")
        if found.ndim > 2 or found.dtype != torch.long:
            raise ValueError(
                f"expected whole numbers as positions, one, a row, or rows, got {self.position}"
            )
        return found if found.ndim == 2 else found.reshape(1, -1)

    def check(self, model: HookedTransformer) -> None:
        """Raise an error for a site that this model does not have.

        Raises: KeyError for an unknown hook point, naming the nearest; ValueError for a head that
        is out of range.
        """
        model.find_points([self.name])
        kv = self.hook.endswith(PER_KV_HEAD)
        n_heads = model.config.kv_heads if kv else model.config.n_heads
        if self.head is not None and torch.tensor(self.head).max() >= n_heads:
            raise ValueError(
                f"expected {'key heads' if kv else 'heads'} in 0..{n_heads - 1} at {self.name}, "
                f"got {self.head}"
            )

    def resolve_positions(self, batch: int, n_pos: int) -> Positions:
        """Return the selected positions in each of `batch` texts of n_pos tokens, counted from 0.

        Raises: ValueError for a position outside of the text, or a wrong number of rows.
        """
        rows = self.position_rows()
        if rows is None:
            return torch.arange(n_pos).expand(batch, -1)
        if len(rows) not in (1, batch):
            raise ValueError(f"expected positions for {batch} examples, got {len(rows)} rows")
        if rows.min() < -n_pos or rows.max() >= n_pos:
            raise ValueError(
                f"{self.name}: expected positions in {-n_pos}..{n_pos - 1}, for a text of {n_pos} "
                f"tokens, got {self.position}"
            )
        return (rows % n_pos).expand(batch, -1)

    def take(
        self, x: Tensor, point: HookPoint, positions: Positions
    ) -> Float[Tensor, "batch selected *rest"]:
        """Copy this site's part of an activation x, at these positions.

        At a point with heads the part is [batch, selected, head, d], also for a single head. With a
        direction, d counts coordinates.
        """
        part = x.movedim(point.pos_axis, 1)[self.index(x, point, positions)]
        return part if self.direction is None else part @ self.basis(x).T

    def put(self, x: Tensor, point: HookPoint, positions: Positions, part: Tensor) -> Tensor:
        """Write a part to where `take` reads it, in place, and return x."""
        if self.direction is not None:
            before = replace(self, direction=None).take(x, point, positions)
            basis = self.basis(x)
            part = before + (part - before @ basis.T) @ basis
        x.movedim(point.pos_axis, 1)[self.index(x, point, positions)] = part.to(x)
        return x

    def index(self, x: Tensor, point: HookPoint, positions: Positions) -> tuple[Tensor, ...]:
        """Build the indices of the part in x with its position axis moved to axis 1.

        Raises: ValueError for an entry that x does not have.
        """
        sizes = x.movedim(point.pos_axis, 1).shape  # batch, pos, (head,) d
        chosen: list[Tensor] = []
        if self.head is not None or (self.neuron is not None and len(sizes) == 4):
            heads = torch.arange(sizes[2]) if self.head is None else torch.tensor(self.head)
            chosen.append(heads.reshape(-1))
        if self.neuron is not None:
            chosen.append(torch.tensor(self.neuron).reshape(-1))
            if chosen[-1].max() >= sizes[-1]:
                raise ValueError(
                    f"expected entries in 0..{sizes[-1] - 1} at {self.name}, got {self.neuron}"
                )
        # One index per axis of x; together they broadcast to the shape of the part. With heads and
        # neurons: examples and positions [batch, selected, 1, 1], heads [head, 1], neurons [d].
        example = torch.arange(len(positions))[:, None].expand_as(positions)
        axes = [example, positions, *chosen]
        axes_after = [len(chosen), len(chosen), *reversed(range(len(chosen)))]
        return tuple(
            axis.reshape(*axis.shape, *[1] * n).to(x.device)
            for axis, n in zip(axes, axes_after, strict=True)
        )
