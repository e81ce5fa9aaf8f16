"""The models under study: small ones that are committed here, and the fetched real one.

One way to open a toy, of any training seed and at any step that was kept:

    load_pretrained(toy_models.folder("attn_2l", seed=1))            # a transformer
    load_pretrained(toy_models.folder("induction_2l", step=200))     # one of its snapshots
    toy = toy_models.load("superposition_5")                         # not a transformer
    ReluOutputToy.from_tensors(toy.config, toy.tensors)

This package imports no class of the course, so that a learner's own model can open every toy. Only
the recipes (NAME/train.py, recipes/) import the reference library, because they train with it.
"""

import sys

try:
    from toy_models.toys import Toy, folder, load
except KeyboardInterrupt:
    if sys.argv[0] == "-m":  # `python -m toy_models`
        sys.exit(130)
    raise

__all__ = ["Toy", "folder", "load"]
