# %% [markdown]
# # Lab 7: is this the circuit?
#
# You look for the circuit of a small model of your own that solves the IOI task, among impostors,
# with the functions that you wrote in this chapter. You predict, measure, compare.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 7`, which writes
# `reports/lab07.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about 10 seconds of CPU time. The last parts use the real model, and are
# skipped where that was not fetched.

# %%
import torch

from chapters import look
from chapters.ch02_transformer import load_pretrained
from chapters.ch05_patching import Intervention, cache_sites, patch_sweep
from chapters.ch05_patching.activation import head_sites
from chapters.ch05_patching.metrics import (
    logit_diff,
    logit_diff_from_resid,
    metric_from_logits,
    unpatched,
)
from chapters.ch07_ioi import abc_corruption, draw_prompts, single_tokens
from chapters.ch07_ioi.circuit import CircuitEvaluator, Node, abc_means, faithfulness
from chapters.ch07_ioi.counterfactuals import swap_names
from chapters.ch07_ioi.heads import role_attention
from chapters.ch07_ioi.pointer import POINTER
from chapters.ch07_ioi.sentences import NAMES
from chapters.lab import Lab
from toy_models.impostors import own_pointer

torch.set_num_threads(1)
lab = Lab(7)

# %% [markdown]
# ## 1. See: sentences, and a model of your own
#
# Three layers of eight heads, derived from `ioi_pointer` with your own number. Choose the last
# word, and look where the heads of the three layers attend. Then choose the second mention of the
# name that occurs twice.

# %%
model, tokenizer = load_pretrained(own_pointer(lab.seed("model")), parts=POINTER)
model.requires_grad_(False)
names = torch.tensor(list(single_tokens(tokenizer, NAMES).values()))


def draw(n, seed):
    """Draw prompts with their mirrored copies, and ABC corruptions of others."""
    generator = torch.Generator().manual_seed(seed)
    pool = draw_prompts(tokenizer, n + 200, generator, names=None)
    corrupted = abc_corruption(pool.select(slice(n, None)), names, generator)
    drawn = pool.select(slice(n))
    known = torch.isin(drawn.template, corrupted.template)
    return swap_names(drawn.select(known)), corrupted


prompts, corrupted = draw(24, lab.seed("prompts") % 1_000_000)
for text, answer in zip(
    prompts.texts(tokenizer)[:3], model(prompts.tokens[:3])[:, -1].argmax(dim=1), strict=True
):
    print(text, "->", tokenizer.decode([int(answer)]))
_, cache = model.run_with_cache(
    prompts.tokens[:1], names=lambda name: name.endswith("hook_pattern")
)
words = [tokenizer.decode([token]) for token in prompts.tokens[0].tolist()]
look.pattern(cache, words, start=(2, 0))

# %% [markdown]
# ## 2. Guess: one head, or all of them?
#
# A head is ablated by replacing its output with its mean over ABC prompts. F is the mean logit
# difference, on prompts and their mirrored copies. All heads of the last layer attend from END to
# IO. Which share of F is left without one of them at END, and which without all eight?

# %%
without_one = 0.95  # guess: a share of F
without_all = 0.05  # guess: a share of F
lab.guess("7a", without_one)
lab.guess("7b", without_all)


# %%
def evaluator(seed):
    """Make an evaluator on new prompts; F is the logit difference."""
    drawn, other = draw(24, seed)
    means = abc_means(model, other, drawn.template)

    def metric(logits):
        return logit_diff(logits, drawn.io_token, drawn.s_token)

    return CircuitEvaluator(model, drawn, means, metric_from_logits(model, metric))


trials = [evaluator(lab.seed("trials") % 1_000_000 + number) for number in range(3)]


def share(kept=None, removed=()):
    """Compute F as a share of F(M) on three draws of prompts: mean, lowest, highest."""
    shares = []
    for trial in trials:
        scores = trial.ablate(removed) if kept is None else trial.keep_only(kept)
        shares.append(faithfulness(scores, trial.full_model()))
    shares = torch.stack(shares)
    return shares.mean().item(), shares.min().item(), shares.max().item()


last = [Node(2, head, "end") for head in range(8)]
singly = [share(removed=[node])[0] for node in last]
lab.compare("7a", sum(singly) / 8)
print("each of the eight:", " ".join(f"{x:.2f}" for x in singly))

# %%
lab.compare("7b", share(removed=last)[0])

# %% [markdown]
# ## 3. Guess: attention and effect
#
# A duplicate-token head attends from S2 to S1. Of the 16 heads of layers 0 and 1, how many do that
# with at least .4 of their attention? And how many change F by more than 5 % when they are ablated
# at S2?

# %%
attending = 10  # guess: 0 to 16
changing = 3  # guess: 0 to 16
lab.guess("7c", attending)
lab.guess("7d", changing)

# %%
attention = role_attention(model, prompts, "s2", "s1")[:2].mean(dim=-1)
lab.compare("7c", int((attention > 0.4).sum()))
look.heads(attention, "attention from S2 to S1")

# %%
effect = torch.tensor(
    [[1 - share(removed=[Node(x, head, "s2")])[0] for head in range(8)] for x in range(2)]
)
lab.compare("7d", int((effect.abs() > 0.05).sum()))
look.heads(effect, "share of F lost")

# %% [markdown]
# ## 4. Guess: a circuit by attention
#
# Take as a circuit the last layer at END, the heads of layers 0 and 1 that attend from S2 to S1 (at
# S2 and at S1), and those that attend from END to S2 (at END), each with at least .4. What is
# F(C) / F(M)? And for random circuits with as many nodes per role?

# %%
by_attention = 1.0  # guess: F(C) / F(M)
random_one = -0.5  # guess: F(C) / F(M), mean of ten
lab.guess("7e", by_attention)
lab.guess("7f", random_one)

# %%
to_s2 = role_attention(model, prompts, "end", "s2")[:2].mean(dim=-1)


def attended(least):
    """Take the last layer, and the heads that attend to S1 or S2 with at least this weight."""
    to_s1 = (attention > least).nonzero().tolist()
    nodes = [Node(x, h, role) for x, h in to_s1 for role in ("s1", "s2")]
    return last + nodes + [Node(x, h, "end") for x, h in (to_s2 > least).nonzero().tolist()]


circuit = attended(0.4)
kept = share(kept=circuit)
lab.compare("7e", kept[0])
print(f"{len(circuit)} nodes; on the three draws {kept[1]:.2f} to {kept[2]:.2f}")

# %%
generator = torch.Generator().manual_seed(lab.seed("random"))
chance = []
for _ in range(10):
    drawn = []
    for role in ("s1", "s2", "end"):
        n = sum(node.position_role == role for node in circuit)
        picked = torch.randperm(24, generator=generator)[:n].tolist()
        drawn += [Node(*divmod(index, 8), role) for index in picked]
    chance.append(faithfulness(trials[0].keep_only(drawn), trials[0].full_model()).item())
lab.compare("7f", sum(chance) / len(chance))
print("random circuits:", " ".join(f"{x:.2f}" for x in sorted(chance)))

# %% [markdown]
# ### Guess: a lower threshold
#
# With .2 in place of .4 the circuit has all of these nodes and more. What is F(C) / F(M) then?

# %%
with_lower = 1.0  # guess: F(C) / F(M)
lab.guess("7g", with_lower)

# %%
lab.compare("7g", share(kept=attended(0.2))[0])
for least in (0.2, 0.3, 0.4, 0.6, 0.8):
    nodes = attended(least)
    print(f"at least {least}: {len(nodes)} nodes, F(C) / F(M) {share(kept=nodes)[0]:.2f}")

# %% [markdown]
# ## 5. Your own question
#
# In 4 of 12 such models that we tried, a threshold of .4 loses heads that work, and less than half
# of F is left. A threshold of .2 keeps them in all 12, with impostors. Attention alone cannot tell
# the two apart: exercise 7.13 asks for a smaller circuit, of another model of yours.
#
# Which node of your circuit would you remove first? Write down how F(C) / F(M) will change.

# %% your own cell
print("I expect no change without the first node of layer 0.")
first = next(node for node in circuit if node.layer == 0)
print(first, share(kept=[node for node in circuit if node != first]))

# %% [markdown]
# ## 6. Doubt: another behaviour of the real model
#
# Choose a behaviour in which a small change of the prompt changes the right answer: a year that
# must be greater than another ("The war lasted from 1732 to 17"), agreement ("The keys to the
# cabinet" - *are*), a pronoun ("Emily said that"). Write twenty prompts and their corruptions with
# exactly one difference, choose heads on one half, and measure on the other.
#
# The starter patches every head at the last position from the corrupted run into the clean one, and
# returns the share of the logit difference that is lost with each.
#
# A good report (half a page) has
#
# 1. a prediction, written first: how much of the metric your heads carry, and how much random ones;
# 2. at least twenty prompts, ten to choose heads and ten to measure, none left out;
# 3. an interval for every number, over prompts or pairs of prompts;
# 4. a control: as many random heads, and corruptions that keep the answer;
# 5. at which step the missing heads were lost, if your set is not sufficient.
#
# It fails if your set does no better than the 95th percentile of random sets of its size, or if
# heads were chosen and measured on the same prompts.
#
# A sample report: "Agreement, twenty prompts such as 'The keys to the cabinet', corrupted to 'The
# key to the cabinet'; the difference is 'are' minus 'is', 1.8 on clean and -3.9 on corrupted
# prompts. I predicted that three heads at the last position carry half of it, and random ones less
# than .1. On ten prompts I chose 26.0, 27.8 and 27.7. On the ten others, patching all three loses
# .85 of the difference (standard error .07), the first two .79 (.07), and 26.0 alone .48 (.05). Of
# 40 random triples, 95 % lose less than .03; the largest loses .29. So I was too careful. All
# prompts have the same form, and three of the twenty have a clean difference below .3: another
# noun at the end, of the other number, is the next test."


# %%
def head_effects(real, clean, corrupted, right, wrong):
    """Patch each head at the last position; return the share of the difference lost, [head]."""
    metric = logit_diff_from_resid(real, right, wrong)
    sites = head_sites(real, position=-1)
    runs = {"other": cache_sites(real, corrupted, sites)}
    patches = [[Intervention.patch(site, "other")] for site in sites]
    base, other = (unpatched(real, tokens, metric).mean() for tokens in (clean, corrupted))
    left = patch_sweep(real, clean, patches, metric, runs).mean(dim=1)
    return (base - left) / (base - other)


def encode_pairs(real_tokenizer, pairs):
    """Encode clean and corrupted prompts; all have to have the same number of tokens."""
    sides = list(zip(*pairs, strict=True))
    return [torch.tensor([real_tokenizer.encode(text).ids for text in side]) for side in sides]


# %% your own cell
try:
    real, real_tokenizer = load_pretrained("smollm2-135m")
except ValueError as error:
    print(f"Skipped: {error}")
else:
    pairs = [
        ("The keys to the cabinet", "The key to the cabinet"),
        ("The boys near the door", "The boy near the door"),
    ]
    clean_tokens, corrupted_tokens = encode_pairs(real_tokenizer, pairs)
    right, wrong = (
        torch.tensor([real_tokenizer.encode(word).ids[0]] * 2) for word in (" are", " is")
    )
    effects = head_effects(real, clean_tokens, corrupted_tokens, right, wrong)
    for index in effects.topk(5).indices.tolist():
        print(f"head {index // 9}.{index % 9}: {effects[index]:.2f}")
