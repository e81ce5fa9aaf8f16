"""The case studies: exact graphs of hand-set models, and what the pages claim of their figures."""

import json
from pathlib import Path

import pytest
import torch

from docs._figures.attribution.text_cases import total_effects
from solutions.ch11_transcoders import two_hop
from solutions.ch12_graphs import attribution_graph, clt_basis, freeze, logit_targets

FIGURES = Path(__file__).resolve().parents[2] / "docs" / "figures"
pytestmark = pytest.mark.project


def numbers(name):
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["numbers"]


def test_total_effects_follow_all_paths():
    model = two_hop.two_hop_model()
    local = freeze(model, torch.tensor([[5, two_hop.FIRST_RELATION]]))
    basis = clt_basis(local, two_hop.exact_clt(model))
    made = attribution_graph(local, basis, logit_targets(local, most=1))
    answer = 8 - 8 / two_hop.CONFIG.d_vocab
    # the state gives the pair 1 of its value 1/2, so twice the pair's effect is lost without it
    torch.testing.assert_close(
        total_effects(made), torch.tensor([2 * answer, answer], dtype=torch.float64)
    )


@pytest.mark.parametrize(
    "case, least, latents",
    [
        ("a method's indentation", 0.85, 10),
        ("the end of __main__", 1.0, 10),
        ("the children of Israel", 1.0, 10),
    ],
)
def test_groups_of_text_4l_switch_other_prompts(case, least, latents):
    found = numbers("ch12_text_removed")[case]
    assert len(found["prompts"]) >= 7 and found["closure"] < 1e-5
    assert found["switched"][str(latents)] >= least
    for name, control in found["controls switched"].items():
        assert control["mean"] <= 0.05, name
    assert found["agreement"]["correlation"]["low"] > 0.75
    assert 0.7 < found["agreement"]["slope"]["low"] < found["agreement"]["slope"]["high"] < 1.25
    assert abs(found["moved"]["mean"] - found["predicted"]["mean"]) < 1.5
