"""Toy models of superposition: more features than dimensions, with known ground truth.

Reading order: data, toy_model, train, geometry, phase, computation, adversarial, arcs,
universality.
"""

from .data import anticorrelated_pairs, correlated_pairs, sparse_features
from .toy_model import LinearToy, ReluHiddenToy, ReluOutputToy, ToyConfig
from .train import ToyTrainConfig, train
