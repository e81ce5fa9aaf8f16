"""Graders of edges.py and of the gap of a graph (12.5, 12.6)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

from .conftest import SIZES, TEXT
from .linear_oracle import Linear, plain_attention, plain_norm

CASES = [("GPT2", "clt"), ("LLAMA", "clt"), ("GPT2", "per layer"), ("LLAMA", "per layer")]


@pytest.fixture
def traced(local, nodes, logits, edges, small, basis):
    """A model, its text's basis (with a part of its nodes), its targets and their effects."""

    def traced(family, kind, share=1.0, seed=1):
        made = small(family, seed)
        frozen = local.freeze(made, TEXT)
        whole = basis(frozen, kind, seed)
        n = len(whole.nodes.unit)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        shown = nodes.choose(whole, order[: round(share * n)])
        targets = nodes.join([shown.nodes.targets, logits.logit_targets(frozen).targets])
        return made, frozen, shown, targets

    return traced


@exercise("12.5")
@pytest.mark.parametrize("family, kind", CASES)
@pytest.mark.parametrize("share, seed", [(1.0, 1), (0.4, 2), (0.0, 1)])
def test_effects_sum_to_every_value(edges, traced, family, kind, share, seed):
    _, frozen, shown, targets = traced(family, kind, share, seed)
    effects = edges.direct_effects(frozen, shown, targets)
    for layer in range(4):  # the targets of layer 0 have no MLP below them
        here = targets.layer == layer
        where = f"read before the MLP of layer {layer}" if layer < 3 else "are logits"
        claim = f"Effects do not sum to the values of the targets that {where}."
        assert_close(effects.total()[here], targets.values[here], claim, tolerance=1e-9)


@exercise("12.5")
@pytest.mark.parametrize("family, kind", CASES)
def test_an_edge_is_the_effect_of_writing_once_more(edges, traced, family, kind):
    """Add what a source writes once more, hold all else: every target changes by its edge."""
    made, frozen, shown, targets = traced(family, kind, 0.7)
    effects, linear = edges.direct_effects(frozen, shown, targets), Linear(made, TEXT)
    nodes = shown.nodes
    for node in range(len(nodes.unit)):
        written = {}
        for layer, (writer, rows) in enumerate(nodes.writes):
            for row in rows[writer == node]:
                written[layer] = torch.zeros(5, 12).double()
                written[layer][nodes.pos[node]] = nodes.acts[node] * row
        claim = "A node's edges are not the effect of writing what it writes once more."
        assert_close(effects.nodes[:, node], linear.read(written, targets), claim)


@exercise("12.5")
@pytest.mark.parametrize("family, kind", CASES)
def test_effects_of_errors_remainders_and_embeddings(edges, traced, family, kind):
    made, frozen, shown, targets = traced(family, kind, 0.5)
    effects, linear = edges.direct_effects(frozen, shown, targets), Linear(made, TEXT)
    rest = edges.remainder_writes(frozen, shown)

    def alone(layer, pos, vectors):
        only = torch.zeros_like(vectors)
        only[pos] = vectors[pos]
        return linear.read({layer: only}, targets)

    for pos in range(5):
        for layer in range(3):
            place = f"of layer {layer} at position {pos}"
            expected = alone(layer, pos, shown.error[layer])
            assert_close(effects.errors[:, layer, pos], expected, f"The error {place} is wrong.")
            expected = alone(layer, pos, rest[layer])
            claim = f"The remainder {place} is wrong."
            assert_close(effects.remainders[:, layer, pos], expected, claim)
        expected = alone(-1, pos, frozen.embed)
        assert_close(effects.tokens[:, pos], expected, f"Token {pos} has another effect.")
        expected = alone(-1, pos, frozen.pos_embed)
        assert_close(effects.positions[:, pos], expected, f"Position {pos} has another effect.")


@exercise("12.5")
def test_write_effects_are_taken_at_the_writers_position(edges, traced):
    _, _, shown, _ = traced("GPT2", "clt")
    rows = normal(4, 5, 12, seed=3)
    writes = shown.nodes.writes[2]
    nodes = shown.nodes._replace(acts=normal(len(shown.nodes.unit), seed=4))  # as neurons have
    expected = torch.stack(
        [
            nodes.acts[node] * rows[:, nodes.pos[node]] @ row
            for node, row in zip(writes.node, writes.rows, strict=True)
        ],
        dim=1,
    )
    actual = edges.write_effects(rows, nodes, writes)
    assert_close(actual, expected, "An effect is activation times decoder row times target's row.")


@exercise("12.5")
def test_any_direction_at_any_layer_is_a_target(edges, nodes, traced):
    """Two targets that read the same place are two targets; one that reads layer 0 has no MLP."""
    made, frozen, shown, _ = traced("LLAMA", "clt", 0.5)
    layer, pos = torch.tensor([0, 2, 2, 3, 1]), torch.tensor([4, 0, 0, 2, 3])
    directions = normal(5, 12, seed=8)
    targets = nodes.Targets(layer, pos, directions, normal(5, 2, seed=9), normal(5, seed=10))
    effects = edges.direct_effects(frozen, shown, targets, batch=2)
    everything = {-1: frozen.embed + frozen.pos_embed}
    everything |= {layer: one.mlp_out for layer, one in enumerate(frozen.layers)}
    biases = effects.biases[:, :, :2].sum(dim=(1, 2))
    expected = Linear(made, TEXT).read(everything, targets) + targets.constants.sum(dim=1)
    actual = effects.total() - biases
    assert_close(actual, expected, "Directions chosen at random do not get all they read.")


@exercise("12.6")
@pytest.mark.parametrize("family, length", [("GPT2", 5), ("LLAMA", 5), ("LLAMA", 1)])
def test_each_bias_writes_its_own_part(local, edges, small, family, length):
    made, text = small(family), TEXT[:, :length]
    _, cache = made.run_with_cache(text)
    frozen, bias = local.freeze(made, text), normal(12, seed=4)
    for number, layer in enumerate(frozen.layers):
        attn = made.blocks[number].attn
        pattern = cache[f"blocks.{number}.attn.hook_pattern"][0]
        group = len(attn.W_O) // len(attn.W_V)
        moved = sum(attn.b_V[head // group] @ attn.W_O[head] for head in range(6)) + attn.b_O
        gain_bias = made.blocks[number].ln1.affine().bias
        norm = plain_attention(attn, pattern, gain_bias.expand(length, 12))
        expected = torch.stack([norm, *(x.expand(length, 12) for x in (moved, bias))])
        actual = edges.bias_writes(layer, bias)
        for place, name in enumerate(edges.BIASES):
            assert_close(actual[place], expected[place], f"The {name} writes something else.")


@exercise("12.6")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_with_all_zero_inputs_biases_alone_are_left(local, edges, small, family):
    """What attention writes when it reads its norm's output is linear part plus biases."""
    made = small(family)
    _, cache = made.run_with_cache(TEXT)
    for number, layer in enumerate(local.freeze(made, TEXT).layers):
        name = f"blocks.{number}."
        block = made.blocks[number]
        x = plain_norm(
            block.ln1, cache[name + "ln1.hook_scale"][0], cache[name + "hook_resid_pre"][0]
        )
        linear = plain_attention(block.attn, layer.attention.pattern, x)
        fixed = edges.bias_writes(layer, torch.zeros(12).double())[:2].sum(dim=0)
        claim = "Biases and what attention makes of its input do not sum to its output."
        assert_close(linear + fixed, cache[name + "hook_attn_out"][0], claim)


PAPER = ("nodes", "tokens", "errors")


@exercise("12.6")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_the_gap_closes_with_every_source(edges, traced, family):
    _, frozen, shown, targets = traced(family, "clt", 0.6)
    effects = edges.direct_effects(frozen, shown, targets)
    for names in (PAPER, edges.Effects._fields, ["biases"], ()):
        gap = size = 0.0
        for place, value in enumerate(targets.values):
            parts = [getattr(effects, name)[place].sum() for name in names]
            gap, size = gap + abs(value - sum(parts)), size + abs(value)
        claim = f"The share of the values that {list(names)} leave open is wrong."
        actual = edges.unclosed(effects, targets.values, names)
        assert_close(actual, float(gap / size), claim, tolerance=1e-9, scale=1e-3)
    open_share = edges.unclosed(effects, targets.values, PAPER)
    assert open_share > 0.05, "Without biases and positions a gap is left."
    for share, scale in SIZES:
        actual = edges.unclosed(effects, effects.total() / (1 - share / 2), effects._fields)
        claim = f"The share is wrong where {abs(share) / 2} of every value is left."
        assert_close(actual, abs(share) / 2, claim, tolerance=1e-6, scale=scale)


@pytest.mark.project
@pytest.mark.parametrize("family, kind", CASES)
def test_batches_agree(edges, nodes, local, logits, small, basis, family, kind):
    made = small(family)
    frozen = local.freeze(made, TEXT)
    whole = basis(frozen, kind)
    targets = nodes.join([logits.logit_targets(frozen).targets, whole.nodes.targets])
    small_batches = edges.direct_effects(frozen, whole, targets, batch=3)
    assert_close(list(small_batches), list(edges.direct_effects(frozen, whole, targets)), "Batch.")


@pytest.mark.project
@pytest.mark.parametrize("kind", ["clt", "per layer"])
def test_edges_go_forward_only(local, nodes, graph, logits, small, basis, kind):
    frozen = local.freeze(small("GPT2"), TEXT)
    shown = basis(frozen, kind)
    made = graph.attribution_graph(frozen, shown, logits.logit_targets(frozen))
    assert_close(made.edges.triu(), torch.zeros_like(made.edges), "A source comes after.")
    for target, source in made.edges.nonzero().tolist():
        one, other = made.nodes[source], made.nodes[target]
        assert one.pos <= other.pos, "An edge goes back in the text."
        assert one.kind == "constant" or one.layer < other.layer or one.kind == "bias"
    assert_close(
        made.edges.sum(dim=1), made.values, "Rows do not sum to the values.", tolerance=1e-9
    )


@pytest.mark.project
def test_two_hop_graph_is_exactly_the_known_one(two_hop, local, nodes, graph, logits):
    model = two_hop.two_hop_model()
    clt = two_hop.exact_clt(model)
    for city, relation in ((5, 1), (0, 0), (15, 2)):
        frozen = local.freeze(model, torch.tensor([[city, two_hop.FIRST_RELATION + relation]]))
        shown = nodes.clt_basis(frozen, clt)
        made = graph.attribution_graph(frozen, shown, logits.logit_targets(frozen, most=1))
        found = sorted(
            (made.nodes[s].kind, made.nodes[t].kind, made.edges[t, s].item())
            for t, s in made.edges.nonzero().tolist()
        )
        words = {"b_dec": "bias", "attention": "bias", "b_enc": "constant", "answer": "logit"}

        def kind(name, words=words):
            return words.get(name.split()[0], name.split()[0])

        known = two_hop.known_edges(city, relation)
        expected = sorted((kind(s), kind(t), weight) for s, t, weight in known)
        assert [edge[:2] for edge in found] == [edge[:2] for edge in expected]
        assert_close(
            [x[2] for x in found], [x[2] for x in expected], "Another weight.", tolerance=1e-12
        )


@pytest.mark.project
@pytest.mark.parametrize("family, kind", CASES)
@pytest.mark.parametrize("batch", [2, 256])
def test_fast_effects_equal_the_plain_ones(edges, fast_edges, traced, family, kind, batch):
    _, frozen, shown, targets = traced(family, kind, 0.6)
    expected = edges.direct_effects(frozen, shown, targets)
    actual = fast_edges.fast_effects(frozen, shown, targets, batch=batch)
    for name, one, other in zip(expected._fields, actual, expected, strict=True):
        assert_close(one, other, f"The effects of {name} differ.", tolerance=1e-9)


@pytest.mark.project
def test_no_targets_have_no_effects(edges, fast_edges, nodes, traced):
    _, frozen, shown, targets = traced("GPT2", "clt")
    none = nodes.take(targets, torch.arange(0))
    for effects in (edges.direct_effects, fast_edges.fast_effects):
        assert [len(field) for field in effects(frozen, shown, none)] == [0] * 7
