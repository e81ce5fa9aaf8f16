# %% [markdown]
# # Lab 3: predict a model from its weights
#
# You take logits apart, read circuits and compositions from weights, and then ablate to see which
# of your readings hold. The models are in copies of your own.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 3`, which writes
# `reports/lab03.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about 10 seconds of CPU time.

# %%
import tempfile
from pathlib import Path

import torch

import toy_models
from chapters import look
from chapters.ch00_looking import bootstrap_interval
from chapters.ch02_transformer import load_pretrained
from chapters.ch03_circuits import all_composition_scores, copying_score, direct_logit_attribution
from chapters.ch03_circuits.circuits import full_ov, random_copying_scores
from chapters.ch03_circuits.composition import random_composition_scores
from chapters.ch03_circuits.paths import losses_by_order
from chapters.lab import Lab
from toy_models.instances import write_instance

torch.set_num_threads(1)
lab = Lab(3)
chance = torch.Generator().manual_seed(lab.seed("chance"))

# %% [markdown]
# ## 1. See: contributions to a logit
#
# The model is `text_4l` in a copy of your own: rotated, with its heads and neurons permuted. At
# each position the view splits the logit of the likeliest next token, minus that of the second
# likeliest.

# %%
own = write_instance("text_4l", lab.seed("model"), Path(tempfile.mkdtemp()))
model, tokenizer = load_pretrained(own)
model.requires_grad_(False)
sentence = "And the king said to the queen: where is the son of the king?"
ids = tokenizer.encode(sentence).ids[:60]
text = torch.tensor([[0, *ids]])
words = ["<start>", *(tokenizer.decode([token]) for token in ids)]
first, second = model(text).topk(2, dim=-1).indices.unbind(dim=-1)
result = direct_logit_attribution(model, text, first, against=second)
targets = [tokenizer.decode([token]) for token in first[0].tolist()]
look.attribution(result.contributions[:, 0], result.names, words, targets)

# %% [markdown]
# ## 2. Guess: heads or MLPs?
#
# Group the contributions: embeddings, heads, MLPs, biases. What does each group add to the
# difference, as a mean over the positions of your sentence, in logits?

# %%
groups = "?"  # guess: four numbers
lab.guess("3a", groups)

# %%
KINDS = {"embed": "embeddings", "pos_embed": "embeddings", "head": "heads", "mlp": "MLPs"}


def grouped(result):
    """Sum contributions by kind of component, [pos] for each."""
    sums = {name: torch.zeros(result.contributions.shape[-1]) for name in groups}
    for name, values in zip(result.names, result.contributions[:, 0], strict=True):
        kind = "biases" if "bias" in name else KINDS[name.split()[0]]
        sums[kind] = sums[kind] + values
    return sums


measured = grouped(result)
difference = (model(text).gather(-1, first[..., None]) - model(text).gather(-1, second[..., None]))[
    0, :, 0
]
gap = (sum(measured.values()) - difference).abs().max().item()
print(f"largest gap between sum and difference: {gap:.6f}")
for name, values in measured.items():
    low, mean, high = bootstrap_interval(values, 1000, 0.95, chance)
    print(f"{name:11} {mean:+.2f} ({low:+.2f} to {high:+.2f}, positions resampled)")
lab.compare("3a", {name: values.mean().item() for name, values in measured.items()})

# %% [markdown]
# The control: two random tokens in place of the two likeliest. Are the groups as large?

# %%
pairs = torch.randint(1, model.config.d_vocab, (2, *text.shape), generator=chance)
random_result = direct_logit_attribution(model, text, pairs[0], against=pairs[1])
control = grouped(random_result)
print({name: f"{v.mean():+.2f} +- {v.std() / len(v) ** 0.5:.2f}" for name, v in control.items()})
look.bars({name: values.mean().item() for name, values in measured.items()})

# %% [markdown]
# ## 3. Guess: which heads copy?
#
# `attn_2l` has two layers of four heads. Here are three trained seeds of it, the first one in a
# copy of your own. A head copies if its copying score is above what 95 % of random heads reach.
# How many of the four heads of each layer copy, on average over the seeds?

# %%
copying = "?"  # guess: two numbers, for layers 0 and 1
lab.guess("3b", copying)

# %%
mine = write_instance("attn_2l", lab.seed("small"), Path(tempfile.mkdtemp()))
folders = [mine, *(toy_models.folder("attn_2l", seed=seed) for seed in (1, 2))]
small = [load_pretrained(folder)[0].requires_grad_(False) for folder in folders]
null = random_copying_scores(64, 64, 16, 400, chance)
limit = null.quantile(0.95).item()
scores = torch.stack(
    [
        torch.stack([copying_score(full_ov(one, layer).eigenvalues()) for layer in range(2)])
        for one in small
    ]
)  # [seed, layer, head]
print(f"95 % of random heads are below {limit:.2f}")
for seed, of_seed in enumerate(scores.double().mul(100).round().div(100).tolist()):
    print(f"seed {seed}: layer 0 {of_seed[0]}, layer 1 {of_seed[1]}")
lab.compare("3b", (scores > limit).double().sum(dim=2).mean(dim=0))

# %% [markdown]
# ## 4. Guess: who reads whom?
#
# Composition scores of each head of layer 0 with each head of layer 1, minus what random weights
# give. Which kind has the largest score, q, k or v? And if you ablate the head of layer 0 that
# composes most, does the later head's pattern change more than after ablating any other one?

# %%
kind = "?"  # guess: q, k or v
most_by_score = "?"  # guess: True or False
lab.guess("3c", kind)
lab.guess("3d", most_by_score)

# %%
model_2l = small[0]
baseline = random_composition_scores(64, 16, 400, chance)
composed = all_composition_scores(model_2l, 0, 1)
largest = {name: getattr(composed, name).max().item() for name in "qkv"}
print(f"random pairs: mean {baseline.mean():.3f}, 95 % below {baseline.quantile(0.95):.3f}")
print({name: round(value, 3) for name, value in largest.items()})
best = max(largest, key=largest.__getitem__)
lab.compare("3c", best, as_guessed=best == kind)
look.heads(getattr(composed, best), "score; rows: layer 0, columns: layer 1")

# %%
earlier, later = divmod(int(getattr(composed, best).argmax()), 4)
segment = torch.rand(12, 64, generator=chance).argsort(dim=1)[:, :20]
repeated = torch.cat([segment, segment], dim=1)  # random words, twice
PATTERN = "blocks.1.attn.hook_pattern"


def change_without(head):
    """Measure how much the later head's pattern changes, per text, without a head of layer 0."""

    def ablate(z, _point):
        z[:, :, head] = 0.0

    _, clean = model_2l.run_with_cache(repeated, names=PATTERN)
    with model_2l.hooks({"blocks.0.attn.hook_z": [ablate]}):
        _, cut = model_2l.run_with_cache(repeated, names=PATTERN)
    return (cut[PATTERN] - clean[PATTERN])[:, later, 20:].abs().sum(dim=-1).mean(dim=-1) / 2


changes = [change_without(head) for head in range(4)]
for head, values in enumerate(changes):
    low, mean, high = bootstrap_interval(values, 1000, 0.95, chance)
    mark = " (composes most)" if head == earlier else ""
    print(f"without 0.{head}: {mean:.2f} ({low:.2f} to {high:.2f}) of the attention moves{mark}")
held = max(range(4), key=lambda head: changes[head].mean().item()) == earlier
lab.compare("3d", held, as_guessed=held == most_by_score)

# %% [markdown]
# ## 5. Guess: which paths matter?
#
# With the patterns held fixed, keep only the direct path, then add paths through one head, then
# those through two. How many nats does each step save on your repeated texts?

# %%
saved = "?"  # guess: two numbers, for paths through one head and through two
lab.guess("3e", saved)

# %%
steps = torch.stack([-losses_by_order(one, repeated).diff() for one in small])  # [seed, step]
print("one row per seed:", steps.double().mul(1000).round().div(1000).tolist())
lab.compare("3e", steps.mean(dim=0))

# %% [markdown]
# ## 6. Your own question
#
# Ask something that this lab did not, guess the answer in a comment, and measure it. For instance:
# does the head with the largest contribution to your sentence matter when it is ablated? Is the
# largest composition score the same pair on every seed?

# %% your own cell
# Write your code here.

# %% [markdown]
# ## 7. Doubt: a mini-project
#
# Read a model that you did not train, from its weights alone, and then test your reading: which
# head of layer 1 reads which head of layer 0, and through which of q, k and v? Which heads copy?
#
# The starter measures how much one head's pattern changes when another head is ablated. Write your
# predictions for `seed_1` and `seed_2` of `attn_2l` first, with a number for each.
#
# A good report (half a page) has
#
# 1. predictions from weights, written before the first ablation, and what would refute each;
# 2. the change for the predicted head and for every other head, side by side, on ten texts or more;
# 3. a bootstrap interval over texts for each, and random composition scores as the control;
# 4. both seeds, also if only one fits;
# 5. a head whose score is high and whose ablation changes little, or a sentence that there is none.
#
# It fails if a head was chosen after its ablation was seen. You are wrong if the ablation of
# another head changes the pattern as much as that of the predicted one.


# %%
def pattern_change(model, tokens, earlier, later):
    """Measure the share of a later head's attention that moves when an earlier head is ablated."""

    def ablate(z, _point):
        z[:, :, earlier] = 0.0

    _, clean = model.run_with_cache(tokens, names=PATTERN)
    with model.hooks({"blocks.0.attn.hook_z": [ablate]}):
        _, cut = model.run_with_cache(tokens, names=PATTERN)
    return (cut[PATTERN] - clean[PATTERN])[:, later].abs().sum(dim=-1).mean(dim=-1) / 2


# %% your own cell
# Write your code here.
