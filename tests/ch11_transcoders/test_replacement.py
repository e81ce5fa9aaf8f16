"""Graders of replacement.py (11.13, 11.14)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal, wrong_gradients
from tests.grading.odd_inputs import check_odd

TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])


@pytest.fixture
def small(config, model):
    """A random model with ReLU neurons, in float64."""

    def small(family="GPT2", n_layers=3):
        sizes = config.TransformerConfig(n_layers, 12, 2, 6, 10, 20, 8, activation="relu")
        made = model.HookedTransformer(sizes, getattr(model, family), seed=1).double()
        for seed, weight in enumerate(made.parameters()):
            weight.data += 0.4 * normal(*weight.shape, seed=seed)
        return made

    return small


@pytest.fixture
def clt(crosslayer):
    """A CLT of random weights."""

    def clt(n_layers=3, d_model=12, d_sae=9):
        made = crosslayer.TopKCLT(n_layers, d_model, d_sae, 4).double()
        for seed, weight in enumerate(made.parameters()):
            weight.data = 0.3 * normal(*weight.shape, seed=30 + seed)
        return made

    return clt


def run_by_hand(made, clt, tokens):
    """Logits of the replacement model, block by block."""
    resid, acts = made.embed_tokens(tokens), []
    for layer, block in enumerate(made.blocks):
        resid = resid + block.attn(block.ln1(resid))
        x = block.ln2(resid)
        acts.append(clt.activate(x @ clt.W_enc[layer] + clt.b_enc[layer], layer))
        y_hat = clt.b_dec[layer]
        for source in range(layer + 1):
            y_hat = y_hat + acts[source] @ clt.W_dec[source][layer - source]
        resid = resid + y_hat
    return made.unembed_resid(resid)


@exercise("11.13")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_the_replaced_model_equals_a_loop_over_blocks(replacement, small, clt, family):
    made, own = small(family), clt()
    with replacement.replace_mlps(made, own):
        actual = [made(TOKENS), made(TOKENS[:1, :4]), made(TOKENS)]
    expected = [run_by_hand(made, own, tokens) for tokens in (TOKENS, TOKENS[:1, :4], TOKENS)]
    for number, (one, other) in enumerate(zip(actual, expected, strict=True), 1):
        assert_close(one, other, f"Forward {number} of the replacement model is wrong.")


@exercise("11.13")
def test_an_edited_latent_changes_all_its_targets(replacement, small, clt):
    made, own = small(), clt()
    name = "blocks.0.mlp.hook_transcoder_acts"

    def ablate(acts, _point):
        acts[:, 2, 5] = 0

    with replacement.replace_mlps(made, own):
        with made.hooks({name: ablate}):
            actual = made(TOKENS)
        _, cache = made.run_with_cache(TOKENS)
    for source in range(3):
        own.W_dec[source].data = own.W_dec[source].detach().clone()
    encode = own.activate

    def without(pre_acts, layer):
        acts = encode(pre_acts, layer)
        if layer == 0:
            acts = acts.clone()
            acts[:, 2, 5] = 0
        return acts

    own.activate = without
    expected = run_by_hand(made, own, TOKENS)
    claim = "Hooks on the latents of layer 0 must act on what later layers decode too."
    assert_close(actual, expected, claim)
    assert cache[name].shape == (2, 6, 9), "The hook point must see acts, [batch, pos, d_sae]."


@exercise("11.13")
def test_a_run_that_stops_early_leaves_nothing_behind(replacement, small, clt):
    made, own = small(), clt()
    with replacement.replace_mlps(made, own):
        made(TOKENS[:1], stop_at_layer=2)
        actual = made(TOKENS)
    claim = "After a run that stopped at layer 2, the next one is wrong."
    assert_close(actual, run_by_hand(made, own, TOKENS), claim)


@exercise("11.13")
def test_a_layer_keeps_gradients_small_numbers_and_nan(replacement, clt):
    own, x = clt(), normal(2, 3, 12, seed=5)
    layer = replacement.CrossLayerMLP(own, 0, [])
    leaves = {"W_enc": own.W_enc, "W_dec": own.W_dec[0], "b_dec": own.b_dec}
    wrong = wrong_gradients(lambda: layer(x), leaves)
    assert not wrong, f"The gradients of {', '.join(wrong)} are wrong: is something detached?"
    own.b_enc.data *= 0
    own.b_dec.data *= 0
    expected, claim = layer(x).detach(), "Without biases y_hat is proportional to x."
    assert_close(layer(2.0**-30 * x).detach() * 2.0**30, expected, claim)
    assert layer(x * torch.nan).isnan().all(), "NaN in the input must reach the output."


@exercise("11.14")
def test_agreement_on_odd_inputs(replacement):
    def agreement(replaced, original):
        return list(replacement.agreement(replaced, original))

    def oracle(replaced, original):
        same, sure, kl = [], [], 0.0
        for a, b in zip(replaced.flatten(0, 1), original.flatten(0, 1), strict=True):
            p, log_q, log_p = b.softmax(-1), a.log_softmax(-1), b.log_softmax(-1)
            same.append(float(a.tolist().index(a.max()) == b.tolist().index(b.max())))
            sure += [same[-1]] * bool(p.max() > 0.5)
            kl += float((p * (log_p - log_q)).sum())
        share = sum(sure) / len(sure) if sure else float("nan")
        return [sum(same) / len(same), kl / len(same), share]

    def make(batch, pos, d_vocab):
        shape = (batch, pos, d_vocab)
        return 2 * normal(*shape, seed=1) + 2 * normal(*shape, seed=2), 3 * normal(*shape, seed=1)

    skip = "nan large tiny close"  # ties and rounding decide there
    check_odd(agreement, oracle, make, skip=skip, batch=3, pos=4, d_vocab=6, tolerance=1e-6)


@exercise("11.14")
def test_exactly_one_half_is_not_sure(replacement):
    even = torch.zeros(1, 1, 2).double()
    sure = replacement.agreement(even, even).sure
    assert sure != sure, f"Only a probability above 1/2 is sure: expected NaN, got {sure}."


@exercise("11.14")
def test_divergence_is_from_the_original(replacement):
    original = torch.tensor([[[4.0, 0.0, 0.0]]]).double()
    for edit in ([-4.0, 0.0, 1.0], [0.0, 0.0, 1e-3]):
        replaced = original + torch.tensor(edit)
        p, q = original.softmax(-1), replaced.softmax(-1)
        expected = (p * (p / q).log()).sum().item()
        claim = "KL must be that of the replacement from the original, KL(original || replaced)."
        actual = replacement.agreement(replaced, original).kl
        assert_close(actual, expected, claim, tolerance=1e-5, scale=0.0)


@exercise("11.14")
@pytest.mark.parametrize("n_layers, size", [(3, 1.0), (1, 1.0), (3, 1e-5)])
def test_errors_grow_from_layer_to_layer(replacement, small, clt, n_layers, size):
    """size: of what the replacement writes, where the model's own MLPs write nothing."""
    made, own = small(n_layers=n_layers), clt(n_layers)
    for weight in [one for block in made.blocks for one in block.mlp.parameters()] * (size < 1):
        weight.data *= 0
    for weight in [*own.W_dec, own.b_dec]:
        weight.data *= size
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(n_layers)]
    _, original = made.run_with_cache(TOKENS, names=names)
    with replacement.replace_mlps(made, own):
        _, replaced = made.run_with_cache(TOKENS, names=names)
    expected = []
    for name in names:
        x, x_hat = original[name].reshape(-1, 12), replaced[name].reshape(-1, 12)
        rows = [float(((a - b) ** 2).sum()) for a, b in zip(x_hat, x, strict=True)]
        spread = [float(((a - x.mean(dim=0)) ** 2).sum()) for a in x]
        expected.append(sum(rows) / sum(spread))
    actual = replacement.error_by_layer(made, own, TOKENS)
    claim = "The error is not the share of the residual stream's variance."
    assert_close(actual, torch.tensor(expected), claim, tolerance=1e-6, scale=size**2)


@exercise("11.14")
def test_a_perfect_replacement_has_no_error(replacement, transcoder, small):
    made = small()
    own = {i: transcoder.exact_transcoder(block.mlp) for i, block in enumerate(made.blocks)}
    found = replacement.measure_replacement(made, own, TOKENS)
    assert found.top1 == 1 and abs(found.kl) < 1e-9, f"Expected top1 1 and KL 0, got {found}."
    claim = "Exact transcoders must leave the residual stream as it is."
    assert_close(replacement.error_by_layer(made, own, TOKENS), torch.zeros(3), claim)


@pytest.mark.project
def test_the_mlps_come_back(replacement, small, clt, transcoder):
    made, own = small(), clt()
    before, mlps = made(TOKENS), [block.mlp for block in made.blocks]
    with pytest.raises(KeyError, match="inside"), replacement.replace_mlps(made, own):
        raise KeyError("inside")
    assert [block.mlp for block in made.blocks] == mlps
    assert torch.equal(made(TOKENS), before)
    with pytest.raises(ValueError, match="layers of the model, 0 to 2"):
        replacement.replace_mlps(made, {3: transcoder.exact_transcoder(mlps[0])}).__enter__()
    with pytest.raises(ValueError, match="layers of the model"):
        replacement.replace_mlps(made, clt(n_layers=2)).__enter__()
