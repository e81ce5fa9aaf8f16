"""The facts toy: what its card claims, on all seeds, and what tracing and edits find."""

from dataclasses import replace

import pytest
import torch

from solutions.ch02_transformer import load_pretrained
from solutions.ch05_patching.edit_evaluation import (
    SUBJECT_LAST,
    evaluate_edit,
    key_samples,
    rome_update,
    sample_edit,
)
from solutions.ch05_patching.fact_world import (
    LAST_NAMES,
    OBJECTS,
    WORDS,
    accuracy,
    fact_model,
    make_prompts,
    make_world,
    mask_subject,
    sample_prefixes,
    sample_prompts,
    train_on_facts,
)
from solutions.ch05_patching.rome import EditLocation, rome_edit, second_moment, with_edited_mlp
from solutions.ch05_patching.tracing import (
    causal_trace,
    corrupt_subject,
    indirect_effect,
    total_effect,
)
from toy_models import folder
from toy_models.facts import train as recipe

SEEDS = (0, 1, 2)
FACTS = make_world()


@pytest.fixture(scope="module", params=SEEDS)
def model(request):
    return load_pretrained(folder("facts", request.param))[0].requires_grad_(False)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def traced(model, kind):
    """Indirect effects [layer, position] and the total effect, over 32 questions and 5 draws."""
    prompts = sample_prompts(FACTS, 32, generator(9), length=2)
    corrupted_resid = corrupt_subject(model, prompts.tokens, prompts.subject, 5, generator(3))
    found = causal_trace(model, prompts.tokens, prompts.answers, corrupted_resid, kind=kind)
    return indirect_effect(found).mean(dim=-1), total_effect(found).mean()


def test_one_name_alone_does_not_identify_a_person():
    assert len(set(WORDS)) == len(WORDS)
    assert len(set(map(tuple, FACTS.names.tolist()))) == len(FACTS.names)
    for column in FACTS.names.T:
        assert column.bincount().max() > 1
    assert FACTS.names[:, 1].max() < len(WORDS[:10] + LAST_NAMES)
    for relation, column in zip(OBJECTS, FACTS.objects.T, strict=True):
        assert {WORDS[token] for token in column.tolist()} == set(OBJECTS[relation])


def test_a_question_has_the_subject_and_the_answer():
    n = torch.tensor([3, 4])
    prompts = make_prompts(
        FACTS, n, torch.tensor([0, 2]), torch.tensor([1, 2]), sample_prefixes(2, 3, generator(0))
    )
    assert [WORDS[token] for token in prompts.tokens[0, -2:]] == ["dwells", "near"]
    assert torch.equal(prompts.tokens[prompts.subject].view(2, 2), FACTS.names[n])
    assert prompts.answers.tolist() == [FACTS.objects[3, 0], FACTS.objects[4, 2]]


def test_every_fact_is_known(model):
    for length in (1, 2, 3, 4):
        assert accuracy(model, sample_prompts(FACTS, 500, generator(5), length)) == 1.0


def test_the_trace_peaks_at_the_mlp_of_the_last_name(model):
    mlp, total = traced(model, "mlp_out")
    peak = mlp[0, 3].item()
    mlp[0, 3] = 0
    assert 0.5 < total < 0.8
    assert peak > 0.3
    assert mlp.max() < 0.25, "the late site, at the last word"


def test_an_untrained_model_has_nothing_to_trace():
    mlp, total = traced(fact_model(0).requires_grad_(False), "mlp_out")
    assert abs(total) < 1e-3
    assert mlp.abs().max() < 1e-3


def test_edits_are_specific_and_a_random_key_fails(model):
    C = second_moment(key_samples(model, FACTS, 0, generator(1)), 0.01)
    W, scores = model.blocks[0].mlp.W_out.double(), []
    for seed in range(11, 19):
        edit = sample_edit(FACTS, generator(seed))
        update = rome_update(model, FACTS, edit, EditLocation(0, SUBJECT_LAST), generator(seed))
        edited = rome_edit(W, C, update.key, update.key @ W + update.change)
        after = with_edited_mlp(model, 0, edited.float())
        scores.append(evaluate_edit(after, FACTS, edit, generator(seed)))
    success, paraphrases, neighbors, _, other = torch.tensor(scores).mean(dim=0).tolist()
    assert success == 1.0
    assert paraphrases > 0.8 and neighbors > 0.95 and other > 0.7
    key = torch.randn(update.key.shape, generator=generator(2)).to(update.key)
    key *= update.key.norm() / key.norm()
    null = with_edited_mlp(model, 0, rome_edit(W, C, key, key @ W + update.change).float())
    assert evaluate_edit(null, FACTS, edit, generator(3)).success == 0.0


def test_what_is_hidden_is_the_subject_from_behind_it():
    prompts = sample_prompts(FACTS, 3, generator(0), length=2)
    model = fact_model(0)
    hook = mask_subject(prompts, torch.tensor([True, False, True]))
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(3)]
    with model.hooks(dict.fromkeys(names, hook)):
        _, cache = model.run_with_cache(prompts.tokens, names=names)
    for layer, name in enumerate(names):
        seen = cache[name].amin(dim=1) > 0
        assert seen[:, :4, :4].equal(torch.ones(3, 4, 4).tril().bool())
        assert seen[1].equal(torch.ones(6, 6).tril().bool())
        assert not seen[0, 4:, 2].any()
        assert bool(seen[0, 4:, 3].any()) == (layer > 0)


def test_the_recipe_makes_a_model_that_opens(tmp_path):
    config = replace(recipe.settings(0), steps=2)
    assert recipe.report(recipe.train_toy(tmp_path, config))["accuracy, prefix of 1"] < 0.5


@pytest.mark.slow
def test_training_again_gives_a_model_that_knows_all():
    model, config = fact_model(5), recipe.settings(5)
    for _ in train_on_facts(model, FACTS, config):
        pass
    assert accuracy(model, sample_prompts(FACTS, 1000, generator(5))) > 0.99
