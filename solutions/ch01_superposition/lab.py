# %% [markdown]
# # Lab 1: predict a geometry before you train it
#
# You choose nothing here: the sizes follow from your id. You train toy models with the functions
# that you wrote in this chapter, and predict what they do. You predict, measure, compare.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 1`, which writes
# `reports/lab01.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about 15 seconds of CPU time.

# %%
from functools import partial

import matplotlib.pyplot as plt
import torch
from tqdm import tqdm

from chapters import look
from chapters.ch00_looking import bootstrap_interval
from chapters.ch01_superposition import (
    LinearToy,
    ReluOutputToy,
    ToyConfig,
    ToyTrainConfig,
    sparse_features,
    train,
)
from chapters.ch01_superposition.adversarial import attack, random_perturbation
from chapters.ch01_superposition.data import importance_schedule
from chapters.ch01_superposition.geometry import feature_dimensionality, partners
from chapters.ch01_superposition.toy_model import reconstruction_loss
from chapters.lab import Lab

torch.set_num_threads(1)
lab = Lab(1)
SEEDS, STARTS = 3, 4
DENSITIES = [1.0, 0.4, 0.15, 0.05, 0.02]

# %% [markdown]
# ## 1. See: your own sizes
#
# All features are equally often on; each is 15 % less important than the one before. The picture
# shows the features' directions before training: the first two of your dimensions.

# %%
number = lab.seed("sizes")
n_features, d_hidden = 6 + number % 4, 2 + number // 4 % 2
IMPORTANCE = importance_schedule(n_features, decay=0.85)
print(f"{n_features} features in {d_hidden} dimensions")


def instances(kind, densities):
    """Make models for all densities, seeds and starts, in that order, with their probabilities."""
    rows = torch.tensor(densities).repeat_interleave(SEEDS * STARTS)
    model = kind(ToyConfig(len(rows), n_features, d_hidden), number % 100_000)
    return model, rows[:, None].expand(-1, n_features)


def trained(kind, densities, steps=700):
    """Train models and keep the best start of each density and seed, [density, seed]."""
    model, probability = instances(kind, densities)
    importance = IMPORTANCE.expand_as(probability)
    draw = partial(sparse_features, probability)
    config = ToyTrainConfig(steps, batch_size=256, lr=1e-2, linear_decay=True, seed=number % 1000)
    records = train(model, draw, importance, config)
    for _ in tqdm(records, total=steps, unit="step", disable=None):
        pass
    x = draw(4000, torch.Generator().manual_seed(1))
    losses = reconstruction_loss(model(x), x, importance).detach()
    best = losses.view(len(densities), SEEDS, STARTS).argmin(dim=2)
    first = torch.arange(len(densities) * SEEDS).view(len(densities), SEEDS) * STARTS
    return model.requires_grad_(False), first + best


def draw_directions(weights, titles):
    """Draw the first two dimensions of each feature's direction."""
    figure, panels = plt.subplots(1, len(weights), figsize=(2.2 * len(weights), 2.3))
    for axes, W, title in zip(panels, weights, titles, strict=True):
        for feature, (x, y) in enumerate(W[:2].T.tolist()):
            axes.plot([0, x], [0, y], color=f"C{feature}", lw=2)
        axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal", title=title)
    figure.tight_layout()


fresh, _ = instances(ReluOutputToy, DENSITIES)
draw_directions(fresh.W.detach()[:4], [f"start {start}" for start in range(4)])

# %% [markdown]
# ## 2. Guess: how many features are represented?
#
# A feature counts as represented when its direction is longer than 1/2. How many are, at each of
# the five densities, in the best of four starts? And how many by the linear model at p = .02?

# %%
represented = [3, 4, 5, 6, 6]  # guess: five numbers, for p = 1, .4, .15, .05 and .02
by_linear_model = 3  # guess: one number
lab.guess("1a", represented)
lab.guess("1b", by_linear_model)

# %%
model, best = trained(ReluOutputToy, DENSITIES)
counts = (model.W[best].norm(dim=2) > 0.5).sum(dim=2)  # [density, seed]
for density, row in zip(DENSITIES, counts.tolist(), strict=True):
    print(f"p = {density}: {row}, one number per seed")
lab.compare("1a", counts.double().mean(dim=1))
draw_directions(model.W[best[:, 0]], [f"p = {density}" for density in DENSITIES])

# %%
linear, best_linear = trained(LinearToy, [0.02])
found = (linear.W[best_linear[0]].norm(dim=1) > 0.5).sum(dim=1)
lab.compare("1b", found.double().mean().item())

# %% [markdown]
# ## 3. Guess: in which arrangement?
#
# Look at p = .05. How many dimensions does each represented feature have, and with how many others
# does it share them (absolute cosine above .3)? Is it the same in every seed?

# %%
dimensionality = 0.4  # guess: the mean over represented features
partners_each = 3.0  # guess: the mean over represented features
same_in_all_seeds = True  # guess: True or False
lab.guess("1c", [dimensionality, partners_each])
lab.guess("1d", same_in_all_seeds)

# %%
at = DENSITIES.index(0.05)
W = model.W[best[at]]  # [seed, d_hidden, n_features]
kept = W.norm(dim=1) > 0.5
shares, shared = feature_dimensionality(W), partners(W, 0.3)
shared &= kept[:, None] & kept[:, :, None]
for seed in range(SEEDS):
    rounded = [round(value, 2) for value in shares[seed, kept[seed]].tolist()]
    print(f"seed {seed}: dimensionalities {rounded}")
low, mean, high = bootstrap_interval(shares[kept], 1000, 0.95, torch.Generator().manual_seed(0))
print(f"mean {mean:.3f} ({low:.3f} to {high:.3f}, features resampled)")
random_W = torch.nn.functional.normalize(torch.randn_like(W), dim=1)
print(f"control, random directions: mean {feature_dimensionality(random_W).mean():.3f}")
lab.compare("1c", [mean, shared.sum(dim=2)[kept].double().mean().item()])
ordered = [sorted(round(v, 1) for v in shares[s, kept[s]].tolist()) for s in range(SEEDS)]
lab.compare("1d", all(one == ordered[0] for one in ordered))

# %% [markdown]
# ## 4. Guess: what does it cost?
#
# The worst perturbation of a given length against a random one of the same length: the loss that
# each adds, divided by the squared length of the perturbation. Where each represented feature has
# a dimension of its own, both ratios are at most about 1. What are they for your models at p = 1
# and at p = .15, on inputs of their own density? (On much sparser inputs the gradient that the
# attack follows is often zero, because the ReLU is off; the "worst" perturbation is then no worse
# than a random one.)

# %%
added = {"worst, p = 1": 1.0, "worst, p = .15": 1.0, "random, p = .15": 0.5}  # guess: three ratios
lab.guess("1e", added)

# %%
importance = IMPORTANCE.expand(model.config.n_inst, n_features)
_, probability = instances(ReluOutputToy, DENSITIES)
x = sparse_features(probability, 300, torch.Generator().manual_seed(2))
radius = 0.1
clean = reconstruction_loss(model(x), x, importance)
worst = attack(model, x, importance, radius, steps=15)
random_x = random_perturbation(x, radius, torch.Generator().manual_seed(3))
ratios = {
    name: (reconstruction_loss(model(inputs), x, importance) - clean) / radius**2
    for name, inputs in (("worst", worst), ("random", random_x))
}
results = {
    "worst, p = 1": ratios["worst"][best[0]],
    "worst, p = .15": ratios["worst"][best[2]],
    "random, p = .15": ratios["random"][best[2]],
}
for name, of_seeds in results.items():
    print(f"{name:16} {[round(value, 2) for value in of_seeds.tolist()]}, one per seed")
lab.compare("1e", {name: of_seeds.mean().item() for name, of_seeds in results.items()})
# Above 1 at p = 1? Then see whether each feature has a dimension of its own there.
for seed, W in enumerate(model.W[best[0]]):
    rounded = [round(value, 2) for value in feature_dimensionality(W[None])[0].tolist()]
    print(f"p = 1, seed {seed}: dimensionalities {rounded}")
look.bars({name: of_seeds.mean().item() for name, of_seeds in results.items()})

# %% [markdown]
# ## 5. Your own question
#
# Ask something that this lab did not, guess the answer in a comment, and measure it. For instance:
# what happens when all features are equally important? Do the other starts end in the same
# geometry as the best one?

# %% your own cell
rows = torch.arange(STARTS) + at * SEEDS * STARTS  # I guess: three of four starts agree
print("represented, by start:", (model.W[rows].norm(dim=1) > 0.5).sum(dim=1).tolist())

# %% [markdown]
# ## 6. Doubt: a mini-project
#
# You set everything that decides the geometry: importances, probabilities, correlation. Predict
# what a model will do *before* you train it, for a setting that this chapter does not show, such as
# eight features in three dimensions of which two are twice as important.
#
# The starter compares two geometries without training: the loss of weights and biases that you
# write down, on the same 20,000 examples. Write down first: how many features are represented,
# their dimensionalities and partners, and the highest and lowest loss that you expect.
#
# A good report (half a page) has
#
# 1. a prediction with numbers, written before the first training run, and what would refute it;
# 2. at least ten starts and three seeds, with the number of starts that end near the prediction;
# 3. a control: dense data, where your geometry should not appear;
# 4. one figure of the dimensionalities, one marker per feature and seed;
# 5. another geometry that you considered, with its loss, and why it lost.
#
# It fails if the setting was chosen after a training run. You are wrong if none of the best tenth
# of the starts has your geometry, or if a geometry that you can write down has a lower loss on the
# same examples than the best start.


# %%
def loss_of(W, b, probability, importance):
    """Compute the loss of weights [d_hidden, n_features] on 20,000 examples, always the same."""
    sizes = {"n_inst": 1, "n_features": W.shape[1], "d_hidden": W.shape[0]}
    geometry = ReluOutputToy.from_tensors(sizes, {"W": W[None], "b": b[None]})
    x = sparse_features(probability[None], 20_000, torch.Generator().manual_seed(4))
    return reconstruction_loss(geometry(x), x, importance[None]).item()


# %% your own cell
pentagon = torch.stack([torch.arange(5) * 1.2566 + phase for phase in (0.0, -1.5708)]).cos()
digons = torch.tensor([[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0, 0.0]])
probability, equal = torch.full((5,), 0.05), torch.ones(5)
print("pentagon:", loss_of(1.13 * pentagon, torch.full((5,), -0.24), probability, equal))
print("two digons and one ignored:", loss_of(digons, torch.zeros(5), probability, equal))
