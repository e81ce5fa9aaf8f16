"""The toy two_hop with two CLTs of each of its three models: the shipped one, and one more."""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch11_transcoders import JumpReLUCLT, crosslayer
from solutions.ch11_transcoders.crosslayer import AbstractCLT
from solutions.ch11_transcoders.formats import load_transcoders
from solutions.ch11_transcoders.geography import CONFIG, make_geography
from toy_models.toys import folder
from toy_models.two_hop import train as recipe

SEEDS, MORE = (0, 1, 2), 10
"""Seeds of the shipped models, and what is added for the seed of a second CLT."""
SOURCES = [__file__, str(recipe.__file__), str(crosslayer.__file__)]


class TwoCLTs(NamedTuple):
    """One model of two_hop."""

    model: HookedTransformer
    """The model."""
    clts: tuple[AbstractCLT, AbstractCLT]
    """The shipped CLT, and one of another seed."""


def more_weights(model: HookedTransformer, seed: int) -> dict[str, Tensor]:
    """Train another CLT of a model as the toy's recipe does, and return its weights."""
    rows = recipe.training_rows(model, make_geography())
    return recipe.train_clt(rows, (CONFIG.n_layers, CONFIG.d_model), seed).state_dict()


def load_all() -> list[TwoCLTs]:
    """Load the three models and their CLTs; the trained ones are cached."""
    torch.set_num_threads(1)
    steps, found = CachedSteps("ch12_supernodes", len(SEEDS), [MORE], SOURCES), []
    for seed in SEEDS:
        path = folder("two_hop", seed)
        model = load_pretrained(path)[0].requires_grad_(False)
        shipped = load_transcoders(path / "clt")
        assert isinstance(shipped, JumpReLUCLT)
        weights = steps(f"CLT {seed}", partial(more_weights, model, MORE + seed))
        second = JumpReLUCLT(
            CONFIG.n_layers, CONFIG.d_model, recipe.N_LATENTS, recipe.COEFFICIENT, seed=0
        )
        second.load_state_dict(weights)
        found.append(TwoCLTs(model, (shipped.requires_grad_(False), second.requires_grad_(False))))
    return found
