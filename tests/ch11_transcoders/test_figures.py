"""The figure's numbers support what the page on replacement models claims."""

import json
from pathlib import Path

import pytest
import torch

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
pytestmark = pytest.mark.project


@pytest.fixture(scope="module")
def numbers():
    loaded = json.loads((FIGURES / "ch11_replacement.json").read_text(encoding="utf-8"))
    assert len(loaded["seeds"]) >= 3
    return {
        kind: {key: torch.tensor(values).double() for key, values in scores.items()}
        for kind, scores in loaded["numbers"].items()
    }


def test_the_order_of_kinds_holds_in_every_seed(numbers):
    order = ("with skip", "cross-layer", "per layer", "affine map", "random encoder", "mean")
    for closer, farther in zip(order, order[1:], strict=False):
        assert (numbers[closer]["kl"] < numbers[farther]["kl"]).all()


def test_a_clt_is_no_better_than_transcoders_of_its_size(numbers):
    clt, own = numbers["cross-layer"], numbers["per layer, more latents"]
    assert (clt["parameters"] / own["parameters"] - 1).abs().max() < 0.01
    assert (clt["kl"] > 0.99 * own["kl"]).all()
    assert (clt["parameters"] / numbers["per layer"]["parameters"] - 1.75).abs().max() < 0.01


def test_the_last_layers_would_rank_the_kinds_wrongly(numbers):
    last = {kind: scores["fvu"][:, -1] for kind, scores in numbers.items()}
    assert (last["cross-layer"] < last["with skip"]).all()
    assert (numbers["with skip"]["fvu"][:, 0] < 0.5 * numbers["per layer"]["fvu"][:, 0]).all()


def test_errors_grow_for_affine_maps_and_not_for_transcoders(numbers):
    for kind in ("per layer", "cross-layer"):
        assert (numbers[kind]["growth"].diff(dim=1) < 0).all()
    for kind in ("affine map", "with skip"):
        assert (numbers[kind]["growth"].diff(dim=1) > 0).all()


def test_swaps_of_states_hold_on_fresh_seeds():
    path = FIGURES / "ch11_fresh_seeds.json"
    seeds = json.loads(path.read_text(encoding="utf-8"))["numbers"]["seeds"]
    assert len(seeds) >= 3 and not {"0", "1", "2", "3", "4"} & set(seeds)
    for seed, found in seeds.items():
        assert found["states swapped"]["low"] > 0.9, seed
        for control in ("two other latents", "random direction"):
            assert found[control]["high"] < 0.1, f"seed {seed}, {control}"
    assert sum(found["report"]["held-out accuracy"] == 1 for found in seeds.values()) >= 2
