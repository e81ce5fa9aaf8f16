"""Text and activations of the real model for dictionaries: drawn, collected, measured.

1. Draw windows of text, as many of verse as of prose and code (`training_windows`).
2. Collect the residual stream at a hook point into the cache, where every seed uses it
   (`collect_activations`).
3. Cut windows from the held-out documents, and measure what a reconstruction in place of the
   activation costs the model (`held_out_windows`, `losses_with`).
"""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor
from tqdm import tqdm

from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes import CollectConfig, collect
from solutions.ch08_saes.collect import read_manifest, write_manifest
from toy_models.cache import cache_folder
from toy_models.real_text import Document

KINDS = ("verse", "prose", "code")
WINDOW = 128
"""Tokens in a window. The first of them is given to the model and never kept."""
CHARACTERS = 1_000
"""Characters that a window is cut from; most windows take half of them."""
PER_BATCH = 8
"""Windows per forward pass."""
CONFIG = CollectConfig(rows_per_shard=8_192, dtype="float16")
"""Which activations are kept, and how they are stored."""
Windows = Int[Tensor, "batch pos"]
Resid = Float[Tensor, "batch pos d_model"]


def training_windows(tokenizer: Tokenizer, documents: Sequence[Document], n: int) -> Windows:
    """Draw windows from random places of the documents, the kinds of text in turn.

    The first windows are the same whatever n is, so a longer collection goes on from a shorter one.
    """
    rng = random.Random(0)
    texts = {k: "\n\n".join(d.text for d in documents if d.name.startswith(k)) for k in KINDS}
    chunks, rows = [], []
    for index in range(n + n // 4 + 8):  # a chunk with fewer tokens than a window is left out
        text = texts[KINDS[index % len(KINDS)]]
        start = text.find(" ", rng.randrange(max(1, len(text) - CHARACTERS))) + 1
        chunks.append(text[start : start + CHARACTERS])
    for encoded in tokenizer.encode_batch(chunks):
        if len(encoded.ids) >= WINDOW:
            rows.append(encoded.ids[:WINDOW])
    if len(rows) < n:
        raise ValueError(f"expected {n} windows of {WINDOW} tokens, got {len(rows)}; use more text")
    return torch.tensor(rows[:n])


def held_out_windows(
    tokenizer: Tokenizer, documents: Sequence[Document], per_kind: int
) -> dict[str, Windows]:
    """Cut documents into windows, and return for each kind some that are spread evenly."""
    windows = {}
    for kind in KINDS:
        rows: list[list[int]] = []
        for document in documents:
            if document.name.startswith(kind):
                ids = tokenizer.encode(document.text).ids
                rows += [ids[i : i + WINDOW] for i in range(0, len(ids) - WINDOW + 1, WINDOW)]
        if len(rows) < per_kind:
            raise ValueError(f"expected {per_kind} windows of {kind}, got {len(rows)}")
        places = [len(rows) * place // per_kind for place in range(per_kind)]
        windows[kind] = torch.tensor([rows[place] for place in places])
    return windows


def checksum_of(windows: Windows) -> str:
    """Compute the SHA-256 of the tokens."""
    return hashlib.sha256(windows.to(torch.int32).numpy().tobytes()).hexdigest()


def collect_activations(
    model: HookedTransformer, name: str, hook: str, windows: Windows, tokens: int
) -> Path:
    """Collect at least this many rows at a hook point, and return a folder for `ActivationStore`.

    All calls share one folder in the cache, which only grows. The folder that is returned has a
    manifest alone, which lists the first shards of the shared one: another call does not change it.
    """
    shared = cache_folder() / "activations" / name
    batches = windows.split(PER_BATCH)
    with tqdm(total=tokens, unit="token", desc="collect", disable=None) as bar:
        have = rows_of(shared)
        bar.update(min(have, tokens))
        if have < tokens:
            for record in collect(model, hook, batches, shared, CONFIG, label=name):
                bar.update(min(record.rows, tokens) - bar.n)
                if record.rows >= tokens:
                    break
    return first_shards(shared, tokens)


def rows_of(folder: Path) -> int:
    """Count the rows that a folder has so far."""
    exists = (folder / "manifest.json").is_file()
    return sum(shard["rows"] for shard in read_manifest(folder)["shards"]) if exists else 0


def first_shards(folder: Path, tokens: int) -> Path:
    """Write a manifest of the first shards that have this many rows, next to their folder.

    Raises: ValueError when there are not enough.
    """
    manifest, shards, rows = read_manifest(folder), [], 0
    for shard in manifest["shards"]:
        if rows >= tokens:
            break
        shards.append(shard | {"file": f"../{folder.name}/{shard['file']}"})
        rows += shard["rows"]
    if rows < tokens:
        raise ValueError(f"expected {tokens} rows in {folder}, got {rows}; give more windows")
    view = folder.with_name(f"{folder.name}_first_{tokens}")
    view.mkdir(exist_ok=True)
    write_manifest(view, manifest | {"shards": shards})
    return view


@torch.no_grad()
def losses_with(
    model: HookedTransformer,
    layer: int,
    resid: Resid,
    windows: Windows,
    replacements: Mapping[str, Callable[[Resid], Resid]],
) -> dict[str, Float[Tensor, " batch"]]:
    """Compute each window's next-token loss with the residual stream after a layer replaced.

    A replacement maps the residual stream to another one; position 0 is left as it is. Only the
    later layers run, so one more replacement costs half a forward pass.

    Units: nats per predicted token.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in replacements}
    for before, tokens in zip(resid.split(PER_BATCH), windows.split(PER_BATCH), strict=True):
        for name, replace in replacements.items():
            after = torch.cat([before[:, :1], replace(before[:, 1:])], dim=1)
            logits = model.unembed_resid(model.run_blocks(after, start=layer + 1))[:, :-1]
            loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
            found[name].append(loss.unflatten(0, (len(tokens), -1)).mean(dim=1))
    return {name: torch.cat(parts) for name, parts in found.items()}
