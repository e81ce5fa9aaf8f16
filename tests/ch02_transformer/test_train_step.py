"""Graders of train.py: one step down the slope of the loss."""

import math

import pytest
import torch
from torch import Tensor, nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.plain_sgd import PlainSGD

BATCH, POS, VOCAB = 3, 5, 7
NO_CLIP = 1e6
seeds = pytest.mark.parametrize("seed", [0, 1])


class Bigram(nn.Module):
    """A row of logits for each token plus one bias, so that the gradient is known by hand."""

    def __init__(self, seed: int):
        super().__init__()
        self.W = nn.Parameter(normal(VOCAB, VOCAB, seed=seed))
        self.b = nn.Parameter(normal(VOCAB, seed=seed + 100))

    def forward(self, tokens: Tensor) -> Tensor:
        """Scaled by ten, so that gradients are long."""
        return 10 * (self.W[tokens] + self.b)

    def state(self) -> Tensor:
        """All weights as they are now, copied into one row."""
        return torch.cat([self.W.detach().flatten(), self.b.detach()])


def some_tokens(seed: int) -> Tensor:
    """A batch of random tokens."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCAB, (BATCH, POS), generator=generator)


def loss_and_slope(state: Tensor, tokens: Tensor, shift: int = 1) -> tuple[float, Tensor]:
    """A Bigram's loss and its gradient, one prediction at a time."""
    W, b = state[: VOCAB * VOCAB].view(VOCAB, VOCAB), state[VOCAB * VOCAB :]
    slope_W, slope_b, loss = torch.zeros_like(W), torch.zeros_like(b), 0.0
    n = BATCH * (POS - shift)
    for row in tokens.tolist():
        for token, after in zip(row, row[shift:], strict=False):
            p = (10 * (W[token] + b)).softmax(-1)
            loss -= math.log(p[after].item()) / n
            p[after] -= 1
            slope_W[token] += 10 * p / n
            slope_b += 10 * p / n
    return loss, torch.cat([slope_W.flatten(), slope_b])


def used(train, model: Bigram, tokens: Tensor, clip: float, lr: float = 0.3) -> Tensor:
    """The gradient that one step of plain SGD used: how far the weights moved, over -lr."""
    before = model.state()
    train.train_step(model, tokens, PlainSGD(model, lr=lr), clip)
    return (before - model.state()) / lr


def why_still(model: Bigram) -> str:
    """The likely reason why the weights did not move."""
    if all(p.grad is None or not p.grad.any() for p in model.parameters()):
        return (
            "The weights did not move: no gradient was left. Is there a backward(), and does "
            "zero_grad() come before it?"
        )
    return (
        "The weights did not move, though there is a gradient: call optimizer.step(), after "
        "backward()."
    )


@exercise("2.16")
@seeds
def test_step_goes_against_the_gradient_of_the_loss(train, seed):
    model, tokens = Bigram(seed), some_tokens(seed)
    start = model.state()
    slope = loss_and_slope(start, tokens)[1]
    moved = used(train, model, tokens, NO_CLIP)
    assert_close(moved, slope, "Plain SGD subtracts lr times the gradient.", tolerance=1e-9)


@exercise("2.16")
@seeds
def test_second_step_forgets_the_first_gradient(train, seed):
    model, lr, momentum = Bigram(seed), 0.05, 0.9
    optimizer = PlainSGD(model, lr=lr, momentum=momentum)
    first, second = some_tokens(seed), some_tokens(seed + 10)
    start = model.state()
    train.train_step(model, first, optimizer, NO_CLIP)
    middle = model.state()
    train.train_step(model, second, optimizer, NO_CLIP)
    slope_1, slope_2 = (
        loss_and_slope(start, first)[1],
        loss_and_slope(middle, second)[1],
    )
    claim = "The second step uses the gradient of its own batch only (plus momentum .9)."
    assert_close((middle - model.state()) / lr, momentum * slope_1 + slope_2, claim, tolerance=1e-9)


@exercise("2.16")
@pytest.mark.parametrize("share", [0.05, 0.4])
@seeds
def test_long_gradient_is_shortened_to_clip(train, seed, share):
    model, tokens = Bigram(seed), some_tokens(seed)
    slope = loss_and_slope(model.state(), tokens)[1]
    clip = share * slope.norm().item()
    moved = used(train, model, tokens, clip)
    claim = (
        f"The gradient is {slope.norm():.3g} long, clip is {clip:.3g}, and the step used one "
        f"of length {moved.norm():.3g}."
    )
    assert_close(moved / clip, slope / slope.norm(), claim, tolerance=1e-5)


def scaled(mistakes: dict[str, Tensor], factor: float) -> dict[str, Tensor]:
    """The same mistakes in another unit."""
    return {words: value * factor for words, value in mistakes.items()}


@exercise("2.16")
@seeds
def test_short_gradient_stays_as_it_is(train, seed):
    model, tokens = Bigram(seed), some_tokens(seed)
    slope = loss_and_slope(model.state(), tokens)[1]
    clip = 3 * slope.norm().item()
    claim = "A gradient shorter than clip is used as it is."
    assert_close(used(train, model, tokens, clip), slope, claim, tolerance=1e-9)


@exercise("2.16")
@seeds
def test_returns_the_loss_before_the_update(train, seed):
    model, tokens = Bigram(seed), some_tokens(seed)
    loss = loss_and_slope(model.state(), tokens)[0]
    optimizer = PlainSGD(model, lr=0.01)
    returned = train.train_step(model, tokens, optimizer, clip=1.0)
    loss_and_slope(model.state(), tokens)[0]
    assert_close(
        returned, loss, "The loss of this batch before the update is returned.", tolerance=1e-9
    )
