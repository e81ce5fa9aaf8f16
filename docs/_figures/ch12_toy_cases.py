"""Draw the graphs of the hand-set case studies, and measure their interventions."""

from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs._figures.attribution import toy_cases
from docs._figures.attribution.toy_cases import (
    SOURCES,
    edges_into,
    graph_of,
    inputs_of,
    shared_latents,
    study_entities,
    study_languages,
    study_rhymes,
)
from docs._figures.lib.plotting import publish
from solutions.ch12_graphs import edges, graph
from solutions.ch12_graphs.graph import Graph
from toy_models.hand_set import entities, languages, rhymes


class Panel(NamedTuple):
    """One graph, with names for what it shows."""

    title: str
    """Title."""
    graph: Graph
    """Graph."""
    tokens: tuple[str, ...]
    """Names of the tokens."""
    latents: dict[tuple[int, int], str]
    """Layer and latent -> name."""
    answer: str
    """Name of the most likely token."""


def panels() -> list[Panel]:
    """Build all graphs."""
    model = entities.entity_model()
    named = {
        **{(0, s): "plays" for s in range(entities.N_SPORTS)},
        (0, entities.KNOWN_UNIT): "known",
        **{(1, s): "sport" for s in range(entities.N_SPORTS)},
        (1, entities.DECLINE_UNIT): "decline",
    }
    made = [
        Panel(
            title, graph_of(model, entities.prompts(names[1:2])), (token, "sport?"), named, answer
        )
        for title, names, token, answer in (
            ("a known name", entities.KNOWN, "player", "its sport"),
            ("an unknown name", entities.UNKNOWN, "stranger", "I do not know"),
        )
    ]
    question = languages.Question(1, 0, 0)
    words = {(0, c): "concept" for c in range(languages.N_CONCEPTS)}
    words |= {(0, languages.FIRST_UNIT["operation"] + o): "opposite" for o in range(2)}
    words |= {(0, languages.FIRST_UNIT["language"] + k): "language" for k in range(3)}
    words |= {(1, unit): "meaning" for unit in range(languages.CONFIG.d_mlp)}
    words |= {(2, unit): "word" for unit in range(languages.CONFIG.d_mlp)}
    language = graph_of(languages.language_model(), languages.prompt(question))
    made.append(Panel("the opposite", language, ("opposite", "small"), words, "large"))
    for title, plans in (("with a plan", True), ("without a plan", False)):
        steps = {(0, r): "rhyme" for r in range(4)} | {(1, r): "plan" for r in range(4)}
        steps |= {(layer, 4 + m): "middle" for layer in (1, 2) for m in range(2)}
        steps |= {(2, r): "end" for r in range(4)}
        rhyme = graph_of(rhymes.rhyme_model(plans), rhymes.all_prompts()[:1])
        made.append(Panel(title, rhyme, ("first", "break", "middle"), steps, "end word"))
    return made


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw tokens, latents and the answer, with the direct effects between them as numbers."""
    made, ink = panel.graph, mpl.rcParams["text.color"]
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    n_layers = max(node.layer for node in made.nodes)
    cells: dict[tuple[int, int], list[int]] = {}
    for index, node in enumerate(made.nodes):
        if node.kind in ("token", "latent", "logit"):
            cells.setdefault((node.pos, max(node.layer, -1)), []).append(index)
    aside = 0.7 if len(panel.tokens) == 3 else 0.0  # so that no line runs behind a node
    places = {
        index: (
            1.5 * pos + 0.62 * (number - (len(found) - 1) / 2) + aside * (layer == 1),
            float(layer),
        )
        for (pos, layer), found in cells.items()
        for number, index in enumerate(found)
    }
    names = {}
    for index in places:
        node = made.nodes[index]
        if node.kind == "token":
            names[index] = panel.tokens[node.pos]
        else:
            names[index] = panel.latents.get((node.layer, node.unit), panel.answer)
    for target in places:
        for source in places:
            weight = float(made.edges[target, source])
            if abs(weight) < 0.3:
                continue  # a small part of a token reaches the mean logit
            (x0, y0), (x1, y1) = places[source], places[target]
            color = colors[0] if weight > 0 else colors[1]
            axes.plot([x0, x1], [y0, y1], color=color, lw=1.2, zorder=1)
            axes.text(x0 + 0.5 * (x1 - x0), y0 + 0.5 * (y1 - y0), f"{weight:+.2g}", color=color,
                      fontsize=7, ha="center", va="center",
                      bbox={"facecolor": mpl.rcParams["figure.facecolor"], "edgecolor": "none",
                            "pad": 0.5})  # fmt: skip
    for index, at in places.items():
        box = {"boxstyle": "round,pad=0.25", "edgecolor": mpl.rcParams["axes.edgecolor"],
               "facecolor": mpl.rcParams["figure.facecolor"]}  # fmt: skip
        axes.text(*at, names[index], color=ink, fontsize=7.5, ha="center", va="center", bbox=box)
    axes.set(xlim=(-0.8, 1.5 * (len(panel.tokens) - 1) + 0.8), ylim=(-1.4, n_layers + 0.4))
    axes.set_title(panel.title, fontsize=9)
    axes.axis("off")


def main() -> None:
    """Measure, and draw."""
    shown = panels()
    model, known = entities.entity_model(), entities.prompts(entities.KNOWN[1:2])
    unread = inputs_of(model, known, 1, 1, entities.DECLINE_UNIT)

    def draw(figure: Figure) -> None:
        for axes, panel in zip(figure.subplots(2, 3).flat, [*shown, None], strict=True):
            if panel is None:
                axes.axis("off")
            else:
                draw_panel(axes, panel)

    listed = "; ".join(f"{one.title}: {len(one.graph.indices('latent'))} latents" for one in shown)
    publish(
        "ch12_toy_cases",
        draw,
        alt=f"Graphs of hand-set models, {listed}. Numbers are direct effects.",
        numbers={
            "entities": study_entities(),
            "decline, known name": edges_into(model, known, unread),
            "languages": study_languages(),
            "shared": shared_latents(),
            "rhymes": study_rhymes(),
        },
        sources=[__file__, toy_cases.__file__, *SOURCES, str(edges.__file__), str(graph.__file__)],
        size=(9.0, 6.2),
    )


if __name__ == "__main__":
    main()
