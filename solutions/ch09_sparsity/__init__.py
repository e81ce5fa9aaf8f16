"""How an SAE becomes sparse: selection, gates, thresholds, nested prefixes; scaling; files.

Reading order: topk, active_entries, batch_topk, gated, jumprelu, matryoshka, absorption, scaling,
formats.
"""

from .batch_topk import BatchTopKSAE, fit_threshold
from .formats import load_sae, save_sae
from .gated import GatedSAE, as_jumprelu
from .jumprelu import JumpReLUSAE
from .matryoshka import MatryoshkaSAE
from .scaling import bootstrap_power_law, fit_power_law
from .topk import MultiTopKSAE, TopKSAE, sparse_pass
