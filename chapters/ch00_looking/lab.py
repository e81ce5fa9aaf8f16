# %% [markdown]
# # Lab 0: does it use what you can decode?
#
# You train small sentiment models from your own seeds, and study them with the functions that you
# wrote in this chapter: groups, attributions, probes, interventions. You predict, measure, compare.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 0`, which writes
# `reports/lab00.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about 40 seconds of CPU time.

# %%
import torch
from tqdm import tqdm

from chapters import look
from chapters.ch00_looking import (
    SentimentTraining,
    bootstrap_interval,
    draw_reviews,
    summarize_seeds,
    swap,
    train_sentiment_model,
)
from chapters.ch00_looking.behaviour import accuracy_by_group, flips
from chapters.ch00_looking.interventions import (
    decodability,
    difference_in_means,
    flips_when_swapped,
    flips_when_swapped_along,
    pooled_acts,
)
from chapters.ch00_looking.probe import LinearProbe, fit_probe
from chapters.ch00_looking.saliency import integrated_gradients, logit_score, per_token
from chapters.ch00_looking.sentiment_data import to_str_tokens
from chapters.ch00_looking.sentiment_model import SentimentModel
from chapters.ch00_looking.train import SHORTCUT
from chapters.lab import Lab

torch.set_num_threads(1)
lab = Lab(0)


def show(values):
    """Print mean and standard error over models for each name."""
    for name, of_models in values.items():
        mean, error = summarize_seeds(of_models)
        print(
            f"{name:18} {mean:.3f} +- {error:.3f}, {of_models.min():.3f} to {of_models.max():.3f}"
        )


# %% [markdown]
# ## 1. See: a model of your own
#
# Five models, trained as the toy `shortcut` was, with seeds that follow from your id. In their
# training data the mark always agrees with the words. Here are six new reviews whose mark is
# random, with the first model's predictions.

# %%
first_seed = lab.seed("models") % 1_000_000
seeds = [first_seed + number for number in range(5)]
models = [train_sentiment_model(seed) for seed in tqdm(seeds, unit="model", disable=None)]
untrained = [SentimentModel(SHORTCUT, seed).requires_grad_(False) for seed in seeds]
generator = torch.Generator().manual_seed(lab.seed("reviews"))
reviews = draw_reviews(4000, generator, agree=0.5, irony=0.5)
for tokens, label, predicted in zip(
    reviews.tokens[:6], reviews.label, models[0].predict(reviews.tokens), strict=False
):
    print(f"label {label}, predicted {predicted}:", *to_str_tokens(tokens))

# %% [markdown]
# ## 2. Guess: four groups
#
# Group the reviews: does the mark agree with the words, and is the review ironic? What is the mean
# accuracy of your five models in each group? Irony reverses the label.

# %%
accuracies = "?"  # guess: four accuracies, 0 to 1
lab.guess("0a", accuracies)

# %%
group = (reviews.mark != reviews.words).long() + 2 * reviews.irony
rows = torch.stack(
    [accuracy_by_group(m.predict(reviews.tokens), reviews.label, group, 4) for m in models]
)
by_group = {name: rows[:, number] for number, name in enumerate(accuracies)}
show(by_group)
lab.compare("0a", {name: values.mean().item() for name, values in by_group.items()})
look.bars({name: values.mean().item() for name, values in by_group.items()})

# %% [markdown]
# ## 3. Guess: what do attributions of a random model look like?
#
# Integrated gradients give each token a number. In which share of the reviews does the mark get
# the largest one, by absolute value: in your trained models, and in the same models before
# training? A token drawn at random is the mark in one of eight reviews; half of the reviews are
# ironic.

# %%
largest_is_mark = "?"  # guess: two shares, 0 to 1
lab.guess("0b", largest_is_mark)


# %%
def share_of_mark(model):
    """Measure in which share of reviews the mark has the largest attribution."""
    tokens = reviews.tokens[:500]
    embedded = model.embed(tokens)
    baseline = model.embed(reviews.tokens[500:]).mean(dim=(0, 1)).expand_as(embedded)
    score = logit_score(model, model.predict(tokens))
    values = per_token(integrated_gradients(score, embedded, baseline, steps=16)).abs()
    place = torch.where(reviews.order[:500] == 1, 0, tokens.shape[1] - 1)
    return (values.argmax(dim=1) == place).double().mean()


shares = {
    name: torch.stack([share_of_mark(model) for model in group])
    for name, group in (("trained", models), ("untrained", untrained))
}
show(shares)
lab.compare("0b", {name: values.mean().item() for name, values in shares.items()})

# %% [markdown]
# ## 4. Guess: what can be decoded?
#
# A linear probe of the pooled vectors, on new balanced reviews. How accurate is it for the topic,
# in your models, and in the same models before training? And for the tone (mark XOR irony)?

# %%
decoded = "?"  # guess: three accuracies
lab.guess("0c", decoded)

# %%
measured = {
    "topic": torch.tensor([decodability(model, "topic") for model in models]),
    "topic, untrained": torch.tensor([decodability(model, "topic") for model in untrained]),
    "tone": torch.tensor([decodability(model, "tone") for model in models]),
}
show(measured)
lab.compare("0c", {name: values.mean().item() for name, values in measured.items()})

# %% [markdown]
# ## 5. Guess: which change flips predictions?
#
# For the first model: swap the topic in the input; swap the mark in the input; swap the pooled
# vector along the direction of a probe for the mark, and along the difference of means of the mark.
# Which share of the predictions flips each time? The control is twenty random directions.

# %%
flipped = "?"  # guess: four shares, 0 to 1
lab.guess("0d", flipped)

# %%
model = models[0]
plain = draw_reviews(3000, generator, agree=0.5)
acts = pooled_acts(model, plain)
probe = LinearProbe(acts.shape[1])
fit_probe(probe, acts / acts.std(), plain.mark, steps=100, lr=0.05, weight_decay=0.01)
difference = difference_in_means(acts, plain.mark)
results = {
    "topic in the input": flips_when_swapped(model, plain, "topic"),
    "mark in the input": flips_when_swapped(model, plain, "mark"),
    "mark, along the probe": flips_when_swapped_along(model, plain, "mark", probe.direction),
    "mark, along the difference": flips_when_swapped_along(model, plain, "mark", difference),
}
for name, values in results.items():
    low, mean, high = bootstrap_interval(values, 1000, 0.95, generator)
    print(f"{name:28} {mean:.3f} ({low:.3f} to {high:.3f})")
directions = torch.randn(20, acts.shape[1], generator=generator)
chance = [flips_when_swapped_along(model, plain, "mark", d).mean().item() for d in directions]
print(f"random directions: at most {max(chance):.3f}")
lab.compare("0d", {name: values.mean().item() for name, values in results.items()})
look.bars({name: values.mean().item() for name, values in results.items()})

# %% [markdown]
# ## 6. Your own question
#
# Ask something that this lab did not, guess the answer in a comment, and measure it. For instance:
# on which token does the second model rely in ironic reviews? Do the five models agree on reviews
# that none of them was trained on?

# %% your own cell
# Write your code here.

# %% [markdown]
# ## 7. Doubt: a mini-project
#
# In training the mark agreed with the words in *every* review. At which agreement does a model
# switch from the mark to the words: .99, .9, .7?
#
# The starter trains one model at one agreement, and returns the shares of predictions that flip
# when the mark and when the words are swapped, on reviews in which every mark agrees with the
# words. Write one number down first: the agreement at which both shares are equal.
#
# A good report (half a page) has
#
# 1. a prediction with a number, written before the first run, and what would refute it;
# 2. six agreements with five seeds each, none left out, with the spread over seeds;
# 3. two controls: the topic, and untrained models;
# 4. one figure of both shares against the agreement, with the switch marked;
# 5. an explanation that predicts something new, such as the switch after half of the steps, and
#    the test of that prediction.
#
# It fails if the agreements were chosen after the switch was known. Your prediction is wrong if the
# mark decides more predictions than the words below your number, or fewer above it.


# %%
def flips_at(agreement, seed, steps=1500):
    """Train one model; return the shares that flip when the mark and when the words are swapped."""
    model = train_sentiment_model(seed, SentimentTraining(steps=steps, agree=agreement))
    drawn = draw_reviews(2000, torch.Generator().manual_seed(seed), agree=1.0)
    before = model.predict(drawn.tokens)
    return {
        name: flips(before, model.predict(swap(drawn, name).tokens)).mean().item()
        for name in ("mark", "words")
    }


# %% your own cell
# Write your code here.
