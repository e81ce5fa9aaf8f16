"""A transformer of your own: hooks, parts, model, training, sampling, and real weights.

Reading order: config, hooks, norms, layers, kv_cache, attention, unembed, model, sites, checkpoint,
train, sample, fold, pretrained.
"""

from .config import TransformerConfig
from .hooks import HookedModule, HookPoint
from .kv_cache import KVCache
from .model import GPT2, LLAMA, HookedTransformer, Parts
from .pretrained import load_pretrained, save_model
from .sites import Site

__all__ = [
    "GPT2",
    "LLAMA",
    "HookPoint",
    "HookedModule",
    "HookedTransformer",
    "KVCache",
    "Parts",
    "Site",
    "TransformerConfig",
    "load_pretrained",
    "save_model",
]
