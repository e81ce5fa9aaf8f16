"""What chapter 0's given code does, and what its functions must refuse before any answer runs."""

import math

import pytest
import torch

from tests.grading.assertions import assert_close, normal

pytestmark = pytest.mark.project


def new(seed):
    return torch.Generator().manual_seed(seed)


def small_model(sentiment_model, seed=1):
    return sentiment_model.SentimentModel(
        sentiment_model.SentimentModelConfig(d_vocab=79, d_model=6, d_hidden=5), seed=seed
    )


REFUSALS = {
    "d_out is 1": lambda m: m["tensors"].score_of_answer(torch.ones(2, 1), torch.zeros(2).long()),
    "n_groups must be at least 1, but it is 0": lambda m: m["behaviour"].accuracy_by_group(
        *[torch.zeros(2, dtype=torch.long)] * 3, 0
    ),
    "groups are numbered 0 to 1, but numbers from 0 to 2 came": lambda m: m[
        "behaviour"
    ].accuracy_by_group(*[torch.tensor([0, 2])] * 3, 2),
    "expected at least one step, but steps is 0": lambda m: m["saliency"].integrated_gradients(
        lambda e: e.sum((1, 2)), torch.ones(1, 2, 3), torch.ones(1, 2, 3), 0
    ),
    "expected noise >= 0 and n_samples >= 1, but -1.0 and 3 came": lambda m: m[
        "saliency"
    ].smooth_grad(lambda e: e.sum((1, 2)), torch.ones(1, 2, 3), -1.0, 3, new(0)),
    "but 0.5 and 0 came": lambda m: m["saliency"].smooth_grad(
        lambda e: e.sum((1, 2)), torch.ones(1, 2, 3), 0.5, 0, new(0)
    ),
    "expected at least one step, but steps is -1": lambda m: m["probe"].fit_probe(
        m["probe"].LinearProbe(3), torch.ones(2, 3), torch.zeros(2).long(), -1, 0.1, 0.0
    ),
    "expected at least one value, but none came": lambda m: m["evidence"].bootstrap_interval(
        torch.ones(0), 10, 0.9, new(0)
    ),
    "1 of 2 values are NaN": lambda m: m["evidence"].bootstrap_interval(
        torch.tensor([1.0, math.nan]), 10, 0.9, new(0)
    ),
    "but 0 and 0.9 came": lambda m: m["evidence"].bootstrap_interval(torch.ones(3), 0, 0.9, new(0)),
    "but 10 and 1.0 came": lambda m: m["evidence"].bootstrap_interval(
        torch.ones(3), 10, 1.0, new(0)
    ),
    "expected at least one permutation, but 0 came": lambda m: m["evidence"].permutation_p_value(
        torch.ones(3), torch.ones(2), 0, new(0)
    ),
    "2 of 2 values are NaN": lambda m: m["evidence"].permutation_p_value(
        torch.ones(3), torch.full((2,), math.nan), 9, new(0)
    ),
    r"items are 0 to 4, but \[7\] are excluded": lambda m: m["evidence"].random_sets(
        5, 2, 3, new(0), torch.tensor([7])
    ),
    "a size from 1 to 3, the items left, but 2 and 4 came": lambda m: m["evidence"].random_sets(
        5, 4, 2, new(0), torch.tensor([1, 1, 2])
    ),
    "but 0 and 2 came": lambda m: m["evidence"].random_sets(5, 2, 0, new(0)),
    "a spread takes two runs or more, but 1 came": lambda m: m["evidence"].summarize_seeds(
        torch.ones(1)
    ),
    "expected a direction, but its length is 0.0": lambda m: m["interventions"].ablate_direction(
        torch.ones(2, 3), torch.zeros(3), torch.ones(3)
    ),
    "its length is nan": lambda m: m["interventions"].swap_direction(
        torch.ones(2, 3), torch.ones(2, 3), torch.full((3,), math.nan)
    ),
    "expected at least one review, but n is 0": lambda m: m["sentiment_data"].draw_reviews(
        0, new(0)
    ),
    r"agree is a probability in \[0, 1\], but it is 1.5": lambda m: m[
        "sentiment_data"
    ].draw_reviews(3, new(0), agree=1.5),
    r"irony is a probability in \[0, 1\], but it is -0.1": lambda m: m[
        "sentiment_data"
    ].draw_reviews(3, new(0), irony=-0.1),
    "but 'colour' came": lambda m: m["sentiment_data"].swap(
        m["sentiment_data"].draw_reviews(3, new(0)), "colour"
    ),
    "d_hidden must be at least 1, but it is 0": lambda m: m["sentiment_model"].SentimentModelConfig(
        5, 2, 0
    ),
    "expected the tensors": lambda m: m["sentiment_model"].SentimentModel.from_tensors(
        {"d_vocab": 5, "d_model": 2, "d_hidden": 3}, {"W_E": torch.ones(5, 2)}
    ),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_bad_input_is_refused_in_words(impl, words):
    names = (
        "tensors",
        "behaviour",
        "saliency",
        "probe",
        "evidence",
        "interventions",
        "sentiment_data",
        "sentiment_model",
    )
    modules = {name: impl(f"ch00_looking.{name}") for name in names}
    with pytest.raises(ValueError, match=words):
        REFUSALS[words](modules)


def test_percentiles_and_seeds_in_closed_form(evidence):
    others = torch.tensor([1.0, 2.0, 2.0, 5.0])
    for value, share in [(0.0, 0.0), (2.0, 0.5), (3.0, 0.75), (9.0, 1.0)]:
        assert_close(evidence.percentile_rank(value, others), share, "An equal value counts half.")
    mean, error = evidence.summarize_seeds(torch.tensor([1.0, 3.0, 5.0]))
    assert_close(
        torch.tensor([mean, error]), torch.tensor([3.0, 2 / 3**0.5]), "Mean, error.", {}, 1e-6
    )


def test_tokens_of_a_review_say_what_its_properties_say(sentiment_data):
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
def test_swapping_twice_gives_the_review_back(sentiment_data, name):
    drawn = sentiment_data.draw_reviews(60, new(2), agree=0.5, irony=0.5)
    once = sentiment_data.swap(drawn, name)
    assert (getattr(once, name) == 1 - getattr(drawn, name)).all()
    assert (once.tokens != drawn.tokens).any(1).all()
    for one, other in zip(sentiment_data.swap(once, name), drawn, strict=True):
        assert torch.equal(one, other)


def test_frequencies_of_reviews_are_those_asked_for(sentiment_data):
    drawn = sentiment_data.draw_reviews(8000, new(3), agree=0.8, irony=0.1)
    agree = (drawn.mark == drawn.words).double().mean().item()
    assert abs(agree - 0.8) < 0.03 and abs(drawn.irony.double().mean().item() - 0.1) < 0.02
    for name in ("words", "topic", "order"):
        assert abs(getattr(drawn, name).double().mean().item() - 0.5) < 0.03, name


def test_stages_compose_to_the_logits(sentiment_model):
    model = small_model(sentiment_model).double()
    tokens = torch.randint(79, (4, 8), generator=new(4))
    pooled = model.W_E[tokens].mean(1)
    right = (pooled @ model.W_in + model.b_in).clamp(min=0) @ model.W_out + model.b_out
    assert_close(model(tokens), right, "Logits of the formula in its docstring.")
    assert_close(model.logits_from_embedded(model.embed(tokens)), right, "From the embedding on.")
    assert_close(
        model.logits_from_pooled(model.pool(model.embed(tokens))), right, "From the averages on."
    )
    assert_close(model.predict(tokens), right.argmax(1), "The verdict is the larger logit's.")


def test_scores_of_a_model_are_logits_and_probabilities_apart(sentiment_model, saliency):
    model, answer = small_model(sentiment_model).double(), torch.tensor([0, 1, 1])
    tokens = torch.randint(79, (3, 8), generator=new(5))
    logits, embedded = model(tokens), model.embed(tokens)
    rows = torch.arange(3)
    gap = logits[rows, answer] - logits[rows, 1 - answer]
    assert_close(
        saliency.logit_score(model, answer)(embedded), gap, "The answer's logit less the other."
    )
    share = logits.softmax(1)[rows, answer]
    assert_close(
        saliency.probability_score(model, answer)(embedded), share, "The answer's probability."
    )
    assert_close(saliency.per_token(embedded), embedded.sum(-1), "The sum over a token's entries.")


def test_selectivity_is_large_for_a_property_and_small_for_many_types(probe):
    labels = torch.randint(2, (400,), generator=new(6))
    types = torch.randint(200, (400,), generator=new(7))
    acts = normal(400, 4, seed=8).float()
    acts[:, 0] += 4 * labels
    found = probe.selectivity(lambda: probe.LinearProbe(4), acts, labels, types, new(9))
    assert found.task > 0.93 and found.control < 0.75
    assert_close(found.difference, found.task - found.control, "Task less control.")


def test_a_difference_of_means_points_from_0_to_1(interventions):
    acts, labels = normal(50, 3, seed=10), torch.arange(50) % 2
    right = torch.stack([acts[k::2].mean(0) for k in (0, 1)])
    assert_close(
        interventions.difference_in_means(acts, labels),
        right[1] - right[0],
        "Mean of 1 less mean of 0.",
    )
