# %% [markdown]
# # Lab 5: where is the information, and on which path?
#
# You patch a model that knows facts about people, and a model that copies, each in a copy of your
# own, with the functions that you wrote in this chapter. You predict, measure, compare.
#
# Run the cells in an editor or a notebook, or all of them with `mi lab 5`, which writes
# `reports/lab05.html`. A cell that needs a guess stops until you replace its `"?"`.
# The whole lab takes about 5 seconds of CPU time, and needs no download.

# %%
import tempfile
from pathlib import Path

import torch

from chapters import look
from chapters.ch02_transformer import load_pretrained
from chapters.ch04_induction import repeated_segments
from chapters.ch05_patching import (
    Site,
    logit_diff_from_resid,
    normalized_recovery,
    path_patch,
)
from chapters.ch05_patching.activation import denoise_and_noise, head_sites, residual_sites
from chapters.ch05_patching.fact_world import (
    N_SUBJECTS,
    N_WORDINGS,
    RELATIONS,
    WORDS,
    make_prompts,
    make_world,
    sample_prefixes,
)
from chapters.lab import Lab
from toy_models.impostors import own_induction
from toy_models.instances import token_order, write_instance

torch.set_num_threads(1)
lab = Lab(5)

# %% [markdown]
# ## 1. See: two questions
#
# `facts` answers questions about 80 people. Yours is a copy of your own: heads and neurons in
# another order, the residual stream rotated, the tokens renumbered, the same answers. A clean and a
# corrupted question differ in the person and in nothing else.

# %%
own = write_instance("facts", lab.seed("facts"), Path(tempfile.mkdtemp()))
model, _ = load_pretrained(own)
word_of = token_order(lab.seed("facts"), len(WORDS))  # own token -> index of WORDS
token_of = word_of.argsort()  # and back
model.requires_grad_(False)
world = make_world()


def draw_pairs(n, seed, same_person=False):
    """Draw clean and corrupted questions; as a control, of the same person after other words."""
    generator = torch.Generator().manual_seed(seed)
    person = torch.randint(N_SUBJECTS, (n,), generator=generator)
    other = (person + torch.randint(1, N_SUBJECTS, (n,), generator=generator)) % N_SUBJECTS
    relation = torch.randint(len(RELATIONS), (n,), generator=generator)
    wording = torch.randint(N_WORDINGS, (n,), generator=generator)
    prefix, another = (sample_prefixes(n, 2, generator) for _ in range(2))
    clean = make_prompts(world, person, relation, wording, prefix)
    changed = (person, another) if same_person else (other, prefix)
    corrupted = make_prompts(world, changed[0], relation, wording, changed[1])
    kept = (clean.answers != corrupted.answers) | same_person
    return tuple(
        one._replace(tokens=token_of[one.tokens[kept]], answers=token_of[one.answers[kept]])
        for one in (clean, corrupted)
    )


clean, corrupted = draw_pairs(40, lab.seed("questions") % 1_000_000)
for row in range(3):
    for name, one in (("clean", clean), ("corrupted", corrupted)):
        said = [*one.tokens[row], model(one.tokens[row : row + 1])[0, -1].argmax()]
        *question, answer = (WORDS[word_of[token]] for token in said)
        print(f"{name:10}", " ".join(question), "->", answer)

# %% [markdown]
# ## 2. Guess: where is the person?
#
# Patch the clean residual stream into the corrupted run, before each layer and at each position:
# two words of prefix, first name, last name, two words of the question. Before layer 1, at which
# position is the most of the answer recovered? And before layer 2?

# %%
before_layer_1 = "last name"  # guess: "first name", "last name" or "last word"
before_layer_2 = "last name"  # guess: "first name", "last name" or "last word"
lab.guess("5a", before_layer_1)
lab.guess("5b", before_layer_2)

# %%
PLACES = ["prefix", "prefix", "first name", "last name", "question", "last word"]
metric = logit_diff_from_resid(model, clean.answers, corrupted.answers)
sites = residual_sites(model, len(PLACES))
found = denoise_and_noise(model, clean.tokens, corrupted.tokens, sites, metric)
recovered = normalized_recovery(found.denoised, found.clean, found.corrupted).view(3, -1)
for layer, row in enumerate(recovered.tolist()):
    print(f"before layer {layer}:", "  ".join(f"{x:5.2f}" for x in row))
lab.compare("5a", PLACES[int(recovered[1].argmax())])

# %%
lab.compare("5b", PLACES[int(recovered[2].argmax())])
look.heads(recovered, "share recovered")

# %% [markdown]
# **Null.** The same patches, with clean questions of the same person after other words: the metric
# is the same, and no position may matter. Three draws.

# %%
for number in range(3):
    same, others = draw_pairs(40, number, same_person=True)
    first = len(WORDS) - 8 * len(RELATIONS)
    right = word_of[same.answers] - first
    wrong = token_of[first + right // 8 * 8 + (right + 1) % 8]  # another answer to the question
    of_same = logit_diff_from_resid(model, same.answers, wrong)
    null = denoise_and_noise(model, same.tokens, others.tokens, sites, of_same)
    gap = (found.clean.mean() - found.corrupted.mean()).item()
    largest = (null.denoised - null.corrupted).mean(dim=1).abs().max().item() / gap
    print(f"draw {number}: largest change {largest:.2f} of the gap above")

# %% [markdown]
# ## 3. Guess: both directions
#
# Now the heads at the last position: denoised, a head restores some of the answer; noised, it
# loses some. How many of the 12 heads restore more than .2? How many lose more than .2?

# %%
restoring = 2  # guess: 0 to 12
needed = 2  # guess: 0 to 12
lab.guess("5c", [restoring, needed])

# %%
heads = head_sites(model, position=-1)
shares = []
for number in range(3):
    clean, corrupted = draw_pairs(40, lab.seed("heads") % 1_000_000 + number)
    metric = logit_diff_from_resid(model, clean.answers, corrupted.answers)
    found = denoise_and_noise(model, clean.tokens, corrupted.tokens, heads, metric)
    back = normalized_recovery(found.denoised, found.clean, found.corrupted)
    lost = 1 - normalized_recovery(found.noised, found.clean, found.corrupted)
    shares.append(torch.stack([back, lost]))
mean = torch.stack(shares).mean(dim=0)  # [direction, head]
spread = torch.stack(shares).std(dim=0).max().item()
lab.compare("5c", (mean > 0.2).sum(dim=1))
print(f"largest standard deviation over three draws: {spread:.2f}")
names = [f"{site.layer}.{site.head}" for site in heads]
look.bars({f"{name} restores": x for name, x in zip(names, mean[0].tolist(), strict=True)})

# %%
look.bars({f"{name} needed": x for name, x in zip(names, mean[1].tolist(), strict=True)})

# %% [markdown]
# Which heads are sufficient and not necessary, or the other way round? Write one sentence on what
# that means: a chain, an AND, or an OR.
#
# ## 4. Your own question
#
# One patch that the cells above do not make: keys, values or patterns of a head, an MLP, several
# heads together. Write down what you expect, and measure it.

# %% your own cell
print("I expect that the MLP of layer 0 at the last name restores most of the answer.")
mlps = [Site("hook_mlp_out", layer, position=3) for layer in range(3)]
found = denoise_and_noise(model, clean.tokens, corrupted.tokens, mlps, metric)
print(normalized_recovery(found.denoised, found.clean, found.corrupted))

# %% [markdown]
# ## 5. Doubt: six paths
#
# An induction head needs three things: at the query the current token, at each key the token
# *before* it, and at the attended position the token to copy. The model is your own copy of
# `induction_2l`, with six heads per layer. Predict a table of six paths, and then patch them:
#
# | sender | queries of layer 1 | keys of layer 1 | values of layer 1 |
# |---|---|---|---|
# | all heads of layer 0 | | | |
# | the embedding, all positions | | | |
#
# A good report (half a page) has
#
# 1. a prediction for all six cells, and how many times larger the large ones must be;
# 2. at least three models (other seeds of `own_induction`), none left out, and the range over them;
# 3. a control: a sender that cannot matter, such as a head of layer 1;
# 4. each head of layer 0 as the only sender, and how the sum of these effects compares with all;
# 5. what happens in the cells that you predicted wrongly, with one more measurement.
#
# It fails if a prediction could not have been wrong, or if a small effect of one head is taken as
# evidence against a path while another head does the same.
#
# A sample report: "I predicted large effects for layer 0 through the keys and for the embedding
# through queries and values, five times as large as the other three. Three models gave .91 to
# 1.04, .92 to .97 and 1.89 to 1.92. Queries from layer 0 and keys from the embedding lose at most
# .02. The sixth cell refutes me: layer 0 through the values loses .21 to .27, a quarter of the
# keys' effect. The embedding through the values loses almost twice the difference, because the
# head then copies the wrong token. Alone, one head of layer 0 loses .67 to .82 through the keys
# and another .04 to .18; the two together lose more than the sum. The control, a head of layer 1,
# loses nothing. I did not find out what layer 0 writes into the values."


# %%
def six_paths(seed):
    """Compute the share of the logit difference that is lost on each of the six paths."""
    copier, _ = load_pretrained(own_induction(seed))
    copier.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    texts = [repeated_segments(64, 24, 20, 2, generator)[:, :30] for _ in range(2)]
    right, wrong = (text[:, 10] for text in texts)
    metric = logit_diff_from_resid(copier, right, wrong)
    senders = {
        "layer 0": [Site("attn.hook_z", 0, head=head) for head in range(6)],
        "embedding": [Site("hook_resid_pre", 0)],
    }
    whole = metric(copier(texts[0], stop_at_layer=2)[None, :, -1]).mean()
    table = {}
    for name, sites in senders.items():
        for side in ("q", "k", "v"):
            ends = [Site(f"attn.hook_{side}", 1, head=head) for head in range(6)]
            left = path_patch(copier, *texts, [sites], ends, metric)
            table[name, side] = round((1 - left.mean() / whole).item(), 2)
    return table


# %% your own cell
print(six_paths(lab.seed("paths")))
