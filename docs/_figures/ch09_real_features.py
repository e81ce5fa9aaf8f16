"""Show 30 random latents of sae_smollm2: strongest and random contexts, and promoted tokens.

Writes the data of the feature viewer. Labels and what was counted about them are in
real_sae/labels.json; they are not part of the viewer, because the reader names latents first.
"""

import argparse
import json

import torch

import toy_models
from chapters.look import pack_features
from docs._figures.lib.figure_files import FIGURES, hash_sources, replace_file
from docs._figures.real_sae import contexts
from docs._figures.real_sae.contexts import (
    N_SHOWN,
    choose_contexts,
    context_acts,
    draw_latents,
    find_firings,
    logit_weights,
    promoted,
    texts_of,
    window_range,
)
from solutions.ch08_saes import ActivationStore
from solutions.ch09_sparsity import load_sae
from toy_models.real_text import full_text
from toy_models.recipes.real_activations import training_windows
from toy_models.sae_smollm2.train import prepare

SEED = 0
OPTIONS = argparse.Namespace(text="full", tokens=100_000, epochs=4.0, seed=0)
"""Options of the recipe that made the shipped dictionary."""


def main() -> None:
    """Find the contexts, pack them, and write the viewer's data."""
    torch.set_num_threads(1)
    model, tokenizer, folder, _ = prepare(OPTIONS)
    sae = load_sae(toy_models.folder("sae_smollm2"))
    store = ActivationStore(folder, 256, scaled=False)
    firings = find_firings(sae, store)
    latents = draw_latents(firings, sae.d_sae, N_SHOWN, SEED)
    weights = logit_weights(model, sae, latents)
    n_windows = int(firings.place[:, 0].max()) + 1
    windows = training_windows(tokenizer, full_text(), n_windows)
    generator = torch.Generator().manual_seed(SEED)
    texts: list[list[str]] = []
    acts, rows = [], []
    for latent in latents:
        shown = []
        for window, position, kind in choose_contexts(firings, latent, generator):
            start, stop = window_range(position)
            shown.append([len(texts), kind])
            texts.append(texts_of(windows, tokenizer, window, start, stop))
            acts.append(context_acts(firings, latents, window, start, stop))
        rows.append(shown)
    data = pack_features(torch.nn.utils.rnn.pad_sequence(acts, batch_first=True), texts)
    counts = firings.latent.bincount(minlength=sae.d_sae)
    for feature, latent in enumerate(latents):
        one = data["features"][feature]
        one["id"], one["rows"] = latent, rows[feature]
        share = counts[latent].item() / firings.n_rows
        words = ", ".join(repr(token) for token in promoted(weights[feature], tokenizer))
        one["facts"] = f"active on {100 * share:.2g} % of tokens; promotes {words}"
        one["largest"] = firings.act[firings.latent == latent].max().item()
    record = {
        "alt": f"{N_SHOWN} random latents with their strongest and with random contexts.",
        "seeds": [SEED],
        "sources": hash_sources([__file__, contexts.__file__]),
        **data,
    }
    replace_file(FIGURES / "ch09_real_features.json", json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
