"""Graders of answers.toml (3.16, 3.17): heads are ablated, or cut from one input, on new texts."""

import itertools

import pytest
import torch

from tests.grading import exercise
from tests.grading.own_case import case_seed, check_tables, read_numbers, seed_of

HEADS, TEXTS, POS = 6, 150, 9
OFTEN, SELDOM = 0.95, 0.05
EFFECT, NOTHING = 0.02, 1e-5
KEYS = {"for_queries": "q", "for_keys": "k", "for_values": "v"}


class Trial:
    """The model of a seed, and texts that the learner has not seen."""

    def __init__(self, own_heads, seed):
        self.own = own_heads.open_heads(seed)
        self.model = self.own.model
        generator = torch.Generator().manual_seed(1_000_000_007 + seed)
        self.tokens = torch.randint(own_heads.D_VOCAB, (TEXTS, POS), generator=generator)
        names = ["blocks.0.attn.hook_z", "blocks.1.attn.hook_pattern", "blocks.1.attn.hook_z"]
        self.clean, self.cache = self.model.run_with_cache(self.tokens, names=names)

    def share_raised(self, head):
        """Share of texts in which a head of layer 1 raises the token that it attends to most."""

        def ablate(z, _point):
            z[:, :, head] = 0.0

        hooks = {"blocks.1.attn.hook_z": [ablate]}
        change = (self.clean - self.model.run_with_hooks(self.tokens, hooks=hooks))[:, -1]
        most = self.cache["blocks.1.attn.hook_pattern"][:, head, -1].argmax(dim=-1)
        token = self.tokens.gather(1, most[:, None])
        own = (change.gather(1, token)[:, 0] - change.mean(dim=1)) > 0
        return own.double().mean().item()

    def effect(self, head, letter):
        """By how much the asked head changes if one input lacks what a head of layer 0 writes.

        The input is that of its queries, keys or values. For queries and keys the pattern's largest
        change is measured, for values that of z, each as a mean over texts.
        """
        first, second = (block.attn for block in self.model.blocks)
        written = self.cache["blocks.0.attn.hook_z"][:, :, head] @ first.W_O[head]
        asked = self.own.asked
        weight = getattr(second, f"W_{letter.upper()}")[asked]

        def cut(x, _point):
            x[:, :, asked] -= written @ weight

        watched = f"blocks.1.attn.hook_{'z' if letter == 'v' else 'pattern'}"
        with self.model.hooks({f"blocks.1.attn.hook_{letter}": [cut]}):
            _, cache = self.model.run_with_cache(self.tokens, names=watched)
        change = (cache[watched] - self.cache[watched]).abs()
        of_head = change[:, :, asked] if letter == "v" else change[:, asked]
        return of_head.amax(dim=(1, 2)).mean().item()


@pytest.fixture
def trial(answers, own_heads, request):
    def trial(number):
        values = answers("ch03_circuits", number)
        return Trial(own_heads, case_seed(request, values, number)), values

    return trial


@exercise("3.16")
@pytest.mark.parametrize("key, word", [("copies", "raises"), ("suppresses", "lowers")])
def test_the_heads_move_the_logit_of_what_they_attend_to(trial, key, word):
    case, values = trial("3.16")
    claim = read_numbers(values, key, HEADS, "heads")
    shares = [case.share_raised(head) for head in range(HEADS)]
    if key == "suppresses":
        shares = [1 - share for share in shares]
    for head in claim:
        assert shares[head] > OFTEN, (
            f"{key}: head {head} {word} the logit of the token that it attends to most, relative "
            f"to the others, in {shares[head]:.0%} of the texts; expected more than {OFTEN:.0%}."
        )
    missed = [head for head in range(HEADS) if shares[head] > OFTEN and head not in claim]
    assert not missed, (
        f"{key}: a head is missing from this list, {key}; it {word} the attended token's logit in "
        f"more than {OFTEN:.0%} of the texts too."
    )


@exercise("3.17")
@pytest.mark.parametrize("key", KEYS)
def test_the_asked_head_reads_what_is_named(trial, key):
    case, values = trial("3.17")
    head = read_numbers({key: [values[key]]}, key, HEADS, "heads", size=1)[0]
    effect = case.effect(head, KEYS[key])
    what = "its z" if key == "for_values" else "its pattern"
    assert effect > EFFECT, (
        f"{key}: without what head {head} of layer 0 writes, in this input alone, {what} changes "
        f"by {effect:.5f} at most. A composition score shows what could be read, not what is."
    )
    rest = [case.effect(other, KEYS[key]) for other in range(HEADS) if other != head]
    assert max(rest) < NOTHING, "this model is another one than in the questions"


def solve(own_heads, seed):
    """The right answers to both questions for a seed, by effect."""
    case = Trial(own_heads, seed)
    shares = [case.share_raised(head) for head in range(HEADS)]
    read = {
        key: max(range(HEADS), key=lambda head, of=letter: case.effect(head, of))
        for key, letter in KEYS.items()
    }
    return {
        "copies": [head for head in range(HEADS) if shares[head] > OFTEN],
        "suppresses": [head for head in range(HEADS) if shares[head] < SELDOM],
        **read,
    }


def passes(own_heads, seed, table, numbers=("3.16", "3.17")):
    """Whether the graders accept a table for a seed."""
    given = lambda _: (Trial(own_heads, seed), table)  # noqa: E731
    try:
        for key, word in (("copies", "raises"), ("suppresses", "lowers")):
            if "3.16" in numbers:
                test_the_heads_move_the_logit_of_what_they_attend_to(given, key, word)
        for key in KEYS if "3.17" in numbers else ():
            test_the_asked_head_reads_what_is_named(given, key)
    except AssertionError:
        return False
    return True


@pytest.mark.project
def test_right_answers_pass_and_copied_ones_fail(own_heads):
    seeds = [seed_of(f"learner {n}", "3.16") for n in range(8)]
    tables = [solve(own_heads, seed) for seed in seeds]
    assert len({str(table) for table in tables}) == len(tables)
    check_tables(seeds, tables, lambda seed, table: passes(own_heads, seed, table))


@pytest.mark.project
def test_scores_of_weights_leave_two_candidates(own_heads, composition, circuits):
    """Copying scores separate the kinds, and each composition score is as high for two heads."""
    for number, letter in itertools.product(range(4), "qkv"):
        seed = seed_of(f"learner {number}", "3.17")
        own = own_heads.open_heads(seed)
        scores = getattr(composition.all_composition_scores(own.model, 0, 1), letter)
        assert (scores[:, own.asked] > 0.1).sum() == 2
        copying = circuits.copying_score(circuits.full_ov(own.model, 1).eigenvalues())
        table = solve(own_heads, seed)
        assert (copying > 0.9).nonzero().flatten().tolist() == table["copies"]
        assert (copying < -0.9).nonzero().flatten().tolist() == table["suppresses"]
