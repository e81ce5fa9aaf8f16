"""Graders of probe.py: training a probe."""

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

BATCH, WIDTH, CLASSES, STEPS = 11, 4, 3, 6


class LinearClassifier(nn.Module):
    """Logits acts @ W + b from random weights, so that the gradient is known by hand."""

    def __init__(self, seed: int):
        super().__init__()
        self.W = nn.Parameter(normal(WIDTH, CLASSES, seed=seed))
        self.b = nn.Parameter(normal(CLASSES, seed=seed + 20))
        self.batch_sizes = []

    def forward(self, acts):
        self.batch_sizes.append(len(acts))
        return acts @ self.W + self.b

    def state(self):
        """All weights as they are now, copied into one row."""
        return torch.cat([self.W.detach().flatten(), self.b.detach()])


def draw_data(seed, batch=BATCH, size=1.0):
    """Activations, and labels of three classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (batch,), generator=generator)
    return size * normal(batch, WIDTH, seed=seed + 40), labels


def loss_and_gradient(state, acts, labels):
    """The mean cross-entropy of a LinearClassifier and its gradient, by hand."""
    W, b = state[: WIDTH * CLASSES].view(WIDTH, CLASSES), state[WIDTH * CLASSES :]
    error, rows = (acts @ W + b).softmax(-1), torch.arange(len(labels))
    loss = -error[rows, labels].log().mean().item()
    error[rows, labels] -= 1
    error /= len(labels)
    return loss, torch.cat([(acts.T @ error).flatten(), error.sum(0)])


def adamw(state, data, lr, decay):
    """(weights after the last step, losses before each step) of AdamW, by hand."""
    state, losses = state.clone(), []
    first, second = torch.zeros_like(state), torch.zeros_like(state)
    for step in range(1, STEPS + 1):
        loss, gradient = loss_and_gradient(state, *data)
        losses.append(loss)
        state *= 1 - lr * decay
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        root = (second / (1 - 0.999**step)).sqrt() + 1e-8
        state = state - lr * first / (1 - 0.9**step) / root
    return state, losses


@exercise("0.8")
@pytest.mark.parametrize("seed, decay", [(0, 0.7), (1, 0.0), (2, 2.0)])
def test_probe_ends_where_adamw_by_hand_ends(probe, seed, decay):
    fitted, data, lr = LinearClassifier(seed), draw_data(seed), 0.05
    expected, _ = adamw(fitted.state(), data, lr, decay)
    with assert_no_side_effects(acts=data[0], labels=data[1]):
        probe.fit_probe(fitted, *data, steps=STEPS, lr=lr, weight_decay=decay)
    claim = f"The weights after {STEPS} steps of AdamW with lr .05 and weight decay {decay}."
    assert_close(fitted.state(), expected, claim, tolerance=1e-7)


@exercise("0.8")
@pytest.mark.parametrize(
    "seed, lr, batch, size",
    [(0, 0.05, 11, 1), (1, 0.05, 11, 1), (2, 3.0, 11, 1), (3, 0.5, 300, 20)],
)
def test_losses_are_those_before_each_step(probe, seed, lr, batch, size):
    fitted, data, decay = LinearClassifier(seed + 5), draw_data(seed + 5, batch, size), 0.1
    _, expected = adamw(fitted.state(), data, lr, decay)
    actual = probe.fit_probe(fitted, *data, steps=STEPS, lr=lr, weight_decay=decay)
    assert len(actual) == STEPS, (
        f"{STEPS} steps give {STEPS} losses, also where the loss goes up; got {len(actual)}."
    )
    assert_close(actual, expected, "The returned losses are wrong.", tolerance=1e-6)


@exercise("0.8")
def test_every_step_uses_every_example(probe):
    fitted, (acts, labels) = LinearClassifier(6), draw_data(6)
    probe.fit_probe(fitted, acts, labels, steps=3, lr=0.05, weight_decay=0.1)
    few = min(fitted.batch_sizes)
    assert few == BATCH, (
        f"The probe got {few} of {BATCH} examples at a time: each step uses all of them at once."
    )


@exercise("0.8")
def test_an_mlp_probe_learns_an_exclusive_or(probe):
    acts = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 0])
    fitted = probe.MLPProbe(2, 16)
    before = [weight.detach().clone() for weight in fitted.parameters()]
    losses = probe.fit_probe(fitted, acts, labels, steps=150, lr=0.1, weight_decay=0.0)
    same = [n for n, w in enumerate(fitted.parameters()) if torch.equal(w, before[n])]
    assert not same, f"Of 4 parameters of an MLP probe {same} never changed: train every one."
    assert len(losses) == 150, (
        f"150 steps give 150 losses, also once the loss is small; got {len(losses)}."
    )
    assert losses[-1] < 0.1 and torch.equal(fitted(acts).argmax(-1), labels), (
        "150 steps suffice for an MLP probe to learn an exclusive or, with a loss below .1 nats; "
        f"the loss is still {losses[-1]:.3g}."
    )


@exercise("0.8")
def test_no_gradient_reaches_the_model(probe):
    weights = normal(WIDTH, seed=7).requires_grad_()
    acts, labels = draw_data(7)
    probe.fit_probe(LinearClassifier(7), acts + weights, labels, steps=2, lr=0.05, weight_decay=0.1)
    assert weights.grad is None, (
        "The weights of the model that computed the activations hold a gradient: a probe is "
        "trained on a frozen model. Use acts.detach()."
    )
    leaf, fitted = acts.clone().requires_grad_(), LinearClassifier(7)
    with assert_no_side_effects(acts=leaf, labels=labels):
        probe.fit_probe(fitted, leaf, labels, steps=2, lr=0.05, weight_decay=0.1)
    trainable = fitted.training and all(weight.requires_grad for weight in fitted.parameters())
    assert trainable, "The probe was trainable before and is now frozen: leave it as it was."
