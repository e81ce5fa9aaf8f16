"""Graders of secant.py: slopes (12.15) and every term of a change (12.16)."""

import pytest
import torch
import torch.nn.functional as F

from tests.ch12_graphs.linearized import activations
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

FAMILIES = ("GPT2", "LLAMA")
LENGTHS = [("GPT2", 5), ("LLAMA", 5), ("LLAMA", 1)]
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [3, 7, 4, 1, 5]])
ANSWERS = (6, 11)
WHERE = [[0, 0, 1, 2, 2, 2], [1, 4, 0, 4, 3, 4], [2, 7, 5, 0, 9, 1]]


@pytest.fixture
def secant_of_silu(secant):
    def secant_of_silu(x, other):
        return secant.secant(F.silu, x, other)

    return secant_of_silu


def slope(x, other):
    """The slope of silu's secant, or its derivative."""
    s = 1 / (1 + torch.exp(-x))
    derivative = s * (1 + x * (1 - s))
    gap = torch.where(x == other, torch.ones_like(x), x - other)
    silu = lambda y: y / (1 + torch.exp(-y))  # noqa: E731
    return torch.where(x == other, derivative, (silu(x) - silu(other)) / gap)


@exercise("12.15")
def test_secants_on_odd_inputs(secant_of_silu):
    def make(pos, d_mlp):
        x, other = normal(pos, d_mlp, seed=1), normal(pos, d_mlp, seed=2)
        other[0] = x[0]
        return x, other

    check_odd(secant_of_silu, slope, make, skip="tiny close", pos=3, d_mlp=4)
    x, other = (one - 20 for one in make(3, 4))
    near = {"tolerance": 1e-6, "scale": 1e-8}
    claim = "Where the slope is as small as 1e-8, it is wrong."
    check(secant_of_silu, x, other, expected=slope(x, other), claim=claim, **near)


@exercise("12.15")
@pytest.mark.parametrize("n_factors", [1, 2])
def test_coefficients_of_secants(secant, n_factors):
    x, other = normal(n_factors, 3, 5, seed=1), normal(n_factors, 3, 5, seed=2)
    expected = [slope(x[0], other[0])]
    if n_factors == 2:
        silu = [g / (1 + torch.exp(-g)) for g in (x[0], other[0])]
        expected = [expected[0] * (x[1] + other[1]) / 2, (silu[0] + silu[1]) / 2]
    coefficients = check(
        secant.secant_coefficients,
        F.silu,
        x,
        other,
        expected=torch.stack(expected),
        claim="The coefficients are wrong, or depend on which prompt is the first.",
    )
    change = F.silu(x[0]) * x[1:].prod(dim=0) - F.silu(other[0]) * other[1:].prod(dim=0)
    actual = (coefficients * (x - other)).sum(dim=0)
    assert_close(actual, change, "Coefficients times changes do not add up to the change.")


@exercise("12.16")
@pytest.mark.parametrize("family, length", LENGTHS)
def test_shift_of_a_norm(secant, local, small, family, length):
    model = small(family)
    norms = [local.freeze(model, tokens[None]).layers[1].norm1 for tokens in TOKENS[:, -length:]]
    x, other = normal(length, 12, seed=1) + 1, normal(length, 12, seed=2)
    middle = (x + other) / 2
    centered = middle - middle.mean(dim=1, keepdim=True) if norms[0].centers else middle
    expected = centered * (1 / norms[0].scale - 1 / norms[1].scale) * norms[0].gain
    claim = "The change of a norm's output that is due to its divisor is wrong."
    check(secant.norm_shift, *norms, x, other, expected=expected, claim=claim)


@exercise("12.16")
@pytest.mark.parametrize("family, length", LENGTHS)
def test_shift_of_attention(secant, local, small, family, length):
    model, texts = small(family), TOKENS[:, -length:]
    frozen = [local.freeze(model, tokens[None]).layers[1].attention for tokens in texts]
    x, other = normal(length, 12, seed=1), normal(length, 12, seed=2)
    attn, pattern, group = frozen[0].attn, frozen[0].pattern, 6 // len(frozen[0].attn.W_V)
    rows = []
    for query in range(length):
        heads = []
        for head in range(6):
            W, b = attn.W_V[head // group].detach(), attn.b_V[head // group].detach()
            values = (x + other) / 2 @ W + b
            moved = pattern[head, query] - frozen[1].pattern[head, query]
            heads.append((moved @ values) @ attn.W_O[head].detach())
        rows.append(torch.stack(heads))
    claim = "The change of each head's output that is due to its pattern is wrong."
    actual = secant.attention_shift(*frozen, x, other)
    assert_close(actual, torch.stack(rows), claim)


def changes(secant, contrast, relp, model, tokens=TOKENS, where=WHERE):
    """A change model, its nodes, and as targets the nodes and a logit difference."""
    runs = [contrast.run_prompt(model, one) for one in tokens]
    change = secant.change_model(*runs)
    basis = secant.change_basis(change, relp.Where(*torch.tensor(where)))
    last = secant.change_target(change, *ANSWERS)
    both = zip(basis.nodes.targets, last, strict=True)
    return change, basis, type(last)(*(torch.cat(pair) for pair in both))


@exercise("12.16")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_terms_sum_to_the_change(secant, contrast, relp, small, family, seed):
    model = small(family, seed=seed)
    change, basis, targets = changes(secant, contrast, relp, model)
    effects = secant.change_effects(change, basis, targets)
    acts = [activations(model, tokens[None]) for tokens in TOKENS]
    logits = model(TOKENS)[:, -1].detach()
    last = (logits[0] - logits[1])[list(ANSWERS)]
    expected = torch.cat([(acts[0] - acts[1])[tuple(WHERE)], (last[0] - last[1])[None]])
    claim = "The terms do not sum to the change."
    assert_close(effects.total(), expected, claim, tolerance=1e-9)
    lost = targets._replace(directions=torch.nan * targets.directions)
    total = secant.change_effects(change, basis, lost).total()
    assert total.isnan().all(), "Where a target's direction is NaN, its terms must be NaN."


@exercise("12.16")
def test_one_word_and_one_neuron_keep_their_axes(secant, contrast, relp, small):
    model, where = small("LLAMA", n_layers=1), [[0], [0], [2]]
    change, basis, _ = changes(secant, contrast, relp, model, TOKENS[:, 1:2], where)
    effects = secant.change_effects(change, basis, basis.nodes.targets)
    sizes = [list(x.shape) for x in effects]
    expected = [[1, 1], [1, 1], [1, 1, 1], [1, 1, 6], [1]]
    assert sizes == expected, f"With one of each the shapes are {sizes}."


@exercise("12.16")
@pytest.mark.parametrize("family", FAMILIES)
def test_each_kind_of_term(secant, contrast, relp, local, small, family):
    """What one source adds to the linear model reaches a target; nothing else reacts."""
    change, basis, targets = changes(secant, contrast, relp, small(family))
    effects = secant.change_effects(change, basis, targets)
    still = local.run_local(change.local)

    def reaches(layer, vector):
        """What a vector that is added at a layer's output adds to each target."""
        run = local.run_local(change.local, {layer: vector})
        resid = torch.cat([run.resid_mid, run.resid_final[None]])
        resid = resid - torch.cat([still.resid_mid, still.resid_final[None]])
        return (resid[targets.layer, targets.pos] * targets.directions).sum(dim=1)

    for layer in range(3):
        later = targets.layer > layer
        for head in range(6):
            expected = reaches(layer, change.shifts[layer].moved[:, head])[later]
            claim = f"Attention that moved in layer {layer} reaches later targets wrong."
            assert_close(effects.moved[later, layer, head], expected, claim)
        rest, node = change.local.layers[layer].mlp_out.clone(), basis.nodes.writes[layer]
        for index, row in zip(node.node.tolist(), node.rows, strict=True):
            pos = int(basis.nodes.pos[index])
            written = torch.zeros_like(rest)
            written[pos] = basis.nodes.acts[index] * row
            rest -= written
            claim = "The change of a shown neuron reaches targets wrong."
            assert_close(effects.nodes[:, index], reaches(layer, written), claim)
        claim = f"The remainder of layer {layer} is wrong."
        assert_close(effects.remainders[:, layer].sum(dim=1), reaches(layer, rest), claim)
    expected = reaches(local.EMBEDDING, change.local.embed)
    assert_close(effects.tokens.sum(dim=1), expected, "The tokens' terms are wrong.")


@pytest.mark.project
def test_prompts_of_different_lengths_raise(secant, contrast, small):
    runs = [contrast.run_prompt(small("LLAMA"), tokens) for tokens in (TOKENS[0], TOKENS[1, :3])]
    with pytest.raises(ValueError, match="positions must correspond"):
        secant.change_model(*runs)


@pytest.mark.project
@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_of_a_change_adds_up_in_its_file(
    secant, contrast, relp, change_graph, export, small, family
):
    model, where = small(family), relp.Where(*torch.tensor(WHERE))
    _, _, targets = changes(secant, contrast, relp, model)
    runs = tuple(contrast.run_prompt(model, tokens) for tokens in TOKENS)
    answers = change_graph.Answers(*ANSWERS)
    made = change_graph.change_graph(runs, where, answers, ["a", "b/c", "d", "e", "f"])
    assert_close(made.edges.sum(dim=1)[-7:], targets.values, "A row is not its change.")
    file = export.graph_json(made, export.Description("toy", "random", "the change"))
    sums = dict.fromkeys((node["node_id"] for node in file["nodes"]), 0.0)
    assert len(sums) == len(made.nodes), "Two nodes have one id."
    for link in file["links"]:
        sums[link["target"]] += link["weight"]
    totals = {x["node_id"]: x["total"] for x in file["nodes"] if x["total"] is not None}
    assert len(totals) == 7 and totals == pytest.approx({i: sums[i] for i in totals}, abs=1e-5)
    kinds = {node["kind"] for node in file["nodes"]}
    assert kinds == {"token", "remainder", "attention", "norm", "neuron", "logit"}
