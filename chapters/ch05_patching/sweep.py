"""Run many changed versions of one text together, and compute only what the changes can reach.

A change in layer L at position p leaves all layers below L and all positions before p as they were.
So a text is read once (`cache_prompt`), keeping each layer's stream, keys and values. Every version is
born at its first layer from that stream and goes on from position p alone, the keys and values
before p being shared by all of them (`SharedKVCache`). Versions born later join those on their way, so
that each layer is a few large products. Nothing is approximated.
Axes: row is (version batch), version first; new is the positions from p on.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint, KVCache
from ..ch02_transformer.sites import Site
from .shared_past import SharedKVCache
from .interventions import Intervention, Runs, edit_activation

Patch = Sequence[Intervention]
Rows = Float[Tensor, "row new d_model"]


@dataclass(frozen=True)
class CachedPrompt:
    """What one forward leaves of a batch of texts: enough to go on from any layer and position."""

    streams: list[Float[Tensor, "batch pos d_model"]]
    """The stream before each block, and behind the last one."""
    past: KVCache
    """Keys and values of all layers and positions."""

    @property
    def batch(self) -> int:
        """How many texts there are."""
        return len(self.streams[0])

    @property
    def n_pos(self) -> int:
        """How many tokens each of them has."""
        return self.streams[0].shape[1]


@torch.no_grad()
def cache_prompt(model: HookedTransformer, tokens: Int[Tensor, "batch pos"]) -> CachedPrompt:
    """Read texts once, and keep what versions of them will share."""
    past = KVCache(len(model.blocks))
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(len(model.blocks))]
    last = len(model.blocks) - 1
    end, cache = model.run_with_cache(tokens, names=names, past=past, stop_at_layer=last + 1)
    return CachedPrompt([*(cache[name] for name in names), end], past)


@dataclass(frozen=True)
class SweepBatch:
    """Versions that set out together: all change nothing before position `start`."""

    text: CachedPrompt
    """What they are versions of."""
    versions: Sequence[Patch]
    """Ordered by the layer of their first change."""
    start: int
    """First position that is computed."""
    runs: Runs
    """Activations of other runs, for operands."""
    held: Mapping[str, Tensor]
    """Hook name -> what stands there in every version, whatever came before."""

    def n_active(self, layer: int) -> int:
        """How many versions have begun once this layer is reached."""
        return sum(first_layer(version) <= layer for version in self.versions)

    def append_new(self, stream: Tensor, layer: int) -> Float[Tensor, "row new d_model"]:
        """The streams on their way, and behind them those of the versions that begin here."""
        # exercise 5.7
        raise NotImplementedError("exercise 5.7")

    def shared_kv(self, layer: int) -> SharedKVCache:
        """Keys and values of the text before the start, which no version changes."""
        of_layer = self.text.past.layers[layer]
        if of_layer.k is None or of_layer.v is None:
            raise ValueError(f"layer {layer} has read nothing yet")
        # exercise 5.7
        raise NotImplementedError("exercise 5.7")

    def hook(self, x: Tensor, point: HookPoint) -> Tensor:
        """Put what is held into every row, then make each version's own change in its rows."""
        batch, born = self.text.batch, len(x) // self.text.batch
        if point.name in self.held:
            here = self.held[point.name]
            here = here.narrow(point.pos_axis, self.start, here.shape[point.pos_axis] - self.start)
            x = here.repeat(born, *[1] * (here.ndim - 1))
        for number, version in enumerate(self.versions[:born]):
            for change in version:
                if change.site.name == point.name:
                    edit_activation(
                        x[number * batch : (number + 1) * batch],
                        point,
                        change,
                        self.runs,
                        self.start,
                    )
        return x

    @contextmanager
    def hooks(self, model: HookedTransformer) -> Iterator[None]:
        """Keep all changes on."""
        names = {change.site.name for version in self.versions for change in version}
        with model.hooks({name: self.hook for name in names | set(self.held)}):
            yield


def first_layer(version: Patch) -> int:
    """The lowest block that a version changes."""
    return min(-1 if change.site.layer is None else change.site.layer for change in version)


def first_position(version: Patch, text: CachedPrompt) -> int:
    """The earliest position that a version changes."""
    return min(int(change.site.resolve_positions(text.batch, text.n_pos).min()) for change in version)


def check_patches(model: HookedTransformer, versions: Sequence[Patch]) -> None:
    """Refuse versions that change nothing, something outside of the blocks, or generated tokens.

    Raises: ValueError for these; KeyError or ValueError for sites that the model does not have.
    """
    if not versions:
        raise ValueError("no versions to run: give at least one list of interventions")
    for version in versions:
        if not version:
            raise ValueError("a version without interventions is the text itself")
        for change in version:
            change.site.check(model)
            if change.site.layer is None:
                raise ValueError(
                    f"{change.site.name} lies outside of the blocks; use `run_with_interventions` for it"
                )
            if change.during == "generated":
                raise ValueError(f"{change.site.name}: a sweep generates nothing to intervene in")


def groups(text: CachedPrompt, versions: Sequence[Patch], max_rows: int) -> Iterator[list[int]]:
    """Numbers of versions that can set out together: same first position, ordered by layer."""
    keys = [(first_position(one, text), first_layer(one), i) for i, one in enumerate(versions)]
    keys.sort()
    size = max(1, max_rows // text.batch)
    while keys:
        same = [key for key in keys if key[0] == keys[0][0]][:size]
        yield [number for _, _, number in same]
        keys = keys[len(same) :]


@torch.no_grad()
def run_sweep_batch(
    model: HookedTransformer, together: SweepBatch, listen: Sequence[Site] = (), stop: int | None = None
) -> tuple[Rows, list[Tensor]]:
    """Take versions from where they begin to the end, and return the streams behind the last block.

    stop: leave before this block instead. The second result has an entry for each site of `listen`:
    what stood there, [version, batch, place, ...], of those versions that had begun by its layer.

    Raises: ValueError for a site to listen to before the first position that is computed.
    """
    text, stop = together.text, len(model.blocks) if stop is None else stop
    for site in listen:
        if site.resolve_positions(text.batch, text.n_pos).min() < together.start:
            raise ValueError(f"{site}: nothing is computed before position {together.start}")
    heard: dict[str, Tensor] = {}
    names = sorted({site.name for site in listen})
    points = dict(zip(names, model.find_points(names), strict=True))

    def hear(x: Tensor, point: HookPoint) -> None:
        heard[point.name] = x

    stream = text.streams[0][:0, together.start :]
    with together.hooks(model), model.observing(names, hear):
        for layer in range(first_layer(together.versions[0]), stop):
            stream = together.append_new(stream, layer)
            stream = model.blocks[layer](stream, together.shared_kv(layer))
    parts = []
    for site in listen:
        x = heard.get(site.name, stream[:0])
        where = site.resolve_positions(text.batch, text.n_pos).repeat(len(x) // text.batch, 1)
        part = site.take(x, points[site.name], where - together.start) if len(x) else x
        parts.append(part.unflatten(0, (-1, text.batch)) if len(x) else part)
    return stream, parts
