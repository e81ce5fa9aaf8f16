"""The texts of the chapter: which tokens repeat, at which distance, and independence of texts."""

import pytest
import torch

pytestmark = pytest.mark.project


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("bos", [None, 0, 7])
def test_segments_repeat_and_their_tokens_are_distinct(texts, bos):
    tokens = texts.repeated_segments(13, 6, 5, 4, rng(), bos)
    start = 0 if bos is None else 1
    assert tokens.shape == (6, start + 20) and 0 <= tokens.min() <= tokens.max() < 13
    if bos is not None:
        assert (tokens[:, 0] == bos).all() and (tokens[:, 1:] != bos).all()
    segments = tokens[:, start:].unflatten(1, (4, 5))
    assert (segments == segments[:, :1]).all()
    assert all(len(set(segment.tolist())) == 5 for segment in segments[:, 0])
    assert len({tuple(text.tolist()) for text in tokens}) == 6, "each text has its own segment"


def test_tokens_are_uniform_at_each_position(texts):
    tokens = texts.repeated_segments(6, 6000, 3, 2, rng(1), bos=2)[:, 1:4]
    for place in range(3):
        share = tokens[:, place].bincount(minlength=6) / 6000
        assert (share[[0, 1, 3, 4, 5]] - 0.2).abs().max() < 0.025 and share[2] == 0


def test_segments_are_at_most_as_long_as_the_vocabulary(texts):
    tokens = texts.repeated_segments(5, 2, 5, 2, rng())
    assert (tokens[:, :5].sort().values == torch.arange(5)).all()
    with pytest.raises(ValueError, match=r"period in 1\.\.4, got 2 repeats of 5"):
        texts.repeated_segments(5, 2, 5, 2, rng(), bos=1)


@pytest.mark.parametrize("period, repeats", [(3, 1), (0, 2), (9, 2)])
def test_repeated_segments_rejects_impossible_sizes(texts, period, repeats):
    with pytest.raises(ValueError, match=f"got {repeats} repeats of {period} tokens"):
        texts.repeated_segments(8, 1, period, repeats, rng())


def own_period(text, longest):
    """Return the smallest distance at which the whole text repeats."""
    return next((p for p in range(1, longest + 1) if (text[p:] == text[:-p]).all()), None)


def test_shifted_repeats_use_all_periods_of_the_range(texts):
    tokens = texts.shifted_repeats(500, 300, 40, 4, 9, rng())
    found = [own_period(text, 9) for text in tokens]
    assert set(found) == set(range(4, 10)), f"periods {set(found)}"
    counts = torch.tensor([found.count(p) for p in range(4, 10)])
    assert counts.min() > 25, f"{counts.tolist()} texts of periods 4 to 9"


def test_shifted_repeats_of_one_length_have_that_period(texts):
    tokens = texts.shifted_repeats(500, 20, 30, 7, 7, rng())
    assert {own_period(text, 7) for text in tokens} == {7}


def test_shifted_repeats_rejects_lengths_in_wrong_order(texts):
    for shortest, longest in [(5, 4), (0, 3)]:
        with pytest.raises(ValueError, match=f"got {shortest} and {longest}"):
            texts.shifted_repeats(9, 1, 10, shortest, longest, rng())


def chains(texts, d_vocab, concentration, seed, pos=4000):
    """Estimate the transition probabilities of each half: [half, text, from, to]."""
    tokens = texts.markov_texts(d_vocab, 3, pos, concentration, rng(seed))
    halves = []
    for half in tokens.split(pos // 2, dim=1):
        pair = half[:, :-1] * d_vocab + half[:, 1:]
        counts = torch.stack([row.bincount(minlength=d_vocab**2) for row in pair])
        halves.append(counts.view(3, d_vocab, d_vocab).double() + 1e-9)
    found = torch.stack(halves)
    return found / found.sum(-1, keepdim=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_each_text_follows_one_chain_of_its_own(texts, seed):
    early, late = chains(texts, 4, 1.0, seed)
    same = (early - late).abs().mean((1, 2))
    other = (early - late.roll(1, 0)).abs().mean((1, 2))
    assert same.max() < 0.04 < 0.1 < other.min(), f"{same.tolist()} and {other.tolist()}"


def test_entropy_of_successors_grows_with_concentration(texts):
    entropy = [
        -(share * share.clamp(min=1e-12).log()).sum(-1).mean()
        for share in (chains(texts, 4, c, 2) for c in (0.2, 1.0, 1000.0))
    ]
    assert entropy[0] < entropy[1] < entropy[2]
    assert abs(entropy[2] - torch.tensor(4.0).log()) < 0.01, (
        "a large concentration makes all successors equally likely"
    )


@pytest.mark.parametrize("concentration", [0.0, -1.0])
def test_markov_texts_rejects_concentrations_up_to_zero(texts, concentration):
    with pytest.raises(ValueError, match=f"got {concentration}"):
        texts.markov_texts(4, 1, 5, concentration, rng())


def test_tiny_concentration_gives_tokens_of_the_vocabulary(texts):
    tokens = texts.markov_texts(5, 8, 50, 1e-3, rng(3))
    assert tokens.shape == (8, 50) and 0 <= tokens.min() <= tokens.max() < 5


def test_seed_decides_the_texts_and_torch_state_is_kept(texts):
    draws = {
        "segments": lambda seed: texts.repeated_segments(30, 4, 6, 2, rng(seed)),
        "shifted": lambda seed: texts.shifted_repeats(30, 4, 12, 3, 6, rng(seed)),
        "markov": lambda seed: texts.markov_texts(6, 4, 12, 0.5, rng(seed)),
    }
    state = torch.get_rng_state()
    for name, draw in draws.items():
        assert torch.equal(draw(1), draw(1)), name
        assert not torch.equal(draw(1), draw(2)), name
    assert torch.equal(torch.get_rng_state(), state)
