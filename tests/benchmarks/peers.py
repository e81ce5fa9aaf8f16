"""Time other libraries on the same shapes, with random weights, where they are installed.

Each peer has a forward pass and, where possible, one that caches activations. They are timed
against `Plain`, so that their ratios can be compared with ours.
"""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .plain import Plain
from .rows import Bench, Row


class Peer(NamedTuple):
    """One library."""

    module: str
    """Name by which Python imports it."""
    build: Callable[[Bench], dict[str, Callable[[Tensor], Any]]]
    """From shapes to what is timed, by name."""


def hugging_face(bench: Bench) -> Any:
    """GPT-2 of the transformers library at the bench's sizes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = bench.config
    config = GPT2Config(
        vocab_size=sizes.d_vocab,
        n_positions=sizes.n_ctx,
        n_embd=sizes.d_model,
        n_layer=sizes.n_layers,
        n_head=sizes.n_heads,
        n_inner=sizes.d_mlp,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config).eval().to(bench.device)


def transformers(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """Its forward, fused and without a cache of keys."""
    model = hugging_face(bench)
    return {"forward": lambda tokens: model(tokens, use_cache=False)}


def nnsight(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """A trace that saves the output alone, and one that saves every block's output."""
    from nnsight import NNsight

    model = NNsight(hugging_face(bench))

    def forward(tokens: Tensor) -> Any:
        with model.trace(tokens):
            out = model.output.save()
        return out

    def blocks(tokens: Tensor) -> Any:
        kept = []
        with model.trace(tokens):
            for block in model.transformer.h:
                kept.append(block.output.save())
        return kept

    return {"forward": forward, "forward with resid_post cached": blocks}


def pyvene(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """A forward that collects what every MLP writes.

    Not the blocks' outputs: version 0.1.8 expects tuples there, which transformers 5 does not give.
    """
    import pyvene as pv

    point = {"component": "mlp_output", "intervention_type": pv.CollectIntervention}
    units = {"unit": "pos", "max_number_of_units": bench.pos}
    layers = range(bench.config.n_layers)
    model = pv.IntervenableModel(
        [{"layer": layer, **point, **units} for layer in layers], model=hugging_face(bench)
    )
    where = {"base": list(range(bench.pos))}
    return {
        "forward with mlp_out cached": lambda tokens: model(
            {"input_ids": tokens}, unit_locations=where
        )
    }


def transformer_lens_model(bench: Bench) -> Any:
    """Its model at the bench's sizes; version 4 replaced the class of version 3."""
    sizes = bench.config
    options = {
        "n_layers": sizes.n_layers,
        "d_model": sizes.d_model,
        "n_ctx": sizes.n_ctx,
        "d_head": sizes.d_head,
        "n_heads": sizes.n_heads,
        "d_mlp": sizes.d_mlp,
        "d_vocab": sizes.d_vocab,
        "act_fn": "gelu_new",
        "normalization_type": "LN",
        "device": str(bench.device),
        "seed": 0,
    }
    try:
        from transformer_lens import HookedTransformer, HookedTransformerConfig

        return HookedTransformer(HookedTransformerConfig(**options))
    except ImportError:
        from transformer_lens.config import TransformerBridgeConfig
        from transformer_lens.model_bridge import TransformerBridge

        return TransformerBridge.boot_native(TransformerBridgeConfig(**options))


def transformer_lens(bench: Bench) -> dict[str, Callable[[Tensor], Any]]:
    """Its forward, and one with everything cached."""
    model = transformer_lens_model(bench)
    return {"forward": model, "forward with everything cached": model.run_with_cache}


PEERS = [
    Peer("transformers", transformers),
    Peer("transformer_lens", transformer_lens),
    Peer("nnsight", nnsight),
    Peer("pyvene", pyvene),
]


def peers(bench: Bench) -> Iterator[Row]:
    """Each peer that is installed against plain torch; the others by name."""
    plain, tokens = Plain(bench.model()), bench.tokens()
    for peer in PEERS:
        if importlib.util.find_spec(peer.module) is None:
            yield Row(peer.module, "", None, "skipped: not installed")
            continue
        try:
            calls = peer.build(bench)
            for call in calls.values():
                call(tokens)
        except Exception as error:  # another version of a peer must not stop the run
            yield Row(peer.module, "", None, f"skipped: {type(error).__name__}: {error}"[:80])
            continue
        for name, call in calls.items():
            with torch.no_grad():
                timing = bench.against(lambda c=call: c(tokens), lambda: plain(tokens))
            yield Row(f"{peer.module}, {name} / plain torch", bench.shape, timing)
