"""From a name or a folder to a model that runs.

1. Find the folder: a local path, the converted model in the cache, or the hub (`find_folder`).
2. Choose the adapter by the architecture that config.json names.
3. Copy tensor after tensor into the model, and account for every one on both sides (`fill`).
"""

import hashlib
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import torch
from tokenizers import Tokenizer

from ..model import HookedTransformer
from ..unembed import TiedUnembed
from . import gpt2, llama, own
from .files import Weights, read_json

ADAPTERS: dict[str, ModuleType] = {
    "GPT2LMHeadModel": gpt2,
    "LlamaForCausalLM": llama,
    "HookedTransformer": own,
}


def load_pretrained(
    name_or_path: str | Path, dtype: torch.dtype = torch.float32
) -> tuple[HookedTransformer, Tokenizer | None]:
    """A trained model and its tokenizer (None where the folder has no tokenizer.json).

    name_or_path: a folder in Hugging Face's format or saved by `save_model`; "smollm2-135m", which
    set-up puts into the cache; or a name on the hub (extra `hub`). The model comes in evaluation
    mode on the CPU.

    Raises: ValueError when the folder is not there, is damaged, is of a family that has no adapter
        yet, or does not hold exactly the tensors that its config.json promises.
    """
    folder = find_folder(str(name_or_path))
    settings = read_json(folder / "config.json")
    adapter = choose_adapter(settings, folder)
    try:
        config = adapter.config(settings)
    except KeyError as error:
        raise ValueError(f"{folder / 'config.json'} lacks the setting {error}") from error
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        model = HookedTransformer(config, adapter.parts(settings), seed=None)
    finally:
        torch.set_default_dtype(before)
    fill(model, Weights(folder), adapter)
    tokenizer = folder / "tokenizer.json"
    return model.eval(), Tokenizer.from_file(str(tokenizer)) if tokenizer.is_file() else None


def choose_adapter(settings: dict, folder: Path) -> ModuleType:
    """The adapter of the architecture that config.json names.

    Raises: ValueError for an architecture without one.
    """
    named = settings.get("architectures") or ["none"]
    if named[0] not in ADAPTERS:
        raise ValueError(
            f"{folder} holds the architecture {named[0]!r}; known are {', '.join(ADAPTERS)}"
        )
    return ADAPTERS[named[0]]


@torch.no_grad()
def fill(model: HookedTransformer, weights: Weights, adapter: ModuleType) -> None:
    """Copy the checkpoint into the model, tensor after tensor.

    Biases that the family does not have stay zero. A tied unembedding is the embedding, so a second
    copy of it in the file is read, compared and dropped.

    Raises: ValueError for a tensor that is missing, left over, or of a wrong shape.
    """
    parameters = dict(model.named_parameters())
    needed = {name for name in parameters if name.rpartition(".")[2][:2] != "b_"}
    filled = set()
    for name, tensor in adapter.translate(weights, model.config):
        if name == "unembed.W_U" and model.parts.unembed is TiedUnembed:
            same_as_embedding(tensor, model.embed.W_E)
            continue
        target = parameters.get(name)
        if target is None or target.shape != tensor.shape:
            expected = "no such parameter" if target is None else f"shape {tuple(target.shape)}"
            raise ValueError(
                f"{name} came with shape {tuple(tensor.shape)}, but the model has {expected}"
            )
        target.copy_(tensor)
        filled.add(name)
    if needed - filled:
        raise ValueError(f"{weights.folder} leaves {sorted(needed - filled)} without weights")
    if left := weights.left(adapter.IGNORED):
        raise ValueError(f"{weights.folder} holds tensors that nobody took: {left}")


def same_as_embedding(W_U: torch.Tensor, W_E: torch.Tensor) -> None:
    """Refuse a tied checkpoint whose unembedding differs from its embedding."""
    if W_U.shape != W_E.T.shape or not torch.equal(W_U.T.to(W_E.dtype), W_E):
        raise ValueError("config.json says that the embedding is tied, but lm_head.weight differs")


def find_folder(name: str) -> Path:
    """Where the model lies; from the hub it is fetched first."""
    if Path(name).is_dir():
        return Path(name)
    cached = cache_folder() / name
    if name == "smollm2-135m":
        check_converted(cached)
        return cached
    if "/" not in name or Path(name).is_absolute() or name.startswith("."):
        raise ValueError(
            f"no folder {name!r}; give a folder, smollm2-135m, or owner/name on the hub"
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ValueError(f"{name!r} is no folder here; to fetch it: pip install -e '.[hub]'")
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))


def cache_folder() -> Path:
    """Where set-up puts what it fetches: $MI_CACHE, or .cache in the home folder."""
    default = Path.home() / ".cache" / "mechinterp-from-scratch"
    return Path(os.environ.get("MI_CACHE", default))


def check_converted(folder: Path) -> None:
    """Refuse a converted model that is missing, or not what the conversion wrote."""
    remedy = "run `mi model` (or `python -m toy_models fetch`)"
    if not (folder / "source.json").is_file():
        raise ValueError(f"smollm2-135m is not in the cache ({folder}); {remedy}")
    expected = read_json(folder / "source.json").get("converted_sha256")
    with (folder / "model.safetensors").open("rb") as file:
        came = hashlib.file_digest(file, "sha256").hexdigest()
    if came != expected:
        raise ValueError(
            f"{folder} is damaged: its checksum is {came[:12]}, not {str(expected)[:12]}; {remedy}"
        )
