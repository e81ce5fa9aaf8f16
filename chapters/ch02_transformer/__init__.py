"""A transformer written from scratch: hooks, layers, model, training, sampling, real weights.

Reading order: config, hooks, norms, layers, attention, kv_cache, model, sites, write_then_rename,
checkpoint, train, fit, sample, fold, attention_only, output_norms, post_norm, soft_caps,
pretrained.
"""

from .config import TransformerConfig
from .hooks import HookedModule, HookPoint
from .kv_cache import KVCache
from .model import GPT2, LLAMA, HookedTransformer, Parts
from .pretrained import load_pretrained, save_model
from .sites import Site
