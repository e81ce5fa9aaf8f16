"""Activation patching, causal tracing and path patching.

Reading order: interventions, interventions_in_generation, metrics, sweep, activation,
logic_gate_models, fact_world, tracing, rome, edit_evaluation, path, path_bruteforce,
from_scratch, own_gates, own_routes; intervention_io reads and writes interventions.
"""

from ..ch02_transformer.sites import Site
from .activation import cache_sites, check_pair, patch_sweep, run_with_interventions
from .interventions import FromRun, Intervention, apply_interventions
from .metrics import (
    kl_divergence,
    logit_diff,
    logit_diff_from_resid,
    metric_from_logits,
    normalized_recovery,
    probability,
    rank_of_answer,
)
from .path import path_patch
