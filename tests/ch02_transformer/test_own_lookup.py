"""Graders of answers.toml (2.24, 2.25): heads are ablated, activations replaced, on new texts."""

import itertools
import re

import pytest
import torch

from tests.grading import exercise
from tests.grading.own_case import case_seed, check_tables, seed_of

LAYERS, HEADS, TEXTS = 6, 4, 60
EVERY = [(layer, head) for layer in range(LAYERS) for head in range(HEADS)]


class Trial:
    """The model of a seed, and texts that the learner has not seen."""

    def __init__(self, own_lookup, seed):
        self.model = own_lookup.open_lookup(seed).model
        generator = torch.Generator().manual_seed(1_000_000_007 + seed)
        self.tokens, self.others = (own_lookup.draw_texts(TEXTS, generator) for _ in range(2))
        self.names = [f"blocks.{layer}.hook_resid_post" for layer in range(LAYERS)]
        self.clean, self.cache = self.model.run_with_cache(self.tokens, names=self.names)
        self.predicted = self.clean[:, -1].argmax(dim=-1)

    def logits(self, kept):
        """The last position's logits with all heads but some ablated."""

        def ablate(layer):
            off = [head for head in range(HEADS) if (layer, head) not in kept]

            def hook(z, _point):
                z[:, :, off] = 0.0

            return hook

        hooks = {f"blocks.{layer}.attn.hook_z": [ablate(layer)] for layer in range(LAYERS)}
        return self.model.run_with_hooks(self.tokens, hooks=hooks)[:, -1]

    def change(self, kept):
        """Largest change of a logit with some heads alone, and the share of equal predictions."""
        logits, whole = self.logits(kept), self.clean[:, -1]
        same = (logits.argmax(dim=-1) == self.predicted).double().mean().item()
        return (logits - whole).abs().max().item(), same

    def faithful(self, kept):
        """Whether no logit changes by a twentieth of the answers' logits."""
        return self.change(kept)[0] < 0.05 * self.clean[:, -1].amax(dim=-1).min().item()

    def share_unchanged(self, position, layer):
        """Share of predictions that stay if a position gets another text's residual stream."""
        _, cache = self.model.run_with_cache(self.others, names=self.names)
        name = self.names[layer]

        def swap(resid, _point):
            resid[:, position] = cache[name][:, position]

        after = self.model.run_with_hooks(self.tokens, hooks={name: [swap]})[:, -1].argmax(dim=-1)
        return (after == self.predicted).double().mean().item()

    def lens(self):
        """Share of texts in which the lens predicts the answer after each block."""
        return [
            (self.model.unembed_resid(self.cache[name])[:, -1].argmax(-1) == self.predicted)
            .double()
            .mean()
            .item()
            for name in self.names
        ]


@pytest.fixture
def trial(answers, own_lookup, request):
    def trial(number):
        values = answers("ch02_transformer", number)
        return Trial(own_lookup, case_seed(request, values, number)), values

    return trial


def read_heads(values, key):
    """A list of different heads, written "1.0"."""
    value = values[key]
    listed = value if isinstance(value, list) else [None]
    parts = [re.fullmatch(r"([0-5])\.([0-3])", str(one).strip()) for one in listed]
    found = [(int(part[1]), int(part[2])) for part in parts if part]
    assert len(found) == len(parts) == len(set(found)) > 0, (
        f'{key}: expected a list of different heads, such as ["0.1", "5.3"], got {value!r}.'
    )
    return sorted(found)


def shown(heads):
    return [f"{layer}.{head}" for layer, head in heads]


@exercise("2.24")
def test_the_heads_named_give_the_answer_alone(trial):
    case, values = trial("2.24")
    claim = sorted({*read_heads(values, "movers"), *read_heads(values, "translators")})
    change, same = case.change(claim)
    assert case.faithful(claim), (
        f"movers, translators: expected the same logits as before with {shown(claim)} alone, got "
        f"changes of up to {change:.2f} ({same:.0%} of the predictions are the same); a head that "
        "the model needs is missing, or one that another head cancels is named."
    )
    assert len(claim) < 7, f"movers, translators: {len(claim)} heads; fewer are enough."
    for size in range(len(claim)):
        for kept in itertools.combinations(claim, size):
            assert not case.faithful(kept), (
                f"movers, translators: {shown(kept)} alone give the same logits; the others are "
                "not needed."
            )


@exercise("2.24")
def test_only_translators_attend_to_their_own_position(trial):
    case, values = trial("2.24")
    patterns = [f"blocks.{layer}.attn.hook_pattern" for layer in range(LAYERS)]
    _, cache = case.model.run_with_cache(case.tokens, names=patterns)
    for key, stays in (("movers", False), ("translators", True)):
        for layer, head in read_heads(values, key):
            own = cache[patterns[layer]][:, head, -1, -1].mean().item()
            assert (own > 0.5) == stays, (
                f"{key}: at the last position head {layer}.{head} spends {own:.0%} of its "
                "attention on that position itself."
            )


def read_number(values, key, n):
    value = values[key]
    assert type(value) is int and 0 <= value < n, (
        f"{key}: expected a number from 0 to {n - 1}, got {value!r}."
    )
    return value


@exercise("2.25")
def test_the_source_decides_until_it_was_read(trial):
    case, values = trial("2.25")
    source, block = read_number(values, "source", 7), read_number(values, "decided_after", LAYERS)
    found = (case.tokens[:, source] == case.predicted).double().mean().item()
    assert found == 1, (
        f"source: the token at position {source} is predicted in {found:.0%} of the texts."
    )
    late = case.share_unchanged(source, block)
    assert late == 1, (
        f"decided_after: with another text's residual stream at position {source} after block "
        f"{block} only {late:.0%} of the predictions stay."
    )
    early = 0.0 if block == 0 else case.share_unchanged(source, block - 1)
    assert early < 0.5, (
        f"decided_after: position {source} does not matter after block {block - 1} already."
    )


@exercise("2.25")
def test_the_lens_reads_the_answer_from_then_on(trial):
    case, values = trial("2.25")
    block, shares = read_number(values, "readable_after", LAYERS), case.lens()
    assert min(shares[block:]) == 1, (
        f"readable_after: after block {block} or a later one the lens predicts the answer in "
        f"{min(shares[block:]):.0%} of the texts."
    )
    assert block == 0 or shares[block - 1] < 1, (
        f"readable_after: the lens predicts the answer after block {block - 1} already."
    )


def solve(own_lookup, seed):
    """The right answers to both questions for a seed, by effect."""
    case = Trial(own_lookup, seed)
    source = int((case.tokens == case.predicted[:, None]).double().mean(dim=0)[:-1].argmax())
    shares = case.lens()
    readable = max(i for i in range(LAYERS) if i == 0 or shares[i - 1] < 1)
    decided = next(i for i in range(LAYERS) if case.share_unchanged(source, i) == 1)
    layer_pairs = [(decided, head) for head in range(HEADS)], [(readable, h) for h in range(HEADS)]
    sets = [
        [*first, *second]
        for n, m in itertools.product((1, 2), repeat=2)
        for first in itertools.combinations(layer_pairs[0], n)
        for second in itertools.combinations(layer_pairs[1], m)
    ]
    best = next(heads for heads in sets if case.faithful(heads))
    return {
        "movers": shown(head for head in best if head[0] == decided),
        "translators": shown(head for head in best if head[0] == readable),
        "source": source,
        "decided_after": decided,
        "readable_after": readable,
    }


def passes(own_lookup, seed, table):
    """Whether the graders accept a table for a seed."""
    given = lambda _: (Trial(own_lookup, seed), table)  # noqa: E731
    try:
        test_the_heads_named_give_the_answer_alone(given)
        test_only_translators_attend_to_their_own_position(given)
        test_the_source_decides_until_it_was_read(given)
        test_the_lens_reads_the_answer_from_then_on(given)
    except AssertionError:
        return False
    return True


@pytest.mark.project
def test_right_answers_pass_and_copied_ones_fail(own_lookup):
    seeds = [seed_of(f"learner {n}", "2.24") for n in range(6)]
    tables = [solve(own_lookup, seed) for seed in seeds]
    assert len({str(table) for table in tables}) == len(tables)
    check_tables(seeds, tables, lambda seed, table: passes(own_lookup, seed, table))


@pytest.mark.project
def test_last_logits_ablates_the_heads_that_are_named(own_lookup):
    case, off = Trial(own_lookup, 5), [(0, 1), (0, 2), (4, 3)]
    given = own_lookup.last_logits(own_lookup.OwnLookup(case.model), case.tokens, off)
    kept = [head for head in EVERY if head not in off]
    assert torch.allclose(given, case.logits(kept))
