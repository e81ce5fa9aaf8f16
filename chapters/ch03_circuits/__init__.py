"""A mathematical framework for transformer circuits: read a model from its weights.

Reading order: decompose, lens, factored_matrix, circuits, composition, paths.
"""

from .circuits import copying_score, ov_circuit, qk_circuit
from .composition import all_composition_scores, composition_score
from .decompose import decompose, direct_logit_attribution
from .factored_matrix import FactoredMatrix
from .lens import TunedLens, logit_lens
from .paths import expand_paths
