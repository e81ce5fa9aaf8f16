"""The main claims of chapter 1 hold for models of seeds that the figures did not use (slow)."""

import pytest
import torch

pytestmark = [pytest.mark.project, pytest.mark.slow]
SEEDS = (10, 11, 12)


@pytest.fixture
def fit(toy_model, data, train):
    """Train a batch of toys and return it; probability and importance are [inst, f]."""

    def fitted(probability, importance, d_hidden, seed, steps=2000, batch=256, kind=None):
        sizes = toy_model.ToyConfig(*probability.shape, d_hidden)
        model = (kind or toy_model.ReluOutputToy)(sizes, seed)
        config = train.ToyTrainConfig(steps, batch, 0.01, linear_decay=True, seed=seed)

        def draw(n, generator):
            return data.sparse_features(probability, n, generator)

        for _ in train.train(model, draw, importance, config):
            pass
        return model.requires_grad_(False)

    return fitted


def same_for_all(row, n_inst):
    return torch.tensor(row)[None].repeat(n_inst, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_dimensions_hold_two_four_or_five_features(fit, geometry, toy_model, data, seed):
    densities, starts = (1.0, 0.3, 0.05), 10
    probability = torch.tensor(densities).repeat(starts)[:, None].repeat(1, 5)
    importance = same_for_all([0.9**i for i in range(5)], len(probability))
    model = fit(probability, importance, 2, seed)
    x = data.sparse_features(probability[:3], 20_000, torch.Generator().manual_seed(seed))
    x = x.repeat(starts, 1, 1)
    losses = toy_model.reconstruction_loss(model(x), x, importance).view(starts, 3)
    best = model.W[losses.argmin(dim=0) * 3 + torch.arange(3)]
    assert (best.norm(dim=1) > 0.5).sum(dim=-1).tolist() == [2, 4, 5]
    D = geometry.feature_dimensionality(best)
    assert D[2].tolist() == pytest.approx([0.4] * 5, abs=0.05)
    assert D[1].sort().values[1:].tolist() == pytest.approx([0.5] * 4, abs=0.05)
    angles = torch.atan2(best[2, 1], best[2, 0]).rad2deg().sort().values
    assert angles.diff().tolist() == pytest.approx([72] * 4, abs=5)


def test_forty_of_eighty_features_pair_up_in_twenty_dimensions(fit, geometry):
    probability = torch.full((len(SEEDS), 80), 0.3)
    W = fit(probability, torch.ones_like(probability), 20, seed=10, batch=128).W
    D, kept = geometry.feature_dimensionality(W), W.norm(dim=1) > 0.5
    for seed in range(len(SEEDS)):
        assert 38 <= kept[seed].sum() <= 42
        assert ((D[seed] - 0.5).abs() < 0.03)[kept[seed]].float().mean() >= 0.95
    assert ((geometry.dimensions_per_feature(W) - 0.49).abs() < 0.03).all()
    assert (D.sum(dim=-1) - 20).abs().max() < 0.1


def test_a_linear_model_keeps_the_five_most_important_features(fit, toy_model):
    density = torch.tensor([1.0, 0.1, 0.01]).repeat(len(SEEDS))
    probability = density[:, None].repeat(1, 20)
    importance = same_for_all([0.7**i for i in range(20)], len(probability))
    norms = fit(probability, importance, 5, 10, batch=512, kind=toy_model.LinearToy).W.norm(dim=1)
    assert norms[:, :5].min() > 0.9 and norms[:, 5:].max() < 0.1


@pytest.mark.parametrize("density", [0.1, 0.3, 0.6, 0.7])
def test_the_best_of_many_starts_reaches_the_oracle(fit, phase, density):
    starts = 16
    probability = torch.full((starts, 2), density)
    ones = torch.ones_like(probability)
    model = fit(probability, ones, 1, seed=10, steps=1500, batch=512)
    losses = phase.expected_loss(model.W, model.b, ones, probability, 32)
    oracle = phase.best_loss(ones[:1], probability[:1], 1, nodes=32)
    assert losses.min().item() == pytest.approx(oracle.loss.item(), rel=0.02)
    simple = min(phase.dropped_loss(density, 1.0), phase.antipodal_loss(density, 1.0))
    assert losses.min() < simple, "no closed form is as good"


@pytest.mark.parametrize("seed", [10, 11, 12])
def test_a_new_arc_network_matches_its_weights(arcs, universality, seed):
    net = arcs.ArcNet(arcs.line_detectors(), 12, seed)
    net.W_line.requires_grad_(False)
    for _ in arcs.train_arcs(net, arcs.ArcTrainConfig(seed=seed)):
        pass
    seen = arcs.random_arcs(2000, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        right = net(seen.picture).argmax(dim=1) == arcs.nearest_direction(seen.direction)
        hand = arcs.hand_written()(seen.picture).argmax(dim=1) == arcs.nearest_direction(
            seen.direction
        )
        W = net.W_arc.flatten(1)
    assert right.float().mean() > 0.8 and hand.float().mean() > 0.9 * right.float().mean()
    curves = arcs.tuning_curves(net, light=True) + arcs.tuning_curves(net, light=False)
    wanted = arcs.arc_kernels(2 * torch.pi * torch.arange(36) / 36).flatten(1)
    read = 10 * universality.correlations(W, wanted).argmax(dim=1)
    off = ((read - 10 * curves.argmax(dim=1) + 180) % 360 - 180).abs()
    assert (off <= 20).float().mean() > 0.75


@pytest.mark.parametrize("seed", [10, 11, 12])
def test_six_neurons_compute_three_absolute_values(data, toy_model, train, computation, seed):
    p = torch.full((8, 3), 0.5)
    model = computation.AbsoluteToy(toy_model.ToyConfig(8, 3, 6), seed)
    config = train.ToyTrainConfig(steps=2500, batch_size=256, lr=1e-2, linear_decay=True, seed=seed)

    def draw(batch, generator):
        return data.random_signs(data.sparse_features(p, batch, generator), generator)

    for _ in train.train(model, draw, torch.ones(8, 3), config, target=torch.abs):
        pass
    x = draw(10_000, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        losses = toy_model.reconstruction_loss(model(x), x.abs(), torch.ones(8, 3))
    squares = model.W_in.detach()[losses.argmin()].square()
    assert losses.min() < 1e-4
    assert (squares.amax(dim=1) / squares.sum(dim=1)).min() > 0.95, "one feature per neuron"
