"""What the pages say about six figures holds of the numbers beside them, and of fresh models.

Pairs, the privileged basis, absolute values, attacks, arcs, universality. The numbers were measured
over three seeds or more; a bound here leaves room for other machines, not for another result.
"""

import json
from pathlib import Path

import pytest
import torch

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
project = pytest.mark.project


def facts(name):
    """The JSON beside a figure; its numbers as tensors where they are all numbers of one shape."""
    loaded = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    assert len(loaded["seeds"]) >= 3, f"{name}: at least three seeds"
    return loaded["numbers"]


def of(numbers, *path):
    """The numbers at a path, as one tensor."""
    for key in path:
        numbers = numbers[key]
    return torch.tensor(numbers)


@project
def test_pairs_that_come_together_are_orthogonal_until_they_collapse():
    numbers = facts("ch01_correlated")
    cosine, densities = of(numbers, "cosine_within_pairs"), of(numbers, "densities")
    together, never, independent = cosine.unbind(dim=1)
    assert together[:, densities <= 0.2].abs().max() < 0.1
    assert together[:, densities >= 0.3].min() > 0.99
    assert never.max() < -0.95
    assert ((independent.abs() < 0.1) | (independent < -0.95)).all(), "a partner is anybody"
    assert independent.max() < 0.1 < of(numbers, "three_pairs", "cosine_within_pairs").min()
    norms = of(numbers, "norms")[:, 0, -1]
    assert (norms - 0.5**0.5).abs().max() < 0.1, "each pair is (a + b) / sqrt 2"


@project
def test_turning_hurts_only_where_a_relu_acts_on_the_axes():
    numbers = facts("ch01_basis")
    hidden, output = numbers["ReluHiddenToy"], numbers["ReluOutputToy"]
    factor = of(hidden, "turned_loss") / of(hidden, "loss")
    assert factor.mean(dim=0).min() > 2.5
    assert (of(output, "turned_loss") / of(output, "loss") - 1).abs().max() < 1e-3


@project
def test_neurons_serve_one_feature_in_dense_data_and_many_in_sparse():
    hidden = facts("ch01_basis")["ReluHiddenToy"]
    own, turned = of(hidden, "per_neuron"), of(hidden, "turned_per_neuron")
    half = facts("ch01_basis")["densities"].index(0.5)
    assert own[:, half].max() < 1.1, "monosemantic at probability 1/2"
    assert turned[:, half].min() > 2, "which no random basis is"
    assert own[:, -2:].min() > 4


@project
def test_three_absolute_values_take_six_neurons_and_a_hundred_share_forty():
    numbers = facts("ch01_absolute")
    assert of(numbers, "small", "loss").max() < 1e-4
    assert of(numbers, "small", "largest_share").min() > 0.95
    computed = of(numbers, "computed")
    assert computed[:, 0].max() <= 20, "dense: two neurons a feature"
    assert computed[:, -1].min() > 20, "sparse: more than two neurons a feature allow"
    motifs, control = of(numbers, "motifs"), of(numbers, "motifs_without_match")
    assert motifs[:, 0].max() == 0, "no asymmetric neurons in dense data"
    assert motifs[:, -1].min() >= 1 and motifs[:, -1].min() > 3 * control[:, -1].max()


@project
def test_the_worst_nudge_hurts_more_where_features_share():
    numbers = facts("ch01_adversarial")
    relu, linear = numbers["ReluOutputToy"], numbers["LinearToy"]
    crowding, worst = of(relu, "crowding"), of(relu, "attacked")
    assert (crowding.diff(dim=1) > 0).all(), "sparser data, more features a dimension"
    assert (worst[:, -1] > 3 * worst[:, 0]).all() and (worst.amax(dim=1) > 10 * worst[:, 0]).all()
    assert of(relu, "at_random").max() < 1, "a random perturbation of that length does little"
    assert of(linear, "attacked").max() < 1.2 and (of(linear, "crowding") - 1).abs().max() < 0.05


@project
def test_arc_detectors_do_what_their_weights_say():
    numbers = facts("ch01_arcs")
    by_hand = numbers["accuracy_by_hand_and_without_light_lines"][0]
    trained = of(numbers, "accuracy_trained_and_without_light_lines")
    assert by_hand > 0.9 * trained[:, 0].max(), "the handwritten circuit"
    assert min(numbers["well_tuned"]) >= 4
    off = of(numbers, "weights_off_peak")
    assert (off <= 20).float().mean() > 0.9, "read from the weights, and seen in the answers"
    untrained = of(numbers, "untrained_weights_off_peak").float()
    assert untrained.mean() > 2 * off.float().mean()
    assert of(numbers, "light_dark_correlation").median() > 0.95, "a union over both cases"
    without = trained[:, 1:]
    loss = trained[:, :1] - without
    assert (loss[:, 0] > 1.8 * loss[:, 1]).all(), "light lines serve light arcs more than dark ones"


@project
def test_vision_networks_share_a_family_of_units_more_than_single_units():
    numbers = facts("ch01_universality")
    alike = {name: torch.tensor(v) for name, v in numbers["matched_correlation"].items()}
    two, turned, untrained = (values.mean() for values in alike.values())
    assert two > untrained + 0.3, "training makes units that other seeds have, too"
    assert turned < two < turned + 0.2, "and matching alone gives most of the agreement"
    covered, turned_away = of(numbers, "empty_sectors"), of(numbers, "empty_sectors_turned")
    assert covered.max() == 0 < turned_away.min(), "the family covers all directions in each seed"


@project
def test_toy_models_agree_about_what_importance_decides_and_about_nothing_else():
    numbers = facts("ch01_universality")
    agreed, renamed = numbers["agreement"], numbers["agreement_with_renamed_features"]
    decayed, equal = "importance 0.7^i", "equal importance"
    for what in ("which are kept", "how much room each has"):
        assert min(agreed[decayed][what]) > max(renamed[decayed][what]) + 0.2
        means = (sum(each[equal][what]) / len(each[equal][what]) for each in (agreed, renamed))
        assert abs(next(means) - next(means)) < 0.1, "equal features are kept or not by chance"
    assert len(set(numbers["kept"][decayed])) == 1, "as many in every seed"
    for kind in (decayed, equal):
        both = (torch.tensor(each[kind]["who is with whom"]).mean() for each in (agreed, renamed))
        assert (next(both) - next(both)).abs() < 0.1, "partners are an accident"


@pytest.mark.slow
@project
@pytest.mark.parametrize("seed", [10, 11, 12])
def test_a_network_trained_anew_finds_arcs_and_its_weights_say_so(arcs, universality, seed):
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
    said = 10 * universality.correlations(W, wanted).argmax(dim=1)
    off = ((said - 10 * curves.argmax(dim=1) + 180) % 360 - 180).abs()
    assert (off <= 20).float().mean() > 0.75


@pytest.mark.slow
@project
@pytest.mark.parametrize("seed", [10, 11, 12])
def test_six_neurons_trained_anew_compute_three_absolute_values(
    data, toy_model, train, computation, seed
):
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
    assert (squares.amax(dim=1) / squares.sum(dim=1)).min() > 0.95, "a neuron, a feature"
