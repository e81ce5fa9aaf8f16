"""Transcoders: sparse replacements of MLPs, one layer at a time or across layers.

Reading order: transcoder, skip, virtual_weights, attribution, crosslayer, fast_pass, cost,
replacement, from_scratch, two_hop, own_two_hop, geography, state_swaps, jumprelu, formats,
eight_bits.
"""

from .attribution import split_pre_activations
from .crosslayer import JumpReLUCLT, TopKCLT, as_crosslayer, clt_pass
from .fast_pass import sparse_clt_pass, sparse_pair_pass
from .replacement import measure_replacement, replace_mlps
from .skip import SkipTranscoder, fit_affine
from .transcoder import L1Transcoder, TopKTranscoder, exact_transcoder, pair_pass
from .two_hop import exact_clt, known_edges, two_hop_model
