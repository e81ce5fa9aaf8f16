# %% [markdown]
# # Lab 8: what is in a dictionary?
#
# You train SAEs with the functions that you wrote in this chapter: first on planted
# features that are yours alone, then on a small language model. You predict, measure, compare.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 8`, which writes
# `reports/lab08.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about a minute of CPU time.

# %%
import tempfile
from pathlib import Path

import torch
from tqdm import tqdm

import toy_models
from chapters import look
from chapters.ch02_transformer import load_pretrained
from chapters.ch05_patching import apply_interventions
from chapters.ch08_saes import (
    ActivationStore,
    CollectConfig,
    NormWeightedSAE,
    PlantedConfig,
    PlantedFeatures,
    SAETrainConfig,
    VanillaSAE,
    collect,
    feature_site,
    recover_features,
    splice,
    train_saes,
)
from chapters.ch08_saes.fidelity import measure_fidelity
from chapters.ch08_saes.metrics import cosines
from chapters.ch08_saes.splice import steer
from chapters.ch08_saes.vanilla import fold_decoder_norm, fold_input_scale
from chapters.lab import Lab
from toy_models.real_text import excerpt

torch.set_num_threads(1)
lab = Lab(8)

# %% [markdown]
# ## 1. Guess: planted features
#
# 64 directions in 32 dimensions, drawn from your own number. Each is present on 5 % of the
# examples. Two SAEs learn them: one with 64 latents, one with 256.
#
# A feature counts as found when a latent of its own has a cosine above .9 with it. Which share of
# the features does each SAE find? And which share of the 256 latents is matched to a feature?

# %%
recall_of_64 = 0.95  # guess: 0 to 1
recall_of_256 = 1.0  # guess: 0 to 1
precision_of_256 = 0.25  # guess: 0 to 1
lab.guess("8a", [recall_of_64, recall_of_256])
lab.guess("8b", precision_of_256)

# %% [markdown]
# ## 2. Measure

# %%
seed = lab.seed("planted") % 100_000
data = PlantedFeatures(PlantedConfig(n_features=64, d_in=32, probability=0.05, seed=seed))
saes = {"64": VanillaSAE(32, 64, 0.5, seed), "256": VanillaSAE(32, 256, 0.5, seed)}
config = SAETrainConfig(700, lr=3e-3, lr_decay=150, resample_at=(250,), dead_after=100)
records = train_saes(saes, data.batch, config)
for _ in tqdm(records, total=config.steps, unit="step", disable=None):
    pass
found = {name: recover_features(sae.W_dec.detach(), data.directions) for name, sae in saes.items()}
lab.compare("8a", [found["64"].recall, found["256"].recall])

# %%
lab.compare("8b", found["256"].precision)

# %% [markdown]
# A random dictionary is the control: how many features does it "find" with the same rule?

# %%
random_rows = torch.randn(256, 32, generator=torch.Generator().manual_seed(seed + 1))
chance = recover_features(random_rows, data.directions)
print(f"a random dictionary of 256 rows: recall {chance.recall:.2f}")

# %% [markdown]
# The SAE of 256 latents has many that are matched to no feature. Which share of them copies a
# feature all the same (a cosine above .9), although another latent is matched to it?

# %%
share_of_copies = 0.5  # guess: 0 to 1
lab.guess("8c", share_of_copies)

# %%
large = saes["256"]
rest = [i for i in range(256) if i not in found["256"].latent.tolist()]
nearest = cosines(large.W_dec[rest].detach(), data.directions).max(dim=1)
lab.compare("8c", (nearest.values > 0.9).double().mean().item())

# %% [markdown]
# And the others? Choose a latent of `rest` that does not copy a feature. Draw inputs with
# `data.sample(4000, generator)`: how often is the latent active, and which features are present
# where it is? Compare its decoder row with the sum of two directions.

# %% your own cell
batch = data.sample(4000, torch.Generator().manual_seed(seed))
fires = large.encode(batch.x)[:, rest] > 0  # [input, latent]
present = (batch.strengths > 0).double()
for number in ((nearest.values < 0.9) & (fires.sum(dim=0) > 20)).nonzero().flatten().tolist()[:5]:
    shares = present[fires[:, number]].mean(dim=0).topk(3)
    there = [f"{i} in {s:.0%}" for s, i in zip(*map(torch.Tensor.tolist, shares), strict=True)]
    print(
        f"latent {rest[number]}: active on {fires[:, number].double().mean():.1%}; features:",
        *there,
    )

# %% [markdown]
# ## 3. A language model
#
# `text_4l` has four layers and was trained on verse, prose and code. You collect its residual
# stream after block 1 on text, and train 1,024 latents on it.

# %%
model, tokenizer = load_pretrained(toy_models.folder("text_4l"))
model.requires_grad_(False)
HOOK = "blocks.1.hook_resid_post"


def windows(split, limit):
    """Cut documents into texts of 64 tokens: the start-of-document token, then text."""
    texts = []
    for document in excerpt(split):
        ids = tokenizer.encode(document.text).ids[: 63 * limit]
        texts += [[0, *ids[i : i + 63]] for i in range(0, len(ids) - 63, 63)]
    return torch.tensor(texts)


training, held_out = windows("train", 60), windows("held_out", 6)
folder = Path(tempfile.mkdtemp())
for _ in collect(model, HOOK, training.split(32), folder, CollectConfig(special_tokens=(0,))):
    pass
store = ActivationStore(folder, batch_size=256)
print(f"{len(training)} texts, {store.memory_bytes / 1e6:.0f} MB in memory")

# %% [markdown]
# ## 4. Guess: how much of the model survives?
#
# The SAE's reconstruction takes the place of the residual stream. Of the loss that a constant in
# its place would add, which share does the SAE save?

# %%
share_saved = 0.8  # guess: 0 to 1
lab.guess("8d", share_saved)

# %%
sae = NormWeightedSAE(128, 1024, 2.5, seed=seed)
config = SAETrainConfig(900, lr=2e-3, lr_warmup=50, lr_decay=250, sparsity_warmup=100)
records = train_saes({"text": sae}, store.batch, config)
for record in tqdm(records, total=config.steps, unit="step", disable=None):
    pass
print(f"active latents per token: {record.results['text'].l0:.1f}")

# %%
fold_input_scale(sae, store.scale)  # from now on it reads the model's own activations
fold_decoder_norm(sae)
fidelity = measure_fidelity(model, HOOK, sae, held_out)
print(f"loss {fidelity.clean:.2f}, with x_hat {fidelity.spliced:.2f}, mean {fidelity.mean:.2f}")
lab.compare("8d", fidelity.recovered_from_mean)

# %% [markdown]
# ## 5. See: your own sentence
#
# Choose features in the list, or point at a token and choose one of its largest features.

# %%
sentence = "And the children of Israel went out, and he said to the king: where is my father?"
ids = tokenizer.encode(sentence).ids[:60]
text = torch.tensor([[0, *ids]])
_, cache = model.run_with_cache(text, names=HOOK)
acts = sae.encode(cache[HOOK][0, 1:]).detach()
words = [tokenizer.decode([token]) for token in ids]
strongest = acts.max(dim=0).values.topk(40).indices.tolist()
look.features(acts[None], [words], strongest)

# %% [markdown]
# ## 6. Guess: does the name fit?
#
# Choose one feature of your sentence. Below are the eight contexts in which it is strongest, and
# eight drawn at random from all contexts in which it is active. Give the feature a name from the
# first eight. Before you look at the second eight: how many of them will fit the name?

# %%
feature = strongest[0]  # guess: the number of a feature from the list above
fitting = 4  # guess: 0 to 8
lab.guess("8e", [feature, fitting])

# %%
_, cache = model.run_with_cache(held_out, names=HOOK)
strength = sae.encode(cache[HOOK][:, 1:])[..., feature].detach()  # [text, pos]
active = strength.nonzero().tolist()
order = strength.flatten().argsort(descending=True)[: min(8, len(active))]
generator = torch.Generator().manual_seed(lab.seed("contexts"))
chosen = torch.randperm(len(active), generator=generator)[:8].tolist()


def context(row, pos):
    """Join the tokens up to a position, and mark the last one."""
    before = [tokenizer.decode([token]) for token in held_out[row, max(0, pos - 6) : pos + 2]]
    return "".join(before[:-1]).replace("\n", "/") + f" >{before[-1].strip()}<"


print("strongest:")
for place in order.tolist():
    print("  ", context(*divmod(place, strength.shape[1])))
print("random:")
for row, pos in (active[i] for i in chosen):
    print("  ", context(row, pos))

# %% [markdown]
# Count how many of the random eight fit your name, and write the number down.

# %%
counted = 3  # guess: how many fit, now that you have seen them
lab.compare("8e", [feature, counted])

# %% [markdown]
# ## 7. What does it do?
#
# Clamp the feature to twice its largest activation, with the error kept, and look at the
# predictions after your sentence. Then set it to zero. Which tokens change most? Does the name
# predict that? `splice`, `apply_interventions`, `feature_site` and `steer` are imported.
#
# A feature changes the prediction mostly at a token where it is active, and setting it to zero
# does nothing where it is zero already. So look at the token where it is strongest, too.

# %% your own cell
largest = strength.max().item()
with splice(model, {HOOK: sae}):
    site = feature_site(HOOK, feature)
    base = model(text)[0, -1]
    with apply_interventions(model, [steer(site, 2.0, largest)]):
        change = model(text)[0, -1] - base
tokens = change.topk(6).indices.tolist()
print("raised most:", [tokenizer.decode([token]) for token in tokens])

# %% [markdown]
# ## 8. Doubt: a mini-project
#
# Most latents of a dictionary have *some* name. Is that the model's doing or the text's?
# Repeat steps 3 to 6 with **random weights** in place of the trained ones, and let a friend count
# for both without knowing which is which.
#
# The starter shuffles the entries of each weight, and draws features with their contexts. Write
# your prediction first: of ten features each, how many names fit for the trained weights, and how
# many for the shuffled ones?
#
# A good report (half a page) has
#
# 1. a prediction with two numbers, written before the first count;
# 2. at least ten features per model, drawn at random and none left out;
# 3. two readers who do not know which model is which, and how often they agree;
# 4. the difference of the two counts, with an interval when features are resampled;
# 5. a feature whose random contexts contradict its name, and what would have changed your mind.
#
# It fails if the trained model's features were picked and the control's were not.


# %%
def shuffled(seed):
    """Load the model again, and shuffle the entries of each of its weights."""
    control, _ = load_pretrained(toy_models.folder("text_4l"))
    generator = torch.Generator().manual_seed(seed)
    for weight in control.requires_grad_(False).parameters():
        order = torch.randperm(weight.numel(), generator=generator)
        weight.copy_(weight.flatten()[order].view_as(weight))
    return control


def dictionary_of(model, steps=900):
    """Collect a model's activations and train 1,024 latents on them."""
    folder = Path(tempfile.mkdtemp())
    for _ in collect(model, HOOK, training.split(32), folder, CollectConfig(special_tokens=(0,))):
        pass
    store, sae = ActivationStore(folder, batch_size=256), NormWeightedSAE(128, 1024, 2.5, seed)
    config = SAETrainConfig(steps, lr=2e-3, lr_warmup=50, lr_decay=250, sparsity_warmup=100)
    records = train_saes({"sae": sae}, store.batch, config)
    for _ in tqdm(records, total=steps, unit="step", disable=None):
        pass
    fold_input_scale(sae, store.scale)
    return sae


def random_features(model, sae, count, generator):
    """Draw features that are active on at least 16 tokens of the held-out text."""
    _, cache = model.run_with_cache(held_out, names=HOOK)
    often = ((sae.encode(cache[HOOK][:, 1:]) > 0).sum(dim=(0, 1)) >= 16).nonzero().flatten()
    return often[torch.randperm(len(often), generator=generator)[:count]].tolist()


# %% your own cell
print("features to name:", random_features(model, sae, 10, torch.Generator().manual_seed(seed)))
control = shuffled(seed)
print("loss of the control:", round(measure_fidelity(control, HOOK, sae, held_out).clean, 2))
