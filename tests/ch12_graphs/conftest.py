"""Modules of the chapter from the tree that is graded, and small models with random weights."""

import pytest
import torch

from tests.grading import module_fixture
from tests.grading.assertions import normal

local = module_fixture("ch12_graphs.local")
nodes = module_fixture("ch12_graphs.nodes")
edges = module_fixture("ch12_graphs.edges")
logits = module_fixture("ch12_graphs.logits")
fast_edges = module_fixture("ch12_graphs.fast_edges")
graph = module_fixture("ch12_graphs.graph")
influence = module_fixture("ch12_graphs.influence")
scores = module_fixture("ch12_graphs.scores")
pruning = module_fixture("ch12_graphs.pruning")
supernodes = module_fixture("ch12_graphs.supernodes")
relp = module_fixture("ch12_graphs.relp")
contrast = module_fixture("ch12_graphs.contrast")
secant = module_fixture("ch12_graphs.secant")
change_graph = module_fixture("ch12_graphs.change_graph")
intervene = module_fixture("ch12_graphs.intervene")
qk = module_fixture("ch12_graphs.qk")
from_scratch = module_fixture("ch12_graphs.from_scratch")
export = module_fixture("ch12_graphs.export")
config = module_fixture("ch02_transformer.config")
model = module_fixture("ch02_transformer.model")
transcoder = module_fixture("ch11_transcoders.transcoder")
two_hop = module_fixture("ch11_transcoders.two_hop")
crosslayer = module_fixture("ch11_transcoders.crosslayer")

TEXT = torch.tensor([[3, 1, 4, 1, 5]])
SIZES = ((1.0, 1.0), (-1e-8, 1e-8), (torch.nan, 1.0))
"""Factors that a result has to show, and the size of the result with each."""


@pytest.fixture
def small(config, model):
    """A random model of a family, with every weight, bias and gain drawn, in float64."""

    def small(family, seed=1, n_layers=3):
        heads = {"n_heads": 6, "n_kv_heads": 2 if family == "LLAMA" else None}
        sizes = config.TransformerConfig(
            n_layers, 12, d_head=4, d_mlp=10, d_vocab=20, n_ctx=8, activation="silu", **heads
        )
        made = model.HookedTransformer(sizes, getattr(model, family), seed=seed).double()
        for number, weight in enumerate(made.parameters()):
            weight.data += 0.4 * normal(*weight.shape, seed=100 * seed + number)
        return made

    return small


@pytest.fixture
def dictionary(transcoder, crosslayer):
    """Transcoders per layer or a CLT, with random weights, that fit nothing."""

    def dictionary(kind, seed=0, n_layers=3, d_model=12, d_sae=9, k=4):
        if kind == "clt":
            made = [crosslayer.TopKCLT(n_layers, d_model, d_sae, k).double()]
        else:
            layers = range(n_layers)
            made = [transcoder.TopKTranscoder(d_model, d_model, d_sae, k).double() for _ in layers]
        for place, one in enumerate(made):
            for number, weight in enumerate(one.parameters()):
                weight.data = normal(*weight.shape, seed=1000 * seed + 100 * place + number)
        return made[0] if kind == "clt" else dict(enumerate(made))

    return dictionary


@pytest.fixture
def basis(nodes, dictionary):
    """A text's basis of latents, of transcoders or of a CLT."""

    def basis(local_model, kind, seed=0):
        one = dictionary(kind, seed, n_layers=len(local_model.layers))
        make = nodes.clt_basis if kind == "clt" else nodes.transcoder_basis
        return make(local_model, one)

    return basis


@pytest.fixture
def hand_graph(graph):
    """Two tokens, an error, two latents and two logits, whose scores can be worked out by hand."""
    places = [("token", -1, 0), ("token", -1, 1), ("error", 0, 1), ("latent", 0, 0)]
    places += [("latent", 1, 1), ("logit", 2, 1), ("logit", 2, 1)]
    nodes = [graph.Node(*place, i, f"node {i}", 1.0) for i, place in enumerate(places)]
    edges = torch.zeros(7, 7, dtype=torch.float64)
    edges[3, :3] = torch.tensor([2.0, -1.0, 1.0])
    edges[4, [1, 3]] = torch.tensor([3.0, 1.0], dtype=torch.float64)
    edges[5, [2, 3, 4]] = torch.tensor([1.0, 1.0, -2.0], dtype=torch.float64)
    edges[6, [0, 4]] = torch.tensor([1.0, 1.0], dtype=torch.float64)
    weights = torch.tensor([0, 0, 0, 0, 0, 0.6, 0.2], dtype=torch.float64)
    return graph.Graph((3, 1), ("a", "b"), tuple(nodes), edges, edges.sum(dim=1), weights)


@pytest.fixture
def any_graph(local, graph, logits, small, basis):
    """The graph of a random model's text with a random dictionary."""

    def any_graph(family, kind):
        frozen = local.freeze(small(family), TEXT)
        return graph.attribution_graph(frozen, basis(frozen, kind), logits.logit_targets(frozen))

    return any_graph
