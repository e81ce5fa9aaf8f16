"""Tour stop: the heads that write the name, on the user's own sentence.

The sentence is compared with counterfactuals that have three different names in place of its own.
At the last token each head's output is replaced by its output there, with all later heads and MLPs
frozen. The loss of logit difference is the direct effect of the head.
"""

from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import bars, heatmap
from docs._tour.sentence import SENTENCE, read_sentence, to_tokens
from docs._tour.stops import Stop, TourInput
from solutions.ch02_transformer import HookedTransformer
from solutions.ch04_induction.ablate import Head
from solutions.ch05_patching import logit_diff_from_resid, path_patch
from solutions.ch07_ioi import IOIPrompts, abc_corruption
from solutions.ch07_ioi.heads import receivers, select_significant, senders
from solutions.ch07_ioi.sentences import NAMES

N_COUNTERFACTUALS = 12
"""Number of counterfactuals; the spread over them shows the dependence on their names."""
N_FOR_QUERIES = 4
"""Number of counterfactuals for the path patching into the name movers' queries."""
N_DIRECT, N_INDIRECT = 9, 5
"""Number of heads with a bar: by direct effect, and by effect on the name movers' queries."""
MIN_SHARE, MIN_Z, MIN_ATTENTION = 0.02, 3.0, 0.2
"""As in chapter 7: least effect as a share of the difference, in standard errors; attention."""
CLASSES = {
    ("io", True): "name mover",
    ("io", False): "negative name mover",
    ("s", True): "subject suppressor",
    ("s", False): "subject promoter",
}
"""(attended name, positive effect) -> class of the head; other heads are unexplained."""


class Effects(NamedTuple):
    """Measurements on the sentence."""

    difference: float
    """Logit of the correct name minus that of the repeated one."""
    counterfactual: float
    """The same on the counterfactuals: the model's bias for one of the names."""
    probabilities: Float[Tensor, " d_vocab"]
    """Probability of each next token."""
    direct: Float[Tensor, "head counterfactual"]
    """Direct effect of each head on the logit difference."""
    attention: dict[str, Float[Tensor, " head"]]
    """Attention of each head from the last token to "io", and to both positions of "s"."""


@torch.no_grad()
def measure(model: HookedTransformer, clean: IOIPrompts, counterfactuals: IOIPrompts) -> Effects:
    """Measure the direct effect of every head by one forward pass of all sentences."""
    layers, n = range(model.config.n_layers), len(counterfactuals.tokens)
    z_names = [f"blocks.{layer}.attn.hook_z" for layer in layers]
    names = [name.replace("hook_z", "hook_pattern") for name in z_names]
    last = f"blocks.{layers[-1]}.hook_resid_post"
    _, cache = model.run_with_cache(
        torch.cat([clean.tokens, counterfactuals.tokens]),
        names=[*z_names, *names, last],
        stop_at_layer=len(layers),
    )
    end = cache[last][:, -1]
    changed = torch.cat(
        [
            einsum(
                cache[name][1:, -1] - cache[name][:1, -1],
                model.blocks[layer].attn.W_O,
                "batch head d_head, head d_head d_model -> head batch d_model",
            )
            for layer, name in enumerate(z_names)
        ]
    )
    metric = logit_diff_from_resid(model, counterfactuals.io_token, counterfactuals.s_token)
    base = metric(end[None, :1].expand(1, n, -1))[0, 0]
    counterfactual = metric(end[None, 1:]).mean()
    pattern = torch.cat([cache[name][0, :, -1] for name in names])
    at = clean.positions
    attention = {"io": pattern[:, at.io[0]], "s": pattern[:, at.s1[0]] + pattern[:, at.s2[0]]}
    logits = model.unembed_resid(end[:1, None])[0, 0]
    direct = base - metric(end[:1] + changed)
    return Effects(base.item(), counterfactual.item(), logits.softmax(dim=-1), direct, attention)


def classify(found: Effects, n_heads: int) -> dict[str, list[Head]]:
    """Sort the heads with a significant direct effect into classes, the largest effect first."""
    classes: dict[str, list[Head]] = {}
    base = torch.full((found.direct.shape[1],), found.difference)
    for index in select_significant(found.direct, base, MIN_SHARE, MIN_Z).tolist():
        classes.setdefault(class_of(found, index), []).append(divmod(index, n_heads))
    return classes


def class_of(found: Effects, index: int) -> str:
    """Classify a head by the name it attends to most and the sign of its direct effect."""
    role = max(found.attention, key=lambda role: found.attention[role][index].item())
    if found.attention[role][index] < MIN_ATTENTION:
        return "unexplained"
    return CLASSES[role, bool(found.direct[index].mean() > 0)]


def query_effects(
    model: HookedTransformer,
    clean: IOIPrompts,
    counterfactuals: IOIPrompts,
    movers: list[Head],
    found: Effects,
) -> dict[Head, float]:
    """Measure the effect of heads that attend to S through the name movers' queries."""
    few = counterfactuals.select(slice(N_FOR_QUERIES))
    end, n_heads = few.positions.end, model.config.n_heads
    attending = [
        (index, sites)
        for index, sites in enumerate(senders(model, end))
        if found.attention["s"][index] >= MIN_ATTENTION and index // n_heads < max(movers)[0]
    ]
    if not attending:
        return {}
    scores = path_patch(
        model,
        clean.tokens.expand(len(few.tokens), -1),
        few.tokens,
        [sites for _, sites in attending],
        receivers(model, movers, "q", end),
        logit_diff_from_resid(model, few.io_token, few.s_token),
    )
    lost = (found.difference - scores.mean(dim=1)).tolist()
    return {divmod(n, n_heads): x for (n, _), x in zip(attending, lost, strict=True)}


def name_movers(source: TourInput) -> Stop:
    """Find the heads that move names, and the heads that affect their queries."""
    clean, notice = choose_sentence(source)
    pool = to_tokens(NAMES, source.tokenizer)
    many = clean.select(torch.zeros(N_COUNTERFACTUALS, dtype=torch.long))
    counterfactuals = abc_corruption(many, pool, torch.Generator().manual_seed(0))
    found = measure(source.model, clean, counterfactuals)
    classes = classify(found, source.model.config.n_heads)
    movers = classes.get("name mover", [])
    indirect = query_effects(source.model, clean, counterfactuals, movers, found) if movers else {}
    io, s = (
        source.tokenizer.decode([int(name)]).strip() for name in (clean.io_token, clean.s_token)
    )
    return Stop(
        "name_movers",
        "Which heads write the name?",
        notice
        + describe_prediction(source, found, io, s)
        + describe_heads(classes, indirect, io, s),
        lambda figure: draw(figure, found, indirect, (io, s), source.model.config.n_heads),
        "Left, bars of the heads with the largest direct effects on the logit difference, with the "
        "range over counterfactuals. Middle, their attention from the last token. "
        "Right, bars of heads that attend to the repeated name, by their effect through the "
        "queries of the name movers.",
        'path_patch(model, tokens, others, senders(model, end), [], metric, mlps="frozen")',
        "chapter 5, exercises 5.14 and 5.15; chapter 7, exercises 7.1 to 7.6",
        (9.6, 4.0),
    )


def choose_sentence(source: TourInput) -> tuple[IOIPrompts, str]:
    """Return the user's sentence, or the default sentence and a notice with the reason."""
    try:
        return read_sentence(source.prompt, source.tokenizer), ""
    except ValueError as error:
        own = read_sentence(SENTENCE, source.tokenizer)
        return (
            own,
            f"Your prompt does not fit: {error}. This stop uses \u201c{SENTENCE}\u201d. ",
        )


def describe_prediction(source: TourInput, found: Effects, io: str, s: str) -> str:
    """Describe the next token and the logit difference, with and without a repeated name."""
    best = found.probabilities.topk(4)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    candidates = ", ".join(f"{source.tokenizer.decode([i])!r} {p:.2f}" for i, p in pairs)
    wrong = " The model prefers the wrong name, so the effects below are hard to interpret."
    return (
        f"{s} occurs twice, so the correct name is {io}. Most likely next tokens: {candidates}. "
        f"The logit of {io} minus that of {s} is {found.difference:.1f}; with three different "
        f"names in the sentence, none of them repeated, it is {found.counterfactual:.1f}."
        f"{wrong if found.difference <= 0 else ''} "
    )


def describe_heads(
    classes: dict[str, list[Head]], indirect: dict[Head, float], io: str, s: str
) -> str:
    """Describe the classes of heads that were found."""
    words = {
        "name mover": f"name movers, which attend to {io} and increase its logit",
        "negative name mover": f"negative name movers, which attend to {io} and decrease its logit",
        "subject suppressor": f"subject suppressors, which attend to {s} and decrease its logit",
        "subject promoter": f"subject promoters, which attend to {s} and increase its logit",
        "unexplained": "attending to neither name, and so unexplained",
    }
    found = "".join(
        f"\n- {does}: {format_heads(classes[name])}"
        for name, does in words.items()
        if name in classes
    )
    most = sorted(indirect, key=lambda head: abs(indirect[head]), reverse=True)[:2]
    queries = (
        f"Of the heads that attend to {s}, {format_heads(most)} affect the name movers' queries "
        "most. "
        if most
        else ""
    )
    return (
        "Heads with a significant direct effect at the last token, later heads and MLPs frozen: "
        f"{found or 'none'}\n{queries}This is one sentence. Chapter 7 uses two hundred, and tests "
        "whether the heads are the whole circuit."
    )


def format_heads(heads: list[Head]) -> str:
    """Format heads as layer.head."""
    return ", ".join(f"{layer}.{head}" for layer, head in heads)


def draw(
    figure: Figure,
    found: Effects,
    indirect: dict[Head, float],
    names: tuple[str, str],
    n_heads: int,
) -> None:
    """Draw direct effects, attention, and effects on the name movers' queries."""
    io, s = names
    mean = found.direct.mean(dim=1)
    top = mean.abs().argsort(descending=True)[:N_DIRECT].tolist()
    rows = ["{}.{}".format(*divmod(number, n_heads)) for number in top]
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1, 1))
    spans = found.direct[top].aminmax(dim=1)
    values = dict(zip(rows, mean[top].tolist(), strict=True)) | {
        "median head": mean.median().item()
    }
    errors = dict(zip(rows, zip(spans.min.tolist(), spans.max.tolist(), strict=True), strict=True))
    bars(left, values, errors=errors, label=f"direct effect on logit({io}) \u2212 logit({s})")
    attention = torch.stack([found.attention[role][top] for role in ("io", "s")], dim=1).numpy()
    columns = [io, f"{s}, twice"]
    heatmap(middle, attention, rows=rows, columns=columns, label="attention from the end")
    most = sorted(indirect, key=lambda head: abs(indirect[head]), reverse=True)[:N_INDIRECT]
    shown = {"{}.{}".format(*head): indirect[head] for head in most}
    label = "effect through\nthe name movers' queries"
    bars(right, shown or {"none": 0.0}, label=label)
    for axes in (left, right):
        axes.margins(x=0.3)
