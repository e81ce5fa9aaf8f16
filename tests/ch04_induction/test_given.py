"""The given code of chapter 4: scores of all heads, random sets of heads, training, errors."""

import pytest
import torch

import toy_models
from tests.grading.assertions import assert_close, normal
from tests.grading.tiny_models import TOKENS

from .patterns import causal, uniform

pytestmark = pytest.mark.project
REPEATS = torch.tensor([[12, 3, 1, 4, 9, 3, 1, 4, 9, 3], [12, 0, 7, 2, 5, 0, 7, 2, 5, 0]])


@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
@pytest.mark.parametrize("n_bos", [0, 1])
def test_one_pass_scores_all_heads_as_their_cached_patterns(scores, build, family, n_bos):
    model = build(family, n_layers=3)
    actual = scores.head_scores(model, REPEATS, 4, n_bos)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(3)]
    _, cache = model.run_with_cache(REPEATS, names=names)
    for layer, name in enumerate(names):
        pattern = cache[name]
        previous = scores.previous_token_score(pattern, n_bos)
        prefix = scores.prefix_matching_score(pattern, 4, n_bos)
        duplicate = scores.duplicate_token_score(pattern, 4, n_bos)
        assert_close(actual.prefix[layer], prefix, "Prefix matching.")
        assert_close(actual.previous[layer], previous, "Previous token.")
        assert_close(actual.duplicate[layer], duplicate, "Duplicate token.")
    assert not any(point.has_hooks for point in model.hook_points().values())


def test_scores_reject_texts_shorter_than_two_repeats(scores, build):
    pattern = causal(1, 2, 9, seed=1)
    for score in (scores.prefix_matching_score, scores.duplicate_token_score):
        for period, n_bos in [(5, 0), (4, 2), (1, 0), (0, 0), (3, -1)]:
            with pytest.raises(ValueError, match="at least two repeats"):
                score(pattern, period, n_bos)
    for n_bos in (8, 9, 12, -1):
        with pytest.raises(ValueError, match=f"got 9 tokens and n_bos {n_bos}"):
            scores.previous_token_score(pattern, n_bos)
    with pytest.raises(ValueError, match="at least two repeats"):
        scores.head_scores(build("gpt2"), REPEATS, 6)


def test_head_scores_rejects_models_without_patterns(scores, build):
    with pytest.raises(ValueError, match="a model with layers"):
        scores.head_scores(build("attention-only", n_layers=0), REPEATS, 4)
    model = build("gpt2")
    del model.blocks[1].attn.hook_pattern
    with pytest.raises(KeyError, match=r"no hook point 'blocks\.1\.attn\.hook_pattern'"):
        scores.head_scores(model, REPEATS, 4)


@pytest.mark.parametrize("early, late", [(3, 3), (5, 2), (-1, 4), (0, 7)])
def test_in_context_score_rejects_wrong_indices(scores, early, late):
    with pytest.raises(ValueError, match=rf"late < 7, got {early} and {late}"):
        scores.in_context_score(normal(2, 7, seed=1), early, late)


@pytest.mark.parametrize("tokens", [[[1, 2, 1]], [[4]], [[1, 2, 3], [5, 6, 6]]])
def test_copying_score_rejects_repeated_tokens(scores, tokens):
    tokens = torch.tensor(tokens)
    with pytest.raises(ValueError, match="distinct tokens"):
        scores.copying_score_on_text(normal(*tokens.shape, 2, 9, seed=1), tokens)


def test_token_losses_are_cross_entropies(scores):
    logits = normal(3, 5, 13, seed=2)
    expected = [
        [-logits[b, i].log_softmax(-1)[TOKENS[b, i + 1]].item() for i in range(4)] for b in range(3)
    ]
    assert_close(scores.token_losses(logits, TOKENS), torch.tensor(expected), "", tolerance=1e-6)


@pytest.mark.parametrize("head", [(2, 0), (0, 6), (-1, 0), (1, -1)])
def test_ablation_rejects_heads_that_do_not_exist(ablate, build, head):
    model = build("gpt2")
    for ablation in (ablate.full_ablation, ablate.pattern_preserving_ablation):
        with pytest.raises(ValueError, match=rf"0\.\.1 .* 0\.\.5, got {head[0]}\.{head[1]}"):
            ablation(model, TOKENS, [(0, 1), head])


def test_random_heads_have_the_size_and_skip_the_excluded(ablate, build):
    model, exclude = build("attention-only"), [(0, 1), (1, 5)]
    sets = ablate.random_heads(model, 3, 400, torch.Generator().manual_seed(0), exclude)
    assert len(sets) == 400 and all(len(set(heads)) == 3 for heads in sets)
    every = {(layer, head) for layer in range(2) for head in range(6)}
    assert {head for heads in sets for head in heads} == every - set(exclude)
    again = ablate.random_heads(model, 3, 400, torch.Generator().manual_seed(0), exclude)
    assert sets == again
    with pytest.raises(ValueError, match="1 <= size <= 10"):
        ablate.random_heads(model, 11, 1, torch.Generator(), exclude)


@pytest.mark.parametrize("steps, length", [([5], 9), ([0, 10, 20], 9)])
def test_steepest_window_rejects_snapshots_too_far_apart(phase_change, steps, length):
    with pytest.raises(ValueError, match=f"at most {length} steps apart"):
        phase_change.steepest_window(torch.tensor(steps), torch.arange(len(steps)).double(), length)


def test_steepest_window_rejects_a_curve_without_a_change(phase_change):
    with pytest.raises(ValueError, match="expected a change .* got 2 at both"):
        phase_change.steepest_window(torch.arange(3), torch.tensor([2.0, 5.0, 2.0]), 1)


@pytest.mark.parametrize("n", [4, 6])
def test_loss_pca_rejects_too_many_components(phase_change, n):
    for shape in [(3, 9), (9, 3)]:
        with pytest.raises(ValueError, match=f"at most 3 components .* got {n}"):
            phase_change.loss_pca(normal(*shape, seed=1), n)


def test_turning_angle_of_paths_drawn_by_hand(phase_change):
    path = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])
    for at, angle in [(1, 26.565), (2, 45.0)]:
        assert abs(phase_change.turning_angle(path, at) - angle) < 1e-3
    straight = torch.arange(5.0)[:, None] * torch.tensor([1.0, 3.0])
    assert phase_change.turning_angle(straight, 2) < 0.1
    for at in (0, 3, -1):
        with pytest.raises(ValueError, match=f"got {at}"):
            phase_change.turning_angle(path, at)


def test_smeared_toys_open_with_smeared_parts(scores, smeared, impl):
    load_pretrained = impl("ch02_transformer.pretrained").load_pretrained
    path = toy_models.folder("induction_1l_smeared", seed=1)
    model, _ = load_pretrained(path, parts=smeared.SMEARED)
    repeats = impl("ch04_induction.texts").repeated_segments(64, 8, 20, 3, torch.Generator())
    assert scores.head_scores(model, repeats, 20).prefix.max() > 0.7


@pytest.mark.slow
def test_training_is_in_place_and_repeatable(training, texts, impl):
    config = impl("ch02_transformer.train").TrainConfig(steps=3, batch_size=2, window=12, seed=1)

    def run():
        model = training.small_model(1, 16, seed=1, smeared=True)
        records = training.train_on_texts(
            model, lambda n, rng: texts.shifted_repeats(16, n, 12, 3, 5, rng), config
        )
        return [record.step for record in records], model

    (steps, model), (_, again) = run(), run()
    fresh = training.small_model(1, 16, seed=1, smeared=True)
    assert steps == [1, 2, 3]
    for (name, one), two, old in zip(
        model.named_parameters(), again.parameters(), fresh.parameters(), strict=True
    ):
        assert torch.equal(one, two), name
        assert not torch.equal(one, old) or not one.requires_grad or "b_K" in name, name


def test_snapshot_holds_the_measured_values(training, texts, scores):
    model = training.small_model(2, 16, seed=2)
    rng = torch.Generator().manual_seed(0)
    task = texts.shifted_repeats(16, 3, 30, 4, 8, rng)
    repeats = texts.repeated_segments(16, 3, 8, 3, rng)
    taken = training.measure(model, task, repeats, 8)
    losses = scores.token_losses(model(task), task)
    assert_close(taken.token_losses, losses, "Losses.", tolerance=1e-6)
    assert abs(taken.loss - losses.mean()) < 1e-6
    assert abs(taken.in_context - (losses[:, 18].mean() - losses[:, 3].mean())) < 1e-5
    assert_close(
        taken.prefix, scores.head_scores(model, repeats, 8).prefix, "Prefix.", tolerance=1e-6
    )
    assert taken.k_composition.shape == (2, 2)
    assert training.measure(training.small_model(1, 16, seed=2), task, repeats, 8)[4] is None


def test_uniform_attention_scores_the_analytic_mean(scores):
    pattern, spent = uniform(50), [((p + 1) // 5) / (p + 1) for p in range(5, 50)]
    actual = scores.prefix_matching_score(pattern, 5)
    assert abs(actual.item() - sum(spent) / 45) < 1e-12
