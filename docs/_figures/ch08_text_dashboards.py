"""Write the dashboards of 36 features drawn at random, and the viewer's data for the page."""

import json
from typing import Any

import torch
from torch import Tensor

from chapters.look import pack_features
from docs._figures.lib.figure_files import FIGURES, replace_file, write_metadata
from docs._figures.monosemanticity import dashboards, dictionaries, effects, matching, units
from docs._figures.monosemanticity.contexts import vocabulary
from docs._figures.monosemanticity.dashboards import describe, write_dashboard, write_index
from docs._figures.monosemanticity.dictionaries import Run, trained
from docs._figures.monosemanticity.effects import Evidence, gather_evidence
from docs._figures.monosemanticity.labels import find_labels, score_labels
from docs._figures.monosemanticity.matching import summary
from docs._figures.monosemanticity.text_models import model, tokenizer
from docs._figures.monosemanticity.units import both_texts, draw_units, encoder, rows_of

SHOWN, RUN, SHORT = 36, Run("A"), 70
SHOWN_WINDOWS = (3, 60, 110)
"""Texts of the viewer on the page: one each of code, prose and verse."""


def main() -> None:
    """Train or load, draw features at random, write their pages."""
    torch.set_num_threads(1)
    sae = trained([RUN])[RUN]
    label_text, held_out = both_texts()
    acts = encoder(sae)(rows_of("A", label_text.windows))
    chosen = draw_units(acts, seed=36, n=SHOWN)
    labels = find_labels(acts[:, chosen], label_text.partitions)
    evidence = gather_evidence(model("A"), sae, held_out.windows)
    inner = evidence.acts[:, 1:-1].flatten(0, 1)[:, chosen]
    scores = score_labels(inner, held_out.partitions, labels)
    described, removed = {}, {}
    for unit, feature in enumerate(chosen.tolist()):
        if scores.density[unit] == 0:
            continue  # silent on held-out text: there is nothing to show
        words = describe(labels.text(unit, label_text.partitions), scores, unit)
        described[feature] = words
        removed[feature] = write_dashboard(model("A"), sae, evidence, feature, words)
    write_index(described)
    write_viewer(evidence, described)
    record(described, removed, int(len(chosen) - len(described)))


def write_viewer(evidence: Evidence, described: dict[int, dict[str, str]]) -> None:
    """Write the data of the viewer on the page."""
    words = vocabulary(tokenizer())
    where = list(SHOWN_WINDOWS)
    texts = [[words[int(t)] for t in evidence.windows.tokens[w, 1 : SHORT + 1]] for w in where]
    acts: Tensor = evidence.acts[where, 1 : SHORT + 1]
    active = [feature for feature in described if bool((acts[..., feature] > 0).any())]
    data = pack_features(acts, texts, active)  # without labels: the reader names them
    replace_file(FIGURES / "ch08_text_features.json", json.dumps(data, ensure_ascii=False) + "\n")


def record(
    described: dict[int, dict[str, str]], removed: dict[int, dict[str, Any]], silent: int
) -> None:
    """Write the page's list of dashboards and their measurements."""
    write_metadata(
        FIGURES / "ch08_text_dashboards.json",
        f"Dashboards of {len(described)} features drawn at random.",
        [
            __file__,
            dashboards.__file__,
            dictionaries.__file__,
            effects.__file__,
            matching.__file__,
            units.__file__,
            dashboards.TEMPLATE,
        ],
        {
            "features": described,
            "ablation": {
                key: summary([torch.tensor([one[key] for one in removed.values()])])
                for key in ("loss", "control")
            },
            "silent": silent,
        },
        seeds=(0,),
    )


if __name__ == "__main__":
    main()
