"""Graders of both directions of patching, and of the draw of donors for resample ablation."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, is_close
from tests.grading.tiny_models import TOKENS

from .planted import negative_head

OTHER = torch.tensor([[2, 1, 4, 7, 6], [9, 3, 6, 0, 1], [5, 7, 12, 11, 2]])
ANSWER, WRONG = torch.tensor([3, 0, 6]), torch.tensor([5, 6, 1])
ALL = slice(None)
PARTS = {
    ("hook_resid_pre", 0, None, 1): (ALL, 1),
    ("hook_resid_mid", 1, None, -1): (ALL, -1),
    ("hook_mlp_out", 0, None, (3, 1)): (ALL, [3, 1]),
    ("attn.hook_z", 1, 4, -1): (ALL, -1, 4),
    ("attn.hook_z", 0, 2, None): (ALL, ALL, 2),
    ("attn.hook_q", 1, 5, 4): (ALL, 4, 5),
    ("attn.hook_pattern", 1, 0, 4): (ALL, 0, 4),
    ("mlp.hook_post", 1, None, ((0,), (4,), (2,))): ([0, 1, 2], [0, 4, 2]),
}
"""A site's hook, layer, head and position -> the same part as an index."""


def difference(model, logits):
    """The metric of these tests, at the last position."""
    rows = logits[:, -1]
    return torch.stack([r[a] - r[w] for r, a, w in zip(rows, ANSWER, WRONG, strict=True)])


@torch.no_grad()
def by_hand(model, into, out_of, parts):
    """For each part the metric of one run, with what the other run has there."""
    _, cache = model.run_with_cache(out_of)
    found = []
    for (hook, layer, _, _), index in parts.items():

        def put(x, point, index=index):
            x[index] = cache[point.name][index]

        hooks = {f"blocks.{layer}.{hook}": put}
        found.append(difference(model, model.run_with_hooks(into, hooks=hooks)))
    return torch.stack(found)


@torch.no_grad()
def direction_mistakes(model, into, out_of):
    """Words -> what the usual mistakes about one direction give."""
    right = by_hand(model, into, out_of, PARTS)
    plain, other = (difference(model, model(tokens)) for tokens in (into, out_of))
    wide = {
        key: (ALL,) if len(index) < 3 or key[0] == "attn.hook_z" else index
        for key, index in PARTS.items()
    }
    wide |= {key: (ALL, ALL, key[2]) for key in PARTS if key[2] is not None}
    wide |= {key: (ALL, key[2]) for key in PARTS if "pattern" in key[0]}
    return {
        "Denoised and noised are exchanged: denoised is the CORRUPTED run, patched from clean.": (
            by_hand(model, out_of, into, PARTS)
        ),
        "Nothing is changed: a run is patched from itself. Record the OTHER run.": (
            plain.expand_as(right)
        ),
        "It is patched at EVERY position, not at those of the sites.": (
            by_hand(model, into, out_of, wide)
        ),
        "The unpatched run is taken away: the metric itself is asked for.": right - plain,
        "These are shares of the way from one run to the other: the metric itself is asked for.": (
            (right - plain) / (other - plain)
        ),
        "The average over prompts came, where each has its own.": (
            right.mean(1, keepdim=True).expand_as(right)
        ),
        "The sites come in another order.": right.flip(0),
    }


def compare(model, came, right, into, out_of, claim):
    """Mistakes are worked out only when there is one."""
    words = {} if is_close(came, right) else direction_mistakes(model, into, out_of)
    assert_close(came, right, claim, words)


@exercise("5.6")
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_each_site_is_patched_by_itself_in_both_directions(
    activation, metrics, Site, build, family
):
    model = build(family)
    sites = [Site(hook, layer, head=h, position=p) for hook, layer, h, p in PARTS]
    read = metrics.logit_diff_from_resid(model, ANSWER, WRONG)
    came = activation.denoise_and_noise(model, TOKENS, OTHER, sites, read)
    denoised, noised = by_hand(model, OTHER, TOKENS, PARTS), by_hand(model, TOKENS, OTHER, PARTS)
    claim = "Denoised: each site of the corrupted run has what the clean run has there."
    compare(model, came.denoised, denoised, OTHER, TOKENS, claim)
    claim = "Noised: each site of the clean run has what the corrupted run has there."
    compare(model, came.noised, noised, TOKENS, OTHER, claim)
    ends = [difference(model, model(tokens)) for tokens in (TOKENS, OTHER)]
    words = "The runs without a patch are wrong."
    assert_close(came.clean, ends[0], words, {"Clean and corrupted are exchanged.": ends[1]})
    assert_close(came.corrupted, ends[1], words, {"Clean and corrupted are exchanged.": ends[0]})


@exercise("5.6")
@pytest.mark.parametrize("kind, lost, back", [("and", 1.0, 0.0), ("or", 0.0, 1.0)])
def test_noising_finds_what_is_needed_and_denoising_what_is_enough(
    activation, metrics, logic_gate_models, kind, lost, back
):
    model = logic_gate_models.logic_gate_model(kind)
    one = torch.tensor([1])
    read = metrics.logit_diff_from_resid(model, one, 0 * one)
    clean, corrupted = torch.tensor([[1, 1, 2]]), torch.tensor([[0, 0, 2]])
    came = activation.denoise_and_noise(
        model, clean, corrupted, activation.head_sites(model, -1), read
    )
    claim = f"{kind.upper()} of two inputs, from 1 and 1 to 0 and 0:"
    turned = "Denoised and noised are exchanged."
    right = torch.full((2, 1), back)
    assert_close(
        came.denoised,
        right,
        f"{claim} one clean input brings back {back:.0f}.",
        {turned: lost + 0 * right},
    )
    right = torch.full((2, 1), 1 - lost)
    assert_close(
        came.noised,
        right,
        f"{claim} one corrupted input leaves {1 - lost:.0f}.",
        {turned: 1 - right},
    )


@exercise("5.6")
@pytest.mark.parametrize("family", ["gpt2", "attention-only"])
def test_patching_everything_is_the_other_run_and_nothing_is_the_same_one(
    activation, metrics, Site, build, family
):
    model, shared = build(family, n_layers=3), OTHER.clone()
    shared[:, 0] = TOKENS[:, 0]
    read = metrics.logit_diff_from_resid(model, ANSWER, WRONG)
    sites = [
        Site("hook_resid_pre", 0),
        Site("hook_resid_post", 2),
        Site("attn.hook_z", 0, position=0),
    ]
    came = activation.denoise_and_noise(model, TOKENS, shared, sites, read)
    ends = [difference(model, model(tokens)) for tokens in (TOKENS, shared)]
    everything = "With the whole stream patched the run must be the other one."
    nothing = "At position 0 both prompts have the same token, so a patch there changes nothing."
    for scores, there, here in ((came.denoised, *ends), (came.noised, *reversed(ends))):
        for row in scores[:2]:
            words = {"This is the run as it was: is it patched from itself, or exchanged?": here}
            assert_close(row, there, everything, words)
        assert_close(scores[2], here, nothing, {"This is the OTHER run: exchanged?": there})
        shares = metrics.normalized_recovery(scores, there, here)
        assert_close(shares, torch.tensor([1.0, 1.0, 0.0]), "The shares at the ends are 1 and 0.")


@exercise("5.6")
def test_a_head_that_writes_against_the_answer_shows_in_both_directions(activation, metrics, impl):
    model, one = negative_head(impl), torch.tensor([1])
    read = metrics.logit_diff_from_resid(model, one, 0 * one)
    clean, corrupted = torch.tensor([[1, 2]]), torch.tensor([[0, 2]])
    came = activation.denoise_and_noise(model, clean, corrupted, activation.head_sites(model), read)
    claim = "Heads write +2a and -a' for the answer."
    turned = "Denoised and noised are exchanged."
    assert_close(
        came.denoised[:, 0],
        torch.tensor([2.0, -1.0]),
        f"{claim} Denoised from 0.",
        {turned: torch.tensor([-1.0, 2.0])},
    )
    assert_close(
        came.noised[:, 0],
        torch.tensor([-1.0, 2.0]),
        f"{claim} Noised from 1.",
        {turned: torch.tensor([2.0, -1.0])},
    )
    probability = metrics.metric_from_logits(model, lambda logits: metrics.probability(logits, one))
    seen = activation.denoise_and_noise(
        model, clean, corrupted, activation.head_sites(model), probability
    )
    hidden = (seen.denoised[1] - seen.corrupted).abs().item()
    assert hidden < 0.02, f"The probability hides the second head's harm; it moved by {hidden:.3f}."


def draws(activation, batch, n):
    """Donors of n seeds."""
    return [activation.derangement(batch, torch.Generator().manual_seed(seed)) for seed in range(n)]


@exercise("5.9")
@pytest.mark.parametrize("batch", [2, 3, 4, 9])
def test_everybody_gets_somebody_elses_and_each_is_taken_once(activation, batch):
    for came in draws(activation, batch, 50):
        kept = [i for i, donor in enumerate(came.tolist()) if donor == i]
        assert not kept, (
            f"Of {batch} examples number {kept[0]} keeps its own activation: it is not ablated. "
            "A random permutation leaves one in place more often than not."
        )
        assert sorted(came.tolist()) == list(range(batch)), (
            f"The donors of {batch} examples must be all of them, each once; {came.tolist()} came."
        )


@exercise("5.9")
def test_the_draw_comes_from_the_generator_and_from_nothing_else(activation):
    found = []
    with torch.random.fork_rng():
        for number in range(2):
            torch.manual_seed(number)
            found.append(draws(activation, 9, 20))
    same = all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert same, "One seed must give one draw: is the generator left unused?"
    several = {tuple(came.tolist()) for came in found[0]}
    assert len(several) > 1, "All seeds give the same donors: the draw is not random."
    generator = torch.Generator().manual_seed(0)
    first, second = (activation.derangement(9, generator).tolist() for _ in range(2))
    assert first != second, (
        "Two draws from one generator are the same: it must move on. Is only its seed used?"
    )


@exercise("5.9")
def test_any_example_may_be_the_donor_of_any_other(activation):
    found = [tuple(came.tolist()) for came in draws(activation, 5, 300)]
    pairs = {(i, donor) for one in found for i, donor in enumerate(one)}
    assert len(pairs) == 20, (
        f"Of 5 examples each can get any of 4 others, 20 pairs; 300 draws had only {len(pairs)}."
    )
    kinds = len(set(found))
    assert kinds >= 20, (
        f"300 draws gave only {kinds} different permutations: a shift by a random number keeps all "
        "examples in line, and neighbours may be of one kind."
    )
