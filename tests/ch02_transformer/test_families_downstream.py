"""What later chapters compute on every family: an identity holds, or an error says why not."""

import json

import pytest
import torch
from safetensors.torch import save_file

from tests.grading.assertions import normal

from .record_families import FAMILIES, RECORD

pytestmark = pytest.mark.project
TOKENS = torch.randint(31, (3, 13), generator=torch.Generator().manual_seed(0))
OTHER = torch.randint(31, (3, 13), generator=torch.Generator().manual_seed(1))
POST_NORM = "OPT like the 350m"
PARALLEL = ("GPTNeoX", "GPTNeoX half rotated", "Phi")
QK_NORMS = ("Qwen3", "Olmo2")
OUTPUT_NORMS = ("Gemma2", "Gemma2 scaled, without caps", "Olmo2")


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def model(name, impl, tmp_path):
    """A family's model, loaded from its recorded checkpoint, in float64."""
    family = json.loads(RECORD.read_text(encoding="utf-8"))["families"][name]
    sizes = family["tensors"].items()
    tensors = {key: 0.2 * normal(*shape, seed=seed) for key, (seed, *shape) in sizes}
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(family["config"]), encoding="utf-8")
    return impl("ch02_transformer.pretrained").load_pretrained(tmp_path, torch.float64)[0]


def gap(actual, expected):
    """The largest difference, relative to the largest value."""
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@torch.no_grad()
def test_hooks_folding_and_the_cache_hold(model, impl):
    logits = model(TOKENS)
    assert gap(model.run_with_cache(TOKENS)[0], logits) < 1e-12
    folded = impl("ch02_transformer.fold").fold(model)
    assert gap(folded(TOKENS).log_softmax(-1), logits.log_softmax(-1)) < 1e-12
    cache = impl("ch02_transformer.kv_cache").KVCache(model.config.n_layers)
    steps = [model(part, past=cache) for part in (TOKENS[:, :9], TOKENS[:, 9:10], TOKENS[:, 10:])]
    assert gap(torch.cat(steps, dim=1), logits) < 1e-12


@torch.no_grad()
def test_a_padded_prompt_gives_what_it_gives_alone(model, impl):
    rows = [TOKENS[0, :10].tolist(), TOKENS[1, :7].tolist()]
    pad = impl("ch02_transformer.padding").pad_prompts
    cache = impl("ch02_transformer.kv_cache").KVCache(model.config.n_layers)
    left, right = pad(rows), pad(rows, side="right")
    alone = model(TOKENS[1:2, :10])[0]  # three tokens more than the prompt
    assert gap(model(left.tokens, mask=left.mask)[1, -7:], alone[:7]) < 1e-12
    assert gap(model(right.tokens, mask=right.mask)[1, :7], alone[:7]) < 1e-12
    model(left.tokens, past=cache, mask=left.mask)
    assert gap(model(TOKENS[:2, 7:10], past=cache)[1], alone[7:]) < 1e-12
    # Tokens after padding on the right: the padding is then inside the text.
    cache = impl("ch02_transformer.kv_cache").KVCache(model.config.n_layers)
    model(right.tokens, past=cache, mask=right.mask)
    causal = impl("ch02_transformer.attention").causal_mask
    if any(block.attn.mask is not causal for block in model.blocks):
        with pytest.raises(ValueError, match="padding inside one"):
            model(TOKENS[:2, 7:10], past=cache)
    else:
        assert gap(model(TOKENS[:2, 7:10], past=cache)[1], alone[7:]) < 1e-12


@torch.no_grad()
def test_components_sum_and_contributions_give_the_logit(name, model, impl):
    decompose = impl("ch03_circuits.decompose")
    if name == POST_NORM:
        with pytest.raises(ValueError, match="norm of the residual stream itself"):
            decompose.direct_logit_attribution(model, TOKENS, OTHER)
        return
    last = model(TOKENS, stop_at_layer=model.config.n_layers)
    assert gap(decompose.decompose(model, TOKENS).values.sum(dim=0), last) < 1e-12
    found = decompose.direct_logit_attribution(model, TOKENS, OTHER).contributions.sum(dim=0)
    linear = model.ln_final(last) @ model.unembed.W_U + model.unembed.b_U  # before a cap
    assert gap(found, linear.gather(2, OTHER[..., None])[..., 0]) < 1e-12


@torch.no_grad()
def test_a_qk_circuit_gives_the_scores_of_a_first_layer(name, model, impl):
    circuits = impl("ch03_circuits.circuits")
    if name in QK_NORMS:
        with pytest.raises(ValueError, match="norms on queries and keys"):
            circuits.qk_circuit(model, 0)
        return
    hook = "blocks.0.attn.hook_attn_scores"
    names = [hook, "blocks.0.ln1.hook_normalized", "blocks.0.hook_resid_pre"]
    _, cache = model.run_with_cache(TOKENS, names=names)
    attn, distance = model.blocks[0].attn, 2
    for bias in (attn.b_Q, attn.b_K):
        bias.zero_()
    x = model.blocks[0].ln1(cache[names[2]])[0]
    _, cache = model.run_with_cache(TOKENS, names=hook)
    qk = circuits.qk_circuit(model, 0, distance=distance)
    expected = (x[distance:][None] @ qk.A * (x[:-distance] @ qk.B.mT)).sum(dim=-1)
    scores = (attn.softcap or (lambda one: one))(expected / model.config.d_head**0.5)
    assert gap(cache[hook][0].diagonal(-distance, 1, 2), scores) < 1e-12


@torch.no_grad()
def test_sweeps_equal_a_forward_for_each_patch(model, impl):
    patching, Site = impl("ch05_patching"), impl("ch02_transformer").Site
    Intervention, metric = patching.Intervention, patching.logit_diff_from_resid
    answer, wrong = OTHER[:, 0], (OTHER[:, 0] + 1) % 31
    sites = [
        Site("attn.hook_z", 0, head=2, position=6),
        Site("attn.hook_k", 1, head=0, position=4),
        Site("mlp.hook_post", 0, position=9),
        Site("hook_attn_out", 1, position=12),
    ]
    patches = [[Intervention.patch(site, "other")] for site in sites]
    runs = {"other": patching.cache_sites(model, OTHER, sites)}
    of_pair = metric(model, answer, wrong)
    found = patching.patch_sweep(model, TOKENS, patches, of_pair, runs)
    for scores, patch in zip(found, patches, strict=True):
        logits = patching.run_with_interventions(model, TOKENS, patch, {"other": OTHER})[:, -1]
        rows = torch.arange(3)
        assert gap(scores, logits[rows, answer] - logits[rows, wrong]) < 1e-10


@torch.no_grad()
def test_paths_from_a_head_of_the_last_layer_equal_its_patch(model, impl):
    patching, Site = impl("ch05_patching"), impl("ch02_transformer").Site
    last = model.config.n_layers - 1
    senders = [[Site("attn.hook_z", last, head=head)] for head in (0, 5)]
    metric = patching.logit_diff_from_resid(model, OTHER[:, 0], OTHER[:, 1])
    path = impl("ch05_patching.path").path_patch(model, TOKENS, OTHER, senders, [], metric)
    patches = [[patching.Intervention.patch(site, "other") for site in one] for one in senders]
    runs = {"other": patching.cache_sites(model, OTHER, [site for one in senders for site in one])}
    assert gap(path, patching.patch_sweep(model, TOKENS, patches, metric, runs)) < 1e-10


def tree(impl, model):
    """Path patching by brute force."""
    arguments = (model, TOKENS[:1, :3], OTHER[:1, :3], (0, 1), frozenset())
    return impl("ch05_patching.path_bruteforce").ComputationTree(*arguments, through_mlps=True)


@torch.no_grad()
def test_brute_force_agrees_or_refuses(name, model, impl):
    if name in (*OUTPUT_NORMS, *PARALLEL, POST_NORM):
        with pytest.raises(ValueError, match="with other parts"):
            tree(impl, model)
        return
    Site = impl("ch02_transformer").Site
    found = tree(impl, model).logits()[:, -1, 7] - tree(impl, model).logits()[:, -1, 8]
    metric = impl("ch05_patching").logit_diff_from_resid(
        model, torch.tensor([7]), torch.tensor([8])
    )
    senders = [[Site("attn.hook_z", 0, head=1)]]
    path = impl("ch05_patching.path").path_patch(
        model, TOKENS[:1, :3], OTHER[:1, :3], senders, [], metric
    )
    assert gap(path[0], found) < 1e-10


@torch.no_grad()
def test_the_frozen_model_is_the_model_and_graphs_close(name, model, impl):
    local, text = impl("ch12_graphs.local"), TOKENS[:1]
    if name in (*PARALLEL, POST_NORM):
        with pytest.raises(ValueError, match="blocks with attention, then an MLP"):
            local.freeze(model, text)
        return
    if name in OUTPUT_NORMS:
        with pytest.raises(ValueError, match="hold_output_norms"):
            local.freeze(model, text)
        uncapped = model.ln_final(model(text, stop_at_layer=2)) @ model.unembed.W_U
        model = impl("ch12_graphs.output_norms").hold_output_norms(model, text)
        assert gap(model(text), uncapped) < 1e-12
        with pytest.raises(ValueError, match="for each text"):
            model(OTHER[:1])
    frozen = local.freeze(model, text)
    assert gap(local.run_local(frozen).logits, model(text)[0]) < 1e-12
    targets = impl("ch12_graphs.logits").logit_targets(frozen).targets
    for basis in (latents(impl, frozen), neurons(impl, model, frozen)):
        joined = impl("ch12_graphs.nodes").join([basis.nodes.targets, targets])
        for function in ("edges.direct_effects", "fast_edges.fast_effects"):
            module, _, effects = function.partition(".")
            found = getattr(impl(f"ch12_graphs.{module}"), effects)(frozen, basis, joined)
            assert gap(found.total(), joined.values) < 1e-9


def latents(impl, frozen):
    """A basis of random transcoders."""
    transcoders = {}
    for layer in range(2):
        d_model = frozen.embed.shape[1]
        one = impl("ch11_transcoders.transcoder").TopKTranscoder(d_model, d_model, 9, 4).double()
        for number, weight in enumerate(one.parameters()):
            weight.data = normal(*weight.shape, seed=100 * layer + number)
        transcoders[layer] = one
    return impl("ch12_graphs.nodes").transcoder_basis(frozen, transcoders)


def neurons(impl, model, frozen):
    """A basis of ten neurons at three positions."""
    relp = impl("ch12_graphs.relp")
    layer = torch.tensor([0] * 15 + [1] * 15)
    pos, unit = torch.tensor([2, 5, 12] * 10), torch.arange(30) % 10
    return relp.neuron_basis(model, frozen, relp.Where(layer, pos, unit))


@torch.no_grad()
def test_held_gradients_are_those_of_automatic_differentiation(name, model, impl):
    if name not in OUTPUT_NORMS:
        return
    text, last = TOKENS[:1], TOKENS.shape[1] - 1
    model.requires_grad_(False)
    direction = normal(1, model.config.d_model, seed=3)
    expected = impl("ch12_graphs.from_scratch").relp_by_autograd(model, text, direction)
    held = impl("ch12_graphs.output_norms").hold_output_norms(model, text)
    local, relp = impl("ch12_graphs.local"), impl("ch12_graphs.relp")
    frozen = local.freeze(held, text)
    row = torch.zeros_like(frozen.embed)
    row[last] = direction[0] / frozen.norm_final.scale[last]  # hook_normalized is before the gain
    found = relp.total_effects(relp.neuron_layers(held, frozen), frozen, row)
    assert gap(found.embed, expected.embed[0]) < 1e-9
    names = [f"blocks.{layer}.mlp.ln_post.hook_scale" for layer in range(2)]
    _, cache = model.run_with_cache(text, names=names)
    for layer, divisors in enumerate(cache.values()):
        # a held activation is the model's, divided
        assert gap(found.neurons[layer] / divisors[0], expected.neurons[layer][0]) < 1e-9


@torch.no_grad()
def test_scores_split_over_sources_or_say_why_not(name, model, impl):
    qk, text = impl("ch12_graphs.qk"), TOKENS[:1]
    reasons = dict.fromkeys(QK_NORMS, "norms on queries and keys") | {
        "Gemma2": "scores without a cap",
        POST_NORM: "norm of the residual stream itself",
    }
    if name in reasons:
        with pytest.raises(ValueError, match=reasons[name]):
            qk.head_parts(model, text, (1, 3), "query")
        return
    hook = "blocks.1.attn.hook_attn_scores"
    _, cache = model.run_with_cache(text, names=hook)
    queries, keys = (qk.head_parts(model, text, (1, 3), side) for side in ("query", "key"))
    found = qk.score_terms(queries, keys, 12, 10).sum()
    assert gap(found, cache[hook][0, 3, 12, 10]) < 1e-10


@torch.no_grad()
def test_pre_activations_split_over_sources(name, model, impl):
    transcoder = impl("ch11_transcoders.transcoder").TopKTranscoder
    transcoders = {}
    for layer in range(2):
        transcoders[layer] = transcoder(*[model.config.d_model] * 2, 9, 4).double()
        for number, weight in enumerate(transcoders[layer].parameters()):
            weight.data = normal(*weight.shape, seed=10 * layer + number)
    split = impl("ch11_transcoders.attribution").split_pre_activations
    if name in (*PARALLEL, POST_NORM):  # no residual stream between attention and MLP
        with pytest.raises(KeyError, match="no hook point 'blocks.0.hook_resid_mid'"):
            split(model, TOKENS[:1], transcoders, 1, 9)
        return
    found = split(model, TOKENS[:1], transcoders, 1, 9).total()
    _, cache = model.run_with_cache(TOKENS[:1], names="blocks.1.hook_resid_mid")
    read = model.blocks[1].ln2(cache["blocks.1.hook_resid_mid"])[:, 9]
    assert gap(found, transcoders[1](read).pre_acts[0]) < 1e-10


def test_an_edit_of_a_normed_mlp_is_refused(name, model, impl):
    edit, W_out = impl("ch05_patching.rome").with_edited_mlp, model.blocks[0].mlp.W_out.detach()
    if name in OUTPUT_NORMS:
        with pytest.raises(ValueError, match="a norm on its output"):
            edit(model, 0, W_out)
        return
    assert gap(edit(model, 0, 2 * W_out)(TOKENS), model(TOKENS)) > 1e-5


def test_paths_of_a_post_norm_model_are_refused(name, model, impl):
    if name == POST_NORM:
        with pytest.raises(ValueError, match="without norms and MLPs"):
            impl("ch03_circuits.paths").expand_paths(model, TOKENS)


@torch.no_grad()
def test_what_cannot_be_held_is_refused(name, model, impl):
    hold = impl("ch12_graphs.output_norms").hold_output_norms
    if name not in OUTPUT_NORMS:
        with pytest.raises(ValueError, match="need no holding"):
            hold(model, TOKENS[:1])
        return
    with pytest.raises(ValueError, match=r"shape \[1, pos\]"):
        hold(model, TOKENS)
    model.blocks[1].attn.b_O[2] = 0.1
    with pytest.raises(ValueError, match="expected a zero b_O"):
        impl("ch03_circuits.decompose").decompose(model, TOKENS)
    with pytest.raises(ValueError, match="expected a zero b_O"):
        impl("ch12_graphs.local").freeze(hold(model, TOKENS[:1]), TOKENS[:1])
    model.blocks[1].mlp.b_out[2] = 0.1
    with pytest.raises(ValueError, match="zero b_out"):
        hold(model, TOKENS[:1])


@torch.no_grad()
def test_a_transcoder_replaces_an_mlp_with_its_norm(name, model, impl):
    """What it predicts is added to the residual stream as it is."""
    one = impl("ch11_transcoders.transcoder").TopKTranscoder(*[model.config.d_model] * 2, 9, 4)
    for number, weight in enumerate(one.double().parameters()):
        weight.data = normal(*weight.shape, seed=number)
    with impl("ch11_transcoders.replacement").replace_mlps(model, {1: one}):
        hooks = ["blocks.1.ln2.hook_normalized", "blocks.1.hook_mlp_out", "blocks.1.hook_resid_pre"]
        _, cache = model.run_with_cache(TOKENS, names=hooks)
    norm = model.blocks[1].ln2
    read = cache[hooks[0]] if norm.centers else cache[hooks[0]] * norm.affine().gain
    assert gap(cache[hooks[1]], one(read).y_hat) < 1e-12
