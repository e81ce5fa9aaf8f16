"""Where latents of sae_smollm2 are active: their strongest contexts, and random ones.

Contexts are windows of the training text, whose activations the recipe keeps. A latent is shown on
its strongest firings and on firings drawn at random, because the strongest ones flatter a name.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes import AbstractSAE
from solutions.ch08_saes.activation_store import ActivationStore
from toy_models.recipes.real_activations import PER_BATCH, WINDOW, Windows

N_SHOWN, N_TOP, N_RANDOM = 30, 5, 5
BEFORE, AFTER = 12, 4
"""Tokens of a context around the firing."""
FEWEST, MOST = 40, 0.05
"""Windows in which a latent is active at least, and share of all tokens at most, to be drawn."""


class Firings(NamedTuple):
    """Every activation of every latent on the stored rows."""

    latent: Int[Tensor, " firing"]
    """Latent of each firing."""
    act: Float[Tensor, " firing"]
    """Its activation."""
    place: Int[Tensor, "firing 2"]
    """Its window and position."""
    n_rows: int
    """Number of stored rows."""


@torch.no_grad()
def find_firings(sae: AbstractSAE, store: ActivationStore) -> Firings:
    """Encode every stored row."""
    latents, acts, places = [], [], []
    for shard in range(len(store.shards)):
        origin = load_file(store.folder / store.shards[shard]["file"])["origin"].long()
        windows = origin[:, 0] * PER_BATCH + origin[:, 1]
        where = torch.stack([windows, origin[:, 2]], dim=1)
        for rows, of_rows in zip(store.load(shard).split(1024), where.split(1024), strict=True):
            found = sae.encode(rows)
            row, latent = found.nonzero(as_tuple=True)
            latents.append(latent)
            acts.append(found[row, latent])
            places.append(of_rows[row])
    return Firings(torch.cat(latents), torch.cat(acts), torch.cat(places), store.n_rows)


def draw_latents(firings: Firings, d_sae: int, n: int, seed: int) -> list[int]:
    """Draw latents at random, of those that are neither rare nor active everywhere."""
    counts = firings.latent.bincount(minlength=d_sae)
    pairs = (firings.latent * (1 + firings.place[:, 0].max()) + firings.place[:, 0]).unique()
    windows = (pairs // (1 + firings.place[:, 0].max())).bincount(minlength=d_sae)
    able = ((windows >= FEWEST) & (counts < MOST * firings.n_rows)).nonzero().flatten()
    order = torch.randperm(len(able), generator=torch.Generator().manual_seed(seed))
    return sorted(able[order[:n]].tolist())


def choose_contexts(
    firings: Firings, latent: int, generator: torch.Generator
) -> list[tuple[int, int, str]]:
    """Choose the strongest firings, and random ones, all of different windows.

    Each is its window, its position and "strongest" or "random".
    """
    own = (firings.latent == latent).nonzero().flatten()
    ranked = own[firings.act[own].argsort(descending=True)]
    shuffled = own[torch.randperm(len(own), generator=generator)]
    taken: set[int] = set()
    chosen: list[tuple[int, int, str]] = []
    for kind, rows, wanted in (("strongest", ranked, N_TOP), ("random", shuffled, N_RANDOM)):
        for window, position in firings.place[rows].tolist():
            if window not in taken and wanted:
                taken.add(window)
                chosen.append((window, position, kind))
                wanted -= 1
    return chosen


def context_acts(
    firings: Firings, latents: list[int], window: int, start: int, stop: int
) -> Float[Tensor, "pos latent"]:
    """Return latents' activations at positions of a window; 0 where none is stored."""
    out = torch.zeros(stop - start, len(latents))
    columns = {latent: column for column, latent in enumerate(latents)}
    inside = firings.place[:, 0] == window
    for latent, act, (_, position) in zip(
        firings.latent[inside].tolist(),
        firings.act[inside].tolist(),
        firings.place[inside].tolist(),
        strict=True,
    ):
        if latent in columns and start <= position < stop:
            out[position - start, columns[latent]] = act
    return out


@torch.no_grad()
def logit_weights(
    model: HookedTransformer, sae: AbstractSAE, latents: list[int]
) -> Float[Tensor, "latent d_vocab"]:
    """Project decoder rows through the final norm's gain to the vocabulary, minus their mean.

    The direct effect only: later layers may change it.
    """
    direct = (sae.W_dec[latents] * model.ln_final.w) @ model.unembed.W_U  # type: ignore[operator]
    return direct - direct.mean(dim=-1, keepdim=True)


def promoted(weights: Float[Tensor, " d_vocab"], tokenizer: Tokenizer, n: int = 6) -> list[str]:
    """Return the tokens that a latent raises most."""
    return [tokenizer.decode([token]) for token in weights.topk(n).indices.tolist()]


def window_range(position: int) -> tuple[int, int]:
    """Return the first position of a context, and the one after its last."""
    start = max(0, position - BEFORE)
    return start, min(WINDOW, position + AFTER + 1)


def texts_of(
    windows: Windows, tokenizer: Tokenizer, window: int, start: int, stop: int
) -> list[str]:
    """Decode the tokens of a context one by one."""
    return [tokenizer.decode([token]) for token in windows[window, start:stop].tolist()]
