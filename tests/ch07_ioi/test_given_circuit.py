"""The given code around circuits: knock-outs and what they put there, effects, and refusals."""

import pytest
import torch

from tests.grading.assertions import assert_close, normal

from .ablation_reference import D_VOCAB, N_POS, Planted
from .random_prompts import random_prompts

pytestmark = pytest.mark.project
SEEDS = [1, 2]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=["attention-only", "gpt2", "llama"])
def model(request, build):
    return build(request.param, n_layers=3)


def reader(model, seed):
    """A metric from the stream, of random direction; each prompt's own number."""
    direction = normal(model.config.d_model, seed=seed)
    return lambda stream: stream @ direction


def pair(prompts, counterfactuals, batch, seed):
    """Prompts of random tokens and partners with new names."""
    drawn = random_prompts(prompts, batch, N_POS, D_VOCAB, seed)
    return drawn, counterfactuals.abc_corruption(drawn, torch.arange(D_VOCAB), seeded(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_score_is_that_of_heads_put_in_by_hand(prompts, circuit, build, seed):
    planted = Planted(prompts, circuit, build("attention-only", n_layers=3), seed)
    nodes, evaluator = planted.nodes[:4], planted.evaluator
    for came, right in (
        (evaluator.keep_only(nodes), planted.F(nodes)),
        (evaluator.ablate(nodes), planted.model_without(nodes)),
        (evaluator.ablate_all(), planted.F([])),
        (evaluator.full_model(), planted.model_without([])),
    ):
        assert_close(came, right, "A knock-out puts something else there.", tolerance=1e-9)
    assert not any(point.has_hooks for point in evaluator.model.hook_points().values()), (
        "a hook is left on"
    )


@torch.no_grad()
def test_whole_is_the_model_and_every_node_everywhere_is_too(prompts, circuit, model):
    drawn = random_prompts(prompts, 4, N_POS, D_VOCAB, 1)
    means = normal(3, 4, N_POS, 6, 4, seed=1)
    evaluator = circuit.CircuitEvaluator(model, drawn, means, reader(model, 2))
    stream = model(drawn.tokens, stop_at_layer=3)[None, :, -1]
    assert_close(evaluator.full_model(), evaluator.metric(stream)[0], "The whole is not the model.")
    everything = torch.ones(3, 4, N_POS, 6, dtype=torch.bool)
    assert_close(
        evaluator.score(everything), evaluator.full_model(), "Keeping all is not the model."
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_means_are_those_of_the_same_template_of_the_partners(
    prompts, counterfactuals, circuit, model, seed
):
    drawn, partner = pair(prompts, counterfactuals, 12, seed)
    chosen = drawn.select(torch.tensor([3, 0, 7]))
    came = circuit.abc_means(model, partner, chosen.template)
    for layer in range(3):
        _, cache = model.run_with_cache(partner.tokens)
        z = cache[f"blocks.{layer}.attn.hook_z"]
        right = torch.stack([z[partner.template == t].mean(0) for t in chosen.template])
        assert_close(came[layer], right, "A mean is not that of its own template.")


def test_with_one_partner_a_template_the_mean_is_that_partner(
    prompts, counterfactuals, circuit, heads, model
):
    drawn, partner = pair(prompts, counterfactuals, 5, 3)
    drawn, partner = (
        one._replace(template=torch.tensor([4, 0, 9, 2, 7])) for one in (drawn, partner)
    )
    means = circuit.abc_means(model, partner, drawn.template)
    read = reader(model, 4)
    evaluator = circuit.CircuitEvaluator(model, drawn, means, read)
    removed = [(0, 2), (1, 5), (2, 0)]
    came = [evaluator.ablate([circuit.Node(*head, "end")]) for head in removed]
    _, total = heads.direct_and_total_effects(model, drawn, partner, removed, read)
    assert_close(
        torch.stack(came), evaluator.full_model() - total, "That is not resample ablation."
    )


def test_templates_without_partners_are_refused(prompts, counterfactuals, circuit, build):
    _, partner = pair(prompts, counterfactuals, 6, 1)
    template = torch.tensor([77, int(partner.template[0]), 91])
    with pytest.raises(ValueError, match=r"got none of \[77, 91\]"):
        circuit.abc_means(build("gpt2"), partner, template)


@pytest.mark.parametrize(
    "node",
    [(3, 0, "end"), (-1, 0, "end"), (0, 6, "s2"), (0, -1, "s2"), (0, 0, "s3"), (1, 2, "END")],
)
def test_nodes_that_do_not_exist_are_refused_before_anything_runs(prompts, circuit, build, node):
    planted = Planted(prompts, circuit, build("attention-only", n_layers=3), 1)
    planted.model.embed.hook_embed = None  # nothing can run
    nodes = [circuit.Node(0, 0, "end"), circuit.Node(*node)]
    with pytest.raises(
        ValueError, match=rf"expected nodes in layers .*, got {node[0]}\.{node[1]} at '{node[2]}'"
    ):
        planted.evaluator.keep_only(nodes)
    with pytest.raises(ValueError, match="expected nodes"):
        planted.evaluator.ablate(nodes)


def test_empty_circuits_are_refused(prompts, circuit, build):
    planted = Planted(prompts, circuit, build("attention-only", n_layers=3), 1)
    with pytest.raises(ValueError, match="got an empty circuit"):
        planted.evaluator.keep_only(iter([]))
    nodes = planted.nodes
    for node, removed in ((nodes[4], []), (nodes[0], [nodes[0]])):
        with pytest.raises(ValueError, match="expected a node of the circuit that is not in K"):
            circuit.minimality(planted.evaluator, nodes[:3], node, removed)


def test_equal_clean_and_corrupted_prompts_are_refused(prompts, heads, build):
    drawn = random_prompts(prompts, 4, N_POS, D_VOCAB, 1)
    model = build("gpt2", n_layers=3)
    end = drawn.positions.end
    with pytest.raises(ValueError, match="a patch between equal prompts changes nothing"):
        heads.path_effects(model, drawn, drawn, end, [], reader(model, 1))
    with pytest.raises(ValueError, match="a patch between equal prompts changes nothing"):
        heads.direct_and_total_effects(model, drawn, drawn, [(0, 1)], reader(model, 1))


@torch.no_grad()
def written_at_end(model, drawn):
    """Everything that is written to the stream at the last position, and the stream there."""
    stream = model(drawn.tokens, stop_at_layer=3)[:, -1]
    _, cache = model.run_with_cache(drawn.tokens)
    parts = [cache["hook_embed"][:, -1], cache["hook_pos_embed"][:, -1]]
    for layer, block in enumerate(model.blocks):
        z = cache[f"blocks.{layer}.attn.hook_z"][:, -1]
        parts += [z[:, head] @ block.attn.W_O[head] for head in range(6)]
        parts += [block.attn.b_O.expand_as(stream), cache[f"blocks.{layer}.hook_mlp_out"][:, -1]]
    return parts, stream


def test_direct_effects_sum_to_the_metric_with_the_final_norm_frozen(prompts, build):
    model = build("gpt2", n_layers=3)
    drawn = random_prompts(prompts, 5, N_POS, D_VOCAB, 2)
    parts, stream = written_at_end(model, drawn)
    norm, rows = model.ln_final, torch.arange(5)
    centred = stream - stream.mean(-1, keepdim=True)
    scale = (centred.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()
    W_U, b_U = model.unembed.W_U, model.unembed.b_U
    direction, bias = (
        (W_U[:, drawn.io_token] - W_U[:, drawn.s_token]).T,
        b_U[drawn.io_token] - b_U[drawn.s_token],
    )
    frozen = [((p - p.mean(-1, keepdim=True)) / scale * norm.w * direction).sum(-1) for p in parts]
    logits = model(drawn.tokens)[:, -1]
    right = logits[rows, drawn.io_token] - logits[rows, drawn.s_token]
    assert_close(
        sum(frozen) + (norm.b * direction).sum(-1) + bias, right, "Direct effects do not add up."
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_linear_model_of_one_layer_repairs_nothing(prompts, counterfactuals, heads, build, seed):
    model = build("attention-only", n_layers=1)
    drawn, partner = pair(prompts, counterfactuals, 6, seed)
    every = [(0, head) for head in range(6)]
    direct, total = heads.direct_and_total_effects(
        model, drawn, partner, every, reader(model, seed)
    )
    assert direct.abs().min() > 0
    assert_close(
        heads.self_repair(direct, total), torch.zeros(6), "Nothing can react, so nothing repairs."
    )


def test_the_norm_alone_repairs_a_part_that_is_all_there_is(heads):
    wrote, left = torch.tensor([4.0, 0.0]), torch.tensor([1.0, 0.0])
    scale = wrote.norm()

    def metric(x, by):
        return (x / by)[0]

    direct = metric(wrote, scale) - metric(left, scale)
    total = metric(wrote, wrote.norm()) - metric(left, left.norm())
    repair = heads.self_repair(direct[None], total[None])
    assert repair == pytest.approx(0.75), "a norm divides by less when less is written"


def test_attention_between_roles_is_what_the_cached_patterns_hold(prompts, heads, model):
    drawn = random_prompts(prompts, 4, N_POS, D_VOCAB, 5)
    came = heads.role_attention(model, drawn, "end", "s1")
    _, cache = model.run_with_cache(drawn.tokens)
    for layer in range(3):
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"]
        right = [[pattern[b, h, -1, drawn.positions.s1[b]] for b in range(4)] for h in range(6)]
        assert_close(came[layer], torch.tensor(right), "Attention from END to S1 is wrong.")


def test_receivers_of_shared_key_heads_are_named_once(prompts, heads, build):
    model = build("llama", n_layers=3)
    where = random_prompts(prompts, 4, N_POS, D_VOCAB, 1).positions.end
    chosen = [(1, 0), (1, 2), (2, 5)]
    found = {side: heads.receivers(model, chosen, side, where) for side in "qk"}
    assert [(site.layer, site.head) for site in found["q"]] == chosen
    assert [(site.layer, site.head) for site in found["k"]] == [(1, 0), (2, 1)]
