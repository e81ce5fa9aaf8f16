"""Graders of virtual_weights.py (11.6, 11.7) and attribution.py (11.8)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.odd_inputs import check_odd


def dot(x, W):
    return (x[..., :, None] * W).sum(dim=-2)


@pytest.fixture
def small(config, model):
    """A random model of a family, with every weight drawn, in float64."""

    def small(family, n_layers=3):
        parts = getattr(model, family)
        sizes = config.TransformerConfig(n_layers, 12, 2, 6, 10, 20, 8, activation="silu")
        made = model.HookedTransformer(sizes, parts, seed=1).double()
        for seed, weight in enumerate(made.parameters()):
            weight.data += 0.4 * normal(*weight.shape, seed=seed)
        return made

    return small


@pytest.fixture
def transcoders(transcoder):
    """One transcoder per layer, with random weights."""

    def transcoders(n_layers, d_model=12, d_sae=9):
        made = {}
        for layer in range(n_layers):
            made[layer] = transcoder.TopKTranscoder(d_model, d_model, d_sae, min(4, d_sae)).double()
            for seed, weight in enumerate(made[layer].parameters()):
                weight.data = normal(*weight.shape, seed=100 * layer + seed)
        return made

    return transcoders


@exercise("11.6")
@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm"])
def test_reading_equals_the_norm_up_to_its_scale(virtual_weights, norms, config, kind):
    def read(x, gain, W_enc):
        sizes = config.TransformerConfig(1, len(gain), 1, 1, 1, 2, 2, eps=1e-5)
        norm = getattr(norms, kind)(sizes).to(gain)
        norm.w.data = gain
        return dot(x, virtual_weights.reading_directions(norm, W_enc))

    def oracle(x, gain, W_enc):
        centered = x - x.mean(dim=-1, keepdim=True) if kind == "LayerNorm" else x
        return dot(centered * gain, W_enc)

    def make(batch, d_model, late):
        return (
            normal(batch, d_model, seed=1),
            normal(d_model, seed=2),
            normal(d_model, late, seed=3),
        )

    # Differences of equal numbers are noise in float32.
    skip = "close float32" if kind == "LayerNorm" else "close"
    check_odd(read, oracle, make, skip=skip, batch=3, d_model=5, late=4)


@exercise("11.7")
def test_direct_and_token_weights_on_odd_inputs(virtual_weights):
    def make(early, d_model, late):
        return normal(early, d_model, seed=1), normal(d_model, late, seed=2)

    sizes = {"early": 4, "d_model": 5, "late": 3}
    check_odd(virtual_weights.direct_weights, dot, make, **sizes)
    check_odd(virtual_weights.token_weights, dot, make, **sizes)


@exercise("11.7")
def test_weights_through_a_head_on_odd_inputs(virtual_weights):
    def make(early, d_model, d_head, late):
        shapes = ((early, d_model), (d_model, d_head), (d_head, d_model), (d_model, late))
        return tuple(normal(*shape, seed=seed) for seed, shape in enumerate(shapes))

    def oracle(W_dec, reads_of_head, W_O, reads):
        return dot(dot(dot(W_dec, reads_of_head), W_O), reads)

    sizes = {"early": 4, "d_model": 5, "d_head": 2, "late": 3}
    check_odd(virtual_weights.weights_through_head, oracle, make, **sizes)


@exercise("11.7")
def test_a_step_along_a_decoder_moves_pre_activations_by_v(virtual_weights, small, transcoders):
    """Adding a decoder row to the residual stream, with the scale held fixed."""
    made, own = small("LLAMA"), transcoders(3)
    norm = made.blocks[2].ln2
    reads = virtual_weights.reading_directions(norm, own[2].W_enc)
    V = virtual_weights.direct_weights(own[0].W_dec, reads)
    x, scale = normal(12, seed=8), 2.5
    before, after = (own[2].pre_activations(y / scale * norm.w) for y in (x, x + own[0].W_dec[3]))
    assert_close(after - before, V[3] / scale, "A row of V is not the change that it predicts.")


@exercise("11.8")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
@pytest.mark.parametrize("layer, pos", [(2, 4), (1, 0), (0, 6)])
def test_sources_sum_to_the_pre_activation(attribution, small, transcoders, family, layer, pos):
    made, own, tokens = small(family), transcoders(3), torch.tensor([[3, 1, 4, 1, 5, 9, 2]])
    _, cache = made.run_with_cache(tokens)
    sources = attribution.split_pre_activations(made, tokens, own, layer, pos)
    x = made.blocks[layer].ln2(cache[f"blocks.{layer}.hook_resid_mid"])[0, pos]
    claim = f"The sources of layer {layer} do not sum to the pre-activations."
    assert_close(sources.total(), own[layer].pre_activations(x), claim)


def expected_sources(made, own, tokens, layer, pos):
    """Each source from its definition, one vector of the residual stream at a time."""
    _, cache = made.run_with_cache(tokens)
    norm, late = made.blocks[layer].ln2, own[layer]
    gain, bias = norm.affine()
    scale = cache[f"blocks.{layer}.ln2.hook_scale"][0, pos]

    def read(vector):
        vector = vector - vector.mean() if norm.centers else vector
        return (vector / scale * gain) @ late.W_enc

    parts = {"embed": read(cache["hook_embed"][0, pos]), "b_enc": late.b_enc}
    parts["pos_embed"] = read(cache["hook_pos_embed"][0, pos])
    parts["norm bias"] = bias @ late.W_enc
    for early in range(layer + 1):
        attn = made.blocks[early].attn
        for head in range(2):
            z = cache[f"blocks.{early}.attn.hook_z"][0, pos, head]
            parts[f"head {early}.{head}"] = read(z @ attn.W_O[head])
        parts[f"bias {early}"] = read(attn.b_O)
    latents, rest = {}, {}
    for early in range(layer):
        x = made.blocks[early].ln2(cache[f"blocks.{early}.hook_resid_mid"])[0, pos]
        acts = own[early](x).acts
        rows = [read(f * row) for f, row in zip(acts, own[early].W_dec, strict=True)]
        latents[early] = torch.stack(rows)
        written = cache[f"blocks.{early}.hook_mlp_out"][0, pos]
        rest[early] = read(written) - latents[early].sum(dim=0)
    return parts, latents, rest


@exercise("11.8")
@pytest.mark.parametrize("family, d_sae", [("GPT2", 9), ("LLAMA", 9), ("LLAMA", 1)])
def test_each_source_has_its_own_share(attribution, small, transcoders, family, d_sae):
    made, own, tokens = small(family), transcoders(3, 12, d_sae), torch.tensor([[3, 1, 4, 1, 5]])
    for weight in made.blocks[2].mlp.parameters():
        weight.data = weight.data + 3  # of the layer itself: nothing that it writes is read
    actual = attribution.split_pre_activations(made, tokens, own, 2, 3)
    parts, latents, rest = expected_sources(made, own, tokens, 2, 3)
    missing, extra = set(parts) - set(actual.components), set(actual.components) - set(parts)
    assert not missing, f"These components are missing: {sorted(missing)}."
    assert not extra, f"These components write nothing that layer 2 reads: {sorted(extra)}."
    for name, expected in parts.items():
        assert_close(actual.components[name], expected, f"The share of `{name}` is wrong.")
    assert sorted(actual.latents) == sorted(actual.rest) == [0, 1], "Earlier layers are 0 and 1."
    for early in (0, 1):
        claim = f"The shares of the latents of layer {early} are wrong."
        assert_close(actual.latents[early], latents[early], claim)
        assert_close(actual.rest[early], rest[early], f"The rest of layer {early} is wrong.")


@pytest.mark.project
def test_several_texts_and_missing_transcoders_raise(attribution, small, transcoders):
    made, own = small("GPT2"), transcoders(3)
    with pytest.raises(ValueError, match="expected one text and transcoders of layers 0 to 1"):
        attribution.split_pre_activations(made, torch.zeros(2, 3, dtype=torch.long), own, 1, 0)
    del own[0]
    with pytest.raises(ValueError, match="layers 0 to 1"):
        attribution.split_pre_activations(made, torch.zeros(1, 3, dtype=torch.long), own, 1, 0)
