"""A stop of the tour: which heads put the name there, on the user's own sentence.

The sentence is compared with partners in which three different people stand where its names stood.
At the last token each head in turn says what it says there, while all else stays: what the logit
difference of the two names then loses is what the head itself had written on it.
"""

from typing import Any, NamedTuple

import torch
from einops import einsum
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import bars, heatmap
from docs._tour.sentence import SENTENCE, read_sentence, to_tokens
from docs._tour.stops import Stop, Visit
from solutions.ch02_transformer import HookedTransformer
from solutions.ch05_patching import logit_diff_from_resid, path_patch
from solutions.ch07_ioi import IOIPrompts, abc_corruption
from solutions.ch07_ioi.heads import Head, receivers, select_significant, senders
from solutions.ch07_ioi.sentences import NAMES

PARTNERS = 12
"""Partners of the sentence; the spread over them says how far a number depends on their names."""
ASKED = 4
"""Of them, those with which the paths to the name movers' queries are patched."""
SHOWN, STEERING = 9, 5
"""Heads with a bar, of those that write and of those that steer."""
SHARE, SURE, LOOKS = 0.02, 3.0, 0.2
"""As in the chapter: least effect, as a share of the difference and in standard errors; look."""
CLASSES = {
    ("io", True): "name mover",
    ("io", False): "negative name mover",
    ("s", True): "subject suppressor",
    ("s", False): "subject promoter",
}
"""Class by where a head looks and by whether it helps; the others stay unexplained."""


class Found(NamedTuple):
    """What was measured on the sentence."""

    difference: float
    """Logit of the right name minus that of the repeated one."""
    without: float
    """The same with three different names: what a liking for one of them makes."""
    candidates: Float[Tensor, " d_vocab"]
    """Probability of each next token."""
    writes: Float[Tensor, "head partner"]
    """What each head adds to the difference, directly."""
    looks: dict[str, Float[Tensor, " head"]]
    """Each head's attention from the last token, to "io" and to "s", both times together."""


@torch.no_grad()
def measure(model: HookedTransformer, clean: IOIPrompts, partners: IOIPrompts) -> Found:
    """One forward of the sentence with its partners; heads and MLPs on the way are held."""
    layers, n = range(model.config.n_layers), len(partners.tokens)
    z_names = [f"blocks.{layer}.attn.hook_z" for layer in layers]
    names = [name.replace("hook_z", "hook_pattern") for name in z_names]
    last = f"blocks.{layers[-1]}.hook_resid_post"
    _, cache = model.run_with_cache(
        torch.cat([clean.tokens, partners.tokens]), names=[*z_names, *names, last]
    )
    end = cache[last][:, -1]
    changed = torch.cat(
        [
            einsum(
                cache[name][1:, -1] - cache[name][:1, -1],
                model.blocks[layer].attn.W_O,
                "partner head d_head, head d_head d_model -> head partner d_model",
            )
            for layer, name in enumerate(z_names)
        ]
    )
    read = logit_diff_from_resid(model, partners.io_token, partners.s_token)
    base, without = read(end[None, :1].expand(1, n, -1))[0, 0], read(end[None, 1:]).mean()
    pattern = torch.cat([cache[name][0, :, -1] for name in names])
    where = clean.positions
    looks = {"io": pattern[:, where.io[0]], "s": pattern[:, where.s1[0]] + pattern[:, where.s2[0]]}
    logits = model.unembed_resid(end[:1, None])[0, 0]
    writes = base - read(end[:1] + changed)
    return Found(base.item(), without.item(), logits.softmax(dim=-1), writes, looks)


def sort(found: Found, n_heads: int) -> dict[str, list[Head]]:
    """Class -> heads whose share is large and certain, the largest first."""
    classes: dict[str, list[Head]] = {}
    base = torch.full((found.writes.shape[1],), found.difference)
    for number in select_significant(found.writes, base, SHARE, SURE).tolist():
        name = class_of(found, number)
        classes.setdefault(name, []).append(divmod(number, n_heads))
    return classes


def class_of(found: Found, number: int) -> str:
    """The class of a head, by where it looks most and by the sign of what it writes."""
    role = max(found.looks, key=lambda role: found.looks[role][number].item())
    if found.looks[role][number] < LOOKS:
        return "unexplained"
    return CLASSES[role, bool(found.writes[number].mean() > 0)]


def steer(
    model: HookedTransformer,
    clean: IOIPrompts,
    partners: IOIPrompts,
    movers: list[Head],
    found: Found,
) -> dict[Head, float]:
    """What heads that look at S do for the difference by way of the name movers' queries."""
    few = partners.select(slice(ASKED))
    where, n_heads = few.positions.end, model.config.n_heads
    asked = [
        (number, sites)
        for number, sites in enumerate(senders(model, where))
        if found.looks["s"][number] >= LOOKS and number // n_heads < max(movers)[0]
    ]
    if not asked:
        return {}
    scores = path_patch(
        model,
        clean.tokens.expand(len(few.tokens), -1),
        few.tokens,
        [sites for _, sites in asked],
        receivers(model, movers, "q", where),
        logit_diff_from_resid(model, few.io_token, few.s_token),
    )
    lost = (found.difference - scores.mean(dim=1)).tolist()
    return {divmod(n, n_heads): x for (n, _), x in zip(asked, lost, strict=True)}


def names(visit: Visit) -> Stop:
    """Who looks at which name, and what that does to the difference between the two."""
    clean, apology = choose(visit)
    pool = to_tokens(NAMES, visit.tokenizer)
    many = clean.select(torch.zeros(PARTNERS, dtype=torch.long))
    partners = abc_corruption(many, pool, torch.Generator().manual_seed(0))
    found = measure(visit.model, clean, partners)
    classes = sort(found, visit.model.config.n_heads)
    movers = classes.get("name mover", [])
    steering = steer(visit.model, clean, partners, movers, found) if movers else {}
    io, s = (
        visit.tokenizer.decode([int(name)]).strip() for name in (clean.io_token, clean.s_token)
    )
    return Stop(
        "names",
        "Who names the name?",
        apology + says(visit, found, io, s) + groups(classes, steering, io, s),
        lambda figure: draw(figure, found, steering, (io, s), visit.model.config.n_heads),
        "Left, bars of the heads that write most on the difference of the two names, to either "
        "side, with the range over partners. Middle, where each of them looks from the last token. "
        "Right, bars of heads that look at the repeated name, by what they do to the queries of "
        "the heads that look at the other one.",
        'path_patch(model, tokens, partners, senders(model, end), [], read, mlps="frozen")',
        "chapter 5, exercises 5.14 and 5.15; chapter 7, exercises 7.1 to 7.6",
        (9.6, 4.0),
    )


def choose(visit: Visit) -> tuple[IOIPrompts, str]:
    """The user's sentence, or the stop's own with the reason."""
    try:
        return read_sentence(visit.prompt, visit.tokenizer), ""
    except ValueError as error:
        own = read_sentence(SENTENCE, visit.tokenizer)
        return (
            own,
            f"Your prompt does not fit: {error}. So here is another one: \u201c{SENTENCE}\u201d. ",
        )


def says(visit: Visit, found: Found, io: str, s: str) -> str:
    """The next token, the difference, and what it is without a repeated name."""
    best = found.candidates.topk(4)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    candidates = ", ".join(f"{visit.tokenizer.decode([i])!r} {p:.2f}" for i, p in pairs)
    wrong = " This model would name the wrong one, so read what follows with care."
    return (
        f"{s} stands twice, so the name to come is {io}. The likeliest next tokens: {candidates}. "
        f"The logit of {io} is {found.difference:.1f} above that of {s}; with three other names in "
        f"the sentence, by which nobody stands twice, {found.without:.1f}."
        f"{wrong if found.difference <= 0 else ''} "
    )


def groups(classes: dict[str, list[Head]], steering: dict[Head, float], io: str, s: str) -> str:
    """Which heads were found, in words."""
    words = {
        "name mover": f"name movers, which look at {io} and help it",
        "negative name mover": f"negative name movers, which look at {io} and hold it back",
        "subject suppressor": f"subject suppressors, which look at {s} and write against it",
        "subject promoter": f"subject promoters, which look at {s} and help it",
        "unexplained": "looking at neither name, and so unexplained",
    }
    found = "; ".join(
        f"{does}: {listed(classes[name])}" for name, does in words.items() if name in classes
    )
    most = sorted(steering, key=lambda head: abs(steering[head]), reverse=True)[:2]
    told = (
        f" Of the heads that look at {s}, {listed(most)} do most to what the name movers ask."
        if most
        else ""
    )
    return (
        "Heads whose own writing counts at the last token, all later parts held: "
        f"{found or 'none is large and certain'}."
        f"{told} This is one sentence. Which heads do so on two hundred, and whether they are the "
        "whole circuit, is chapter 7."
    )


def listed(heads: list[Head]) -> str:
    """Heads as layer.head."""
    return ", ".join(f"{layer}.{head}" for layer, head in heads)


def draw(
    figure: Figure, found: Found, steering: dict[Head, float], names: tuple[str, str], n_heads: int
) -> None:
    """Bars of what heads write, where they look, and bars of who steers them."""
    io, s = names
    mean = found.writes.mean(dim=1)
    top = mean.abs().argsort(descending=True)[:SHOWN].tolist()
    rows = ["{}.{}".format(*divmod(number, n_heads)) for number in top]
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1, 1))
    spans = found.writes[top].aminmax(dim=1)
    values = dict(zip(rows, mean[top].tolist(), strict=True)) | {
        "middle head": mean.median().item()
    }
    errors = dict(zip(rows, zip(spans.min.tolist(), spans.max.tolist(), strict=True), strict=True))
    bars(left, values, errors=errors, label=f"adds to logit({io}) \u2212 logit({s})")
    looks: Any = torch.stack([found.looks[role][top] for role in ("io", "s")], dim=1).numpy()
    heatmap(middle, looks, rows=rows, columns=[io, f"{s}, twice"], label="attention from the end")
    most = sorted(steering, key=lambda head: abs(steering[head]), reverse=True)[:STEERING]
    shown = {"{}.{}".format(*head): steering[head] for head in most}
    bars(
        right, shown or {"no such head": 0.0}, label="the same, by way of\nthe name movers' queries"
    )
    for axes in (left, right):
        axes.margins(x=0.3)
