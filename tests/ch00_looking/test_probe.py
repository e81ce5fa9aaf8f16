"""Graders of probe.py: training a probe, and the labels of a control task."""

import math

import pytest
import torch
from torch import nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.side_effects import assert_no_side_effects

BATCH, WIDTH, CLASSES, STEPS = 11, 4, 3, 6
seeds = pytest.mark.parametrize("seed", [0, 1])


class Plane(nn.Module):
    """Logits acts @ W + b from random weights, so that the gradient is known by hand."""

    def __init__(self, seed: int):
        super().__init__()
        self.W = nn.Parameter(normal(WIDTH, CLASSES, seed=seed))
        self.b = nn.Parameter(normal(CLASSES, seed=seed + 20))

    def forward(self, acts):
        return acts @ self.W + self.b

    def state(self):
        """All weights as they are now, copied into one row."""
        return torch.cat([self.W.detach().flatten(), self.b.detach()])


def some_data(seed):
    """Activations, and labels of three classes."""
    generator = torch.Generator().manual_seed(seed)
    return normal(BATCH, WIDTH, seed=seed + 40), torch.randint(
        CLASSES, (BATCH,), generator=generator
    )


def loss_and_slope(state, acts, labels, twice=False):
    """The mean cross-entropy of a Plane and its gradient, by hand.

    twice: cross-entropy, which has a softmax inside, is given probabilities for logits.
    """
    W, b = state[: WIDTH * CLASSES].view(WIDTH, CLASSES), state[WIDTH * CLASSES :]
    share = (acts @ W + b).softmax(-1)
    error = share.softmax(-1) if twice else share.clone()
    rows = torch.arange(len(labels))
    loss = -error[rows, labels].log().mean().item()
    error[rows, labels] -= 1
    error /= len(labels)
    if twice:
        error = share * (error - (share * error).sum(-1, keepdim=True))
    return loss, torch.cat([(acts.T @ error).flatten(), error.sum(0)])


def adamw(state, data, lr, decay, rule="adamw", steps=STEPS):
    """(weights, losses before each step, last loss after it) of AdamW or of one of its mistakes."""
    state, losses, twice = state.clone(), [], rule == "twice"
    first = second = heaped = torch.zeros_like(state)
    for step in range(1, steps + 1):
        loss, slope = loss_and_slope(state, *data, twice)
        losses.append(loss)
        heaped = slope = slope + (heaped if rule == "heaped" else 0)
        if rule == "coupled":
            slope = slope + decay * state
        elif rule == "W only":
            state[: WIDTH * CLASSES] *= 1 - lr * decay
        else:
            state *= 1 - lr * decay
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        if rule == "sgd":
            state = state - lr * slope
            continue
        root = (second / (1 - 0.999**step)).sqrt() + 1e-8
        state = state - lr * first / (1 - 0.9**step) / root
    return state, losses, loss_and_slope(state, *data, twice)[0]


TWICE = (
    "A softmax stands before the cross-entropy, which takes logits and has a softmax of its own: "
    "give it probe(acts) as it is."
)


def weight_mistakes(start, data, lr, decay):
    """Words -> the weights that usual mistakes end at."""

    def end(lr=lr, decay=decay, **changes):
        return adamw(start, data, lr, decay, **changes)[0]

    return {
        "The probe did not move: it is trained in place, with backward() and step() each time.": (
            start
        ),
        TWICE: end(rule="twice"),
        "Gradients were never cleared: backward() adds to what is there, so zero_grad() belongs "
        "into the loop.": end(rule="heaped"),
        "weight_decay is ignored: AdamW's own default is .01.": end(decay=0.01),
        "There is no weight decay at all.": end(decay=0.0),
        "The decay is added to the gradient (Adam's weight_decay): AdamW shrinks the weights "
        "themselves.": end(rule="coupled"),
        "This is plain gradient descent (SGD): AdamW is asked for.": end(0.05, 0.0, rule="sgd"),
        "This is plain gradient descent (SGD) with weight decay: AdamW is asked for.": (
            end(rule="sgd")
        ),
        "lr is ignored: AdamW's own default is .001.": end(lr=0.001),
        "The weight decay leaves the bias out: every parameter of the probe decays.": (
            end(rule="W only")
        ),
        "That is one step too few.": end(steps=STEPS - 1),
        "That is one step too many.": end(steps=STEPS + 1),
        "Only one step was taken.": end(steps=1),
    }


@exercise("0.8")
@pytest.mark.parametrize("seed, decay", [(0, 0.7), (1, 0.0), (2, 2.0)])
def test_probe_ends_where_adamw_by_hand_ends(probe, seed, decay):
    fitted, data, lr = Plane(seed), some_data(seed), 0.05
    start = fitted.state()
    with assert_no_side_effects(acts=data[0], labels=data[1]):
        probe.fit_probe(fitted, *data, steps=STEPS, lr=lr, weight_decay=decay)
    claim = f"After {STEPS} steps of AdamW with lr .05 and weight decay {decay}."
    mistakes = weight_mistakes(start, data, lr, decay)
    assert_close(fitted.state(), adamw(start, data, lr, decay)[0], claim, mistakes, 1e-7)


@exercise("0.8")
@pytest.mark.parametrize("seed, lr", [(0, 0.05), (1, 0.05), (2, 3.0)])
def test_losses_are_those_before_each_step(probe, seed, lr):
    fitted, data, decay = Plane(seed + 5), some_data(seed + 5), 0.1
    _, losses, last = adamw(fitted.state(), data, lr, decay)
    squeezed = adamw(fitted.state(), data, lr, decay, rule="twice")[1]
    came = probe.fit_probe(fitted, *data, steps=STEPS, lr=lr, weight_decay=decay)
    assert len(came) == STEPS, (
        f"{STEPS} steps give {STEPS} losses, also where the loss goes up; {len(came)} came."
    )
    right = torch.tensor(losses)
    mistakes = {
        TWICE: torch.tensor(squeezed),
        "Those are the losses AFTER each step: compute the loss, then step.": torch.tensor(
            [*losses[1:], last]
        ),
        "Those are sums over the examples: take the mean.": right * BATCH,
        "Those are in bits: cross-entropy is in nats.": right / math.log(2),
        "The loss is the same each time: is it computed in the loop?": right[:1].expand(STEPS),
        "The last loss stands in every place.": torch.full((STEPS,), losses[-1]),
    }
    assert_close(torch.tensor(came), right, "The losses returned are wrong.", mistakes, 1e-6)


@exercise("0.8")
def test_every_step_sees_every_example(probe):
    fitted, (acts, labels) = Counting(6), some_data(6)
    probe.fit_probe(fitted, acts, labels, steps=3, lr=0.05, weight_decay=0.1)
    few = min(fitted.sizes)
    assert few == BATCH, (
        f"The probe was shown {few} of {BATCH} examples at a time: each step takes all of them at "
        "once (full batch), so that nothing depends on an order."
    )


class Counting(Plane):
    """Notes how many examples it is shown at a time."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self.sizes = []

    def forward(self, acts):
        self.sizes.append(len(acts))
        return super().forward(acts)


@exercise("0.8")
def test_a_probe_with_a_hidden_layer_learns_an_exclusive_or(probe):
    acts = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 0])
    fitted = probe.MLPProbe(2, 16)
    before = [weight.detach().clone() for weight in fitted.parameters()]
    losses = probe.fit_probe(fitted, acts, labels, steps=150, lr=0.05, weight_decay=0.0)
    still = [n for n, w in enumerate(fitted.parameters()) if torch.equal(w, before[n])]
    assert not still, f"Of 4 parameters of an MLP probe {still} never moved: train every one."
    guess = fitted(acts).argmax(-1)
    # with probabilities for logits, no loss is below log(1 + 1 / e) = .313
    words = "\nIs a softmax before the cross-entropy? It takes logits."
    assert losses[-1] < 0.1 and torch.equal(guess, labels), (
        "150 steps suffice for an MLP probe to learn an exclusive or, with a loss below .1 nats; "
        f"the loss is still {losses[-1]:.3g}." + words * (0.313 < losses[-1] < 0.4)
    )


@exercise("0.8")
def test_nothing_flows_back_into_the_model_that_made_the_activations(probe):
    weights = normal(WIDTH, seed=7).requires_grad_()
    acts, labels = some_data(7)
    probe.fit_probe(Plane(7), acts + weights, labels, steps=2, lr=0.05, weight_decay=0.1)
    assert weights.grad is None, (
        "The weights of the model that made the activations hold a gradient: a probe looks at a "
        "frozen model. Train on acts.detach()."
    )
    leaf = acts.clone().requires_grad_()
    fitted = Plane(7)
    with assert_no_side_effects(acts=leaf, labels=labels):
        probe.fit_probe(fitted, leaf, labels, steps=2, lr=0.05, weight_decay=0.1)
    trainable = fitted.training and all(weight.requires_grad for weight in fitted.parameters())
    assert trainable, "The probe came in training mode and goes out frozen: leave that as it was."
