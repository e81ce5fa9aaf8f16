"""Graders of the noise on the subject: where it is, how large, and whose draw."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.tiny_models import TOKENS

SUBJECT = torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 1, 1, 0]]).bool()
SAMPLES = 600


@pytest.fixture
def model(build):
    """Tokens of different length and entries of different size, none of them around zero."""
    model = build("gpt2")
    with torch.no_grad():
        W_E = model.embed.W_E
        W_E.mul_(torch.linspace(0.3, 2.0, W_E.shape[1])).mul_(
            torch.linspace(0.4, 1.5, len(W_E))[:, None]
        )
        W_E[TOKENS.unique()] *= 1.4
        W_E.mul_(0.25 / W_E.std()).add_(0.6)
        model.unembed.W_U.mul_(3 / model.unembed.W_U.std())
    return model


def noise(tracing, model, seed=0, scale=3.0, subject=SUBJECT, samples=SAMPLES):
    """What is added to the clean stream, [sample, batch, pos, d_model]."""
    generator = torch.Generator().manual_seed(seed)
    came = tracing.corrupt_subject(model, TOKENS, subject, samples, generator, scale)
    clean = model.embed_tokens(TOKENS)
    expected = (samples, *clean.shape)
    assert came.shape == expected, f"Shape {list(expected)} is expected, {list(came.shape)} came."
    return (came - clean).detach(), came.detach()


def on_subject(added, subject=SUBJECT):
    """The noise where the subject stands, [sample, place, d_model]."""
    return added[:, subject]


@exercise("5.10")
def test_outside_the_subject_the_stream_is_the_clean_one(tracing, model):
    added, came = noise(tracing, model, samples=4)
    moved = added.abs().amax(dim=(0, 3)) > 1e-12
    where = {
        "There is noise on the whole prompt: only the subject is to be spoilt.": SUBJECT | True,
        "The noise is everywhere BUT on the subject.": ~SUBJECT,
        "Each text has its own subject; the places of ALL texts' subjects were spoilt in each.": (
            SUBJECT.any(dim=0).expand_as(SUBJECT)
        ),
        "All texts have the first one's places: each has its own subject.": (
            SUBJECT[:1].expand_as(SUBJECT)
        ),
        "Only the last word of each subject is spoilt.": SUBJECT
        & (SUBJECT.flip(1).cumsum(1).flip(1) == 1),
        "Only the first word of each subject is spoilt.": SUBJECT & (SUBJECT.cumsum(1) == 1),
        "There is no noise at all.": SUBJECT & False,
    }
    said = [words for words, places in where.items() if torch.equal(moved, places)]
    if not came[:, ~SUBJECT].abs().sum():
        said.append("The rest of the stream is zero: the noise is ADDED to the clean stream.")
    assert torch.equal(moved, SUBJECT), " ".join(
        [
            "Text 1 has its subject at position 0 alone; noise came at positions "
            f"{moved[1].nonzero().flatten().tolist()}.",
            *said,
        ]
    )


def other_deviations(model, scale):
    """Words -> the deviation that this usual mistake gives."""
    W_E, clean = model.embed.W_E.detach(), model.embed_tokens(TOKENS).detach()
    return {
        "It is not multiplied by `scale`.": W_E.std(),
        "It is 3 deviations whatever `scale` says.": 3 * W_E.std(),
        "This is the VARIANCE of the embedding times scale: take the root.": scale * W_E.var(),
        "This is the variance, not multiplied either.": W_E.var(),
        "`scale` multiplies the variance: its root came out.": scale**0.5 * W_E.std(),
        "The noise has a deviation of `scale` by itself: multiply by that of W_E.": scale,
        "This is the root mean square of W_E: a deviation is measured from the mean.": (
            scale * W_E.pow(2).mean().sqrt()
        ),
        "This is the norm of an embedding: the deviation of single entries is meant.": (
            scale * W_E.norm(dim=1).mean()
        ),
        "This is the deviation of the STREAM, positions included: W_E alone is meant.": (
            scale * clean.std()
        ),
        "This is the deviation over the subjects' embeddings, as in the paper's code: here it is "
        "over all of W_E.": scale * W_E[TOKENS[SUBJECT]].std(),
        "This is the deviation over the prompts' embeddings: it is over all of W_E.": (
            scale * W_E[TOKENS].std()
        ),
        "Deviations of columns of W_E are averaged: one deviation is meant, over all entries.": (
            scale * W_E.std(dim=0).mean()
        ),
        "Deviations of rows of W_E are averaged: one deviation is meant, over all entries.": (
            scale * W_E.std(dim=1).mean()
        ),
        "`scale` multiplies twice.": scale**2 * W_E.std(),
        "This is the deviation of W_U.": scale * model.unembed.W_U.detach().std(),
        "This is the deviation of W_pos.": scale * model.pos_embed.W_pos.detach().std(),
        "The deviation divided by sqrt(d_model) came.": scale * W_E.std() / 10**0.5,
    }


@exercise("5.10")
@pytest.mark.parametrize("scale", [3.0, 0.5])
def test_its_deviation_is_so_many_times_that_of_the_embedding(tracing, model, scale):
    added = on_subject(noise(tracing, model, seed=1, scale=scale)[0])
    W_E, came = model.embed.W_E.detach(), added.std().item()
    right = scale * W_E.std().item()
    usual = other_deviations(model, scale)
    near = {words: abs(came - float(value)) / came for words, value in usual.items()}
    said = [w for w, gap in near.items() if gap < 0.05] or [min(near, key=near.__getitem__)]
    assert abs(came / right - 1) < 0.05, (
        f"The noise's deviation should be {scale} x {W_E.std():.4f} = {right:.4f}; {came:.4f} "
        f"came. {' '.join(said)}"
    )


@exercise("5.10")
def test_one_deviation_holds_for_every_entry_and_every_token(tracing, model):
    added = on_subject(noise(tracing, model, seed=2)[0])
    by_entry, by_place = added.std(dim=(0, 1)), added.std(dim=(0, 2))
    spread = (by_entry.max() / by_entry.min()).item()
    assert spread < 1.2, (
        f"The noise of one entry of d_model is {spread:.1f} times that of another. One deviation "
        "is meant, over ALL entries of W_E: is std taken along an axis (dim=0)?"
    )
    spread = (by_place.max() / by_place.min()).item()
    assert spread < 1.2, (
        f"The noise on one word is {spread:.1f} times that on another. One deviation is meant, "
        "over ALL entries of W_E: is it each token's own?"
    )


@exercise("5.10")
def test_the_noise_is_gaussian_around_the_clean_stream(tracing, model):
    added = on_subject(noise(tracing, model, seed=3)[0])
    unit = added / added.std()
    mean, beyond = unit.mean().item(), (unit.abs() > 2.5).double().mean().item()
    words = "Noise is added to the clean stream, and its own mean is zero."
    assert abs(mean) < 0.03, f"{words} Its mean is {mean:.2f} deviations. Is it torch.rand?"
    assert 0.008 < beyond < 0.018, (
        f"Of Gaussian noise 1.2 % lie beyond 2.5 deviations; {beyond:.1%} do. Is it torch.randn?"
    )


@exercise("5.10")
def test_every_sample_text_word_and_entry_has_its_own_draw(tracing, model):
    added = on_subject(noise(tracing, model, seed=4)[0])
    same = torch.full_like(TOKENS, 3)
    alike = tracing.corrupt_subject(model, same, SUBJECT, 2, torch.Generator().manual_seed(5))
    alike = on_subject((alike - model.embed_tokens(same)).detach())
    twins = {
        "A sample has no noise at all: each is spoilt.": added.abs().amax(dim=(1, 2)).min(),
        "A token has the same noise wherever it stands: W_E is spoilt, not the stream.": (
            alike[:, 0] - alike[:, 1]
        ),
        "All samples have the same noise: draw n_samples times.": added[0] - added[1],
        "All words have the same noise: draw for each position.": added[:, 0] - added[:, 1],
        "All entries of a vector have the same noise: draw d_model numbers.": (
            added[..., 0] - added[..., 1]
        ),
        # places 1 and 3 are position 2 of texts 0 and 2
        "Texts share the noise of a position: draw for each text.": added[:, 1] - added[:, 3],
    }
    for words, gap in twins.items():
        assert gap.abs().max() > 1e-9, words


@exercise("5.10")
def test_the_generator_that_comes_in_decides_and_moves_on(tracing, model):
    generator = torch.Generator().manual_seed(7)
    state = torch.get_rng_state()
    first, second = (
        tracing.corrupt_subject(model, TOKENS, SUBJECT, 2, generator) for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), state), (
        "The noise is drawn from torch's global generator: give torch.randn the one that came in."
    )
    assert not torch.equal(first, second), (
        "Two calls with one generator gave the same noise. Is it seeded anew inside?"
    )
    again = tracing.corrupt_subject(model, TOKENS, SUBJECT, 2, torch.Generator().manual_seed(7))
    assert torch.equal(first, again), "The same seed must give the same noise."


@exercise("5.10")
def test_the_embedding_is_left_as_it_was(tracing, model):
    before = model.embed.W_E.detach().clone()
    noise(tracing, model, samples=2)
    assert torch.equal(model.embed.W_E, before), "W_E itself was changed: spoil the stream only."


def test_a_text_without_a_subject_is_refused(tracing, model):
    generator = torch.Generator().manual_seed(0)
    without = SUBJECT.clone()
    without[1] = False
    with pytest.raises(ValueError, match="1 of 3 prompts without a subject"):
        tracing.corrupt_subject(model, TOKENS, without, 2, generator)
    with pytest.raises(ValueError, match="got 0 samples"):
        tracing.corrupt_subject(model, TOKENS, SUBJECT, 0, generator)
