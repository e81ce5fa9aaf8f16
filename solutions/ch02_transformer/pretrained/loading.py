"""Load a trained model from a name or a folder.

1. Find the folder: a local path, the converted model in the cache, or the hub (`model_folders`).
2. Choose the adapter by the architecture in config.json, and build the model from its parts.
3. Copy every tensor into the model (`fill`).
"""

import os
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from ..config import TransformerConfig
from ..model import HookedTransformer, Parts
from . import (
    gemma,
    gemma2,
    gpt2,
    gpt_neo,
    gpt_neox,
    llama,
    mistral,
    native,
    olmo2,
    opt,
    phi,
    qwen2,
    qwen3,
    stablelm,
)
from .checkpoint_files import Weights
from .config_json import read_json
from .fill import Adapter, check_sizes, fill
from .model_folders import find_folder

ADAPTERS: dict[str, Adapter] = {
    "GPT2LMHeadModel": gpt2,
    "LlamaForCausalLM": llama,
    "GemmaForCausalLM": gemma,
    "Gemma2ForCausalLM": gemma2,
    "GPTNeoForCausalLM": gpt_neo,
    "GPTNeoXForCausalLM": gpt_neox,
    "MistralForCausalLM": mistral,
    "Olmo2ForCausalLM": olmo2,
    "OPTForCausalLM": opt,
    "PhiForCausalLM": phi,
    "Qwen2ForCausalLM": qwen2,
    "Qwen3ForCausalLM": qwen3,
    "StableLmForCausalLM": stablelm,
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
    path = folder / "config.json"
    settings = read_json(path)
    adapter = choose_adapter(settings, folder)
    try:
        config = adapter.config(settings)
        parts = parts or adapter.parts(settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    weights = Weights(folder)
    check_sizes(weights, config)
    model = build(config, parts, dtype, path)
    fill(model, weights, adapter)
    return model.eval(), load_tokenizer(folder / "tokenizer.json")


def build(
    config: TransformerConfig, parts: Parts, dtype: torch.dtype, path: Path
) -> HookedTransformer:
    """Build a model of that precision, its weights uninitialised.

    Raises: ValueError when it cannot be built, or does not fit into memory.
    """
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        return HookedTransformer(config, parts, seed=None)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except (RuntimeError, MemoryError) as error:  # torch raises nothing narrower
        raise ValueError(f"{path} gives sizes that do not fit into memory: {config}") from error
    finally:
        torch.set_default_dtype(before)


def load_tokenizer(path: Path) -> Tokenizer | None:
    """Read tokenizer.json; None if there is no such file.

    Raises: ValueError when it is damaged.
    """
    if not os.path.lexists(path):
        return None
    if not path.is_file():
        raise ValueError(f"expected a file at {path}, got a folder or a device; download it again")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ValueError(f"{path} is damaged ({error}); download it again") from error


def choose_adapter(settings: dict[str, Any], folder: Path) -> Adapter:
    """Return the adapter of the architecture in config.json.

    Raises: ValueError for an architecture without one.
    """
    named = settings.get("architectures")
    for name, adapter in ADAPTERS.items():
        if named == [name]:
            return adapter
    raise ValueError(
        f"expected an architecture out of {', '.join(ADAPTERS)} in "
        f"{folder / 'config.json'}, got {named!r:.200}; "
        f"other families need an adapter"
    )
