"""Graders of train.py: one step of gradient descent."""

import pytest
import torch
from torch import Tensor, nn

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal
from tests.grading.plain_sgd import PlainSGD

BATCH, POS, VOCAB = 3, 5, 7
seeds = pytest.mark.parametrize("seed", [0, 1])


class Bigram(nn.Module):
    """A row of logits for each token plus one bias, so that the gradient is known by hand."""

    def __init__(self, seed: int, scale: float = 10.0):
        super().__init__()
        self.scale = scale
        self.W = nn.Parameter(normal(VOCAB, VOCAB, seed=seed))
        self.b = nn.Parameter(normal(VOCAB, seed=seed + 100))

    def forward(self, tokens: Tensor) -> Tensor:
        """Scaled, so that gradients are long."""
        return self.scale * (self.W[tokens] + self.b)

    def state(self) -> Tensor:
        """All weights as they are now, copied into one row."""
        return torch.cat([self.W.detach().flatten(), self.b.detach()])


def some_tokens(seed: int) -> Tensor:
    """A batch of random tokens."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCAB, (BATCH, POS), generator=generator)


def loss_and_slope(state: Tensor, tokens: Tensor, scale: float = 10.0) -> tuple[float, Tensor]:
    """A Bigram's loss and its gradient, one prediction at a time."""
    W, b = state[: VOCAB * VOCAB].view(VOCAB, VOCAB), state[VOCAB * VOCAB :]
    slope_W, slope_b, loss = torch.zeros_like(W), torch.zeros_like(b), 0.0
    n = BATCH * (POS - 1)
    for row in tokens.tolist():
        for token, after in zip(row, row[1:], strict=False):
            logits = scale * (W[token] + b)
            loss -= logits.log_softmax(-1)[after].item() / n
            p = logits.softmax(-1)
            p[after] -= 1
            slope_W[token] += scale * p / n
            slope_b += scale * p / n
    return loss, torch.cat([slope_W.flatten(), slope_b])


@exercise("2.16")
@pytest.mark.parametrize("share", [0.05, 0.4, 3.0, 1e6])
@seeds
def test_step_follows_the_gradient_clipped_to_clip(train, seed, share):
    model, tokens = Bigram(seed), some_tokens(seed)
    before = model.state()
    slope = loss_and_slope(before, tokens)[1]
    length = slope.norm().item()
    clip = share * length
    train.train_step(model, tokens, PlainSGD(model, lr=0.3), clip)
    used = (before - model.state()) / 0.3  # the weights moved by -lr times the gradient
    claim = (
        f"The gradient has norm {length:.3g}, clip is {clip:.3g}, and the step used a gradient of "
        f"norm {used.norm():.3g}."
    )
    assert_close(used / length, min(share, 1.0) * slope / length, claim, tolerance=1e-6)


@exercise("2.16")
@seeds
def test_second_step_forgets_the_first_gradient(train, seed):
    model, lr, momentum = Bigram(seed), 0.05, 0.9
    optimizer = PlainSGD(model, lr=lr, momentum=momentum)
    batches, states = [some_tokens(seed), some_tokens(seed + 10)], [model.state()]
    for tokens in batches:
        train.train_step(model, tokens, optimizer, clip=1e6)
        states.append(model.state())
    slopes = [loss_and_slope(*pair)[1] for pair in zip(states, batches)]
    claim = "The second step uses the gradient of its own batch only (plus momentum .9)."
    expected = momentum * slopes[0] + slopes[1]
    assert_close((states[1] - states[2]) / lr, expected, claim, tolerance=1e-9)


@exercise("2.16")
@seeds
def test_returns_the_loss_before_the_update(train, seed):
    model, tokens = Bigram(seed), some_tokens(seed)
    expected = loss_and_slope(model.state(), tokens)[0]
    actual = train.train_step(model, tokens, PlainSGD(model, lr=0.01), clip=1.0)
    claim = "The loss of this batch before the update is returned."
    assert_close(actual, expected, claim, tolerance=1e-9)


@exercise("2.16")
def test_a_large_loss_and_a_large_clip_are_used_as_they_are(train):
    model, tokens = Bigram(3, scale=1e6), some_tokens(3)
    before = model.state()
    loss, slope = loss_and_slope(before, tokens, scale=1e6)
    clip = slope.norm().item() / 2
    actual = train.train_step(model, tokens, PlainSGD(model, lr=0.3), clip)
    assert_close(actual, loss, f"The loss is {loss:.3g}, as large as that.", tolerance=1e-9)
    used = (before - model.state()) / 0.3
    claim = f"The gradient is clipped to the norm {clip:.3g}, as large as that."
    assert_close(used / clip, slope / clip / 2, claim, tolerance=1e-6)
