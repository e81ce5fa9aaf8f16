# %% [markdown]
# # Lab 2: what is inside a language model that you wrote?
#
# Your classes run a small language model, in a copy of its own for you. You look at patterns and
# predictions, ablate parts, and compare with your guesses.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 2`, which writes
# `reports/lab02.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about 10 seconds of CPU time.

# %%
import tempfile
from pathlib import Path

import torch

from chapters import look
from chapters.ch00_looking import bootstrap_interval, random_sets
from chapters.ch02_transformer import HookedTransformer, load_pretrained
from chapters.ch02_transformer.sample import generate
from chapters.ch02_transformer.train import next_token_loss
from chapters.lab import Lab
from toy_models.instances import write_instance
from toy_models.real_text import excerpt

torch.set_num_threads(1)
lab = Lab(2)

# %% [markdown]
# ## 1. See: patterns of your own sentence
#
# The model is `text_4l`, four layers trained on verse, prose and code. `write_instance` rotated its
# residual stream and permuted its heads and neurons, by your own seed: its predictions are the
# same, and the numbers of its heads are yours. Change the sentence; choose heads, and tokens.

# %%
own = write_instance("text_4l", lab.seed("model"), Path(tempfile.mkdtemp()))
model, tokenizer = load_pretrained(own)
model.requires_grad_(False)
LAYERS, HEADS = model.config.n_layers, model.config.n_heads
sentence = "And the king said to the queen: where is the son of the king?"
ids = tokenizer.encode(sentence).ids[:60]
text = torch.tensor([[0, *ids]])  # token 0 precedes each document
words = ["<start>", *(tokenizer.decode([token]) for token in ids)]
patterns = [f"blocks.{layer}.attn.hook_pattern" for layer in range(LAYERS)]
_, cache = model.run_with_cache(text, names=patterns)
look.pattern(cache, words)

# %% [markdown]
# ## 2. Guess: how well does it predict?
#
# The loss on new text, in nats per token. Uniform guesses over 2,048 tokens cost 7.6 nats. What
# does your model cost, and what does a model of the same sizes with random weights cost?

# %%
losses = {"trained": 4.5, "random weights": 7.7}  # guess: two losses in nats
lab.guess("2a", losses)


# %%
def windows(split, limit):
    """Cut documents into texts of 64 tokens: the start-of-document token, then text."""
    texts = []
    for document in excerpt(split):
        encoded = tokenizer.encode(document.text).ids[: 63 * limit]
        texts += [[0, *encoded[i : i + 63]] for i in range(0, len(encoded) - 63, 63)]
    return torch.tensor(texts)


every = windows("held_out", 6)
order = torch.randperm(len(every), generator=torch.Generator().manual_seed(lab.seed("texts")))
texts = every[order[:24]]


@torch.no_grad()
def losses_of(model, hooks=None):
    """Compute the loss of each text, with hooks attached if there are any."""
    logits = model.run_with_hooks(texts, hooks=hooks or {})
    pairs = zip(logits, texts, strict=True)
    return torch.stack([next_token_loss(one[None], text[None]) for one, text in pairs])


untrained = [HookedTransformer(model.config, model.parts, seed) for seed in range(3)]
clean = losses_of(model)
chance = torch.stack([losses_of(one).mean() for one in untrained])
low, mean, high = bootstrap_interval(clean, 1000, 0.95, torch.Generator().manual_seed(0))
print(f"trained: {mean:.2f} ({low:.2f} to {high:.2f}, texts resampled)")
print(f"random weights, three seeds: {[round(one, 3) for one in chance.tolist()]}")
lab.compare("2a", {"trained": mean, "random weights": chance.mean().item()})

# %% [markdown]
# ## 3. Guess: what happens without a part?
#
# Zero ablation of one part at a time: the attention output, or the MLP output, of one layer. By
# how many nats does the loss rise for the part that matters most, and which part is it?

# %%
part = "mlp 0"  # guess: attn or mlp, and a layer, such as "attn 2"
rise = 2.0  # guess: nats
lab.guess("2b", part)
lab.guess("2c", rise)

# %%
rises = {}
for layer in range(LAYERS):
    for kind in ("attn", "mlp"):
        hook = {f"blocks.{layer}.hook_{kind}_out": lambda out, _point: torch.zeros_like(out)}
        rises[f"{kind} {layer}"] = losses_of(model, hook) - clean
for name, values in rises.items():
    low, mean, high = bootstrap_interval(values, 1000, 0.95, torch.Generator().manual_seed(0))
    print(f"without {name}: +{mean:.2f} ({low:.2f} to {high:.2f})")
worst = max(rises, key=lambda name: rises[name].mean().item())
lab.compare("2b", worst, as_guessed=worst == part)
lab.compare("2c", rises[worst].mean().item())
look.bars({name: values.mean().item() for name, values in rises.items()})

# %% [markdown]
# ## 4. Guess: one head
#
# Choose one head from its pattern in part 1: the one whose ablation should cost most. Guess its
# rank among all heads, 1 for the costliest.

# %%
chosen = [0, 0]  # guess: [layer, head]
rank = 4  # guess: 1 to the number of heads
lab.guess("2d", chosen)
lab.guess("2e", rank)


# %%
def without_heads(heads):
    """Make hooks that set the z of some heads [layer, head] to zero."""

    def ablate(layer):
        off = [head for of_layer, head in heads if of_layer == layer]

        def hook(z, _point):
            z[:, :, off] = 0.0

        return hook

    return {f"blocks.{layer}.attn.hook_z": ablate(layer) for layer in {one[0] for one in heads}}


costs = torch.tensor(
    [
        [(losses_of(model, without_heads([(i, j)])) - clean).mean().item() for j in range(HEADS)]
        for i in range(LAYERS)
    ]
)
ordered = costs.flatten().sort(descending=True).values
found = 1 + int((ordered > costs[chosen[0], chosen[1]]).sum())
print(f"the costliest head costs {ordered[0]:.3f} nats, the median {ordered.median():.3f}")
lab.compare("2e", found, as_guessed=found == rank)
look.heads(costs, "nats")

# %% [markdown]
# The costs of single heads need not add up. The control: random sets of four heads, together and
# summed.

# %%
sets = random_sets(LAYERS * HEADS, 4, 5, torch.Generator().manual_seed(lab.seed("sets")))
for row in sets.tolist():
    heads = [divmod(number, HEADS) for number in row]
    together = (losses_of(model, without_heads(heads)) - clean).mean().item()
    print(f"together {together:.3f}, summed {sum(costs[i, j].item() for i, j in heads):.3f}")

# %% [markdown]
# ## 5. Guess: when is the prediction readable?
#
# The logit lens unembeds the residual stream after each block. On what share of the positions is
# its likeliest token already the model's own, after blocks 0, 1 and 2?

# %%
agreement = [0.3, 0.5, 0.7]  # guess: three shares, after blocks 0, 1 and 2
lab.guess("2f", agreement)

# %%
resids = [f"blocks.{layer}.hook_resid_post" for layer in range(LAYERS)]
_, cache = model.run_with_cache(texts, names=resids)
final = model.unembed_resid(cache[resids[-1]]).argmax(dim=-1)
shares = [
    (model.unembed_resid(cache[name]).argmax(dim=-1) == final).double().mean() for name in resids
]
lab.compare("2f", torch.stack(shares[:-1]))
_, cache = model.run_with_cache(text, names=resids)
stacked = torch.stack([model.unembed_resid(cache[name])[0] for name in resids])
look.lens(stacked, words, lambda token: tokenizer.decode([token]))

# %% [markdown]
# ## 6. Your own question
#
# Ask something that this lab did not, guess the answer in a comment, and measure it. For instance:
# what does the model write after your sentence? Is position 0 longer than the others? Which head
# attends most to the start of the document?

# %% your own cell
continued = generate(model, text, 12)[0, 1:].tolist()  # I guess: it does not end the sentence
print(tokenizer.decode(continued))

# %% [markdown]
# ## 7. Doubt: a mini-project
#
# Choose one head of the real model that the pages do not name. Describe it in one sentence that
# could be false ("7.2 attends to the last comma"), and try to falsify it.
#
# The starter measures which share of its attention a head spends on the positions that you predict.
# Write three texts and your predictions first, one of them a text on which your sentence and the
# simplest alternatives (the previous token, position 0) disagree.
#
# A good report (half a page) has
#
# 1. the sentence and the predicted positions, written before the first pattern of a new text;
# 2. the share of attention on the predicted positions over at least 20 texts, with an interval;
# 3. two controls: 20 random heads of similar layers, and the same head on shuffled text;
# 4. a text on which the head does something else, and what it attends to there;
# 5. what changes when the head is ablated, also if nothing does.
#
# It fails if the texts were chosen after their patterns were seen. One way to be wrong: the head
# attends to commas only because they are often the previous token.


# %%
def share_on(model, tokens, layer, head, predicted):
    """Measure the attention of a head at the last position on the predicted positions."""
    name = f"blocks.{layer}.attn.hook_pattern"
    _, cache = model.run_with_cache(tokens, names=name)
    return cache[name][:, head, -1, predicted].sum(dim=-1)


# %% your own cell
print("attention of head 0.0 on the start:", share_on(model, text, 0, 0, [0]).tolist())
