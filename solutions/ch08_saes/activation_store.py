"""Read collected activations: verified, scaled, shuffled, in bounded memory.

`ActivationStore.batch(step)` is a stream for `train_saes`: the batch of a step depends on the seed
and the step alone. Rows are shuffled within groups of `shards_in_memory` shards, which are chosen
at random in each epoch. Memory: at most one group and its shuffled order, `memory_bytes`.
Axes: row (one token's activation), d_in.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .collect import read_manifest, sha256_of


class Moments:
    """Sums over rows, in float64, from which the mean and the scale of all rows follow."""

    def __init__(self, d_in: int) -> None:
        self.n_rows = 0
        self.sum = torch.zeros(d_in, dtype=torch.float64)
        self.squares = 0.0

    def add(self, x: Float[Tensor, "row d_in"]) -> None:
        """Add rows to the sums."""
        # exercise 8.15
        x = x.double().cpu()
        self.n_rows += len(x)
        self.sum += x.sum(dim=0)
        self.squares += x.square().sum().item()

    def mean(self) -> Float[Tensor, " d_in"]:
        """Compute the mean of all rows."""
        # exercise 8.15
        return self.sum / self.n_rows

    def scale(self) -> float:
        """Compute the one factor that gives all rows a mean squared length of d_in.

        One factor for the whole data set. A factor per row would remove the rows' lengths, which
        the model uses.

        Raises: ValueError when all rows are zero, or there are none.
        """
        if not self.squares:
            raise ValueError(
                "expected rows with a length above zero, got none; there is nothing to scale"
            )
        # exercise 8.15
        return (len(self.sum) * self.n_rows / self.squares) ** 0.5


class ActivationStore:
    """A folder of collected activations, as a shuffled stream of batches.

    Opening reads every shard once, to verify its checksum and to measure the scale.

    Raises: FileNotFoundError without a manifest or a shard; ValueError for a damaged manifest, a
        batch larger than the largest shard, or a shard whose checksum differs.
    """

    def __init__(
        self,
        folder: Path,
        batch_size: int,
        *,
        seed: int = 0,
        shards_in_memory: int = 4,
        scaled: bool = True,
    ) -> None:
        self.folder, self.batch_size, self.seed = folder, batch_size, seed
        self.shards_in_memory = max(1, shards_in_memory)
        self.shards = read_manifest(folder)["shards"]
        if not self.shards:
            raise ValueError(f"expected at least one shard in {folder}, got none; collect again")
        largest = max(shard["rows"] for shard in self.shards)
        if not 1 <= batch_size <= largest:
            raise ValueError(
                f"expected a batch_size of 1 to {largest}, the rows of the largest shard, got "
                f"{batch_size}"
            )
        self.verified: set[str] = set()
        self.group: tuple[int, int] | None = None
        self.rows = torch.empty(0)
        self.moments = self._moments()
        self.scale = self.moments.scale() if scaled else 1.0

    @property
    def n_rows(self) -> int:
        """Rows of all shards."""
        return self._rows(range(len(self.shards)))

    @property
    def d_in(self) -> int:
        """Size of an activation."""
        return len(self.moments.sum)

    @property
    def memory_bytes(self) -> int:
        """Upper bound on the bytes of a group of shards, in float32, while it is assembled."""
        largest = sorted((shard["rows"] for shard in self.shards), reverse=True)
        return 2 * 4 * self.d_in * sum(largest[: self.shards_in_memory])

    def load(self, shard: int) -> Float[Tensor, "row d_in"]:
        """Read one shard, unscaled, in float32. Its checksum is verified the first time.

        Raises: FileNotFoundError or ValueError, naming the file.
        """
        entry = self.shards[shard]
        path = self.folder / entry["file"]
        if not path.is_file():
            raise FileNotFoundError(f"expected the shard {path}, got no such file; collect again")
        if path.name not in self.verified:
            if (actual := sha256_of(path)) != entry["sha256"]:
                raise ValueError(
                    f"expected {path} with sha256 {entry['sha256']}, got {actual}; delete the "
                    "folder and collect again"
                )
            self.verified.add(path.name)
        try:
            acts = load_file(path)["acts"]
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} is damaged ({error}); collect again") from error
        return acts.float()

    def batch(self, step: int) -> Float[Tensor, "batch d_in"]:
        """Return the batch of a step, times `scale`; every epoch has each row at most once.

        The rows of a group that do not fill a batch are left out in that epoch.
        """
        epoch, left = divmod(step, self.batches_per_epoch)
        for number, group in enumerate(self._groups(epoch)):
            n_batches = self._rows(group) // self.batch_size
            if left < n_batches:
                break
            left -= n_batches
        if self.group != (epoch, number):
            self.rows = torch.empty(0)  # freed first: only one group is in memory
            rows = torch.cat([self.load(shard) for shard in group])
            self.rows = rows[self._order(epoch, number, len(rows))]
            self.rows *= self.scale
            self.group = (epoch, number)
        return self.rows[left * self.batch_size : (left + 1) * self.batch_size]

    @property
    def batches_per_epoch(self) -> int:
        """Batches until every shard has been used once.

        With shards of different sizes groups differ from epoch to epoch; this is the number of
        batches that every epoch has.
        """
        sizes = [shard["rows"] for shard in self.shards]
        if len(set(sizes)) == 1 or len(sizes) <= self.shards_in_memory:
            return sum(self._rows(group) // self.batch_size for group in self._groups(0))
        n_groups = -(-len(sizes) // self.shards_in_memory)
        return max(1, sum(sizes) // self.batch_size - n_groups)

    def _groups(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.shards), generator=generator).tolist()
        size = self.shards_in_memory
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _order(self, epoch: int, number: int, rows: int) -> Int[Tensor, " row"]:
        seed = (self.seed * 1_000_003 + epoch) * 10_007 + number + 1
        return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))

    def _rows(self, shards: Iterable[int]) -> int:
        return sum(self.shards[shard]["rows"] for shard in shards)

    def _moments(self) -> Moments:
        first = self.load(0)
        moments = Moments(first.shape[1])
        moments.add(first)
        for shard in range(1, len(self.shards)):
            moments.add(self.load(shard))
        return moments
