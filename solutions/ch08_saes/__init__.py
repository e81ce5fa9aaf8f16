"""Sparse autoencoders: dictionaries of directions, trained on activations.

Reading order: sae, vanilla, planted, metrics, resample, train, sae_checkpoint, training_folder,
collect, activation_store, splice, fidelity, dictionary_learning, suspects.
"""

from .activation_store import ActivationStore
from .collect import CollectConfig, collect
from .metrics import ReconstructionSums, recover_features
from .planted import PlantedConfig, PlantedFeatures
from .sae import AbstractSAE, LossParts, Reconstruction, SAEOutput
from .splice import feature_site, splice
from .train import SAETrainConfig, train_saes
from .training_folder import train_in_folder
from .vanilla import NormWeightedSAE, VanillaSAE
