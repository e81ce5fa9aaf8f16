"""Activation patching: what a place in a model causes, and along which path.

Reading order: actions, sites, metrics, shared_past, reuse, activation, gates, facts, tracing, rome,
edits, path, treeified; site_files reads and writes interventions.
"""

from ..ch02_transformer.sites import Site
from .activation import check_pair, run_with_interventions, patch_sweep, record
from .metrics import (
    kl_divergence,
    logit_diff,
    probability,
    rank_of_answer,
    logit_diff_from_resid,
    metric_from_logits,
    normalized_recovery,
)
from .path import path_patch
from .sites import FromRun, Intervention, apply_interventions

__all__ = [
    "FromRun",
    "Intervention",
    "Site",
    "check_pair",
    "run_with_interventions",
    "apply_interventions",
    "kl_divergence",
    "logit_diff",
    "patch_sweep",
    "path_patch",
    "probability",
    "rank_of_answer",
    "logit_diff_from_resid",
    "metric_from_logits",
    "record",
    "normalized_recovery",
]
