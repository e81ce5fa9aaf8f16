"""Tests of the given code of chapter 0, and of the errors for bad input."""

import math

import pytest
import torch
from jaxtyping import TypeCheckError

from tests.grading.assertions import assert_close, normal

pytestmark = pytest.mark.project
LABELS, EMBEDDED = torch.tensor([0, 2]), torch.ones(1, 2, 3)


def new(seed):
    return torch.Generator().manual_seed(seed)


def small_model(sentiment_model, seed=1):
    return sentiment_model.SentimentModel(
        sentiment_model.SentimentModelConfig(d_vocab=79, d_model=6, d_hidden=5), seed=seed
    )


def total(embedded):
    return embedded.sum((1, 2))


#: module, message (a pattern), call
BAD_INPUTS = [
    (
        "tensors",
        "got d_out = 1",
        lambda m: m.score_of_answer(torch.ones(2, 1), torch.zeros(2).long()),
    ),
    (
        "behaviour",
        "expected n_groups >= 1, got 0",
        lambda m: m.accuracy_by_group(LABELS, LABELS, LABELS, 0),
    ),
    (
        "behaviour",
        "expected group indices from 0 to 1, got 0 to 2",
        lambda m: m.accuracy_by_group(LABELS, LABELS, LABELS, 2),
    ),
    (
        "saliency",
        "expected steps >= 1, got 0",
        lambda m: m.integrated_gradients(total, EMBEDDED, EMBEDDED, 0),
    ),
    (
        "saliency",
        "got noise -1.0 and n_samples 3",
        lambda m: m.smooth_grad(total, EMBEDDED, -1.0, 3, new(0)),
    ),
    (
        "saliency",
        "got noise 0.5 and n_samples 0",
        lambda m: m.smooth_grad(total, EMBEDDED, 0.5, 0, new(0)),
    ),
    (
        "probe",
        "expected steps >= 1, got -1",
        lambda m: m.fit_probe(m.LinearProbe(3), torch.ones(2, 3), LABELS, -1, 0.1, 0.0),
    ),
    (
        "evidence",
        "expected at least one value, got none",
        lambda m: m.bootstrap_interval(torch.ones(0), 10, 0.9, new(0)),
    ),
    (
        "evidence",
        "got 1 NaN or infinite of 2",
        lambda m: m.bootstrap_interval(torch.tensor([1.0, math.nan]), 10, 0.9, new(0)),
    ),
    (
        "evidence",
        "got n_resamples 0 and level 0.9",
        lambda m: m.bootstrap_interval(torch.ones(3), 0, 0.9, new(0)),
    ),
    (
        "evidence",
        "got n_resamples 10 and level 1.0",
        lambda m: m.bootstrap_interval(torch.ones(3), 10, 1.0, new(0)),
    ),
    (
        "evidence",
        "expected n_permutations >= 1, got 0",
        lambda m: m.permutation_p_value(torch.ones(3), torch.ones(2), 0, new(0)),
    ),
    (
        "evidence",
        "got 2 NaN or infinite of 2",
        lambda m: m.permutation_p_value(torch.ones(3), torch.full((2,), math.nan), 9, new(0)),
    ),
    (
        "evidence",
        r"expected excluded items from 0 to 4, got \[7\]",
        lambda m: m.random_sets(5, 2, 3, new(0), torch.tensor([7])),
    ),
    (
        "evidence",
        "size <= 3, the items not excluded, got n_sets 2 and size 4",
        lambda m: m.random_sets(5, 4, 2, new(0), torch.tensor([1, 1, 2])),
    ),
    ("evidence", "got n_sets 0 and size 2", lambda m: m.random_sets(5, 2, 0, new(0))),
    (
        "evidence",
        "expected at least two runs, got 1",
        lambda m: m.summarize_seeds(torch.ones(1)),
    ),
    (
        "interventions",
        "positive norm, got norm 0.0",
        lambda m: m.ablate_direction(torch.ones(2, 3), torch.zeros(3), torch.ones(3)),
    ),
    (
        "interventions",
        "positive norm, got norm nan",
        lambda m: m.swap_direction(torch.ones(2, 3), torch.ones(2, 3), torch.full((3,), math.nan)),
    ),
    ("sentiment_data", "expected n >= 1 reviews, got 0", lambda m: m.draw_reviews(0, new(0))),
    (
        "sentiment_data",
        r"expected agree to be a probability in \[0, 1\], got 1.5",
        lambda m: m.draw_reviews(3, new(0), agree=1.5),
    ),
    (
        "sentiment_data",
        r"expected irony to be a probability in \[0, 1\], got -0.1",
        lambda m: m.draw_reviews(3, new(0), irony=-0.1),
    ),
    (
        "sentiment_model",
        "expected d_hidden >= 1, got 0",
        lambda m: m.SentimentModelConfig(5, 2, 0),
    ),
    (
        "sentiment_model",
        "expected tensors of the shapes",
        lambda m: m.SentimentModel.from_tensors(
            {"d_vocab": 5, "d_model": 2, "d_hidden": 3}, {"W_E": torch.ones(5, 2)}
        ),
    ),
]


@pytest.mark.parametrize(("module", "message", "call"), BAD_INPUTS)
def test_bad_input_raises_with_a_clear_message(impl, module, message, call):
    with pytest.raises(ValueError, match=message):
        call(impl(f"ch00_looking.{module}"))


def test_swapping_an_unknown_property_raises(sentiment_data):
    reviews = sentiment_data.draw_reviews(3, new(0))
    with pytest.raises((ValueError, TypeCheckError), match="colour"):
        sentiment_data.swap(reviews, "colour")


def test_percentile_rank_and_seed_summary_in_closed_form(evidence):
    others = torch.tensor([1.0, 2.0, 2.0, 5.0])
    for value, share in [(0.0, 0.0), (2.0, 0.5), (3.0, 0.75), (9.0, 1.0)]:
        assert_close(evidence.percentile_rank(value, others), share, "A tie counts half.")
    mean, error = evidence.summarize_seeds(torch.tensor([1.0, 3.0, 5.0]))
    assert_close(
        torch.tensor([mean, error]), torch.tensor([3.0, 2 / 3**0.5]), "Mean, error.", {}, 1e-6
    )


def test_tokens_agree_with_the_properties(sentiment_data):
    drawn = sentiment_data.draw_reviews(400, new(1), agree=0.5, irony=0.5)
    for row in range(400):
        words = sentiment_data.to_str_tokens(drawn.tokens[row])
        one = {
            name: int(getattr(drawn, name)[row]) for name in (*sentiment_data.PROPERTIES, "label")
        }
        good = sum(word in sentiment_data.GOOD_WORDS for word in words)
        place = 0 if one["order"] else -1
        assert len(words) == sentiment_data.N_TOKENS
        assert words[place] == (sentiment_data.UP if one["mark"] else sentiment_data.DOWN)
        assert good + sum(word in sentiment_data.BAD_WORDS for word in words) == 3
        assert one["words"] == (good >= 2)
        assert one["irony"] == (sentiment_data.IRONY in words)
        assert one["label"] == one["words"] ^ one["irony"]
        assert one["tone"] == one["mark"] ^ one["irony"]
        products = sentiment_data.RESTAURANTS if one["topic"] else sentiment_data.FILMS
        assert (sentiment_data.FILMS + sentiment_data.RESTAURANTS)[
            int(drawn.product[row])
        ] in products
        assert sum(word in products for word in words) == 1


@pytest.mark.parametrize("name", ["mark", "topic", "order", "words", "tone"])
def test_swapping_twice_restores_the_review(sentiment_data, name):
    drawn = sentiment_data.draw_reviews(60, new(2), agree=0.5, irony=0.5)
    once = sentiment_data.swap(drawn, name)
    assert (getattr(once, name) == 1 - getattr(drawn, name)).all()
    assert (once.tokens != drawn.tokens).any(1).all()
    for one, other in zip(sentiment_data.swap(once, name), drawn, strict=True):
        assert torch.equal(one, other)


def test_draw_reviews_has_the_given_frequencies(sentiment_data):
    drawn = sentiment_data.draw_reviews(8000, new(3), agree=0.8, irony=0.1)
    agree = (drawn.mark == drawn.words).double().mean().item()
    assert abs(agree - 0.8) < 0.03 and abs(drawn.irony.double().mean().item() - 0.1) < 0.02
    for name in ("words", "topic", "order"):
        assert abs(getattr(drawn, name).double().mean().item() - 0.5) < 0.03, name


def test_stages_compose_to_the_logits(sentiment_model):
    model = small_model(sentiment_model).double()
    tokens = torch.randint(79, (4, 8), generator=new(4))
    pooled = model.W_E[tokens].mean(1)
    expected = (pooled @ model.W_in + model.b_in).clamp(min=0) @ model.W_out + model.b_out
    assert_close(model(tokens), expected, "Logits of the formula in its docstring.")
    assert_close(
        model.logits_from_embedded(model.embed(tokens)), expected, "From the embedding on."
    )
    assert_close(
        model.logits_from_pooled(model.pool(model.embed(tokens))), expected, "From the averages on."
    )
    assert_close(
        model.predict(tokens),
        expected.argmax(1),
        "The prediction is the class of the larger logit.",
    )


def test_scores_are_logit_differences_and_probabilities(sentiment_model, saliency):
    model, answer = small_model(sentiment_model).double(), torch.tensor([0, 1, 1])
    tokens = torch.randint(79, (3, 8), generator=new(5))
    logits, embedded = model(tokens), model.embed(tokens)
    rows = torch.arange(3)
    gap = logits[rows, answer] - logits[rows, 1 - answer]
    assert_close(
        saliency.logit_score(model, answer)(embedded),
        gap,
        "The logit of the answer minus the other.",
    )
    share = logits.softmax(1)[rows, answer]
    assert_close(
        saliency.probability_score(model, answer)(embedded), share, "The answer's probability."
    )
    assert_close(saliency.per_token(embedded), embedded.sum(-1), "The sum over a token's entries.")


def test_selectivity_is_positive_for_a_linear_property(probe):
    labels = torch.randint(2, (400,), generator=new(6))
    types = torch.randint(200, (400,), generator=new(7))
    acts = normal(400, 4, seed=8).float()
    acts[:, 0] += 4 * labels
    found = probe.selectivity(lambda: probe.LinearProbe(4), acts, labels, types, new(9))
    assert found.task > 0.93 and found.control < 0.75
    assert_close(found.difference, found.task - found.control, "Task minus control.")


def test_difference_in_means_points_from_0_to_1(interventions):
    acts, labels = normal(50, 3, seed=10), torch.arange(50) % 2
    expected = torch.stack([acts[k::2].mean(0) for k in (0, 1)])
    assert_close(
        interventions.difference_in_means(acts, labels),
        expected[1] - expected[0],
        "Mean of label 1 minus mean of label 0.",
    )
