"""A mathematical framework for transformer circuits: take a model apart by its weights.

Reading order: decompose, lens, factored, circuits, composition, paths.
"""

from .circuits import copying_score, ov_circuit, qk_circuit
from .composition import composition_score, compositions
from .decompose import attribute, decompose
from .factored import FactoredMatrix
from .lens import TunedLens, logit_lens
from .paths import expand

__all__ = [
    "FactoredMatrix",
    "TunedLens",
    "attribute",
    "composition_score",
    "compositions",
    "copying_score",
    "decompose",
    "expand",
    "logit_lens",
    "ov_circuit",
    "qk_circuit",
]
