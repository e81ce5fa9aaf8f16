"""An optimizer whose steps can be worked out by hand."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class PlainSGD(torch.optim.Optimizer):
    """Plain gradient descent with momentum, the parameters in two groups.

    Written out, because torch's own optimizers import its compiler, which takes seconds.
    """

    def __init__(self, model: nn.Module, lr: float, momentum: float = 0.0):
        self.momentum = momentum
        parameters = list(model.parameters())
        self.param_groups = [{"params": parameters[i::2], "lr": lr} for i in range(2)]
        self.state = {parameter: 0.0 for parameter in parameters}

    def zero_grad(self, set_to_none: bool = True) -> None:
        for parameter in self.state:
            parameter.grad = None if set_to_none else torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for parameter, velocity in self.state.items():
            if parameter.grad is not None:
                self.state[parameter] = self.momentum * velocity + parameter.grad
                parameter.sub_(self.param_groups[0]["lr"] * self.state[parameter])
        return loss
