"""Attribution graphs: which parts of a model led to its output on one text, as numbers that add up.

Reading order: local, output_norms, nodes, logits, edges, fast_edges, graph, influence, scores,
pruning, supernodes; then relp, contrast, secant, change_graph, pairs, intervene, own_pairs, qk,
from_scratch for neurons.
"""

from .contrast import Pair, contrast_scores, group_scores, top_neurons
from .edges import Effects, direct_effects
from .graph import Graph, Node, attribution_graph
from .influence import node_influence
from .intervene import swap, switch_rates
from .local import LocalModel, freeze
from .logits import LogitTargets, difference_target, direction_targets, logit_targets
from .nodes import Basis, Nodes, Targets, Writes, choose, clt_basis, transcoder_basis
from .output_norms import hold_output_norms
from .pruning import prune
from .qk import head_parts, score_terms
from .relp import neuron_basis
from .scores import graph_scores
