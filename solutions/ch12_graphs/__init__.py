"""Attribution graphs: which parts of a model led to its output on one text, as numbers that add up.

Reading order: local, nodes, edges, graph, prune.
"""
