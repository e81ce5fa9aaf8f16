"""Inputs and outputs of all MLPs of a model, as rows to train transcoders on, nothing on disk.

1. Cut text into windows, in an order that the seed decides (`shuffled_windows`).
2. Run the model on a chunk of windows, and record what every MLP reads and writes (`mlp_rows`).
3. Shuffle the rows of the chunk, and take batches from it; then the next chunk (`ChunkedRows`).

A batch depends on the step alone, so an interrupted training goes on with the same batches. Only
one chunk is in memory: all layers of many tokens would take gigabytes.
Axes: row (one token), side (0 input, 1 output), layer, d_model.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer

Windows = Int[Tensor, "batch window"]
PER_BATCH = 32
"""Windows in one forward pass."""


def shuffled_windows(tokens: Int[Tensor, " n"], window: int, seed: int) -> Windows:
    """Cut tokens into consecutive windows, drop the rest, and shuffle."""
    windows = tokens[: len(tokens) // window * window].view(-1, window)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    return windows[order]


@torch.no_grad()
def mlp_inputs_and_outputs(
    model: HookedTransformer, tokens: Windows
) -> Float[Tensor, "batch window side layer d_model"]:
    """Run a model once; return what every MLP reads, behind its norm, and what it writes."""
    sides: list[Tensor] = []

    def record(_module: object, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        sides.append(torch.stack([inputs[0], output], dim=2))

    mlps = [block.get_submodule("mlp") for block in model.blocks]
    handles = [mlp.register_forward_hook(record) for mlp in mlps]
    try:
        model(tokens.to(model.embed.W_E.device), stop_at_layer=len(model.blocks))
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(sides, dim=3)


def massive_tokens(y: Float[Tensor, "row ... d_model"], massive: float) -> Bool[Tensor, "row ..."]:
    """Mark outputs that are longer than this times the median length of their layer."""
    lengths = y.norm(dim=-1)
    return lengths > massive * lengths.median(dim=0).values


def mlp_rows(
    model: HookedTransformer, windows: Windows, massive: float | None = None
) -> Float[Tensor, "row side layer d_model"]:
    """Run a model on windows; return the MLPs' inputs and outputs in float16.

    Position 0 is left out. massive: leave out tokens whose output of some MLP is longer than this
    times that layer's median.
    """
    parts = []
    for batch in windows.split(PER_BATCH):
        rows = mlp_inputs_and_outputs(model, batch)[:, 1:].flatten(0, 1)
        if massive is not None:
            rows = rows[~massive_tokens(rows[:, 1], massive).any(dim=1)]
        parts.append(rows.half())
    return torch.cat(parts)


class ChunkedRows:
    """Batches of rows: a stream for chapter 8's trainer, from one chunk of windows at a time.

    Windows that were used up are used again, in the same chunks but with rows in another order.

    Raises: ValueError for less than one chunk of windows, or chunks with less than one batch.
    """

    def __init__(
        self,
        model: HookedTransformer,
        windows: Windows,
        batch_size: int,
        chunk: int = 512,
        massive: float | None = None,
    ) -> None:
        if len(windows) < chunk:
            raise ValueError(
                f"expected at least {chunk} windows, got {len(windows)}; give more text"
            )
        self.model, self.windows, self.massive = model, windows, massive
        self.batch_size, self.chunk = batch_size, chunk
        # A tenth less than all rows, because massive ones are left out.
        tokens = chunk * (windows.shape[1] - 1)
        self.steps_per_chunk = tokens * (9 if massive else 10) // 10 // batch_size
        if self.steps_per_chunk < 1:
            raise ValueError(f"expected chunks of at least {batch_size} tokens, got {tokens}")
        self.current, self.rows = -1, torch.empty(0)

    def __call__(self, step: int) -> Float[Tensor, "batch row"]:
        """Return the batch of a step: all inputs, then all outputs, in float32."""
        number, within = divmod(step, self.steps_per_chunk)
        if number != self.current:
            self.rows = self.load(number)
            self.current = number
        batch = self.rows[within * self.batch_size : (within + 1) * self.batch_size]
        return batch.flatten(1).float()

    def load(self, number: int) -> Float[Tensor, "row side layer d_model"]:
        """Run the model on a chunk of windows, and shuffle its rows.

        Raises: ValueError when too many rows are massive.
        """
        self.rows = torch.empty(0)  # free the memory of the last chunk first
        first = number % (len(self.windows) // self.chunk) * self.chunk
        rows = mlp_rows(self.model, self.windows[first : first + self.chunk], self.massive)
        needed = self.steps_per_chunk * self.batch_size
        if len(rows) < needed:
            raise ValueError(f"expected {needed} rows in a chunk, got {len(rows)}; raise massive")
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(number))
        return rows[order]
