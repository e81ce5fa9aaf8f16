"""Graders of corrupt_subject (5.10): where the noise is, how large, and from which draws."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.tiny_models import TOKENS

SUBJECT = torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 1, 1, 0]]).bool()
SAMPLES = 600


@pytest.fixture
def model(build):
    """A model with untied embeddings of different norms and variances, with a mean above 0."""
    model = build("parallel", d_vocab=29)  # more tokens than the prompts have
    with torch.no_grad():
        W_E = model.embed.W_E
        W_E.mul_(torch.linspace(0.3, 2.0, W_E.shape[1])).mul_(
            torch.linspace(0.4, 1.5, len(W_E))[:, None]
        )
        W_E[TOKENS.unique()] *= 1.4
        W_E.mul_(0.25 / W_E.std()).add_(0.6)
        model.unembed.W_U.mul_(3 / model.unembed.W_U.std())
    return model


def corrupt(tracing, model, seed=0, n_samples=SAMPLES, tokens=TOKENS, **options):
    """The residual stream, and the noise in it at the subject, [sample, place, d_model]."""
    generator = torch.Generator().manual_seed(seed)
    resid = tracing.corrupt_subject(model, tokens, SUBJECT, n_samples, generator, **options)
    clean = model.embed_tokens(tokens)
    expected = [n_samples, *clean.shape]
    assert list(resid.shape) == expected, f"expected shape {expected}, got {list(resid.shape)}"
    return resid.detach(), (resid - clean).detach()[:, SUBJECT]


@exercise("5.10")
def test_noise_is_at_the_subject_only(tracing, model):
    resid, _ = corrupt(tracing, model, n_samples=4)
    moved = (resid - model.embed_tokens(TOKENS)).abs().amax(dim=(0, 3)) > 1e-12
    claim = "Noise is where `subject` is True, in each prompt, and nowhere else."
    assert_close(moved.long(), SUBJECT.long(), claim)
    claim = "Outside of the subject the residual stream is the clean one."
    clean = model.embed_tokens(TOKENS)[~SUBJECT].expand(4, -1, -1)
    assert_close(resid[:, ~SUBJECT], clean, claim)


@exercise("5.10")
@pytest.mark.parametrize("scale", [3.0, 0.5])
def test_standard_deviation_is_scale_times_that_of_w_e(tracing, model, scale):
    actual = corrupt(tracing, model, seed=1, scale=scale)[1].std().item()
    expected = scale * model.embed.W_E.std().item()
    assert abs(actual / expected - 1) < 0.05, (
        f"expected a standard deviation of {scale} x {expected / scale:.4f} = {expected:.4f}, "
        f"got {actual:.4f}"
    )


@exercise("5.10")
def test_standard_deviation_is_that_of_all_entries(tracing, model):
    noise = corrupt(tracing, model, seed=2)[1]
    for name, spread in (("entries", noise.std(dim=(0, 1))), ("tokens", noise.std(dim=(0, 2)))):
        ratio = (spread.max() / spread.min()).item()
        assert ratio < 1.2, (
            f"expected the same noise for all {name}, got standard deviations that differ by a "
            f"factor of {ratio:.2f}"
        )


@exercise("5.10")
def test_noise_is_gaussian_with_mean_zero(tracing, model):
    noise = corrupt(tracing, model, seed=3)[1]
    mean = (noise.mean() / noise.std()).item()
    beyond = ((noise / noise.std()).abs() > 2.5).double().mean().item()
    assert abs(mean) < 0.03, f"expected a mean of 0, got {mean:.2f} standard deviations"
    assert 0.008 < beyond < 0.018, (
        f"expected 1.2 % of the noise beyond 2.5 standard deviations, got {beyond:.1%}"
    )


@exercise("5.10")
def test_every_sample_prompt_word_and_entry_is_a_draw(tracing, model):
    noise = corrupt(tracing, model, seed=4)[1]
    same_token = corrupt(tracing, model, 5, 2, torch.full_like(TOKENS, 3))[1]
    gaps = {
        "every sample has noise": noise.abs().amax(dim=(1, 2)).min(),
        "all samples differ": (noise[1:] - noise[:-1]).abs().amax(dim=(1, 2)).min(),
        "two words differ": noise[:, 0] - noise[:, 1],
        "two words with the same token differ": same_token[:, 0] - same_token[:, 1],
        "two entries differ": noise[..., 0] - noise[..., 1],
        # 1 and 3 are the indices of position 2 of prompts 0 and 2
        "two prompts differ at the same position": noise[:, 1] - noise[:, 3],
    }
    for claim, gap in gaps.items():
        assert gap.abs().max() > 1e-9, f"expected that {claim}, got the same noise, or none"


@exercise("5.10")
def test_noise_is_drawn_from_the_given_generator(tracing, model):
    generator, state = torch.Generator().manual_seed(7), torch.get_rng_state()
    first, second = (
        tracing.corrupt_subject(model, TOKENS, SUBJECT, 2, generator) for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), state), (
        "expected a draw from the generator that is passed in, got one from torch's global one"
    )
    assert not torch.equal(first, second), (
        "expected new noise in the second call with one generator, got the same"
    )
    again = corrupt(tracing, model, seed=7, n_samples=2)[0]
    assert torch.equal(first, again), "expected the same noise from the same seed, got another"


@exercise("5.10")
def test_weights_and_arguments_stay(tracing, model):
    before = model.embed.W_E.detach().clone()
    corrupt(tracing, model, n_samples=2)
    assert_close(model.embed.W_E, before, "W_E must stay: corrupt the residual stream only.")


@pytest.mark.project
def test_a_prompt_without_subject_raises(tracing, model):
    without = SUBJECT.clone()
    without[1] = False
    for subject, n_samples, says in (
        (without, 2, "1 of 3 prompts without a subject"),
        (SUBJECT, 0, "got 0 samples"),
    ):
        with pytest.raises(ValueError, match=says):
            tracing.corrupt_subject(model, TOKENS, subject, n_samples, torch.Generator())
