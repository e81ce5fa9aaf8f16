"""What `load_pretrained` would load from a folder, found out without reading any weight.

Only config.json, tokenizer.json and the headers of the safetensors files are read. The family's
adapter runs on tensors without memory (PyTorch's device "meta"), so that missing, unused and
misshapen tensors come to light as they would in loading.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..attention import causal_mask
from ..config import TransformerConfig
from ..layers import TiedUnembed
from ..model import HookedTransformer, Parts
from .checkpoint_files import Weights
from .config_json import read_json
from .fill import Adapter, check_sizes, translated
from .loading import build, choose_adapter, load_tokenizer

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
"""Names of types in the files -> PyTorch's."""


class Description(NamedTuple):
    """What a folder holds, as far as it could be read."""

    folder: Path
    """The folder."""
    family: str
    """Name of the adapter, such as `gemma2`; "" if there is none."""
    config: TransformerConfig | None
    """Sizes; None if config.json cannot be read."""
    parts: Parts | None
    """What the model would be built of."""
    n_parameters: int
    """Numbers in the model that would be built, a tied unembedding counted once."""
    stored: dict[str, int]
    """Type in the files, such as BF16 -> numbers of that type."""
    tokenizer: int | None
    """Tokens that tokenizer.json knows; None if there is no such file."""
    problems: list[str]
    """What is missing or not supported; empty if the model would be loaded."""
    limits: list[str]
    """What later chapters refuse for this model, and why."""

    def bytes_in(self, dtype: torch.dtype) -> int:
        """Return the memory of the parameters in that precision."""
        return self.n_parameters * torch.empty(0, dtype=dtype).element_size()


class Headers(Weights):
    """The tensors of a checkpoint by name, with shape and type but without numbers."""

    def __getitem__(self, name: str) -> Tensor:
        """Return an empty tensor of that shape and type, and record it as used.

        Raises: ValueError when the checkpoint lacks it, or stores it in a type that is not read.
        """
        if name not in self:
            raise ValueError(f"{self.folder} lacks the tensor {name!r}, which this family needs")
        header = self._files[name].get_slice(name)
        if header.get_dtype() not in DTYPES:
            raise ValueError(
                f"expected {', '.join(DTYPES)} for {name!r} in {self.folder}, got "
                f"{header.get_dtype()}; quantised checkpoints are not supported"
            )
        self.used[name] = None
        return torch.empty(
            header.get_shape(), dtype=DTYPES[header.get_dtype()], device=torch.device("meta")
        )

    def stored(self) -> dict[str, int]:
        """Count the numbers of each type."""
        found: Counter[str] = Counter()
        for name, file in self._files.items():
            header = file.get_slice(name)
            found[header.get_dtype()] += torch.Size(header.get_shape()).numel()
        return dict(found)


def describe_pretrained(folder: str | Path) -> Description:
    """Describe what `load_pretrained` would load from a local folder, and what keeps it from that.

    Raises: ValueError when there is no such folder.
    """
    if not (folder := Path(folder)).is_dir():
        raise ValueError(f"expected a folder, got {str(folder)!r}; download the model first")
    problems: list[str] = []
    limits: list[str] = []
    family, config, parts, n_parameters, weights, adapter = "", None, None, 0, None, None
    try:
        settings = read_json(folder / "config.json")
        adapter = choose_adapter(settings, folder)
        family = str(vars(adapter)["__name__"]).rpartition(".")[2]
        config = adapter.config(settings)
        parts = adapter.parts(settings)
    except ValueError as error:
        problems.append(str(error))
    try:
        weights = Headers(folder)
    except ValueError as error:
        problems.append(str(error))
    if config is not None and parts is not None:
        with torch.device("meta"):
            model = build(config, parts, torch.float32, folder / "config.json")
        n_parameters = sum(weight.numel() for weight in model.parameters())
        limits = limits_of(model)
        if weights is not None and adapter is not None:
            problems += mismatches(model, weights, adapter)
    tokenizer = None
    try:
        found = load_tokenizer(folder / "tokenizer.json")
        tokenizer = None if found is None else found.get_vocab_size()
    except ValueError as error:
        problems.append(str(error))
    stored = {} if weights is None else weights.stored()
    return Description(
        folder, family, config, parts, n_parameters, stored, tokenizer, problems, limits
    )


def limits_of(model: HookedTransformer) -> list[str]:
    """List what later chapters refuse for a model of these parts."""
    points, blocks = model.hook_points(), list(model.blocks)
    found = {
        "components and attribution graphs: norms of the residual stream itself": not all(
            block.adds_up for block in blocks
        ),
        "attribution graphs: attention and MLP in parallel, or no MLP": any(
            block.adds_up and f"blocks.{layer}.hook_resid_mid" not in points
            for layer, block in enumerate(blocks)
        ),
        "attribution graphs, unless by hold_output_norms: norms on outputs, or capped logits": (
            not model.unembed.linear or any("mlp.ln_post" in name for name in points)
        ),
        "QK circuits: norms on queries and keys": any(
            type(norm) is not nn.Identity
            for block in blocks
            for norm in (block.attn.q_norm, block.attn.k_norm)
        ),
        "tokens after padding on the right: layers that attend to a window": any(
            block.attn.mask is not causal_mask for block in blocks
        ),
    }
    return [what for what, refused in found.items() if refused]


def mismatches(model: HookedTransformer, weights: Headers, adapter: Adapter) -> list[str]:
    """List what the files lack, hold in excess, or hold in another shape than config.json says."""
    targets: dict[str, Tensor] = dict(model.named_parameters())
    optional = adapter.OPTIONAL_PARAMS
    needed = {name for name in targets if not name.rpartition(".")[2].startswith(optional)}
    if model.parts.unembed is TiedUnembed:
        targets["unembed.W_U"] = model.unembed.W_U
    found = []
    try:
        check_sizes(weights, model.config)
        for name, tensor in translated(weights, model.config, adapter):
            needed.discard(name)
            if name not in targets:
                found.append(f"the files hold {name}, but config.json has no such parameter")
            elif targets[name].shape != tensor.shape:
                found.append(
                    f"expected {name} of shape {tuple(targets[name].shape)}, by config.json, got "
                    f"{tuple(tensor.shape)}"
                )
    except (ValueError, NotImplementedError) as error:
        return [*found, str(error)]
    if needed:
        found.append(f"the files leave {sorted(needed)} without weights")
    if unused := weights.unused(adapter.IGNORED_TENSORS):
        found.append(f"the files hold unused tensors: {unused}")
    return found
