# %% [markdown]
# # Lab 12: five neurons
#
# You find the neurons of a real model that carry one word's gender to a later pronoun, and test
# them in sentences that they were not chosen on. You predict, measure, compare.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 12`, which writes
# `reports/lab12.html`. A cell that needs a guess stops until you replace its `"?"`.
# The lab needs SmolLM2 (`mi model` fetches it), and takes about a minute of CPU time.

# %%
import torch
from tqdm import tqdm

from chapters import look
from chapters.ch02_transformer import load_pretrained
from chapters.ch12_graphs.contrast import (
    Pair,
    answer_row,
    contrast_scores,
    group_scores,
    largest_nodes,
    run_prompt,
    top_neurons,
)
from chapters.ch12_graphs.intervene import random_group, swap, switch_rates
from chapters.ch12_graphs.own_pairs import own_pairs
from chapters.ch12_graphs.pairs import GENDER, all_pairs, draw_pairs
from chapters.ch12_graphs.relp import total_effects
from chapters.ch12_graphs.secant import (
    change_basis,
    change_effects,
    change_model,
    change_target,
)
from chapters.lab import Lab

torch.set_num_threads(1)
lab = Lab(12)


def counted(pairs):
    """Show a progress bar while a loop goes through pairs."""
    return tqdm(pairs, unit="pair", disable=None)


# %% [markdown]
# ## 1. See: sentences with a gap
#
# A woman or a man is put into the gap. A later word then is *she* or *he*. You get six such pairs
# of sentences, drawn from your own number. Others, with the frames below, are for testing.

# %%
for frame in (*GENDER.frames, "for testing:", *GENDER.new_frames):
    print(frame.replace("{}", "..."))

# %% [markdown]
# ## 2. Guess: how many neurons?
#
# The model has 30 layers of 1,536 neurons. A group of k neurons takes its values from the other
# sentence of a pair. From which k on do at least nine of ten test sentences switch, and what share
# of the way does the single best neuron move the logit difference?

# %%
enough = "?"  # guess: 1, 2, 3, 5, 10, 30, 100 or 300
way_of_one = "?"  # guess: 0 to 1
lab.guess("12a", enough)
lab.guess("12b", way_of_one)

# %%
model, tokenizer = load_pretrained("smollm2-135m")
model.requires_grad_(False)
training = own_pairs(lab.seed("pairs"), tokenizer)
generator = torch.Generator().manual_seed(lab.seed("tests"))
tests = draw_pairs(all_pairs(GENDER, tokenizer, new_frames=True), 8, generator)
scores = group_scores([contrast_scores(model, pair) for pair in counted(training)])

SIZES = (1, 2, 3, 5, 10, 30, 100, 300)
by_size = [top_neurons(scores, k) for k in SIZES]
rates = switch_rates([swap(model, pair, by_size) for pair in counted(tests)])
for k, switched, moved in zip(SIZES, rates.switched, rates.moved, strict=True):
    print(f"{k:4} neurons: {switched:.2f} of {rates.cases} cases switch, moved {moved:.2f}")
good = [k for k, share in zip(SIZES, rates.switched, strict=True) if share >= 0.9]
lab.compare("12a", good[0] if good else "more")
lab.compare("12b", rates.moved[0])
look.bars({f"{k} neurons": share for k, share in zip(SIZES, rates.switched, strict=True)})

# %% [markdown]
# ## 3. Guess: signs
#
# The five best neurons by signed score, against the five largest by size, and against random ones
# of the same layers. What share of the test sentences does each group switch?

# %%
switched_by = "?"  # guess: three numbers, 0 to 1
lab.guess("12c", switched_by)

# %%
five = top_neurons(scores, 5)
groups = {
    "signed": five,
    "by size": top_neurons(scores.abs(), 5),
    "random": random_group(five, scores.shape[1], generator),
}
rates = switch_rates([swap(model, pair, list(groups.values())) for pair in counted(tests)])
lab.compare("12c", dict(zip(groups, rates.switched, strict=True)))
print("signed:", five)
print("by size:", groups["by size"])

# %% [markdown]
# ## 4. Guess: what does the best neuron write?
#
# A neuron's output weights, unembedded, promote some tokens and suppress others. It has two signs,
# and its activation can be negative. Which words do you expect at the two ends?

# %%
words_at_the_ends = "?"  # guess: in your own words
lab.guess("12d", words_at_the_ends)

# %%
layer, neuron = five[0]
gain = model.ln_final.affine().gain
written = (model.blocks[layer].mlp.W_out[neuron] * gain) @ model.unembed.W_U
ends = {
    "promoted": [tokenizer.decode([i]) for i in written.topk(6).indices.tolist()],
    "suppressed": [tokenizer.decode([i]) for i in (-written).topk(6).indices.tolist()],
}
lab.compare("12d", ends)
for pair in training[:3]:
    for tokens in pair.tokens:
        acts = run_prompt(model, tokens).layers[layer].acts[1:, neuron]
        at = int(acts.abs().argmax())
        word = tokenizer.decode([int(tokens[1 + at])])
        print(f"{acts[at]:+.2f} at {word!r} in {tokenizer.decode(tokens.tolist())!r}")

# %% [markdown]
# ## 5. Guess: how much of a change is attention?
#
# Now two names, one of which is repeated. The change of the logit difference between this sentence
# and the one that repeats the other name is an exact sum: neurons, tokens, attention that moved,
# norms. What share of the sum of sizes is attention that moved, and which head moved most?

# %%
share_of_attention = "?"  # guess: 0 to 1
head_that_moved_most = "?"  # guess: layer.head
lab.guess("12e", share_of_attention)
lab.guess("12f", head_that_moved_most)

# %%
NAMES = ["Mary", "Anna", "Sarah", "Lucy", "Kate", "Julia", "Emily", "Helen"]
order = torch.randperm(len(NAMES), generator=torch.Generator().manual_seed(lab.seed("names")))
io, subject = (NAMES[index] for index in order[:2].tolist())
sentence = f"When {io} and {subject} went to the store, {{}} gave a drink to"
rows = [tokenizer.encode(sentence.format(name)).ids for name in (subject, io)]
answers = torch.tensor([tokenizer.encode(" " + name).ids[0] for name in (io, subject)])
pair = Pair(torch.tensor(rows), answers)
change = change_model(*(run_prompt(model, tokens) for tokens in pair.tokens))
basis = change_basis(change, largest_nodes(contrast_scores(model, pair), 300))
target = change_target(change, *answers.tolist())
effects = change_effects(change, basis, target)
parts = {
    "neurons shown": effects.nodes.sum().item(),
    "other neurons": effects.remainders.sum().item(),
    "tokens": effects.tokens.sum().item(),
    "attention moved": effects.moved.sum().item(),
    "norms": effects.norms.sum().item(),
}
print(sentence.format(subject))
print(f"parts sum to {sum(parts.values()):.4f}, the change is {target.values.item():.4f}")
lab.compare("12e", abs(parts["attention moved"]) / sum(map(abs, parts.values())))
layer, head = divmod(int(effects.moved[0].abs().argmax()), effects.moved.shape[2])
lab.compare("12f", f"{layer}.{head}")
look.bars(parts)

# %% [markdown]
# ## 6. Your own question
#
# Ask something that this lab did not, guess the answer in a comment, and measure it. For instance:
# is the gradient of the best neuron larger at the name or at the last position? Does the group
# switch *her* and *his* too?

# %% your own cell
# Write your code here.

# %% [markdown]
# ## 7. Doubt: a mini-project
#
# Is a name's gender carried by the same neurons as a noun's? The page does not answer that.
#
# The starter finds a group on some words, and tests it on others. Write your prediction first: in
# which direction the rate falls, by how much, and what result would refute it.
#
# A good report (half a page) has
#
# 1. a prediction with a number, written before the first run, and what would refute it;
# 2. at least four draws of training pairs, none left out, with pairs as the unit that is resampled;
# 3. two controls: random neurons of the same layers, and a group found and tested on the same kind;
# 4. one figure of the rate against k in both directions, with intervals;
# 5. the neurons that both groups share, and what one that is not shared writes.
#
# It fails if k, the words or the frames were chosen after looking at the result.


# %%
def rate_between(chosen_on, tested_on, k, seed):
    """Find k neurons on pairs of some words; return the rate on pairs of others."""
    draw = torch.Generator().manual_seed(seed)
    pairs = all_pairs(GENDER._replace(words=chosen_on), tokenizer)
    chosen = draw_pairs(pairs, 6, draw)
    group = top_neurons(group_scores([contrast_scores(model, pair) for pair in counted(chosen)]), k)
    held_out = all_pairs(GENDER._replace(words=tested_on), tokenizer, new_frames=True)
    drawn = draw_pairs(held_out, 6, draw)
    return switch_rates([swap(model, pair, [group]) for pair in counted(drawn)]).switched[0]


# %% your own cell
# Write your code here.
