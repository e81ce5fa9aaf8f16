"""What one patch costs in other libraries, where they are installed.

None of them reuses what a patch cannot change: each patch is a forward, hooks included. So a few
patches in different layers are timed, and a sweep's cost is that, times the number of patches.
"""

import importlib.util
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import torch
from torch import Tensor

from .patching import short
from .peers import Peer, hugging_face, transformer_lens_model
from .rows import Bench, Row


def layers(bench: Bench) -> Iterator[int]:
    """The layers to patch, in turn: an early one, one in the middle, a late one."""
    n = bench.config.n_layers
    return cycle((n // 4, n // 2, n - 1))


def head(bench: Bench) -> tuple[slice, Tensor]:
    """Columns of head 1, and what is put there at the last position."""
    width = bench.config.d_head
    value = torch.randn(bench.batch, width, generator=torch.Generator().manual_seed(2))
    return slice(width, 2 * width), value.to(bench.device)


def transformers(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """Plain hooks of torch before the product that follows the heads."""
    model, (columns, value), layer = hugging_face(bench), head(bench), layers(bench)

    def put(_: Any, inputs: tuple) -> tuple:
        z = inputs[0].clone()
        z[:, -1, columns] = value
        return (z,)

    def patched(tokens: Tensor) -> Any:
        handle = model.transformer.h[next(layer)].attn.c_proj.register_forward_pre_hook(put)
        try:
            return model(tokens, use_cache=False)
        finally:
            handle.remove()

    return {"a head": patched}


def transformer_lens(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """A hook at hook_z."""
    model, (_, value), layer = transformer_lens_model(bench), head(bench), layers(bench)

    def put(z: Tensor, hook: Any) -> Tensor:
        z[:, -1, 1] = value
        return z

    def patched(tokens: Tensor) -> Any:
        name = f"blocks.{next(layer)}.attn.hook_z"
        return model.run_with_hooks(tokens, fwd_hooks=[(name, put)])

    return {"a head": patched}


def nnsight(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """A trace in which the heads' outputs are edited."""
    from nnsight import NNsight

    model, (columns, value), layer = NNsight(hugging_face(bench)), head(bench), layers(bench)

    def patched(tokens: Tensor) -> Any:
        number = next(layer)
        with model.trace(tokens):
            z = model.transformer.h[number].attn.c_proj.input.clone()
            z[:, -1, columns] = value
            model.transformer.h[number].attn.c_proj.input = z
            out = model.output.save()
        return out

    return {"a head": patched}


def pyvene(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """What an MLP writes at the last position, taken from a run on other tokens."""
    import pyvene as pv

    point = {"component": "mlp_output", "intervention_type": pv.VanillaIntervention}
    units = {"unit": "pos", "max_number_of_units": 1}
    model, chosen = hugging_face(bench), sorted({next(n) for n in [layers(bench)] * 3})
    made = [pv.IntervenableModel([{"layer": i, **point, **units}], model=model) for i in chosen]
    turn = cycle(made)
    where = {"sources->base": (None, [[[bench.pos - 1]] * bench.batch])}
    value = torch.randn(bench.batch, 1, bench.config.d_model).to(bench.device)

    def patched(tokens: Tensor) -> Any:
        one = next(turn)
        given = dict.fromkeys(one.interventions, value)
        return one({"input_ids": tokens}, source_representations=given, unit_locations=where)

    return {"an MLP's output": patched}


PEERS = [
    Peer("transformers", transformers),
    Peer("transformer_lens", transformer_lens),
    Peer("nnsight", nnsight),
    Peer("pyvene", pyvene),
]


def patching_peers(bench: Bench) -> Iterator[Row]:
    """One patch of each peer that is installed against our forward; the others by name."""
    bench = short(bench)
    model, tokens = bench.model(), bench.tokens()
    heads = bench.config.n_layers * bench.config.n_heads
    for peer in PEERS:
        what = f"{peer.module}, one patch"
        if importlib.util.find_spec(peer.module) is None:
            yield Row(what, "", None, "skipped: not installed")
            continue
        try:
            with torch.no_grad():
                calls = peer.build(bench)
                for call in calls.values():
                    call(tokens)
        except Exception as error:  # another version of a peer must not stop the run
            yield Row(what, "", None, f"skipped: {type(error).__name__}: {error}"[:80])
            continue
        for name, call in calls.items():
            with torch.no_grad():
                timing = bench.against(lambda c=call: c(tokens), lambda: model(tokens))
            note = f"{heads} of them, scaled: {heads * timing.ratio:.0f} forwards"
            yield Row(f"{what} of {name} / our forward", bench.shape, timing, note)
