"""A learner's own copy of a toy transformer: the same predictions from other weights.

Derived in milliseconds and not retrained, because retraining a small model changes its weights and
seldom the roles of its parts. Each step leaves the function of the model unchanged:

1. Fold gains and biases of the norms into the weights that read through them.
2. Plant two impostor heads per layer, if asked to. They have the pattern of a trained head and a
   random OV circuit, and the second writes the negative of the first: removing one changes the
   predictions, removing both changes nothing.
3. Permute the heads of each layer, and change the basis inside each head (W_Q with W_K, W_V with
   W_O).
4. Permute the neurons of each MLP.
5. Rotate the residual stream. LayerNorm subtracts the mean over d_model, so the rotation keeps the
   vector of ones.
6. Permute the tokens, where the toy has no tokenizer.

This file shows how to undo it: a disguise makes copied answers wrong, and hides nothing.
Axes: head, d_model, d_head, d_mlp, d_vocab.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Generator, Tensor

from toy_models.toys import folder as toy_folder
from toy_models.toys import load

Weights = dict[str, Tensor]
HEAD_PARTS = ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V")
READERS = {"ln1": ("attn.W_Q", "attn.W_K", "attn.W_V"), "ln2": ("mlp.W_in",)}
QUIET = 0.3
"""Size of what an impostor writes, relative to the head that it copies."""


def write_instance(name: str, seed: int, out: str | Path, *, impostors: bool = False) -> Path:
    """Derive a learner's model from a toy, and write a folder that `load_pretrained` opens.

    The weights are float64, so that rounding them adds no error: a model that is loaded with
    `dtype=torch.float64` has the toy's logits up to 1e-10.

    Raises: ValueError for a toy whose parts this module does not know.
    """
    out = Path(out)
    toy = load(name)
    weights = instance(toy.tensors, seed, impostors=impostors, words=toy.tokenizer is None)
    config = toy.config | {"n_heads": len(weights["blocks.0.attn.W_Q"])}
    if config["parts"] == "gpt2":
        config["parts"] = "gpt2-untied"  # the folded final norm is in the unembedding alone
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if toy.tokenizer is not None:
        shutil.copyfile(toy_folder(name) / "tokenizer.json", out / "tokenizer.json")
    return out


def instance(
    tensors: Weights, seed: int, *, impostors: bool = False, words: bool = False
) -> Weights:
    """Disguise weights; a permuted token t of the result is token `token_order(seed)[t]` before.

    Raises: ValueError for weights whose parts this module does not know, or a seed other than a
        whole number below 2^63.
    """
    if not isinstance(seed, int) or abs(seed) >= 2**63:
        raise ValueError(f"expected seed as a whole number below 2^63, got {seed!r:.40}")
    w = {name: weight.double() for name, weight in tensors.items()}
    n_layers = sum(name.endswith("attn.W_Q") for name in w)
    check_parts(w, n_layers)
    generator = torch.Generator().manual_seed(seed)
    fold_norms(w, n_layers)
    for layer in range(n_layers):
        if impostors:
            plant_impostors(w, f"blocks.{layer}.attn.", generator)
        disguise_heads(w, f"blocks.{layer}.attn.", generator)
        permute_neurons(w, f"blocks.{layer}.mlp.", generator)
    rotate(w, rotation(w["embed.W_E"].shape[1], generator))
    if words:
        order = token_order(seed, len(w["embed.W_E"]))
        w["embed.W_E"], w["unembed.W_U"] = w["embed.W_E"][order], w["unembed.W_U"][:, order]
        w["unembed.b_U"] = w["unembed.b_U"][order]
    return {name: weight.contiguous() for name, weight in w.items()}


def token_order(seed: int, d_vocab: int) -> Tensor:
    """Return for each token of an instance the token of the toy whose place it has taken."""
    return torch.randperm(d_vocab, generator=torch.Generator().manual_seed(seed + 1))


def check_parts(w: Weights, n_layers: int) -> None:
    """Raise ValueError for a weight that the steps would leave as it is."""
    attention = [f"attn.{part}" for part in (*HEAD_PARTS, "b_O")]
    mlp = [f"mlp.{part}" for part in ("W_in", "b_in", "W_out", "b_out")]
    norms = [f"{norm}.{part}" for norm in READERS for part in "wb"]
    parts = [*attention, *mlp, *norms, "W_pos"]
    blocks = [f"blocks.{layer}.{part}" for layer in range(n_layers) for part in parts]
    outside = ["embed.W_E", "pos_embed.W_pos", "ln_final.w", "ln_final.b"]
    unknown = sorted(set(w) - {*blocks, *outside, "unembed.W_U", "unembed.b_U"})
    if unknown or not n_layers:
        raise ValueError(f"expected a transformer with LayerNorm, got the weights {unknown}")


def fold_norms(w: Weights, n_layers: int) -> None:
    """Fold gain and bias of each norm, in place; give a tied unembedding weights of its own."""
    w.setdefault("unembed.W_U", w["embed.W_E"].T)
    w.setdefault("unembed.b_U", w["unembed.W_U"].new_zeros(w["unembed.W_U"].shape[1]))
    pairs = [
        (f"blocks.{layer}.{norm}.", f"blocks.{layer}.{reader}")
        for layer in range(n_layers)
        for norm, readers in READERS.items()
        for reader in readers
    ]
    for norm, reader in [*pairs, ("ln_final.", "unembed.W_U")]:
        if norm + "w" in w:
            bias = reader.replace("W_", "b_")
            w[bias] = w[bias] + w[norm + "b"] @ w[reader]
            w[reader] = w[norm + "w"][:, None] * w[reader]
    for name in [name for name in w if ".ln" in name or name.startswith("ln_final")]:
        w[name] = w[name] * 0 + (1.0 if name.endswith(".w") else 0.0)


def plant_impostors(w: Weights, start: str, generator: Generator) -> None:
    """Append two heads with a trained head's pattern, whose writes cancel, in place."""
    model = int(torch.randint(len(w[start + "W_Q"]), (), generator=generator))
    copy = {part: w[start + part][model] for part in HEAD_PARTS}
    for part in ("W_V", "W_O"):
        draw = torch.randn(copy[part].shape, generator=generator, dtype=torch.float64)
        copy[part] = draw * (copy[part].norm() / draw.norm())
    copy["W_O"] = QUIET * copy["W_O"]
    for part in HEAD_PARTS:
        sign = -1 if part == "W_O" else 1
        w[start + part] = torch.cat([w[start + part], copy[part][None], sign * copy[part][None]])


def disguise_heads(w: Weights, start: str, generator: Generator) -> None:
    """Permute the heads of a layer and change the basis inside each, in place."""
    n_heads, _, d_head = w[start + "W_Q"].shape
    order = torch.randperm(n_heads, generator=generator)
    for part in HEAD_PARTS:
        w[start + part] = w[start + part][order]
    for readers, writer in (("QK", ""), ("V", "W_O")):
        bases = torch.stack([orthogonal(d_head, generator) for _ in range(n_heads)])
        for letter in readers:
            w[f"{start}W_{letter}"] = w[f"{start}W_{letter}"] @ bases
            w[f"{start}b_{letter}"] = (w[f"{start}b_{letter}"][:, None] @ bases)[:, 0]
        if writer:
            w[start + writer] = bases.mT @ w[start + writer]


def permute_neurons(w: Weights, start: str, generator: Generator) -> None:
    """Permute the neurons of a layer, in place; a layer without an MLP stays as it is."""
    if start + "W_in" in w:
        order = torch.randperm(w[start + "W_in"].shape[1], generator=generator)
        w[start + "W_in"] = w[start + "W_in"][:, order]
        w[start + "b_in"], w[start + "W_out"] = w[start + "b_in"][order], w[start + "W_out"][order]


def rotate(w: Weights, turn: Tensor) -> None:
    """Rotate the residual stream, in place: x becomes x @ turn everywhere."""
    for name, weight in w.items():
        part = name.rpartition(".")[2]
        if part in ("W_Q", "W_K", "W_V", "W_in", "W_U"):  # reads from the residual stream
            w[name] = turn.T @ weight
        elif part in ("W_E", "W_pos", "W_O", "b_O", "W_out", "b_out"):  # writes to it
            w[name] = weight @ turn


def orthogonal(n: int, generator: Generator) -> Tensor:
    """Draw a random orthogonal matrix (float64)."""
    return torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64)).Q


def rotation(d_model: int, generator: Generator) -> Tensor:
    """Draw a random orthogonal matrix that maps the vector of ones to itself."""
    first = torch.eye(d_model, dtype=torch.float64)
    first[:, 0] = 1.0
    basis = torch.linalg.qr(first).Q  # column 0 is +-ones / sqrt(d_model)
    inner = torch.eye(d_model, dtype=torch.float64)
    inner[1:, 1:] = orthogonal(d_model - 1, generator)
    return basis @ inner @ basis.T
