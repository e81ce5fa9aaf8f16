"""How much worse does a model predict when it runs on an SAE's reconstruction?

Four runs on the same tokens: the model, the model with x_hat in place of x, and with x replaced by
zero or by its mean over the tokens. Losses and divergences are means over predicted tokens.
Units: nats.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.hooks import Hook
from ..ch02_transformer.layers import Tokens
from ..ch02_transformer.train import next_token_loss
from ..ch05_patching import kl_divergence
from .metrics import loss_recovered
from .sae import AbstractSAE
from .splice import splice

Logits = Float[Tensor, "batch pos d_vocab"]


class Fidelity(NamedTuple):
    """How well a spliced model predicts."""

    clean: float
    """Loss of the model, nats per token."""
    spliced: float
    """Loss with x_hat in place of x."""
    zero: float
    """Loss with x set to zero."""
    mean: float
    """Loss with x set to its mean."""
    kl: float
    """Divergence of the spliced model's predictions from the model's, nats per token."""

    @property
    def recovered_from_zero(self) -> float:
        """Share of zero ablation's added loss that the SAE avoids; NaN if none is added."""
        return _share(self.clean, self.spliced, self.zero)

    @property
    def recovered_from_mean(self) -> float:
        """Share of mean ablation's added loss that the SAE avoids: the harder baseline."""
        return _share(self.clean, self.spliced, self.mean)


def _share(clean: float, spliced: float, ablated: float) -> float:
    return loss_recovered(clean, spliced, ablated) if ablated > clean else float("nan")


@torch.no_grad()
def measure_fidelity(
    model: HookedTransformer,
    hook: str,
    sae: AbstractSAE,
    tokens: Tokens,
    *,
    keep_first: bool = True,
) -> Fidelity:
    """Run the model four times on each text and compare.

    keep_first: leave position 0 as it is in all runs, on which SAEs are usually not trained.
    """
    clean, cache = model.run_with_cache(tokens, names=hook)
    first = int(keep_first)
    mean = cache[hook][:, first:].flatten(0, 1).mean(dim=0)
    with splice(model, {hook: sae}, error=False, keep_first=keep_first):
        spliced = model(tokens)
    zero, averaged = (
        model.run_with_hooks(tokens, hooks={hook: replace_by(value, first)})
        for value in (torch.zeros_like(mean), mean)
    )
    predicted = [logits[:, :-1].flatten(0, 1) for logits in (spliced, clean)]
    return Fidelity(
        clean=next_token_loss(clean, tokens).item(),
        spliced=next_token_loss(spliced, tokens).item(),
        zero=next_token_loss(zero, tokens).item(),
        mean=next_token_loss(averaged, tokens).item(),
        kl=kl_divergence(*predicted).mean().item(),
    )


def replace_by(value: Float[Tensor, " d_in"], first: int) -> Hook:
    """Make a hook that replaces the activation from a position on."""

    def hook(x: Tensor, _point: object) -> Tensor:
        return torch.cat([x[:, :first], value.expand_as(x[:, first:])], dim=1)

    return hook
