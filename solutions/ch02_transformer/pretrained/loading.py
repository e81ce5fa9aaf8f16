"""Load a trained model from a name or a folder.

1. Find the folder: a local path, the converted model in the cache, or the hub (`model_folders`).
2. Choose the adapter by the architecture in config.json, and build the model from its parts.
3. Copy every tensor into the model (`fill`).
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from ..model import HookedTransformer, Parts
from . import gpt2, llama, native
from .checkpoint_files import Weights, read_json
from .fill import Adapter, fill
from .model_folders import find_folder

ADAPTERS: dict[str, Adapter] = {
    "GPT2LMHeadModel": gpt2,
    "LlamaForCausalLM": llama,
    "HookedTransformer": native,
}


def load_pretrained(
    name_or_path: str | Path, dtype: torch.dtype = torch.float32, *, parts: Parts | None = None
) -> tuple[HookedTransformer, Tokenizer | None]:
    """Load a trained model and its tokenizer (None if the folder has no tokenizer.json).

    name_or_path: a folder in Hugging Face's format or saved by `save_model`; "smollm2-135m", which
    set-up puts into the cache; or a name on the hub (extra `hub`). parts: what to build the model
    of, if config.json names parts that are defined outside of this chapter. The model is returned
    in evaluation mode, on the CPU.

    Raises: ValueError when the folder does not exist, is damaged, is of a family without an
        adapter, or does not hold exactly the tensors that its config.json promises.
    """
    folder = find_folder(str(name_or_path))
    settings = read_json(folder / "config.json")
    adapter = choose_adapter(settings, folder)
    try:
        config = adapter.config(settings)
    except KeyError as error:
        raise ValueError(f"{folder / 'config.json'} lacks the setting {error}") from error
    except (TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{folder / 'config.json'} cannot be understood: {error}") from error
    if parts is None:
        parts = adapter.parts(settings)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        model = HookedTransformer(config, parts, seed=None)
    finally:
        torch.set_default_dtype(before)
    fill(model, Weights(folder), adapter)
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path)) if path.is_file() else None
    except Exception as error:  # tokenizers raises nothing narrower
        raise ValueError(f"{path} is damaged ({error}); download it again") from error
    return model.eval(), tokenizer


def choose_adapter(settings: dict[str, Any], folder: Path) -> Adapter:
    """Return the adapter of the architecture in config.json.

    Raises: ValueError for an architecture without one.
    """
    named = settings.get("architectures")
    for name, adapter in ADAPTERS.items():
        if named == [name]:
            return adapter
    raise ValueError(
        f"expected an architecture out of {', '.join(ADAPTERS)} in {folder}, got {named}; "
        f"other families need an adapter"
    )
