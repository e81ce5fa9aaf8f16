"""From a name or a folder to a model that runs.

1. Find the folder: a local path, the converted model in the cache, or the hub (`find_folder`).
2. Choose the adapter by the architecture that config.json names.
3. Copy tensor after tensor into the model, and account for every one on both sides (`fill`).

An adapter is a module with `config`, `parts` and `translate`; with IGNORED_TENSORS, endings of tensors in
the file that are no weights, and OPTIONAL_PARAMS, how names of parameters begin that it leaves at zero.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import torch
from einops import EinopsError
from tokenizers import Tokenizer
from torch import Tensor

from ..config import TransformerConfig
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
    except (TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{folder / 'config.json'} cannot be understood: {error}") from error
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        model = HookedTransformer(config, adapter.parts(settings), seed=None)
    finally:
        torch.set_default_dtype(before)
    fill(model, Weights(folder), adapter)
    return model.eval(), read_tokenizer(folder / "tokenizer.json")


def read_tokenizer(path: Path) -> Tokenizer | None:
    """The tokenizer in a file, None where there is no file.

    Raises: ValueError when the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ValueError(f"{path} is damaged ({error}); fetch it again") from error


def choose_adapter(settings: dict, folder: Path) -> ModuleType:
    """The adapter of the architecture that config.json names.

    Raises: ValueError for an architecture without one.
    """
    named = settings.get("architectures")
    for name, adapter in ADAPTERS.items():
        if named == [name]:
            return adapter
    raise ValueError(
        f"{folder} is of architecture {named}, which has no adapter; known are "
        f"{', '.join(ADAPTERS)}"
    )


@torch.no_grad()
def fill(model: HookedTransformer, weights: Weights, adapter: ModuleType) -> None:
    """Copy the checkpoint into the model, tensor after tensor.

    Parameters that the family does not have (`OPTIONAL_PARAMS`: biases) stay zero. A tied unembedding is
    the embedding, so a second copy of it in the file is read, compared and dropped.

    Raises: ValueError for a tensor that is missing, left over, or of a wrong shape.
    """
    targets: dict[str, Tensor] = dict(model.named_parameters())
    needed = {name for name in targets if not name.rpartition(".")[2].startswith(adapter.OPTIONAL_PARAMS)}
    if tied := model.parts.unembed is TiedUnembed:
        targets["unembed.W_U"] = torch.empty_like(model.unembed.W_U)
    filled = set()
    for name, tensor in translated(weights, model.config, adapter):
        target = targets.get(name)
        if target is None or target.shape != tensor.shape:
            expected = "no such parameter" if target is None else f"shape {tuple(target.shape)}"
            raise ValueError(
                f"{name} came with shape {tuple(tensor.shape)} from {weights.folder}, "
                f"but the model that config.json describes has {expected}"
            )
        target.copy_(tensor)
        filled.add(name)
    if needed - filled:
        raise ValueError(f"{weights.folder} leaves {sorted(needed - filled)} without weights")
    copied = tied and "unembed.W_U" in filled
    if copied and not torch.equal(targets["unembed.W_U"], model.unembed.W_U):
        raise ValueError(
            f"{weights.folder / 'config.json'} says that the embedding is tied, but the "
            f"unembedding in the weights differs; set tie_word_embeddings to false"
        )
    if left := weights.unused(adapter.IGNORED_TENSORS):
        raise ValueError(f"{weights.folder} holds tensors that nobody took: {left}")


def translated(
    weights: Weights, config: TransformerConfig, adapter: ModuleType
) -> Iterator[tuple[str, Tensor]]:
    """What the adapter makes of the checkpoint.

    Raises: ValueError when a tensor cannot be split as config.json says, naming the last one read.
    """
    try:
        yield from adapter.translate(weights, config)
    except (EinopsError, IndexError) as error:
        last = next(reversed(weights.taken), "nothing")
        raise ValueError(
            f"{weights.folder} does not fit its config.json; after reading {last!r}: {error}"
        ) from error


def find_folder(name: str) -> Path:
    """Where the model lies; from the hub it is fetched first."""
    if Path(name).is_dir():
        return Path(name)
    cached = cache_folder() / name
    if name == "smollm2-135m":
        check_converted(cached)
        return cached
    if name.count("/") != 1 or Path(name).is_absolute() or name.startswith("."):
        raise ValueError(
            f"no folder {name!r}; give a folder, smollm2-135m, or owner/name on the hub"
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ValueError(f"{name!r} is no folder here; to fetch it: pip install -e '.[hub]'")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except OSError as error:
        raise ValueError(
            f"{name!r} is no folder here, and it cannot be fetched: {error}"
        ) from error


def cache_folder() -> Path:
    """Where set-up puts what it fetches: $MI_CACHE, or .cache in the home folder."""
    given = os.environ.get("MI_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache/mechinterp-from-scratch"


def check_converted(folder: Path) -> None:
    """Refuse a converted model that is missing, or not what the conversion wrote."""
    remedy = "run `mi model` (or `python -m toy_models fetch`)"
    if not (folder / "source.json").is_file():
        raise ValueError(f"smollm2-135m is not in the cache ({folder}); {remedy}")
    recorded = read_json(folder / "source.json").get("sha256")
    if not isinstance(recorded, dict) or "model.safetensors" not in recorded:
        raise ValueError(f"{folder / 'source.json'} should list the files' checksums; {remedy}")
    for name, expected in recorded.items():
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is missing; {remedy}")
        with (folder / name).open("rb") as file:
            came = hashlib.file_digest(file, "sha256").hexdigest()
        if came != expected:
            raise ValueError(
                f"{folder / name} is damaged: sha256 {expected} is expected, {came} came; {remedy}"
            )
