"""The main experiment's code finds the same name movers on prompts of new seeds (slow)."""

import pytest
import torch

from docs._figures.ioi import experiment, name_movers
from solutions.ch02_transformer import load_pretrained
from solutions.ch07_ioi import abc_corruption, draw_prompts, single_tokens
from solutions.ch07_ioi.circuit import Node
from solutions.ch07_ioi.sentences import NAMES

pytestmark = [pytest.mark.project, pytest.mark.slow, pytest.mark.weights]
MOVERS = [(23, 0), (23, 1), (23, 2), (23, 7)]
SEEDS = (10, 11)


def run_now(name, make, given=None):
    """Run a step of the experiment, and store nothing."""
    return make()


@pytest.fixture(scope="module")
@torch.no_grad()
def new_prompts():
    """The model, and 40 prompts of seeds that no figure used."""
    model, tokenizer = load_pretrained("smollm2-135m")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "SEEDS", SEEDS)
        half = experiment.draw_halves(tokenizer)[1]
    return model, half, experiment.share_runs(model, half)


@torch.no_grad()
def test_23_1_writes_attends_and_copies(new_prompts):
    model, (clean, _), runs = new_prompts
    attention = experiment.measure_attention(model, clean, run_now)
    classes = {"name mover": MOVERS}
    found = experiment.measure(model, clean, classes, runs, attention, run_now)
    fourth = found["23.1"]
    assert fourth["direct, standard errors"] > 3, "with MLPs frozen"
    assert fourth["direct, standard errors"] > fourth["direct, MLPs recomputed, standard errors"]
    assert fourth["end to io"][0] > 0.4 and fourth["copies"][0] > 0.7
    assert fourth["total"][1] < 0, "ablated alone, the logit difference rises"


@torch.no_grad()
def test_the_four_lose_more_than_three_of_them(new_prompts):
    _, (clean, _), runs = new_prompts
    sets = name_movers.sets_of([Node(layer, head, "end") for layer, head in MOVERS])
    scores = name_movers.ablate_by_resampling(runs, clean.positions.end, sets)
    found = name_movers.summarize(scores, sets, clean)
    four, three = found["all"]["change"], found["all but 23.1"]["change"]
    assert four[2] < 0, "the interval of the change excludes 0"
    assert four[1] < three[1] - 0.3


@torch.no_grad()
def test_few_abc_prompts_prefer_one_of_the_names():
    model, tokenizer = load_pretrained("smollm2-135m")
    names = torch.tensor(list(single_tokens(tokenizer, NAMES).values()))
    means = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        prompts = abc_corruption(draw_prompts(tokenizer, 20, generator), names, generator)
        logits, row = model(prompts.tokens)[:, -1], torch.arange(20)
        means.append((logits[row, prompts.io_token] - logits[row, prompts.s_token]).mean().item())
    assert [round(min(means), 1), round(max(means), 1)] == [-1.5, 0.5], "the page's range"
