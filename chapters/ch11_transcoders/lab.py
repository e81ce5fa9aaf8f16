# %% [markdown]
# # Lab 11: how much of a model is left?
#
# You replace the MLPs of a language model by transcoders that you train here, and ask how much of
# its computation you can read. You predict, measure, compare.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 11`, which writes
# `reports/lab11.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about a minute of CPU time.

# %%
import tempfile
from pathlib import Path

import torch
from tqdm import tqdm

from chapters import look
from chapters.ch02_transformer import load_pretrained
from chapters.ch08_saes import SAETrainConfig, train_saes
from chapters.ch08_saes.metrics import fraction_unexplained
from chapters.ch11_transcoders import (
    SkipTranscoder,
    TopKCLT,
    TopKTranscoder,
    fit_affine,
    measure_replacement,
    sparse_clt_pass,
    sparse_pair_pass,
    split_pre_activations,
)
from chapters.ch11_transcoders.replacement import error_by_layer
from chapters.lab import Lab
from toy_models.instances import write_instance
from toy_models.real_text import excerpt

torch.set_num_threads(1)
lab = Lab(11)

# %% [markdown]
# ## 1. See: inputs and outputs of four MLPs
#
# The model is `text_4l` in a copy of your own: `write_instance` rotated its residual stream and
# permuted its heads and neurons, which changes no prediction. Which texts you train on is drawn
# from your own number too.
#
# The bars show how long the output of each MLP is, as a share of the residual stream that it is
# added to.

# %%
LAYERS, D_MODEL, LATENTS, K = 4, 128, 512, 16
own = write_instance("text_4l", lab.seed("model"), Path(tempfile.mkdtemp()))
model, tokenizer = load_pretrained(own)
model.requires_grad_(False)


def windows(split, limit):
    """Cut documents into texts of 64 tokens: the start-of-document token, then text."""
    texts = []
    for document in excerpt(split):
        ids = tokenizer.encode(document.text).ids[: 63 * limit]
        texts += [[0, *ids[i : i + 63]] for i in range(0, len(ids) - 63, 63)]
    return torch.tensor(texts)


@torch.no_grad()
def rows_of(texts):
    """Return inputs, outputs and residual streams of all MLPs, [token, layer, d_model]."""
    x, y, resid = [], [], []
    names = ["ln2.hook_normalized", "hook_mlp_out", "hook_resid_mid"]
    for batch in texts.split(32):
        points = [f"blocks.{layer}.{name}" for layer in range(LAYERS) for name in names]
        _, cache = model.run_with_cache(batch, names=points)
        for parts, name in zip((x, y, resid), names, strict=True):
            stack = [cache[f"blocks.{layer}.{name}"][:, 1:] for layer in range(LAYERS)]
            parts.append(torch.stack(stack, dim=2).flatten(0, 1))
    return torch.cat(x), torch.cat(y), torch.cat(resid)


texts = windows("train", 60)
order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(lab.seed("texts")))
x, y, _ = rows_of(texts[order[:500]])
new_texts = windows("held_out", 6)[:48]
new_x, new_y, new_resid = rows_of(new_texts)
lengths = new_y.norm(dim=-1).mean(dim=0) / new_resid.norm(dim=-1).mean(dim=0)
look.bars({f"layer {layer}": share.item() for layer, share in enumerate(lengths)})

# %% [markdown]
# ## 2. Guess: which MLP is almost linear?
#
# `fit_affine` finds the best affine map from an MLP's input to its output. What it cannot explain
# on new texts is between 0 and 1.

# %%
most_linear = "?"  # guess: the layer with the smallest unexplained share, 0 to 3
unexplained_there = "?"  # guess: 0 to 1
lab.guess("11a", most_linear)
lab.guess("11b", unexplained_there)

# %%
maps = [fit_affine(x[:, layer], y[:, layer], ridge=1e-6) for layer in range(LAYERS)]
shares = {
    layer: fraction_unexplained(new_y[:, layer], new_x[:, layer] @ W + b).item()
    for layer, (W, b) in enumerate(maps)
}
best = min(shares, key=shares.__getitem__)
lab.compare("11a", best)
lab.compare("11b", shares[best])
look.bars({f"layer {layer}": share for layer, share in shares.items()})

# %% [markdown]
# ## 3. Guess: three kinds of replacement
#
# Three kinds learn the same rows, with 512 latents per layer of which 16 are active: a transcoder
# per layer, the same with a skip, and a CLT. Then all four MLPs are replaced at once. On what share
# of tokens is the most likely token still the same, for each kind?

# %%
kept = "?"  # guess: three numbers, 0 to 1
lab.guess("11c", kept)

# %%
CONFIG = SAETrainConfig(300, lr=4e-3, lr_warmup=30, lr_decay=100)
SEED = lab.seed("transcoders") % 100_000


def batches(layers):
    """Return a stream of inputs and outputs of some layers, next to each other."""

    def batch(step):
        generator = torch.Generator().manual_seed(1_000_003 * SEED + step)
        chosen = torch.randint(len(x), (256,), generator=generator)
        return torch.stack([x[chosen][:, layers], y[chosen][:, layers]], dim=1).flatten(1)

    return batch


def train(module, layers, one_pass):
    """Train one module, and return it."""
    records = train_saes({"module": module}, batches(layers), CONFIG, training_pass=one_pass)
    for _ in tqdm(records, total=CONFIG.steps, unit="step", disable=None):
        pass
    return module


def per_layer(kind):
    """Train one transcoder of a kind for each layer."""
    return {
        layer: train(kind(D_MODEL, D_MODEL, LATENTS, K, SEED + layer), [layer], sparse_pair_pass)
        for layer in range(LAYERS)
    }


kinds = {"per layer": per_layer(TopKTranscoder), "with skip": per_layer(SkipTranscoder)}
clt = TopKCLT(LAYERS, D_MODEL, LATENTS, K, SEED)
kinds["cross-layer"] = train(clt, list(range(LAYERS)), sparse_clt_pass)
results = {name: measure_replacement(model, by, new_texts) for name, by in kinds.items()}
for name, result in results.items():
    print(f"{name:12} {result}")
lab.compare("11c", {name: round(result.top1, 3) for name, result in results.items()})

# %% [markdown]
# Was your order right for `kl` too? A control: transcoders that were not trained. Their decoders
# are zero, so this is the model without any MLP.

# %%
untrained = {layer: TopKTranscoder(D_MODEL, D_MODEL, LATENTS, K) for layer in range(LAYERS)}
print("untrained   ", measure_replacement(model, untrained, new_texts))

# %% [markdown]
# ## 4. Guess: does the error grow?
#
# Each transcoder was trained on the model's own activations. In the replacement model it meets the
# errors of those before it. How large is the error of the residual stream after each block, as a
# share of its variance?

# %%
growth = "?"  # guess: grows, falls or neither, from the first block to the last
lab.guess("11d", growth)

# %%
errors = {name: error_by_layer(model, by, new_texts) for name, by in kinds.items()}
for name, error in errors.items():
    print(f"{name:12}", [round(value, 3) for value in error.tolist()])
steps = errors["per layer"].diff()
lab.compare("11d", "grows" if (steps > 0).all() else "falls" if (steps < 0).all() else "neither")

# %% [markdown]
# ## 5. Guess: where does a pre-activation come from?
#
# Your sentence, your transcoders: take the last token, and the latent of layer 2 that is most
# active there. Its pre-activation is a sum over sources. Group them: embeddings, attention, latents
# of layers 0 and 1, and the rest of layers 0 and 1 (what the transcoders missed, and their biases).
# Which group adds most?

# %%
sentence = "And the children of Israel went out of"
largest_group = "?"  # guess: embeddings, attention, latents or rest
lab.guess("11e", largest_group)

# %%
transcoders = kinds["per layer"]
tokens = torch.tensor([[0, *tokenizer.encode(sentence).ids[:60]]])
_, cache = model.run_with_cache(tokens, names="blocks.2.ln2.hook_normalized")
acts = transcoders[2](cache["blocks.2.ln2.hook_normalized"][:, -1]).acts[0]
latent = int(acts.argmax())
sources = split_pre_activations(model, tokens, transcoders, layer=2, pos=tokens.shape[1] - 1)
groups = {"embeddings": 0.0, "attention": 0.0, "constants": 0.0}
for name, value in sources.components.items():
    kind = "embeddings" if "embed" in name else "attention"
    kind = "constants" if name in ("norm bias", "b_enc") else kind
    groups[kind] += value[latent].item()
groups["latents"] = sum(one[:, latent].sum().item() for one in sources.latents.values())
groups["rest"] = sum(one[latent].item() for one in sources.rest.values())
total = sources.total()[latent].item()
print(f"latent {latent}: groups sum to {sum(groups.values()):.4f}, total {total:.4f}")
lab.compare("11e", max(("embeddings", "attention", "latents", "rest"), key=groups.__getitem__))
look.bars(groups)

# %% [markdown]
# ## 6. Your own question
#
# Ask something that this lab did not, guess the answer in a comment, and measure it. For instance:
# which single layer costs most when it alone is replaced? Does the rest shrink with a skip? Is the
# same latent the largest source in two sentences?

# %% your own cell
# Write your code here.

# %% [markdown]
# ## 7. Doubt: a mini-project
#
# Does the skip's advantage grow or shrink with k? The page of this chapter asks, and does not tell.
#
# The starter trains one kind with one k, and returns its divergence from the model. Write your
# prediction first: the sign of the change from k = 8 to k = 32, and what result would refute it.
#
# A good report (half a page) has
#
# 1. a prediction with a number, written before the first run, and what would refute it;
# 2. at least three seeds for each k, none left out, with the seed as the unit that is resampled;
# 3. a control: what the affine map alone and untrained transcoders give;
# 4. one figure of divergence against k for both kinds, with intervals;
# 5. one token at which the kinds disagree, and which latents of the one without a skip cause it.
#
# It fails if k, the number of steps or the texts were chosen after looking at the result.


# %%
def divergence_of(kind, k, seed):
    """Train transcoders of a kind for all layers; return the divergence from the model."""
    made = {
        layer: train(kind(D_MODEL, D_MODEL, LATENTS, k, seed + layer), [layer], sparse_pair_pass)
        for layer in range(LAYERS)
    }
    return measure_replacement(model, made, new_texts).kl


# %% your own cell
# Write your code here.
