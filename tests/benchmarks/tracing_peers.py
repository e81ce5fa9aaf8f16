"""Graphs of circuit-tracer and ours, from the same model, transcoders and prompt.

Both start at the model and end with the full matrix of edges. circuit-tracer is timed at several
batch sizes, and the best one counts. The course does not depend on it: without it the rows are
skipped.
"""

import importlib.util
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch11_transcoders import L1Transcoder
from solutions.ch12_graphs import attribution_graph, freeze, logit_targets, transcoder_basis
from solutions.ch12_graphs.graph import Graph
from toy_models.toys import folder

from .measure import compare
from .rows import Bench, Row

TOY, N_POS, D_SAE = "text_4l", 20, 2048
SIZES, BATCHES = (600, 5000), (4, 8, 16, 32, 64, 128, 512)
PEAK = "print(next(x.split()[1] for x in open('/proc/self/status') if x.startswith('VmHWM')))"
"""Peak memory of this process alone: the kernel's `ru_maxrss` includes the parent's."""


class Case(NamedTuple):
    """A model, transcoders with a given number of active latents, and a prompt."""

    model: HookedTransformer
    """The model."""
    transcoders: dict[int, L1Transcoder]
    """Of each layer, with random weights."""
    tokens: Tensor
    """[1, pos]"""


def build_case(n_active: int) -> Case:
    """Build transcoders of which about n_active latents are active after position 0."""
    model, _ = load_pretrained(folder(TOY))
    model.requires_grad_(False)
    config = model.config
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(config.d_vocab, (1, N_POS), generator=generator)
    made = {}
    for layer, frozen in enumerate(freeze(model, tokens).layers):
        one = L1Transcoder(config.d_model, config.d_model, D_SAE, 0.0).requires_grad_(False)
        one.W_enc[:] = torch.randn(one.W_enc.shape, generator=generator) / config.d_model**0.5
        one.W_dec[:] = torch.randn(one.W_dec.shape, generator=generator) / 30
        one.b_dec[:] = torch.randn(one.b_dec.shape, generator=generator) / 10
        pre_acts = (frozen.mlp_in @ one.W_enc)[1:].flatten()
        one.b_enc[:] = -pre_acts.topk(n_active // config.n_layers).values[-1] + 1e-4
        made[layer] = one
    return Case(model, made, tokens)


def ours(case: Case) -> Graph:
    """Build our graph."""
    local = freeze(case.model, case.tokens)
    return attribution_graph(local, transcoder_basis(local, case.transcoders), logit_targets(local))


class Tokenizer:
    """What circuit-tracer asks of a tokenizer."""

    padding_side = "right"

    def __init__(self, first: int, size: int) -> None:
        self.all_special_ids, self.bos_token_id, self.vocab_size = [first], first, size

    def decode(self, ids: Any, **_: Any) -> str:
        """Name tokens by their numbers."""
        return str(ids)

    def __getattr__(self, name: str) -> None:
        """Have no other special tokens."""

    def __len__(self) -> int:
        """Return the size of the vocabulary."""
        return int(self.vocab_size)


def replacement_model(case: Case) -> Any:
    """Build circuit-tracer's model with the same weights."""
    from circuit_tracer.replacement_model.replacement_model_transformerlens import (
        TransformerLensReplacementModel,
    )
    from circuit_tracer.transcoder.single_layer_transcoder import (
        SingleLayerTranscoder,
        TranscoderSet,
    )
    from transformer_lens import HookedTransformerConfig

    sizes, theirs = case.model.config, {}
    for layer, one in case.transcoders.items():
        made = SingleLayerTranscoder(
            sizes.d_model, D_SAE, torch.relu, layer, device=torch.device("cpu"), dtype=torch.float32
        )
        made.W_enc.data = one.W_enc.T.contiguous()
        for name in ("W_dec", "b_enc", "b_dec"):
            getattr(made, name).data = getattr(one, name).clone()
        theirs[layer] = made
    config = HookedTransformerConfig(
        n_layers=sizes.n_layers, d_model=sizes.d_model, n_ctx=sizes.n_ctx, d_head=sizes.d_head,
        n_heads=sizes.n_heads, d_mlp=sizes.d_mlp, d_vocab=sizes.d_vocab, act_fn="gelu_new",
        normalization_type="LN", eps=1e-5, device="cpu",
    )  # fmt: skip
    model = TransformerLensReplacementModel.from_config(
        config, TranscoderSet(theirs, "ln2.hook_normalized", "hook_mlp_out")
    )
    for name, weight in model.named_parameters():
        plain = name.replace(".old_mlp", "").replace("mlp.mlp", "mlp").replace(".old_unembed", "")
        if not name.startswith("transcoders"):
            weight.data = attrgetter(plain)(case.model).data.clone()
    model.tokenizer = Tokenizer(int(case.tokens[0, 0]), sizes.d_vocab)
    return model


def theirs(case: Case, model: Any, batch: int) -> Any:
    """Build circuit-tracer's graph."""
    from circuit_tracer.attribution.attribute import attribute

    with torch.enable_grad():
        return attribute(case.tokens[0], model, batch_size=batch)


def largest_difference(graph: Graph, other: Any) -> tuple[float, int, int]:
    """Compare edges between latents, and from tokens to latents, where both graphs define them.

    Returns the largest difference, over the largest of these edges; the number of latents compared;
    and the number of theirs.
    """
    latents = graph.indices("latent")
    places = {graph.nodes[i][1:4]: i for i in latents.tolist()}
    found = [
        (row, places.get(tuple(node))) for row, node in enumerate(other.active_features.tolist())
    ]
    rows = torch.tensor([row for row, place in found if place is not None])
    mine = torch.tensor([place for _, place in found if place is not None])
    n, n_logits = len(other.active_features), len(other.logit_probabilities)
    matrix = other.adjacency_matrix
    first_token = len(matrix) - n_logits - N_POS
    pairs = [
        (graph.edges[mine][:, mine], matrix[rows][:, rows]),
        (graph.edges[mine][:, graph.indices("token")], matrix[rows, first_token:-n_logits]),
    ]
    apart = max(float((a - b).abs().max()) for a, b in pairs)
    return apart / max(float(b.abs().max()) for _, b in pairs), len(rows), n


def peak(call: str, n_active: int, batch: int) -> float:
    """Measure the peak memory of a process that builds one graph, in MB. Linux only."""
    code = (
        f"import torch; torch.set_num_threads(1)\nfrom {__name__} import *\n"
        f"case = build_case({n_active})\n{call}\n{PEAK}"
    )
    command = [sys.executable, "-W", "ignore", "-c", code.replace("BATCH", str(batch))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def tracing_peers(bench: Bench, sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """Measure circuit-tracer's time and memory against ours, and how far edges are apart."""
    needed = ("circuit_tracer", "transformer_lens")
    if any(importlib.util.find_spec(name) is None for name in needed):
        yield Row("circuit-tracer", "", None, "skipped: not installed")
        return
    warnings.filterwarnings("ignore")
    for n_active in sizes:
        case = build_case(n_active)
        model = replacement_model(case)
        apart, n_both, n_theirs = largest_difference(ours(case), theirs(case, model, 16))
        calls: dict[int, Callable[[], Any]] = {
            batch: partial(theirs, case, model, batch) for batch in BATCHES
        }
        timed = {
            batch: compare(call, partial(ours, case), bench.device, 1, bench.tick).seconds
            for batch, call in calls.items()
        }
        best = min(timed, key=lambda batch: timed[batch])
        timing = bench.against(calls[best], partial(ours, case))
        mine = peak("ours(case)", n_active, best)
        other = peak("theirs(case, replacement_model(case), BATCH)", n_active, best)
        yield Row(
            "circuit-tracer / our graph",
            f"{n_theirs} latents without position 0, {N_POS} tokens, its batch {best}",
            timing,
            f"peak memory {other:.0f} and {mine:.0f} MB; edges of {n_both} latents differ by "
            f"{apart:.1e} of the largest",
        )
