"""NaN and infinity (given code): refused where something is fitted, chosen or compared."""

import math

import pytest
import torch

from tests.ch05_patching.patching_reference import CLEAN
from tests.grading import tiny_models

pytestmark = pytest.mark.project
ANSWER, WRONG = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])
LABELS = torch.tensor([0, 1, 0, 1])
BROKEN = {"nan": math.nan, "inf": math.inf}


def spoiled(value, *shape):
    """Random numbers, one of them not finite."""
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    x.view(-1)[1] = value
    return x


def a_sweep(impl, model):
    Site = impl("ch02_transformer.sites").Site
    zero = impl("ch05_patching.interventions").Intervention.zero
    metric = impl("ch05_patching.metrics").logit_diff_from_resid(model, ANSWER, WRONG)
    patches = [[zero(Site("attn.hook_z", 1, head=0))]]
    return impl("ch05_patching.activation").patch_sweep(model, CLEAN, patches, metric)


def seeded():
    return torch.Generator().manual_seed(0)


OF_NUMBERS = {
    "probe": lambda impl, v: impl("ch00_looking.probe").fit_probe(
        impl("ch00_looking.probe").LinearProbe(3), spoiled(v, 4, 3), LABELS, 2, 0.1, 0.0
    ),
    "held-out accuracy": lambda impl, v: impl("ch00_looking.probe").held_out_accuracy(
        impl("ch00_looking.probe").LinearProbe(3), spoiled(v, 4, 3), LABELS
    ),
    "interval": lambda impl, v: impl("ch00_looking.evidence").bootstrap_interval(
        spoiled(v, 4), 9, 0.9, seeded()
    ),
    "percentile": lambda impl, v: impl("ch00_looking.evidence").percentile_rank(v, torch.ones(3)),
    "dimensionality": lambda impl, v: impl("ch01_superposition.geometry").feature_dimensionality(
        spoiled(v, 2, 3, 4)
    ),
    "partners": lambda impl, v: impl("ch01_superposition.geometry").partners(
        spoiled(v, 2, 3, 4), 0.1
    ),
    "polytope": lambda impl, v: impl("ch01_superposition.geometry").nearest_polytope(v),
    "neurons": lambda impl, v: impl("ch01_superposition.computation").features_per_neuron(
        spoiled(v, 2, 3, 4)
    ),
    "correlations": lambda impl, v: impl("ch01_superposition.universality").correlations(
        spoiled(v, 2, 9), spoiled(1.0, 3, 9)
    ),
    "next token": lambda impl, v: impl("ch02_transformer.sample").next_token(
        spoiled(v, 2, 5), impl("ch02_transformer.sample").SampleConfig(), seeded()
    ),
    "drawn token": lambda impl, v: impl("ch02_transformer.sample").next_token(
        spoiled(v, 2, 5), impl("ch02_transformer.sample").SampleConfig(1.0), seeded()
    ),
    "svd": lambda impl, v: (
        impl("ch03_circuits.factored_matrix")
        .FactoredMatrix(spoiled(v, 4, 2), spoiled(1.0, 2, 4))
        .svd()
    ),
    "eigenvalues": lambda impl, v: (
        impl("ch03_circuits.factored_matrix")
        .FactoredMatrix(spoiled(v, 4, 2), spoiled(1.0, 2, 4))
        .eigenvalues()
    ),
    "skip-trigrams": lambda impl, v: impl("ch03_circuits.paths").skip_trigrams(
        spoiled(v, 4, 4), spoiled(1.0, 4, 4), 2
    ),
    "window": lambda impl, v: impl("ch04_induction.phase_change").steepest_window(
        torch.arange(4), spoiled(v, 4), 2
    ),
    "components": lambda impl, v: impl("ch04_induction.phase_change").loss_pca(spoiled(v, 4, 5)),
    "logit difference": lambda impl, v: impl("ch05_patching.metrics").logit_diff(
        spoiled(v, 3, 7), ANSWER, WRONG
    ),
    "probability": lambda impl, v: impl("ch05_patching.metrics").probability(
        spoiled(v, 3, 7), ANSWER
    ),
    "KL": lambda impl, v: impl("ch05_patching.metrics").kl_divergence(
        spoiled(v, 3, 7), spoiled(1.0, 3, 7)
    ),
    "rank": lambda impl, v: impl("ch05_patching.metrics").rank_of_answer(spoiled(v, 3, 7), ANSWER),
    "recovery": lambda impl, v: impl("ch05_patching.metrics").normalized_recovery(
        spoiled(v, 3), torch.ones(3), torch.zeros(3)
    ),
    "second moment": lambda impl, v: impl("ch05_patching.rome").second_moment(spoiled(v, 5, 3)),
    "ROME": lambda impl, v: impl("ch05_patching.rome").rome_edit(
        spoiled(v, 3, 2), torch.eye(3), torch.ones(3), torch.ones(2)
    ),
    "significant": lambda impl, v: impl("ch07_ioi.heads").select_significant(
        spoiled(v, 4, 3), torch.ones(3), 0.1, 2.0
    ),
    "top k": lambda impl, v: impl("ch07_ioi.heads").in_top_k(spoiled(v, 3, 7), ANSWER),
}


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("call", OF_NUMBERS)
def test_numbers_that_are_not_finite_are_refused(impl, call, value):
    with pytest.raises(ValueError, match="expected finite .*, got .* NaN or infinite of"):
        OF_NUMBERS[call](impl, BROKEN[value])


OF_MODELS = {
    "generation": lambda impl, model: impl("ch02_transformer.sample").generate(model, CLEAN, 3),
    "sweep": a_sweep,
    "training": lambda impl, model: next(
        impl("ch02_transformer.train").train(
            model,
            CLEAN.flatten(),
            CLEAN.flatten(),
            impl("ch02_transformer.train").TrainConfig(1, 2, 4),
        )
    ),
}


@pytest.mark.parametrize("call", OF_MODELS)
def test_a_model_with_nan_weights_is_refused(impl, call):
    model = tiny_models.build(impl, "gpt2")
    with torch.no_grad():
        model.blocks[1].mlp.W_out.fill_(math.nan)
    with pytest.raises(ValueError, match="expected finite"):
        OF_MODELS[call](impl, model)


def test_minus_infinity_forbids_a_token(impl, metrics):
    logits = torch.tensor([[1.0, -math.inf, 3.0]])
    sample = impl("ch02_transformer.sample")
    assert sample.next_token(logits, sample.SampleConfig(), seeded()).item() == 2
    assert metrics.probability(logits, torch.tensor([1])).item() == 0


@pytest.mark.parametrize("shape", [(3, 3, 7), (4, 7), (3, 5, 7), (7,)])
def test_logits_of_all_positions_are_refused(metrics, shape):
    """`__wrapped__`: without the shape checks that only tests have."""
    with pytest.raises(ValueError, match=r"at one position per prompt, .*logits\[:, -1\]"):
        metrics.check_logits.__wrapped__(torch.zeros(shape), 3)
    assert metrics.logit_diff(torch.zeros(1, 3, 3, 7), ANSWER, WRONG).shape == (1, 3, 3)
