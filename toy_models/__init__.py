"""The models under study: small ones that are kept here, and how the real one is brought.

`load(name)` gives a toy as plain data. This package imports nothing of ours; only the recipes
(NAME/train.py) import the reference library, because they train with it.
"""

from toy_models.toys import Toy, load

__all__ = ["Toy", "load"]
