"""Name movers from an empty file: a model and prompts in, heads out.

Axes: batch, pos, head; all heads are measured at END.
Source: Wang et al. 2022, "Interpretability in the Wild", section 3.1 and appendix B.
"""

import torch
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.hooks import HookPoint
from .prompts import IOIPrompts

Head = tuple[int, int]


@torch.no_grad()
def find_name_movers(
    model: HookedTransformer, prompts: IOIPrompts, corrupted: IOIPrompts
) -> list[Head]:
    """List the name movers of a model, the one with the largest effect first; they may be none.

    A name mover is a head that, in the intact model,

    1. attends from END to IO with at least .3 of its attention, on average over prompts; and
    2. works for the answer without another head in between: if its output at END is taken from
       `corrupted` (ABC) and all other heads are frozen at their clean outputs, the mean logit
       difference falls by at least 2 % of the clean one, and by at least three standard errors
       over prompts.
    """
    # exercise 7.14
    raise NotImplementedError("exercise 7.14")
