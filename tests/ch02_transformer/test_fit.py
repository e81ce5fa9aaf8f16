"""fit (given code): the training loop for any loss."""

from dataclasses import replace

import pytest
import torch

pytestmark = pytest.mark.project
TEXT = torch.tensor([3, 1, 4, 5, 9, 2] * 20)


@pytest.fixture
def run(train):
    """Settings of a run of 5 steps."""
    return train.TrainConfig(steps=5, batch_size=4, window=6, lr=0.01, warmup=3, seed=5)


@pytest.fixture
def make(config, model):
    """Builds the same small model at every call."""
    sizes = config.TransformerConfig(
        n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=12, d_vocab=10, n_ctx=7
    )
    return lambda: model.HookedTransformer(sizes, model.GPT2, seed=1)


def test_fit_on_the_batches_of_train_gives_its_weights(fit, train, make, run):
    trained, fitted = make(), make()
    expected = [record.loss for record in train.train(trained, TEXT, TEXT, run)]

    def loss_fn(step, generator):
        batch = train.draw_batch(TEXT, step, run)
        return train.next_token_loss(fitted(batch), batch)

    records = list(fit.fit(fitted, loss_fn, run))
    assert [record.loss for record in records] == expected
    assert [record.step for record in records] == [1, 2, 3, 4, 5]
    for actual, weight in zip(fitted.parameters(), trained.parameters(), strict=True):
        assert torch.equal(actual, weight)


def test_random_numbers_depend_on_seed_and_step(fit, make, run):
    def drawn(seed):
        numbers, model = [], make()

        def loss_fn(step, generator):
            numbers.append(torch.rand((), generator=generator).item())
            return model(torch.tensor([[step]])).sum()

        list(fit.fit(model, loss_fn, replace(run, seed=seed)))
        return numbers

    assert drawn(5) == drawn(5) and len(set(drawn(5))) == 5
    assert set(drawn(5)).isdisjoint(drawn(6))


def test_a_change_after_a_record_precedes_the_next_step(fit, make, run):
    model, seen = make(), []

    def loss_fn(step, generator):
        seen.append(model.embed.W_E[0, 0].item())
        return model(torch.tensor([[step]])).sum()

    for _ in fit.fit(model, loss_fn, run):
        with torch.no_grad():
            model.embed.W_E[0, 0] = 7.0
    assert seen[1:] == [7.0] * 4
