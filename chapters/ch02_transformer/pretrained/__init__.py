"""Pretrained models: from a local folder, the course's cache, or the Hugging Face hub.

`load_pretrained` (loading) finds the folder (model_folders), reads config.json (config_json), opens
the files of weights (checkpoint_files), and copies the tensors (fill). One adapter file per family
translates its names and layout: `gpt2`, `llama`, and `native` for models saved by `save_model`.
`describe_pretrained` says what would be loaded, without reading weights.
"""

from .describe import Description, describe_pretrained
from .loading import load_pretrained
from .native import save_model
