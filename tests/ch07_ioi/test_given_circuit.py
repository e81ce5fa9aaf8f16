"""Test the given code for circuits: ablation and its means, effects, and errors."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal

from .ablation_reference import D_VOCAB, N_POS, RandomCircuit
from .random_prompts import random_prompts

pytestmark = pytest.mark.project
SEEDS = [1, 2]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=["attention-only", "gpt2", "llama"])
def model(request, build):
    return build(request.param, n_layers=3)


def metric_of(model, seed):
    """Project the residual stream on a random direction: one value per prompt."""
    direction = normal(model.config.d_model, seed=seed)
    return lambda resid: resid @ direction


def pair(prompts, counterfactuals, batch, seed):
    """Draw prompts of random tokens, and their ABC corruptions."""
    drawn = random_prompts(prompts, batch, N_POS, D_VOCAB, seed)
    return drawn, counterfactuals.abc_corruption(drawn, torch.arange(D_VOCAB), seeded(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_match_a_rebuilt_forward(prompts, circuit, build, seed):
    planted = RandomCircuit(prompts, circuit, build("attention-only", n_layers=3), seed)
    nodes, evaluator = planted.nodes[:4], planted.evaluator
    for actual, expected in (
        (evaluator.keep_only(nodes), planted.keep_only(nodes)),
        (evaluator.ablate(nodes), planted.ablate(nodes)),
        (evaluator.ablate_all(), planted.keep_only([])),
        (evaluator.full_model(), planted.ablate([])),
    ):
        assert_close(actual, expected, "The ablated heads have another value.", tolerance=1e-9)
    assert not any(point.has_hooks for point in evaluator.model.hook_points().values()), (
        "a hook is left attached"
    )


@torch.no_grad()
def test_keeping_everything_is_the_full_model(prompts, circuit, model):
    drawn = random_prompts(prompts, 4, N_POS, D_VOCAB, 1)
    means = normal(3, 4, N_POS, 6, 4, seed=1)
    evaluator = circuit.CircuitEvaluator(model, drawn, means, metric_of(model, 2))
    resid = model(drawn.tokens, stop_at_layer=3)[None, :, -1]
    assert_close(evaluator.full_model(), evaluator.metric(resid)[0], "F(M) is not the model's.")
    everything = torch.ones(3, 4, N_POS, 6, dtype=torch.bool)
    assert_close(
        evaluator.score(everything),
        evaluator.full_model(),
        "Keeping every node is not the full model.",
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_means_are_over_corruptions_of_the_same_template(
    prompts, counterfactuals, circuit, model, seed
):
    drawn, corrupted = pair(prompts, counterfactuals, 12, seed)
    chosen = drawn.select(torch.tensor([3, 0, 7]))
    actual = circuit.abc_means(model, corrupted, chosen.template)
    for layer in range(3):
        _, cache = model.run_with_cache(corrupted.tokens)
        z = cache[f"blocks.{layer}.attn.hook_z"]
        expected = torch.stack([z[corrupted.template == t].mean(0) for t in chosen.template])
        assert_close(actual[layer], expected, "A mean is not that of its own template.")


def test_one_corruption_per_template_is_resample_ablation(
    prompts, counterfactuals, circuit, heads, model
):
    drawn, corrupted = pair(prompts, counterfactuals, 5, 3)
    drawn, corrupted = (
        one._replace(template=torch.tensor([4, 0, 9, 2, 7])) for one in (drawn, corrupted)
    )
    means = circuit.abc_means(model, corrupted, drawn.template)
    metric = metric_of(model, 4)
    evaluator = circuit.CircuitEvaluator(model, drawn, means, metric)
    removed = [(0, 2), (1, 5), (2, 0)]
    actual = [evaluator.ablate([circuit.Node(*head, "end")]) for head in removed]
    _, total = heads.direct_and_total_effects(model, drawn, corrupted, removed, metric)
    assert_close(
        torch.stack(actual), evaluator.full_model() - total, "That is not resample ablation."
    )


def test_templates_without_corruptions_raise(prompts, counterfactuals, circuit, build):
    _, corrupted = pair(prompts, counterfactuals, 6, 1)
    template = torch.tensor([77, int(corrupted.template[0]), 91])
    with pytest.raises(ValueError, match=r"got none of \[77, 91\]"):
        circuit.abc_means(build("gpt2"), corrupted, template)


@pytest.mark.parametrize(
    "node",
    [(3, 0, "end"), (-1, 0, "end"), (0, 6, "s2"), (0, -1, "s2"), (0, 0, "s3"), (1, 2, "END")],
)
def test_unknown_nodes_raise_before_anything_runs(prompts, circuit, build, node):
    planted = RandomCircuit(prompts, circuit, build("attention-only", n_layers=3), 1)
    planted.model.embed.hook_embed = None  # nothing can run
    nodes = [circuit.Node(0, 0, "end"), circuit.Node(*node)]
    with pytest.raises(
        ValueError, match=rf"expected nodes in layers .*, got {node[0]}\.{node[1]} at '{node[2]}'"
    ):
        planted.evaluator.keep_only(nodes)
    with pytest.raises(ValueError, match="expected nodes"):
        planted.evaluator.ablate(nodes)


def test_empty_circuits_raise(prompts, circuit, build):
    planted = RandomCircuit(prompts, circuit, build("attention-only", n_layers=3), 1)
    with pytest.raises(ValueError, match="got an empty circuit"):
        planted.evaluator.keep_only(iter([]))
    nodes = planted.nodes
    for node, removed in ((nodes[4], []), (nodes[0], [nodes[0]])):
        with pytest.raises(ValueError, match="expected a node of the circuit that is not in K"):
            circuit.minimality(planted.evaluator, nodes[:3], node, removed)


def test_equal_clean_and_corrupted_prompts_raise(prompts, heads, build):
    drawn = random_prompts(prompts, 4, N_POS, D_VOCAB, 1)
    model = build("gpt2", n_layers=3)
    senders = heads.senders(model, drawn.positions.end)
    with pytest.raises(ValueError, match="a patch between equal prompts changes nothing"):
        heads.path_effects(model, drawn, drawn, senders, [], metric_of(model, 1))
    with pytest.raises(ValueError, match="a patch between equal prompts changes nothing"):
        heads.direct_and_total_effects(model, drawn, drawn, [(0, 1)], metric_of(model, 1))


@torch.no_grad()
def written_at_end(model, drawn):
    """List everything written to the residual stream at the last position, and its sum."""
    resid = model(drawn.tokens, stop_at_layer=3)[:, -1]
    _, cache = model.run_with_cache(drawn.tokens)
    parts = [cache["hook_embed"][:, -1], cache["hook_pos_embed"][:, -1]]
    for layer, block in enumerate(model.blocks):
        z = cache[f"blocks.{layer}.attn.hook_z"][:, -1]
        parts += [z[:, head] @ block.attn.W_O[head] for head in range(6)]
        parts += [block.attn.b_O.expand_as(resid), cache[f"blocks.{layer}.hook_mlp_out"][:, -1]]
    return parts, resid


def test_direct_effects_sum_to_the_metric(prompts, build):
    model = build("gpt2", n_layers=3)
    drawn = random_prompts(prompts, 5, N_POS, D_VOCAB, 2)
    parts, resid = written_at_end(model, drawn)
    norm, rows = model.ln_final, torch.arange(5)
    centred = resid - resid.mean(-1, keepdim=True)
    scale = (centred.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()
    W_U, b_U = model.unembed.W_U, model.unembed.b_U
    direction, bias = (
        (W_U[:, drawn.io_token] - W_U[:, drawn.s_token]).T,
        b_U[drawn.io_token] - b_U[drawn.s_token],
    )
    frozen = [((p - p.mean(-1, keepdim=True)) / scale * norm.w * direction).sum(-1) for p in parts]
    logits = model(drawn.tokens)[:, -1]
    expected = logits[rows, drawn.io_token] - logits[rows, drawn.s_token]
    assert_close(
        sum(frozen) + (norm.b * direction).sum(-1) + bias, expected, "Direct effects do not add up."
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_linear_model_of_one_layer_repairs_nothing(prompts, counterfactuals, heads, build, seed):
    model = build("attention-only", n_layers=1)
    drawn, corrupted = pair(prompts, counterfactuals, 6, seed)
    every = [(0, head) for head in range(6)]
    direct, total = heads.direct_and_total_effects(
        model, drawn, corrupted, every, metric_of(model, seed)
    )
    assert direct.abs().min() > 0
    assert_close(
        heads.self_repair(direct, total),
        torch.zeros(6),
        "Nothing comes after the heads, so nothing repairs.",
    )


def test_the_final_norm_alone_repairs(heads):
    clean, ablated = torch.tensor([4.0, 0.0]), torch.tensor([1.0, 0.0])
    scale = clean.norm()

    def metric(x, by):
        return (x / by)[0]

    direct = metric(clean, scale) - metric(ablated, scale)
    total = metric(clean, clean.norm()) - metric(ablated, ablated.norm())
    repair = heads.self_repair(direct[None], total[None])
    assert repair == pytest.approx(0.75), "the norm divides by less when less is written"


def test_role_attention_matches_cached_patterns(prompts, heads, model):
    drawn = random_prompts(prompts, 4, N_POS, D_VOCAB, 5)
    actual = heads.role_attention(model, drawn, "end", "s1")
    _, cache = model.run_with_cache(drawn.tokens)
    for layer in range(3):
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"]
        expected = [[pattern[b, h, -1, drawn.positions.s1[b]] for b in range(4)] for h in range(6)]
        assert_close(actual[layer], torch.tensor(expected), "Attention from END to S1 is wrong.")


def test_shared_key_heads_are_listed_once(prompts, heads, build):
    model = build("llama", n_layers=3)
    where = random_prompts(prompts, 4, N_POS, D_VOCAB, 1).positions.end
    chosen = [(1, 0), (1, 2), (2, 5)]
    found = {side: heads.receivers(model, chosen, side, where) for side in "qk"}
    assert [(site.layer, site.head) for site in found["q"]] == chosen
    assert [(site.layer, site.head) for site in found["k"]] == [(1, 0), (2, 1)]
