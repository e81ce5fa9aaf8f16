"""Graders of answers.toml (9.19, 9.20): latents are removed and thresholds moved on new inputs."""

import itertools

import pytest
import torch

from tests.grading import exercise

HELD_OUT, MUCH, LEFT, SELECTIVE = 4000, 0.5, 0.15, 0.9


class Trial:
    """The dictionary of a seed, and what it does on new inputs."""

    def __init__(self, own_dictionary, seed):
        self.module, self.own = own_dictionary, own_dictionary.open_dictionary(seed)
        self.n = self.own.sae.d_sae
        generator = torch.Generator().manual_seed(1_000_000_009 + seed)
        self.x, self.present = own_dictionary.draw_concepts(self.own, HELD_OUT, generator)
        self.acts = self.own.sae.encode(self.x).detach()
        self.parent = self.present[:, own_dictionary.PARENT]
        self.children = self.present[:, own_dictionary.CHILDREN]
        self.alone = self.parent & ~self.children.any(dim=1)

    def written(self, latents):
        """How much of the parent's direction each input loses without these latents."""
        edited = self.module.without_latents(self.own, self.x, list(latents))
        return (self.x - edited) @ self.own.concepts[self.module.PARENT]

    def change(self, latent, factor):
        """How much the error rises, and active latents per token fall, at another threshold."""
        error = self.module.error_with_threshold(self.own, self.x, latent, factor)
        before = self.module.error_with_threshold(self.own, self.x, latent, 1.0)
        limit = factor * self.own.sae.threshold[latent]
        stays = self.own.sae.pre_activations(self.x)[:, latent] > limit
        saved = (self.acts[:, latent] > 0).double().mean() - stays.double().mean()
        return error - before, saved.item()


@pytest.fixture
def trial(answers, own_dictionary):
    def trial(number):
        seed = answers("ch09_sparsity", number)["seed"]
        assert type(seed) is int and 0 <= seed < 2**31, (
            f"seed: expected a whole number from 0 on, got {seed!r}."
        )
        return Trial(own_dictionary, seed)

    return trial


def read_latents(values, key, n):
    """A list of different latents; anything else fails."""
    value = values[key]
    fits = isinstance(value, list) and all(type(i) is int and 0 <= i < n for i in value)
    assert fits and value and len(set(value)) == len(value), (
        f"{key}: expected a list of different latents from 0 to {n - 1}, got {value!r}."
    )
    return value


def read_parent(values, n):
    parent = values["parent"]
    assert type(parent) is int and 0 <= parent < n, (
        f"parent: expected a latent from 0 to {n - 1}, got {parent!r}."
    )
    return parent


@exercise("9.19")
def test_the_parents_latent_writes_the_parent_where_it_is_alone(answers, trial):
    case = trial("9.19")
    parent = read_parent(answers("ch09_sparsity", "9.19"), case.n)
    lost = case.written([parent])[case.alone].mean().item()
    assert lost > MUCH, (
        f"parent: without latent {parent} an input with the parent alone loses {lost:.2f} of the "
        f"parent's direction; expected more than {MUCH}."
    )
    fires = case.acts[:, parent] > 0
    purity = case.parent[fires].double().mean().item()
    assert purity > SELECTIVE, f"parent: latent {parent} is active without the parent too."


@exercise("9.19")
def test_each_absorber_writes_the_parent_in_the_holes(answers, trial):
    case, values = trial("9.19"), answers("ch09_sparsity", "9.19")
    parent = read_parent(values, case.n)
    holes = case.parent & ~(case.acts[:, parent] > 0)
    for latent in read_latents(values, "absorbers", case.n):
        there = holes & (case.acts[:, latent] > 0)
        lost = case.written([latent])[there].mean().item() if there.any() else 0.0
        assert lost > MUCH, (
            f"absorbers: where the parent's latent is silent, removing latent {latent} takes "
            f"{lost:.2f} of the parent's direction away; expected more than {MUCH}."
        )
        everywhere = case.acts[:, latent] > 0
        assert (everywhere & holes).sum() > SELECTIVE * everywhere.sum(), (
            f"absorbers: latent {latent} is active outside the holes of the parent's latent too."
        )


@exercise("9.19")
def test_nothing_else_writes_the_parent(answers, trial):
    case, values = trial("9.19"), answers("ch09_sparsity", "9.19")
    claim = [read_parent(values, case.n), *read_latents(values, "absorbers", case.n)]
    left = (case.x @ case.own.concepts[0] - case.written(claim))[case.parent]
    kept = left.mean().item() / (case.x @ case.own.concepts[0])[case.parent].mean().item()
    assert kept < LEFT, (
        f"absorbers: without the claimed latents {kept:.0%} of the parent's direction is left "
        "where the parent occurs; some latent that writes it is missing."
    )


@exercise("9.20")
def test_low_thresholds_can_be_raised_for_nothing(answers, trial):
    case = trial("9.20")
    claim = read_latents(answers("ch09_sparsity", "9.20"), "too_low", case.n)
    for latent in range(case.n):
        cost, saved = case.change(latent, 4.0)
        free = cost < 0.01 and saved > 0.1
        assert free or latent not in claim, (
            f"too_low: with four times its threshold latent {latent} is active on {saved:.2f} "
            f"fewer inputs per input, and the error rises by {cost:.3f}; expected nearly none."
        )
        assert latent in claim or not free, (
            "too_low: a latent is missing that is active less often with four times its threshold, "
            "at no cost."
        )


@exercise("9.20")
def test_high_thresholds_should_be_lowered(answers, trial):
    case = trial("9.20")
    claim = read_latents(answers("ch09_sparsity", "9.20"), "too_high", case.n)
    for latent in range(case.n):
        gain = -case.change(latent, 0.5)[0]
        assert gain > 0.02 or latent not in claim, (
            f"too_high: with half its threshold latent {latent} lowers the error by {gain:.3f}; "
            "expected more than .02."
        )
        assert latent in claim or gain < 0.02, (
            "too_high: a latent is missing with which the error falls when its threshold is halved."
        )


@pytest.mark.project
def test_other_seeds_have_other_answers(own_dictionary):
    absorbed = set()
    for seed in range(12):
        case = Trial(own_dictionary, seed)
        lost = [case.written([i])[case.children.any(dim=1)].mean() > 0.1 for i in range(case.n)]
        absorbed.add(tuple(lost))
    assert len(absorbed) > 8
    encoders = [own_dictionary.open_dictionary(seed).sae.W_enc for seed in range(3)]
    for one, other in itertools.combinations(encoders, 2):
        assert not torch.allclose(one, other)
