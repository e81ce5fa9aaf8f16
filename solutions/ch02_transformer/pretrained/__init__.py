"""Models that somebody else trained: from a local folder, the course's cache, or the hub.

`files` reads a checkpoint folder safely, one adapter file a family says how its tensors become
ours (`gpt2`, `llama`, and `native` for models saved by `save_model`), `loading` puts them together.
"""

from .loading import load_pretrained
from .native import save_model

__all__ = ["load_pretrained", "save_model"]
