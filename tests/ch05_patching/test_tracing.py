"""Graders of tracing.py: clean states put back into a run whose subject is spoilt."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close, normal
from tests.grading.tiny_models import TOKENS

ANSWERS = torch.tensor([5, 0, 9])
PLACES = torch.tensor([[0, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 0, 0, 1], [0, 0, 0, 0, 1]]).bool()
SAMPLES = 2
STREAM, MLP, ATTENTION = (f"hook_{name}" for name in ("resid_post", "mlp_out", "attn_out"))
RESTORED = {
    "gpt2": [[(1, STREAM)], [(0, MLP)], [(0, ATTENTION), (1, ATTENTION)], [(2, MLP), (1, MLP)]],
    "llama": [[(0, ATTENTION)]],
}
CASES = [(family, where) for family, cases in RESTORED.items() for where in cases]


def noisy_stream(model, seed=3):
    """A spoilt stream for each sample; noise everywhere, since any state may have to come back."""
    clean = model.embed_tokens(TOKENS).detach()
    return clean + 2 * normal(SAMPLES, *clean.shape, seed=seed)


def states(model, where):
    """Clean states at these hooks: [(layer, hook)]."""
    names = [f"blocks.{layer}.{hook}" for layer, hook in where]
    return model.run_with_cache(TOKENS, names=names)[1]


@torch.no_grad()
def one_by_one(model, noisy, clean, places=PLACES, number=None, answers=ANSWERS):
    """Each version, sample and text by itself: number(logits [pos, d_vocab], answer)."""
    number = number or (lambda logits, answer: logits[-1].softmax(-1)[answer])
    found = torch.zeros(len(places), len(noisy), len(TOKENS), dtype=torch.float64)
    for version, place in enumerate(places):
        for sample, row in enumerate(noisy):
            for text, stream in enumerate(row):

                def put_back(x, point, text=text, place=place):
                    for position in place.nonzero().flatten().tolist():
                        x[0, position] = clean[point.name][text, position]

                with model.hooks({name: put_back for name in clean}):
                    logits = model.unembed_resid(model.run_blocks(stream[None]))[0]
                found[version, sample, text] = number(logits, answers[text])
    return found


def mistakes(model, noisy, clean):
    """Words -> what the usual mistakes about a restored run give."""
    return state_mistakes(model, noisy, clean) | reading_mistakes(model, noisy, clean)


@torch.no_grad()
def state_mistakes(model, noisy, clean):
    """What comes when wrong states are put, or at wrong places, or into a wrong run."""
    embedded = model.embed_tokens(TOKENS).expand_as(noisy)
    with model.hooks({"hook_embed": lambda x, _: x + noisy[0] - embedded[0]}):
        with_noise = model.run_with_cache(TOKENS, names=list(clean))[1]
    none = torch.zeros_like(PLACES)
    usual = {
        "Nothing is put back: this is the corrupted run.": (noisy, clean, none),
        "The clean states are put back at ALL positions, in every version.": (noisy, clean, ~none),
        "The states are put back where `position_sets` is False.": (noisy, clean, ~PLACES),
        "The run is clean and nothing is spoilt: the states go into the NOISY stream.": (
            (embedded, clean, PLACES)
        ),
        "Noisy states are put into the clean run: it is the other way round.": (
            (embedded, with_noise, PLACES)
        ),
        "The noise is averaged before the run: the PROBABILITY is averaged, after it.": (
            (noisy.mean(0, keepdim=True), clean, PLACES)
        ),
    }
    return {words: one_by_one(model, *inputs).mean(1) for words, inputs in usual.items()}


@torch.no_grad()
def reading_mistakes(model, noisy, clean):
    """What comes when the answer's probability is read or averaged wrongly."""

    def read(number, answers=ANSWERS):
        return one_by_one(model, noisy, clean, number=number, answers=answers)

    alone = one_by_one(model, noisy, clean)
    logits = [read(lambda row, _, token=token: row[-1][token]).mean(1) for token in range(13)]
    of_means = torch.stack(logits, dim=-1).softmax(-1)
    return {
        "Only the first sample counts: average over all.": alone[:, 0],
        "Only the last sample counts: average over all.": alone[:, -1],
        "The samples are added up: average them.": alone.sum(1),
        "Logits are averaged over samples, then the softmax: average probabilities.": (
            of_means.gather(-1, ANSWERS.expand(4, 3)[..., None])[..., 0]
        ),
        "These are logits of the answers: probabilities are asked for.": (
            read(lambda row, answer: row[-1][answer]).mean(1)
        ),
        "These are log-probabilities: probabilities are asked for.": alone.log().mean(1),
        "The probability is read at the first position: it is the last that predicts.": (
            read(lambda row, answer: row[0].softmax(-1)[answer]).mean(1)
        ),
        "All texts have the first one's answer: each has its own.": (
            one_by_one(model, noisy, clean, answers=ANSWERS[:1].expand(3)).mean(1)
        ),
        "This is the probability of the likeliest token, not of the answer.": (
            read(lambda row, _: row[-1].softmax(-1).max()).mean(1)
        ),
    }


@exercise("5.11")
@pytest.mark.parametrize(("family", "where"), CASES)
def test_a_clean_state_is_put_back_at_each_place_by_itself(tracing, build, family, where):
    model = build(family, n_layers=3)
    noisy, clean = noisy_stream(model), states(model, where)
    right = one_by_one(model, noisy, clean).mean(dim=1)
    came = tracing.run_with_restored(model, noisy, clean, PLACES, ANSWERS)
    claim = f"Probabilities with {where} put back into the noisy run of the {family} are wrong."
    if not is_close(came, right):
        assert_close(
            came, right, claim, mistakes(model, noisy, clean) | one_layer(model, noisy, clean)
        )


def one_layer(model, noisy, clean):
    """Words -> what comes when only one of several hooks is heeded."""
    if len(clean) < 2:
        return {}
    first, last = (dict([list(clean.items())[i]]) for i in (0, -1))
    swapped = dict(zip(clean, reversed(clean.values()), strict=True))
    only_last = dict.fromkeys(clean, list(clean.values())[-1])
    return {
        "Only the first of the hooks is restored.": one_by_one(model, noisy, first).mean(1),
        "Only the last of the hooks is restored.": one_by_one(model, noisy, last).mean(1),
        "States are put back at another layer's hook.": one_by_one(model, noisy, swapped).mean(1),
        "The LAST hook's state is put back at all: use point.name.": (
            one_by_one(model, noisy, only_last).mean(1)
        ),
    }


@exercise("5.11")
def test_all_versions_go_through_the_model_in_one_batch(tracing, build):
    model = build("gpt2")
    noisy, clean = noisy_stream(model), states(model, [(0, MLP)])
    rows = []
    with model.hooks({"blocks.0.hook_resid_pre": lambda x, _: rows.append(len(x))}):
        tracing.run_with_restored(model, noisy, clean, PLACES, ANSWERS)
    expected = len(PLACES) * SAMPLES * len(TOKENS)
    assert rows == [expected], (
        f"4 versions x 2 samples x 3 texts are one batch of {expected} streams; the model was "
        f"called {len(rows)} times, with {sum(rows)} streams in all. Is there a loop left?"
    )


@exercise("5.11")
def test_no_hook_is_left_and_nothing_that_came_in_is_changed(tracing, build):
    model = build("gpt2")
    noisy, clean = noisy_stream(model), states(model, [(0, MLP)])
    before = noisy.clone(), clean["blocks.0.hook_mlp_out"].clone()
    tracing.run_with_restored(model, noisy, clean, PLACES, ANSWERS)
    heard = [name for name, point in model.hook_points().items() if point.has_hooks]
    assert not heard, f"Hooks are left on {', '.join(heard)}."
    assert_close(
        noisy, before[0], "The noisy stream was changed: it is needed again for other layers."
    )
    assert_close(clean["blocks.0.hook_mlp_out"], before[1], "A clean state was changed.")


@exercise("5.11")
@pytest.mark.parametrize("kind", ["resid", "mlp_out", "attn_out"])
def test_all_states_of_the_stream_put_back_give_the_total_effect(tracing, build, kind):
    model = build("gpt2", n_layers=3)
    places = torch.tensor([[1] * 5, [0] * 5, [0, 0, 0, 0, 1]]).bool()
    trace = tracing.causal_trace(
        model, TOKENS, ANSWERS, noisy_stream(model), kind=kind, position_sets=places
    )
    clean = model(TOKENS)[:, -1].softmax(-1)[range(3), ANSWERS]
    total, indirect = tracing.total_effect(trace), tracing.indirect_effect(trace)
    corrupted = one_by_one(model, noisy_stream(model), {}, places[1:2]).mean(1)[0]
    words = {
        "The sign is turned: it is clean minus corrupted.": corrupted - clean,
        "This is a share of the clean probability: it stays a difference.": 1 - corrupted / clean,
    }
    assert_close(total, clean - corrupted, "The total effect is clean minus corrupted.", words)
    assert_close(indirect[:, 1], torch.zeros(3, 3), "With nothing put back nothing may come back.")
    if kind == "resid":
        claim = "The whole stream put back after a layer makes the run clean: the total effect."
        assert_close(indirect[:, 0], total.expand(3, 3), claim)
        claim = "Only the last position is read after the last layer: the total effect."
        assert_close(indirect[-1, 2], total, claim)
