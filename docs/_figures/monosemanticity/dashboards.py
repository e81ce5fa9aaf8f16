"""Write the dashboards: one static page per feature from one template, and an index.

The pages need no server, no network and no framework: they use the book's feature viewer
(docs/assets/viewers.js) and bars drawn by Python.
"""

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from chapters.look import Html, bars, data_block
from docs._figures.lib.figure_files import ROOT
from docs._figures.monosemanticity.contexts import vocabulary
from docs._figures.monosemanticity.dictionaries import MAIN
from docs._figures.monosemanticity.effects import (
    Evidence,
    Example,
    ablate,
    choose_examples,
    logit_weights,
)
from docs._figures.monosemanticity.labels import Scores
from docs._figures.monosemanticity.text_models import tokenizer
from solutions.ch02_transformer import HookedTransformer
from solutions.ch08_saes.sae import AbstractSAE

FOLDER = ROOT / "docs" / "dashboards"
TEMPLATE = Path(__file__).with_name("dashboard.html")
BINS, NAMED = 10, 6
INDEX = """<p><a href="../ch08_monosemanticity.html">The page</a></p>
<h1>{count} features of a one-layer model</h1>
<p>Drawn at random from the dictionary of {latents} latents.</p>
<p>{links}</p>
<details><summary>Labels, found by rule: name some features first.</summary>
<p>Sorted by the correlation of the label with the activation on held-out text.</p>
<table><tr><th>feature</th><th>label</th><th>correlation</th><th>active at</th></tr>
{rows}
</table></details>"""


def pack(
    acts: Float[Tensor, "window pos"],
    examples: list[Example],
    evidence: Evidence,
    words: list[str],
    feature: int,
) -> dict[str, Any]:
    """Make the viewer's JSON of some examples; 255 is the feature's maximum on all texts."""
    tokens = evidence.windows.tokens
    largest = float(acts.max())
    texts = [[words[int(t)] for t in tokens[w, a:b]] for w, a, b in examples]
    levels = [(acts[w, a:b] * (255 / largest)).round().int().tolist() for w, a, b in examples]
    packed = base64.b64encode(b"".join(bytes(row) for row in levels)).decode()
    shown = {"id": feature, "label": "", "max": largest, "acts": packed}
    return {"texts": texts, "features": [shown]}


def named_bars(values: Float[Tensor, " d_vocab"], words: list[str], unit: str = "") -> Html:
    """Draw the NAMED largest and the NAMED smallest entries."""
    order = values.argsort(descending=True)
    chosen = [*order[:NAMED].tolist(), *order[-NAMED:].tolist()]
    return bars({f"{json.dumps(words[i])} ({i})": float(values[i]) for i in chosen}, unit)


def histogram(active: Float[Tensor, " row"]) -> Html:
    """Draw the share of activations in each of BINS intervals from 0 to the maximum."""
    largest = float(active.max())
    counts = torch.histc(active, bins=BINS, min=0, max=largest) / len(active)
    edges = [largest * i / BINS for i in range(BINS + 1)]
    names = [f"{low:.2f} to {high:.2f}" for low, high in zip(edges, edges[1:], strict=False)]
    return bars(dict(zip(names, counts.tolist(), strict=True)))


def write_dashboard(
    model: HookedTransformer,
    sae: AbstractSAE,
    evidence: Evidence,
    feature: int,
    described: dict[str, str],
) -> dict[str, Any]:
    """Write the page of one feature, and return its ablation's numbers."""
    words, acts = vocabulary(tokenizer()), evidence.acts[..., feature]
    active = acts[acts > 0]
    examples, removed = choose_examples(acts, feature), ablate(model, sae, evidence, feature)
    scale = evidence.resid[:, 1:].std(dim=-1, correction=0).mean()
    direct = logit_weights(model, sae.W_dec[feature]) * active.mean() / scale
    viewers = {
        name: data_block("features", json.dumps(pack(acts, part, evidence, words, feature)))
        for name, part in zip(("strongest", "spread", "random"), examples, strict=True)
    }
    errors = [values.std() / len(values) ** 0.5 for values in (removed.loss, removed.control)]
    facts = {
        "feature": str(feature),
        **{name: html.escape(text) for name, text in described.items()},
        "largest": f"{float(acts.max()):.2f}",
        "places": str(len(removed.loss)),
        "loss": f"{removed.loss.mean():+.3f}",
        "loss_error": f"{errors[0]:.3f}",
        "control": f"{removed.control.mean():+.3f}",
        "control_error": f"{errors[1]:.3f}",
    }
    page = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        facts,
        **viewers,
        histogram=histogram(active),
        logits=named_bars(direct, words),
        ablation=named_bars(removed.log_probs, words, "nats"),
    )
    Html(page).save(FOLDER / f"feature_{feature:04d}.html", f"Feature {feature}")
    return {"loss": removed.loss.mean().item(), "control": removed.control.mean().item()}


def describe(label: str, scores: Scores, unit: int) -> dict[str, str]:
    """Write a unit's label and its scores as text."""
    return {
        "label": label.replace("`", ""),
        "score": f"{scores.correlation[unit]:.2f}",
        "top": f"{20 * float(scores.top[unit]):.0f}",
        "firing": f"{100 * float(scores.firing[unit]):.0f} %",
        "density": f"{100 * float(scores.density[unit]):.2f} %",
    }


def write_index(described: dict[int, dict[str, str]]) -> None:
    """Write the list of all dashboards, the best labels first."""
    order = sorted(described, key=lambda feature: -float(described[feature]["score"]))
    rows = "\n".join(
        f'<tr><td><a href="feature_{feature:04d}.html">{feature}</a></td>'
        + "".join(f"<td>{html.escape(described[feature][key])}</td>" for key in shown)
        + "</tr>"
        for feature in order
        for shown in [("label", "score", "density")]
    )
    links = " · ".join(
        f'<a href="feature_{feature:04d}.html">{feature}</a>' for feature in sorted(described)
    )
    page = INDEX.format(count=len(described), latents=f"{MAIN:,}", links=links, rows=rows)
    Html(page).save(FOLDER / "index.html", "Features of a one-layer model")
