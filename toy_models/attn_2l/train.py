"""Train attn_2l: two layers, on a text with skip-trigrams and repeated segments.

Repeats reward an induction circuit: a head of layer 0 that attends to the previous token, and one
of layer 1 that attends to the token after the last occurrence of the current one.

`python -m toy_models train attn_2l` takes under a minute of one core.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.hooks import HookPoint
from solutions.ch02_transformer.train import TrainConfig
from solutions.ch03_circuits.circuits import copying_score, full_ov
from solutions.ch03_circuits.composition import all_composition_scores
from toy_models.recipes.attention_only import Recipe, run, sizes
from toy_models.synthetic_text import WORDS

RECIPE = Recipe(
    sizes(n_layers=2, n_heads=4, d_head=16),
    TrainConfig(steps=1_500, batch_size=32, window=64, lr=0.01, weight_decay=0.01, eval_every=500),
    skips=True,
    repeats=True,
    std_embed=1.0,
)

HALF = 32
"""Length of the random sequences, each of which is repeated once."""


class Heads(NamedTuple):
    """Attention scores of each head on random tokens that are repeated once."""

    previous: Float[Tensor, "layer head"]
    """Mean attention to the previous token."""
    induction: Float[Tensor, "layer head"]
    """Mean attention, in the second half, to the token after the earlier copy."""


def repeated(seed: int) -> Int[Tensor, "batch pos"]:
    """Draw sequences of HALF random tokens, each followed by itself."""
    once = torch.randint(len(WORDS), (64, HALF), generator=torch.Generator().manual_seed(seed))
    return torch.cat([once, once], dim=1)


@torch.no_grad()
def head_scores(model: HookedTransformer, seed: int = 0) -> Heads:
    """Compute both scores on 64 sequences of 32 tokens, each repeated once."""
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]
    _, cache = model.run_with_cache(repeated(seed), names=names)
    patterns = torch.stack([cache[name] for name in names])  # [layer, batch, head, query, key]
    previous = patterns.diagonal(-1, dim1=-2, dim2=-1).mean(dim=(1, 3))
    to_next = patterns.diagonal(1 - HALF, dim1=-2, dim2=-1)[..., 1:]
    return Heads(previous, to_next.mean(dim=(1, 3)))


@torch.no_grad()
def loss_without(model: HookedTransformer, heads: list[int], seed: int = 0) -> float:
    """Compute the loss on the second copies with heads of layer 0 ablated, in nats per token."""
    tokens = repeated(seed)

    def ablate(z: Float[Tensor, "batch pos head d_head"], point: HookPoint) -> None:
        del point
        z[:, :, heads] = 0

    with model.hooks({"blocks.0.attn.hook_z": ablate}):
        log_probs = model(tokens)[:, HALF:-1].log_softmax(dim=-1)
    return -log_probs.gather(-1, tokens[:, HALF + 1 :, None]).mean().item()


def report(model: HookedTransformer) -> dict[str, list]:
    """Collect scores of all heads, copying scores, and composition above the random baseline."""
    heads, baseline = head_scores(model), model.config.d_model**-0.5
    scores = all_composition_scores(model, earlier=0, later=1)
    copying = torch.stack([copying_score(full_ov(model, n).eigenvalues()) for n in (0, 1)])
    excess = {kind: score.detach() - baseline for kind, score in scores._asdict().items()}
    shown = {**heads._asdict(), "copying": copying, **excess}
    return {name: [[round(x, 3) for x in row] for row in v.tolist()] for name, v in shown.items()}


def main(arguments: list[str] | None = None) -> None:
    """Train one model."""
    run("attn_2l", RECIPE, report, arguments or [])


if __name__ == "__main__":
    main()
