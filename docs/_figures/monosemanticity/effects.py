"""What one feature does: its examples, its logit weights, and what the model loses without it.

With one layer, features at a position change the prediction of that position only, so their
ablation is exact with one product: the residual stream minus f_i W_dec,i W_out.
Axes: row (token positions), latent, d_model, d_vocab.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from docs._figures.monosemanticity.dictionaries import encode
from docs._figures.monosemanticity.text_models import HOOK, Windows
from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes.sae import AbstractSAE

BEFORE, AFTER, EACH, INTERVALS, FIRINGS = 12, 5, 8, 4, 64
RESID = "blocks.0.hook_resid_post"


class Example(NamedTuple):
    """A piece of text around a position."""

    window: int
    """Which text."""
    start: int
    """Its first position there."""
    stop: int
    """The position after its last one."""


class Examples(NamedTuple):
    """Where to look at a feature."""

    top: list[Example]
    """Around its strongest positions, at most one per text."""
    intervals: list[Example]
    """Around random positions from each quarter of the range from 0 to the maximum."""
    random: list[Example]
    """Around random positions at which it is active."""


class Ablation(NamedTuple):
    """What the model loses at positions where a feature is active."""

    loss: Float[Tensor, " row"]
    """Added loss of the next token, nats."""
    log_probs: Float[Tensor, " d_vocab"]
    """Mean change of each token's log-probability."""
    control: Float[Tensor, " row"]
    """Added loss when another latent that is active there is ablated instead."""


class Evidence(NamedTuple):
    """Texts with everything that the effects are computed from."""

    windows: Windows
    """Texts."""
    acts: Float[Tensor, "window pos latent"]
    """Activations of all latents; zero at position 0 and at the last one."""
    resid: Float[Tensor, "window pos d_model"]
    """Residual stream after the layer."""


@torch.no_grad()
def gather_evidence(model: HookedTransformer, sae: AbstractSAE, windows: Windows) -> Evidence:
    """Run the model and the dictionary on texts."""
    acts, resids = [], []
    for batch in windows.tokens.split(32):
        _, cache = model.run_with_cache(batch, names=[HOOK, RESID])
        found = encode(sae, cache[HOOK].flatten(0, 1)).view(*batch.shape, -1)
        found[:, [0, -1]] = 0
        acts.append(found)
        resids.append(cache[RESID])
    return Evidence(windows, torch.cat(acts), torch.cat(resids))


def choose_examples(acts: Float[Tensor, "window pos"], seed: int) -> Examples:
    """Choose the strongest positions, some from each quarter of the range, and random firings."""
    generator = torch.Generator().manual_seed(seed)
    strongest, place = acts.max(dim=1)
    order = strongest.argsort(descending=True)[:EACH]
    top = [(int(w), int(place[w])) for w in order if strongest[w] > 0]
    largest, spread = float(acts.max()), []
    for quarter in range(INTERVALS, 0, -1):
        low, high = largest * (quarter - 1) / INTERVALS, largest * quarter / INTERVALS
        spread += sample((acts > low) & (acts <= high), EACH // INTERVALS, generator)
    firing = sample(acts > 0, EACH, generator)
    length = acts.shape[1]
    return Examples(*([around(at, length) for at in part] for part in (top, spread, firing)))


def sample(mask: Tensor, n: int, generator: torch.Generator) -> list[tuple[int, int]]:
    """Draw places where a mask is true."""
    places = mask.nonzero()
    order = torch.randperm(len(places), generator=generator)[:n]
    return [(int(window), int(pos)) for window, pos in places[order]]


def around(at: tuple[int, int], length: int) -> Example:
    """Cut a piece of text around a position."""
    window, pos = at
    return Example(window, max(0, pos - BEFORE), min(length, pos + AFTER + 1))


def logit_weights(
    model: HookedTransformer, direction: Float[Tensor, " neuron"]
) -> Float[Tensor, " d_vocab"]:
    """Compute how a decoder row changes the logits directly, up to the final norm's scale.

    Row times W_out, centered as the final LayerNorm does, times its gain, unembedded; minus the
    mean over the vocabulary.
    """
    written = direction @ model.get_parameter("blocks.0.mlp.W_out")
    scaled = (written - written.mean()) * model.get_parameter("ln_final.w")
    logits = scaled @ model.get_parameter("embed.W_E").T
    return logits - logits.mean()


@torch.no_grad()
def ablate(
    model: HookedTransformer, sae: AbstractSAE, evidence: Evidence, latent: int, seed: int = 0
) -> Ablation:
    """Set a latent to zero at random places where it is active, with the SAE's error kept."""
    generator = torch.Generator().manual_seed(seed)
    where = torch.tensor(sample(evidence.acts[..., latent] > 0, FIRINGS, generator)).view(-1, 2)
    window, pos = where.T
    target = evidence.windows.tokens[window, pos + 1]
    resid, acts = evidence.resid[window, pos], evidence.acts[window, pos]
    written = sae.W_dec @ model.get_parameter("blocks.0.mlp.W_out")  # [latent, d_model]
    clean = model.unembed_resid(resid[None])[0].log_softmax(dim=-1)

    def without(latents: Int[Tensor, " row"]) -> Float[Tensor, "row d_vocab"]:
        changed = resid - acts.gather(1, latents[:, None]) * written[latents]
        return model.unembed_resid(changed[None])[0].log_softmax(dim=-1)

    others = (acts > 0).to(acts.dtype)
    others[:, latent] = 0
    others[others.sum(dim=1) == 0, latent] = 1  # nothing else is active there
    drawn = torch.multinomial(others, 1, generator=generator)[:, 0]
    removed, instead = without(torch.full((len(where),), latent)), without(drawn)
    added = [(clean - changed).gather(1, target[:, None])[:, 0] for changed in (removed, instead)]
    return Ablation(added[0], (removed - clean).mean(dim=0), added[1])
