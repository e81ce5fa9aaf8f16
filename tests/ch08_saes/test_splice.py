"""Graders of splice.py: the error term (8.17), and effects from one gradient (8.18). Tests of
spliced models and of their losses."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd
from tests.grading.tiny_models import TOKENS

from .small_saes import random_sae, weights, with_weights

HOOK = "blocks.1.hook_resid_pre"


@pytest.fixture
def combined(splice, vanilla, impl):
    def combine(x, acts, edited, W_enc, b_enc, W_dec, b_dec):
        made = with_weights(vanilla.VanillaSAE, (W_enc, b_enc, W_dec, b_dec))
        point = impl("ch02_transformer.hooks").HookPoint()
        spliced = splice.SplicedPoint(point, made, error=True, keep_first=False)
        return spliced.combine(x, acts, edited).detach()

    return combine


def with_error_term(x, acts, edited, W_enc, b_enc, W_dec, b_dec):
    """x plus the change of each latent times its decoder row."""
    change = ((edited - acts)[..., :, None] * W_dec).sum(dim=-2)
    return x + change


def spliced_inputs(batch, d_in, d_sae):
    acts = normal(batch, 2, d_sae, seed=2).relu()
    edited = acts.clone()
    edited[..., 0] = 3
    return normal(batch, 2, d_in, seed=1), acts, edited, *weights(d_in, d_sae)


@exercise("8.17")
def test_edits_add_their_decoder_rows_on_odd_inputs(combined):
    skip = "d_in=300 d_sae=300 close"
    check_odd(combined, with_error_term, spliced_inputs, skip=skip, batch=3, d_in=4, d_sae=5)


@exercise("8.17")
def test_without_an_edit_x_is_exact(combined):
    x, acts, _, *given = spliced_inputs(3, 4, 5)
    arguments = [1e-3 * x.float(), acts.float(), acts.float(), *(w.float() for w in given)]
    actual = combined(*arguments)
    assert_close(actual, arguments[0], "Where nothing is edited, x must stay.", tolerance=1e-4)
    assert torch.equal(actual, arguments[0]), (
        "Where nothing is edited, x must stay to the last bit. Is the error added to x_hat again? "
        "(x - x_hat) + x_hat is rounded: add recons - x_hat to x."
    )


@exercise("8.17")
def test_other_tokens_are_exact_where_one_is_edited(combined):
    x, acts, _, *given = (part.float() for part in spliced_inputs(3, 4, 5))
    x, edited = 1e-3 * x, acts.clone()
    edited[1, 1, 0] += 3
    actual = combined(x, acts, edited, *given)
    claim = "One token of six is edited. The other five must stay."
    expected = with_error_term(x, acts, edited, *given)
    assert_close(actual, expected, claim, tolerance=1e-4)
    others = (edited == acts).all(dim=-1)
    assert torch.equal(actual[others], x[others]), (
        "One token of six is edited: x of the other five must stay to the last bit."
    )


@exercise("8.17")
def test_the_error_hook_sees_what_is_not_explained(splice, vanilla, build):
    model, made = build("gpt2"), random_sae(vanilla.VanillaSAE, 10, 14)
    latents = {f"{HOOK}.hook_sae_acts_post": lambda acts, point: 2 * acts + 1}
    with splice.splice(model, {HOOK: made}), model.hooks(latents):
        _, cache = model.run_with_cache(TOKENS)
    x = cache[f"{HOOK}.hook_sae_input"]
    expected = x - made(x).x_hat.detach()
    claim = "hook_sae_error must see x minus the reconstruction of the latents before the edit."
    assert_close(cache[f"{HOOK}.hook_sae_error"], expected, claim)


@pytest.fixture
def effects(splice, vanilla):
    def ablation_effects(x, gradient, W_enc, b_enc, W_dec, b_dec, latents):
        made = with_weights(vanilla.VanillaSAE, (W_enc, b_enc, W_dec, b_dec))
        return splice.ablation_effects(made, x, gradient, latents).detach()

    return ablation_effects


def effects_by_ablation(x, gradient, W_enc, b_enc, W_dec, b_dec, latents):
    """The change of gradient . x when one latent of one token is set to zero."""
    acts = (((x - b_dec)[:, :, None] * W_enc).sum(dim=1) + b_enc).relu()
    columns = []
    for latent in latents.tolist():
        changed = x - acts[:, latent, None] * W_dec[latent]
        columns.append((changed * gradient).sum(dim=1) - (x * gradient).sum(dim=1))
    return torch.stack(columns, dim=1)


def tokens_and_gradients(batch, d_in, d_sae):
    latents = torch.arange(0, d_sae, 2).flip(0)
    x, gradient = normal(batch, d_in, seed=1), normal(batch, d_in, seed=2)
    return x, gradient, *weights(d_in, d_sae), latents


@exercise("8.18")
def test_effects_are_those_of_ablation_on_odd_inputs(effects):
    skip = "close d_sae=300"
    check_odd(
        effects, effects_by_ablation, tokens_and_gradients, skip=skip, batch=4, d_in=3, d_sae=7
    )


@exercise("8.18")
def test_the_sae_decides_which_latents_are_active(splice, vanilla):
    class TwoLargest(vanilla.VanillaSAE):
        def activate(self, pre_acts):
            return pre_acts.relu() * (pre_acts >= pre_acts.topk(2, dim=-1).values[..., -1:])

    made = with_weights(TwoLargest, weights(3, 7))
    x, gradient, *_ = tokens_and_gradients(4, 3, 7)
    latents = torch.arange(7)
    acts = made.encode(x).detach()
    expected = -acts * (gradient @ made.W_dec.detach().T)
    actual = splice.ablation_effects(made, x, gradient, latents).detach()
    assert_close(actual, expected, "With an SAE that keeps two latents, only two have an effect.")


@exercise("8.18")
def test_effects_of_chosen_latents_in_their_order(effects):
    *arguments, _ = tokens_and_gradients(4, 3, 7)
    for latents in (torch.tensor([5]), torch.tensor([6, 0, 3])):
        expected = effects_by_ablation(*arguments, latents)
        claim = f"Effects of latents {latents.tolist()} are wrong."
        check(effects, *arguments, latents, expected=expected, claim=claim)


@pytest.mark.project
@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
@pytest.mark.parametrize("hook", [HOOK, "hook_embed"])
def test_a_spliced_model_is_the_model_until_a_latent_is_edited(
    splice, vanilla, build, family, hook
):
    model = build(family)
    made, clean = random_sae(vanilla.VanillaSAE, 10, 14), model(TOKENS)
    with splice.splice(model, {hook: made}):
        assert torch.equal(model(TOKENS), clean)
    with splice.splice(model, {hook: made}, error=False):
        replaced, cache = model.run_with_cache(TOKENS)
    assert not torch.allclose(replaced, clean)
    x = cache[f"{hook}.hook_sae_input"]
    assert_close(cache[hook], made(x).x_hat.detach(), "x_hat takes the place of x")
    assert torch.equal(model(TOKENS), clean), "the model is restored"


@pytest.mark.project
def test_features_are_sites_of_interventions(splice, vanilla, build, impl):
    patching = impl("ch05_patching")
    model, made = build("gpt2"), random_sae(vanilla.VanillaSAE, 10, 14)
    _, clean = model.run_with_cache(TOKENS)
    site = splice.feature_site(HOOK, 3, position=(1, 2))
    acts = made.encode(clean[HOOK]).detach()
    change = patching.Intervention
    for intervention, new in (
        (change.zero(site), torch.zeros(3, 2)),
        (change.put(site, torch.tensor(4.0)), torch.full((3, 2), 4.0)),
        (change.scale(site, 3.0), 3 * acts[:, 1:3, 3]),
        (change.add(site, torch.tensor(2.0)), acts[:, 1:3, 3] + 2),
        (splice.steer(site, 2.0, largest=5.0), torch.full((3, 2), 10.0)),
    ):
        with splice.splice(model, {HOOK: made}):
            with patching.apply_interventions(model, [intervention], {}):
                _, cache = model.run_with_cache(TOKENS)
        expected = clean[HOOK].clone()
        expected[:, 1:3] += ((new - acts[:, 1:3, 3])[..., None] * made.W_dec[3]).detach()
        assert_close(cache[HOOK], expected, f"{intervention.action} of a feature")


@pytest.mark.project
def test_the_first_position_can_be_left_as_it_is(splice, vanilla, build):
    model, made = build("gpt2"), random_sae(vanilla.VanillaSAE, 10, 14)
    _, clean = model.run_with_cache(TOKENS)
    with splice.splice(model, {HOOK: made}, error=False, keep_first=True):
        _, cache = model.run_with_cache(TOKENS)
    assert torch.equal(cache[HOOK][:, 0], clean[HOOK][:, 0])
    assert not torch.allclose(cache[HOOK][:, 1], clean[HOOK][:, 1])


@pytest.mark.project
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_model_with_a_float32_sae_keeps_its_precision(splice, vanilla, build, impl, dtype):
    model, made = build("gpt2").to(dtype), random_sae(vanilla.VanillaSAE, 10, 14).float()
    clean = model(TOKENS)
    with torch.no_grad(), splice.splice(model, {HOOK: made}):
        assert torch.equal(model(TOKENS), clean)
    fidelity = impl("ch08_saes.fidelity").measure_fidelity(model, HOOK, made, TOKENS)
    assert fidelity.spliced != fidelity.clean and fidelity.kl > 0


@pytest.mark.project
@pytest.mark.parametrize("first", [1, 2, 3])
def test_only_the_text_s_first_token_is_left_with_a_cache(splice, vanilla, build, impl, first):
    model, made = build("gpt2"), random_sae(vanilla.VanillaSAE, 10, 14)
    past = impl("ch02_transformer.kv_cache").KVCache(model.config.n_layers)
    with torch.no_grad(), splice.splice(model, {HOOK: made}, error=False, keep_first=True):
        expected = model(TOKENS)
        parts = [TOKENS[:, :first], *TOKENS[:, first:].split(1, dim=1)]
        actual = torch.cat([model(part, past=past) for part in parts], dim=1)
        after = model.run_blocks(model.embed_tokens(TOKENS))
        whole = model(TOKENS, stop_at_layer=len(model.blocks))
    assert_close(actual, expected, "a text in parts, with a KV cache")
    assert torch.equal(after, whole), "a forward without a cache begins at position 0 again"


@pytest.mark.project
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_first_token_of_each_padded_prompt_is_left(splice, vanilla, build, impl, side):
    model, made = build("gpt2"), random_sae(vanilla.VanillaSAE, 10, 14)
    prompts = [[3, 1, 4, 1], [5, 9]]
    padded = impl("ch02_transformer.padding").pad_prompts(prompts, side)
    with torch.no_grad(), splice.splice(model, {HOOK: made}, error=False, keep_first=True):
        together = model(padded.tokens, mask=padded.mask)
        for row, prompt in enumerate(prompts):
            actual = together[row][padded.mask[row]]
            assert_close(actual, model(torch.tensor([prompt]))[0], f"prompt {row}")


@pytest.mark.project
def test_bad_splices_raise_and_restore_the_model(splice, vanilla, build):
    model, made = build("gpt2"), random_sae(vanilla.VanillaSAE, 10, 14)
    clean = model(TOKENS)
    with pytest.raises(KeyError, match="no hook point 'blocks.9.hook_resid_pre'"):
        with splice.splice(model, {"blocks.9.hook_resid_pre": made}):
            pass
    with pytest.raises(ValueError, match="without an SAE, got blocks.1.hook_resid_pre"):
        with splice.splice(model, {HOOK: made}), splice.splice(model, {HOOK: made}):
            pass
    with pytest.raises(ValueError, match="d_in=9 entries"):
        with splice.splice(model, {HOOK: random_sae(vanilla.VanillaSAE, 9, 14)}):
            model(TOKENS)
    assert torch.equal(model(TOKENS), clean)
    with pytest.raises(ValueError, match="it is dead"):
        splice.steer(splice.feature_site(HOOK, 1), 1.0, largest=0.0)


@pytest.mark.project
def test_fidelity_of_a_perfect_and_of_a_dead_sae(fidelity, vanilla, build):
    model = build("gpt2", d_mlp=0)
    perfect = vanilla.VanillaSAE(10, 20, 0.0).double()
    eye = torch.eye(10, dtype=torch.float64)
    with torch.no_grad():
        perfect.W_enc.copy_(torch.cat([eye, -eye], dim=1))
        perfect.W_dec.copy_(torch.cat([eye, -eye]))
    exact = fidelity.measure_fidelity(model, HOOK, perfect, TOKENS)
    assert abs(exact.spliced - exact.clean) < 1e-12 and abs(exact.kl) < 1e-12
    with torch.no_grad():
        perfect.b_enc.fill_(-1e6)
    dead = fidelity.measure_fidelity(model, HOOK, perfect, TOKENS)
    assert_close(dead.spliced, dead.zero, "a dead SAE is zero ablation")
    with torch.no_grad():
        _, cache = model.run_with_cache(TOKENS, names=HOOK)
        perfect.b_dec.copy_(cache[HOOK][:, 1:].flatten(0, 1).mean(0))
    constant = fidelity.measure_fidelity(model, HOOK, perfect, TOKENS)
    assert_close(constant.spliced, constant.mean, "a constant is mean ablation")
    assert constant.kl > 0
