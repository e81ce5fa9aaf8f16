"""Attribution graphs: which parts of a model led to its output on one text, as numbers that add up.

Reading order: local, nodes, logits, edges, graph, influence, scores, pruning, supernodes.
"""

from .edges import Effects, direct_effects
from .graph import Graph, Node, attribution_graph
from .influence import node_influence
from .local import LocalModel, freeze
from .logits import LogitTargets, difference_target, direction_targets, logit_targets
from .nodes import Basis, Nodes, Targets, Writes, choose, clt_basis, transcoder_basis
from .pruning import prune
from .scores import graph_scores
