"""Put an SAE into a model, so that its latents can be read and changed while the model runs.

Within `with splice(model, {"blocks.1.hook_resid_post": sae}):` the hook point of that name computes

    acts = encode(x);  edited = hooks(acts);  out = x + (decode(edited) - decode(acts))

With the error term x - decode(acts) kept in this way, the model is exactly the original one until
a latent is edited. Without it (`error=False`) out = decode(edited): the model then runs on what the
SAE explains.

The latents are a hook point of their own, `blocks.1.hook_resid_post.hook_sae_acts_post`, so a
feature is a `Site`, and chapter 5's interventions ablate (zero), clamp (put) or steer (add, scale)
it. The other hook points have SAELens's names too.
Axes: batch, pos, d_in, d_sae.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..ch02_transformer import HookedModule, HookPoint
from ..ch02_transformer.kv_cache import KVCache
from ..ch02_transformer.padding import Start
from ..ch02_transformer.sites import PositionSpec, Site
from ..ch05_patching import Intervention
from .sae import AbstractSAE

LATENTS = "hook_sae_acts_post"


class SplicedPoint(HookPoint):
    """A hook point that passes its activation through an SAE.

    keep_first: leave position 0 of each text as it is, on which SAEs are usually not trained.
    start: position of the forward's first token, one per prompt if padded; not 0 with a KV cache.
    """

    start: Start = 0

    def __init__(self, point: HookPoint, sae: AbstractSAE, *, error: bool, keep_first: bool):
        super().__init__(point.pos_axis, on_request=point.on_request)
        self.name, self.hooks, self.observers = point.name, point.hooks, point.observers
        self.sae, self.error, self.keep_first = sae, error, keep_first
        self.hook_sae_input = HookPoint(point.pos_axis)  # [batch, pos, d_in]
        self.hook_sae_acts_post = HookPoint(point.pos_axis)  # [batch, pos, d_sae]
        self.hook_sae_recons = HookPoint(point.pos_axis)  # [batch, pos, d_in]
        self.hook_sae_error = HookPoint(point.pos_axis)  # [batch, pos, d_in]
        self.hook_sae_output = HookPoint(point.pos_axis)  # [batch, pos, d_in]

    @property
    def has_hooks(self) -> bool:
        """True: the model needs this activation, also where it is computed only on request."""
        return True

    def forward(self, x: Float[Tensor, "batch pos d_in"]) -> Float[Tensor, "batch pos d_in"]:
        """Encode, let hooks edit the latents, decode; then apply the hooks of this point itself.

        The SAE computes in its own precision; the result has that of the model.
        """
        x = self.hook_sae_input(x)
        acts = self.sae.encode(x.to(self.sae.W_dec.dtype))
        edited = self.hook_sae_acts_post(acts)
        out = self.combine(x, acts, edited).to(x.dtype)
        if self.keep_first:
            position = torch.as_tensor(self.start, device=x.device)[..., None]
            position = position + torch.arange(x.shape[1], device=x.device)  # [pos] or [batch, pos]
            out = torch.where((position == 0)[..., None], x, out)
        return super().forward(self.hook_sae_output(out))

    def combine(
        self,
        x: Float[Tensor, "batch pos d_in"],
        acts: Float[Tensor, "batch pos d_sae"],
        edited: Float[Tensor, "batch pos d_sae"],
    ) -> Float[Tensor, "batch pos d_in"]:
        """Compute the new activation from the latents before and after hooks edited them.

        With the error term it is x itself, to the last bit, where nothing was edited.

        Differs: hook_sae_error is for reading only. SAELens adds what a hook there returns.
        """
        recons = self.hook_sae_recons(self.sae.decode(edited))
        if not self.error:
            return recons
        # exercise 8.17
        raise NotImplementedError("exercise 8.17")


@contextmanager
def splice(
    model: HookedModule,
    saes: Mapping[str, AbstractSAE],
    *,
    error: bool = True,
    keep_first: bool = False,
) -> Iterator[HookedModule]:
    """Pass the activations at these hook points through SAEs while a `with` block runs.

    error: add what the SAE does not explain, so that only edits change the model. keep_first: leave
    each text's position 0 as it is, also where a KV cache holds it.

    Raises: KeyError for an unknown hook point; ValueError for one that already has an SAE.
    """
    points = model.find_points(saes)
    for point in points:
        if isinstance(point, SplicedPoint):
            raise ValueError(
                f"expected a hook point without an SAE, got {point.name}; end it first"
            )
    try:
        for point, (name, sae) in zip(points, saes.items(), strict=True):
            new = SplicedPoint(point, sae, error=error, keep_first=keep_first)
            put_module(model, name, new)
        with following_positions(model, saes):
            yield model
    finally:
        for point, name in zip(points, saes, strict=True):
            put_module(model, name, point)


@contextmanager
def following_positions(model: HookedModule, names: Iterable[str]) -> Iterator[None]:
    """Tell spliced points in a `with` block at which position each forward of the model starts."""

    def move(start: Start) -> None:
        for point in model.find_points(names):
            if isinstance(point, SplicedPoint):
                point.start = start

    def before(_: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        caches = (one for one in (*inputs, *named.values()) if isinstance(one, KVCache))
        move(next((past.length for past in caches), 0))

    def after(*_: Any) -> None:
        move(0)

    handles = [
        model.register_forward_pre_hook(before, with_kwargs=True),
        model.register_forward_hook(after, always_call=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def put_module(model: nn.Module, name: str, module: nn.Module) -> None:
    """Replace the module of this dotted name."""
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)


def feature_site(hook: str, feature: int, position: PositionSpec = None) -> Site:
    """Name one latent of the SAE at a hook point, as a site for chapter 5's interventions.

    hook: the full name, such as `blocks.1.hook_resid_post`.
    """
    parts = hook.split(".")
    if parts[0] == "blocks":
        inner = ".".join([*parts[2:], LATENTS])
        return Site(inner, int(parts[1]), neuron=feature, position=position)
    return Site(f"{hook}.{LATENTS}", neuron=feature, position=position)


def steer(site: Site, strength: float, largest: float) -> Intervention:
    """Clamp a feature to a multiple of the largest activation that it has on text.

    Raises: ValueError when the feature is never active.
    """
    if not largest > 0:
        raise ValueError(f"expected a largest activation above 0, got {largest}: it is dead")
    return Intervention.put(site, torch.tensor(float(strength * largest)))


def ablation_effects(
    sae: AbstractSAE,
    x: Float[Tensor, "batch d_in"],
    gradient: Float[Tensor, "batch d_in"],
    latents: Int[Tensor, " latent"],
) -> Float[Tensor, "batch latent"]:
    """Estimate the change of a metric when each latent is set to zero: -f_i (W_dec,i . gradient).

    gradient: of the metric with respect to the activation x. Exact for a metric that is linear in
    x; otherwise a first guess, to be checked by ablation.
    """
    # exercise 8.18
    raise NotImplementedError("exercise 8.18")
