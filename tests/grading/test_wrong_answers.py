"""Wrong answers that graders of before let pass, each by an input that they did not have."""

import pytest

from . import mistakes
from .mistakes import TESTS, Variant, in_place
from .replay import Graders

RANK = "return (logits > gather_answer(logits, answer)[..., None]).sum(dim=-1)"
KL = "return (weights * ratios.where(weights > 0, 0.0)).sum(dim=-1)"
FIRST = "for one in optimizer.param_groups[0]['params']:\n    one.grad = None"
CASES = {
    "a loss near 0 is clamped": (
        "1.5",
        {"losses.sum().backward": "losses.sum().clamp(1e-4).backward"},
    ),
    "a loss has a floor": ("1.5", {"losses.detach()": "losses.detach().clamp(min=1e-8)"}),
    "the first parameter group only": (
        "1.5",
        {"optimizer.zero_grad()": FIRST},
    ),
    "a result keeps its graph": ("1.5", {"losses.detach()": "losses"}),
    "a tensor for a number": (
        "0.11",
        {"(gaps.abs() >= observed).sum().item()": "(gaps.abs() >= observed).sum()"},
    ),
    "a hundred entries at most": ("3.6", {KL: KL.replace(").sum", ")[..., :100].sum")}),
    "ranks to a hundred": ("5.4", {RANK: f"{RANK}.clamp(max=100)"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_answer_is_refused(name):
    number, edits = CASES[name]
    graders = Graders(TESTS / mistakes.chapter_of(number), "solutions")
    with in_place("solutions", [Variant(number, name, edits)]):
        outcomes = {run.outcome for _, run in graders.run(graders.of(number))}
    graders.close()
    assert "failed" in outcomes
