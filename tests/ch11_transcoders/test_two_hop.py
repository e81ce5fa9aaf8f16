"""The hand-set two-hop model: its answers, its exact CLT, its known graph, its swap."""

import pytest
import torch

pytestmark = pytest.mark.project


def latents(layer):
    return f"blocks.{layer}.mlp.hook_transcoder_acts"


def answers(two_hop, prompts):
    pairs = [(city, token - two_hop.FIRST_RELATION) for city, token in prompts.tolist()]
    return torch.tensor([two_hop.answer_to(city, relation) for city, relation in pairs])


def test_every_prompt_is_answered_with_a_lead_of_eight(two_hop):
    prompts = two_hop.all_prompts()
    logits = two_hop.two_hop_model()(prompts)[:, -1]
    expected = 8.0 * torch.nn.functional.one_hot(answers(two_hop, prompts), logits.shape[1])
    assert len(prompts) == 48
    assert torch.equal(logits, expected.to(logits))


def test_clt_is_exact_with_one_latent_per_hop(two_hop, replacement):
    model, prompts = two_hop.two_hop_model(), two_hop.all_prompts()
    original = model(prompts)
    with replacement.replace_mlps(model, two_hop.exact_clt(model)):
        logits, cache = model.run_with_cache(prompts)
    assert torch.equal(logits, original)
    active = torch.stack([(cache[latents(layer)] > 0).sum(dim=2) for layer in range(3)])
    expected = torch.tensor([[1, 0], [0, 0], [0, 1]])  # [layer, pos]
    assert torch.equal(active, expected[:, None].expand_as(active))


def edges_by_autograd(replace_mlps, model, clt, prompt):
    """Differentiate the linear model with constant patterns, in all its sources."""
    tokens = torch.tensor([prompt])
    with replace_mlps(model, clt):
        logits, cache = model.run_with_cache(tokens)
    leaves = {}

    def leaf(name, value):
        leaves[name] = value.clone().requires_grad_()
        return leaves[name]

    def rows(name, value):
        return torch.stack([leaf(f"{name} {pos}", row) for pos, row in enumerate(value)])

    resid = rows("token", model.embed.W_E[prompt]) + rows("position", cache["hook_pos_embed"][0])
    targets = {}
    acts = []
    for layer, block in enumerate(model.blocks):
        attn, pattern = block.attn, cache[f"blocks.{layer}.attn.hook_pattern"][0, 0]
        bias = rows(f"attention bias {layer}", attn.b_O.expand(2, -1))
        resid = resid + pattern @ (resid @ attn.W_V[0]) @ attn.W_O[0] + bias
        for pos, unit in (cache[latents(layer)][0] > 0).nonzero().tolist():
            b_enc = leaf(f"b_enc {layer} {pos} {unit}", clt.b_enc[layer, unit])
            targets[f"latent {layer} {pos} {unit}"] = resid[pos] @ clt.W_enc[layer, :, unit] + b_enc
        acts.append(torch.zeros_like(cache[latents(layer)][0]))
        for name in [one for one in targets if one.startswith(f"latent {layer}")]:
            _, _, pos, unit = name.split()
            one = leaf(name, cache[latents(layer)][0, int(pos), int(unit)])
            acts[layer] = acts[layer].index_put(
                (torch.tensor(int(pos)), torch.tensor(int(unit))), one
            )
        written = [acts[source] @ clt.W_dec[source][layer - source] for source in range(layer + 1)]
        resid = resid + sum(written) + rows(f"b_dec {layer}", clt.b_dec[layer].expand(2, -1))
    final = (resid @ model.unembed.W_U)[-1]
    targets["answer"] = final[logits[0, -1].argmax()] - final.mean()
    edges = {}
    for target, value in targets.items():
        slopes = torch.autograd.grad(
            value, [*leaves.values()], retain_graph=True, allow_unused=True
        )
        for (source, at), slope in zip(leaves.items(), slopes, strict=True):
            if slope is not None and (effect := (slope * at).sum().item()):
                edges[source, target] = effect
    return edges


def test_known_edges_are_slope_times_value(two_hop, replacement):
    model = two_hop.two_hop_model()
    clt = two_hop.exact_clt(model)
    for city, relation in ((0, 0), (6, 2), (15, 1)):
        edges = edges_by_autograd(
            replacement.replace_mlps, model, clt, [city, two_hop.FIRST_RELATION + relation]
        )
        known = two_hop.known_edges(city, relation)
        assert edges == {(edge.source, edge.target): edge.weight for edge in known}


def test_swap_of_the_state_switches_every_answer(two_hop, replacement):
    model = two_hop.two_hop_model()
    for old in range(two_hop.N_STATES):
        for new in set(range(two_hop.N_STATES)) - {old}:

            def swap(acts, _point, old=old, new=new):
                changed = acts.clone()
                changed[:, 0, new], changed[:, 0, old] = acts[:, 0, old], acts[:, 0, new]
                return changed

            prompts = [p for p in two_hop.all_prompts().tolist() if two_hop.state_of(p[0]) == old]
            shifted = answers(two_hop, torch.tensor(prompts)) + two_hop.N_RELATIONS * (new - old)
            with (
                replacement.replace_mlps(model, two_hop.exact_clt(model)),
                model.hooks({latents(0): swap}),
            ):
                assert torch.equal(model(torch.tensor(prompts))[:, -1].argmax(dim=1), shifted)
